//! What spans and events carry: each field by its name.

use std::fmt;
use std::time::Instant;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// Fields in the order in which they were given, numbers and truth values as such.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) rest: Named,
}

/// Names and values. JSON's own map would sort them.
pub(super) type Named = Vec<(&'static str, Value)>;

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // What `log` says of its own place in the source stands in the metadata.
        if field.name().starts_with("log.") {
            return;
        }
        match self.rest.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, old)) => *old = value,
            None => self.rest.push((field.name(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// What is kept of a span while it is open, by whichever layer sees it first.
pub(super) struct Kept {
    pub(super) began: Instant,
    pub(super) fields: Fields,
}

/// Keeps a new span.
pub(super) fn keep<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    let mut extensions = span.extensions_mut();
    if extensions.get_mut::<Kept>().is_none() {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let began = Instant::now();
        extensions.insert(Kept { began, fields });
    }
}

/// Adds what a span is told later.
pub(super) fn add<S>(values: &Record<'_>, id: &Id, context: &Context<'_, S>)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    if let Some(kept) = span.extensions_mut().get_mut::<Kept>() {
        values.record(&mut kept.fields);
    }
}

/// A span in words: `engine start relaykit-a-relay`.
pub(super) fn label_of<S>(span: &SpanRef<'_, S>) -> String
where
    S: for<'a> LookupSpan<'a>,
{
    let extensions = span.extensions();
    let kept = extensions.get::<Kept>();
    label(span.name(), kept.map_or(&[], |kept| &kept.fields.rest))
}

/// A name and values without theirs.
pub(super) fn label(name: &str, values: &[(&'static str, Value)]) -> String {
    let mut label = name.to_owned();
    for (_, value) in values {
        label.push(' ');
        label.push_str(&text(value));
    }
    label
}

/// A value as a person reads it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
