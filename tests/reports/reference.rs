//! The pages on relay.yaml in the documentation against the declarations.

use relaykit::{audit, checks, config, report};

use crate::fresh::is_fresh;

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

#[test]
fn the_reference_of_the_lint_is_its_rules() {
    is_fresh("LINT.md", &report::lint(audit::all()));
}
