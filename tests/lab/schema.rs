//! What the program prints as JSON against its schemas in docs/.

use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

const NAME: &str = "https://relaykit.dev/output.schema.json";

/// Fails unless `value` is of the shape `shape`, with no member that the schema does
/// not name: it is published open, so that shapes may grow, and what grows must say so.
#[track_caller]
pub(crate) fn is_a(shape: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/output.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    let shapes = schema["$defs"].as_object_mut().unwrap();
    for (name, definition) in shapes.iter_mut() {
        for inner in definition.as_object_mut().unwrap().values_mut() {
            close(inner);
        }
        if name == shape && definition.get("type") != Some(&json!("array")) {
            definition["unevaluatedProperties"] = json!(name.starts_with("config_"));
        }
    }
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(NAME, schema).unwrap();
    let index = compiler.compile(&format!("{NAME}#/$defs/{shape}"), &mut schemas);
    if let Err(error) = schemas.validate(value, index.unwrap()) {
        panic!("not as docs/output.schema.json has {shape}: {error:#}\n{value:#}");
    }
}

/// Fails unless every line of `stderr` is as docs/log.schema.json has it, with no member
/// that the schema does not name; gives them.
#[allow(dead_code, reason = "not every test program looks at diagnostics")]
#[track_caller]
pub(crate) fn lines_of_the_log(stderr: &str) -> Vec<Value> {
    const LOG: &str = "https://relaykit.dev/log.schema.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log.schema.json");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(LOG, schema).unwrap();
    let index = compiler.compile(LOG, &mut schemas).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if let Err(error) = schemas.validate(&value, index) {
            panic!("not as docs/log.schema.json has it: {error:#}\n{value:#}");
        }
        value
    };
    stderr.lines().map(line).collect()
}

fn close(node: &mut Value) {
    if let Value::Object(map) = node {
        map.values_mut().for_each(close);
        // The members' names are no keywords: a property may be called `properties`.
        if map.get("properties").is_some_and(Value::is_object) && map.contains_key("type") {
            map.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
    }
}
