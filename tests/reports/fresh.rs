//! Pages of docs/ that are made from the program.

use std::path::Path;

/// Fails unless `docs/NAME` is `fresh`, or writes it where that is asked for.
#[track_caller]
#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, not the library's"
)]
pub(crate) fn is_fresh(name: &str, fresh: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let path = docs.join(name);
    if std::env::var_os("RELAYKIT_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, fresh).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = fresh.lines().zip(kept.lines()).find(|(is, was)| is != was);
    assert!(
        fresh == kept,
        "docs/{name} is not what it is made from; its first lines say how to write it anew. \
         The first difference: {differs:?}"
    );
}
