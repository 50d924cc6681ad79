//! Files of root's below the folder that a container's configuration is mounted at.

use std::path::Path;

use super::{Content, File};

/// Where a container's configuration volume is mounted.
pub const CONFIG: &str = "/etc/relaykit";

/// A file of root's below [`CONFIG`].
#[must_use]
pub fn file(path: &str, mode: u32, content: Content) -> File {
    File {
        path: format!("{CONFIG}/{path}"),
        mode,
        owner: (0, 0),
        content,
    }
}

/// A text below [`CONFIG`] that anybody in the container may read.
#[must_use]
pub fn public(path: &str, text: String) -> File {
    file(path, 0o644, Content::Text(text))
}

/// Certificates of authorities below [`CONFIG`], from a file of the operator's.
#[must_use]
pub fn authorities(path: &str, source: &Path) -> File {
    file(path, 0o644, Content::OperatorAuthority(source.to_owned()))
}
