//! What bench prints against its published schema.

use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Fails unless `report` is as docs/bench.schema.json has it, with no member that the
/// schema does not name: it is published open, so that reports may grow.
#[track_caller]
pub(crate) fn is_valid(report: &Value) {
    fn close(node: &mut Value) {
        if let Value::Object(map) = node {
            if map.contains_key("properties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            map.values_mut().for_each(close);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bench.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    close(&mut schema);
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    let name = "https://relaykit.dev/bench.schema.json";
    compiler.add_resource(name, schema).unwrap();
    let index = compiler.compile(name, &mut schemas).unwrap();
    if let Err(error) = schemas.validate(report, index) {
        panic!("not as docs/bench.schema.json has it: {error:#}\n{report:#}");
    }
}
