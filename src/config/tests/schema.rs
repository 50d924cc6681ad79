//! The schema, by a validator that is not ours.

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::super::{built_in, effective, schema, settings};
use super::structure::nested;
use super::table::examples;

/// What the schema has against a relay.yaml.
fn refused(yaml: &str) -> Option<String> {
    const NAME: &str = "https://relaykit.dev/relay.schema.json";
    let value: Value = serde_yaml::from_str(yaml).unwrap_or_else(|why| panic!("{why}: {yaml}"));
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    let schema = serde_json::to_value(schema()).unwrap();
    compiler.add_resource(NAME, schema).unwrap();
    let index = compiler.compile(NAME, &mut schemas).unwrap();
    let judged = schemas.validate(&value, index);
    judged.err().map(|error| format!("{error:#}"))
}

#[test]
fn the_schema_takes_what_is_right() {
    let all = serde_yaml::to_string(&effective(&built_in())).unwrap();
    let commented = "version: 1\nlisteners:\nauth:\n  ldap:\n".to_owned();
    let contract = include_str!("contract.yaml").to_owned();
    for yaml in [all, examples(), commented, contract] {
        assert_eq!(refused(&yaml), None, "{yaml}");
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    for (path, key) in settings::all() {
        if key.name == "version" || path.contains('[') {
            continue;
        }
        let path: Vec<&str> = path.split('.').collect();
        for wrong in ["[[[]]]", "{nonsense: [1]}"] {
            let yaml = nested(&path, wrong);
            assert!(refused(&yaml).is_some(), "{yaml}");
        }
        let mut misspelt = path.clone();
        let name = format!("{}x", key.name);
        *misspelt.last_mut().unwrap() = &name;
        let yaml = nested(&misspelt, "1");
        assert!(refused(&yaml).is_some(), "{yaml}");
    }
    for yaml in [
        "{}",
        "version: 2",
        "version: 1\nlisteners: {smtp: 70000}",
        "version: 1\nlimits: {connections_per_client: 0}",
        "version: 1\nrelay: {message_size_limit: 1 furlong}",
        "version: 1\nprivacy: {received: rewite}",
        "version: 1\nauth: {mechanisms: []}",
        "version: 1\nauth: {mechanisms: [plain, plain]}",
        "version: 1\ntls: {certificate: {cert: a.pem}}",
        "version: 1\noutbound: {credentials: {user: a}}",
        "version: 1\nlab: {users: [{name: a}]}",
    ] {
        assert!(refused(yaml).is_some(), "{yaml}");
    }
}
