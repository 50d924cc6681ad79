//! The JSON report against its published schema.

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::sample;

/// The schema with one change: what it does not name is refused. It is published
/// open, so that reports may grow; a report that grows has to say so there.
fn closed() -> Value {
    fn close(node: &mut Value) {
        if let Value::Object(map) = node {
            if map.contains_key("properties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            map.values_mut().for_each(close);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut schema = serde_json::from_str(&text).unwrap();
    close(&mut schema);
    schema
}

fn compiled() -> (Schemas, SchemaIndex) {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    let name = "https://relaykit.dev/report.schema.json";
    compiler.add_resource(name, closed()).unwrap();
    let index = compiler.compile(name, &mut schemas).unwrap();
    (schemas, index)
}

/// Fails unless `report` is as the schema says.
#[track_caller]
pub(crate) fn is_valid(report: &Value) {
    let (schemas, index) = compiled();
    if let Err(error) = schemas.validate(report, index) {
        panic!("{error:#}");
    }
}

fn value(report: &relaykit::report::RunReport) -> Value {
    serde_json::from_slice(&sample::rendered("json", report)).unwrap()
}

#[test]
fn reports_are_as_the_published_schema_says() {
    is_valid(&value(&sample::report()));
    is_valid(&value(&sample::plain()));
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let (schemas, index) = compiled();
    let refuses = |change: fn(&mut Value)| {
        let mut report = value(&sample::report());
        change(&mut report);
        schemas.validate(&report, index).is_err()
    };
    assert!(refuses(|r| r["checks"][0]["outcome"] = "failed".into()));
    assert!(refuses(|r| r["checks"][0]["id"] = "no area".into()));
    assert!(refuses(|r| r["started_at"] = "today".into()));
    assert!(refuses(|r| r["summary"]["more"] = 1.into()));
    assert!(refuses(|r| drop(
        r.as_object_mut().unwrap().remove("checks")
    )));
}
