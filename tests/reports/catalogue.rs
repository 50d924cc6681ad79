//! The catalogue in the documentation against the registry.

use std::path::Path;

use relaykit::{checks, report};

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, not the library's"
)]
fn the_catalogue_in_the_docs_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CHECKS.md");
    let fresh = report::catalogue(&checks::entries(checks::all()));
    if std::env::var_os("RELAYKIT_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, fresh).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = fresh.lines().zip(kept.lines()).find(|(is, was)| is != was);
    assert!(
        fresh == kept,
        "docs/CHECKS.md is not what the registry says; \
         RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports catalogue\n\
         writes it anew. The first difference: {differs:?}"
    );
}
