//! The pages on relay.yaml in the documentation against the declarations.

use std::path::Path;

use relaykit::{checks, config, report};

#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, not the library's"
)]
fn is_fresh(name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os("RELAYKIT_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, fresh).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = fresh.lines().zip(kept.lines()).find(|(is, was)| is != was);
    assert!(
        fresh == kept,
        "docs/{name} is not what the settings say; \
         RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports reference\n\
         writes it anew. The first difference: {differs:?}"
    );
}

#[test]
fn the_reference_of_settings_is_the_table() {
    let entries = checks::entries(checks::all());
    is_fresh(
        "SETTINGS.md",
        &report::reference(&config::reference(), &entries),
    );
}

#[test]
fn the_reference_has_the_schema_of_relay_yaml() {
    let schema = serde_json::to_string_pretty(&config::schema()).unwrap();
    is_fresh("relay.schema.json", &(schema + "\n"));
}
