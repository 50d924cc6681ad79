//! Lines: one for each event, and one for each span when it ends, with how long it took.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::fields::{self, Fields, Kept, Named, add, keep, label};
use super::{COMMAND, Form, OWN};
use crate::visible::{visible_json, visible_line};

/// The layer that writes them.
pub(super) struct Lines<W> {
    form: Form,
    began: Instant,
    write: W,
}

/// What a line tells.
struct Line<'a> {
    level: &'a Level,
    target: &'a str,
    message: &'a str,
    fields: &'a [(&'static str, Value)],
    /// Names and fields, the outermost first.
    spans: Vec<(&'static str, Named)>,
    /// How long the innermost span took, where this is its end.
    took: Option<Duration>,
}

/// A line for something told to a person in another way too, as JSON: a warning, an error.
#[must_use]
pub fn line(level: Level, message: &str) -> String {
    let line = Line {
        level: &level,
        target: OWN,
        message,
        fields: &[],
        spans: Vec::new(),
        took: None,
    };
    line.json()
}

impl<W: Fn(&str) + 'static> Lines<W> {
    pub(super) fn new(form: Form, write: W) -> Self {
        Self {
            form,
            began: Instant::now(),
            write,
        }
    }

    fn tell(&self, line: &Line<'_>) {
        (self.write)(&match self.form {
            Form::Text => line.text(self.began.elapsed()),
            Form::Json => line.json(),
        });
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        add(values, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // What comes from `log` has its own target and level in its fields.
        let normalized = event.normalized_metadata();
        let metadata: &Metadata<'_> = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(message) = without_secrets(metadata.target(), &fields.message) else {
            return;
        };
        self.tell(&Line {
            level: metadata.level(),
            target: metadata.target(),
            message,
            fields: &fields.rest,
            spans: spans(context.event_scope(event)),
            took: None,
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let took = span
            .extensions()
            .get::<Kept>()
            .map(|kept| kept.began.elapsed());
        self.tell(&Line {
            level: span.metadata().level(),
            target: span.metadata().target(),
            message: "done",
            fields: &[],
            spans: spans(context.span_scope(&id)),
            took: took.or(Some(Duration::ZERO)),
        });
    }
}

/// What bollard tells is whole requests and answers, with the files, the environment and the
/// arguments that are in them. Of these only the address is told, without what is asked there:
/// arguments of a build can hold the password of a proxy.
fn without_secrets<'a>(target: &str, message: &'a str) -> Option<&'a str> {
    if target.split("::").next() != Some("bollard") {
        return Some(message);
    }
    let address = message.split('?').next()?;
    let is_one = address.contains("://") && !address.contains([' ', '"', '{', '[']);
    is_one.then_some(address)
}

/// The outermost first.
fn spans<'a, S>(scope: Option<Scope<'a, S>>) -> Vec<(&'static str, Named)>
where
    S: LookupSpan<'a>,
{
    let spans = scope.into_iter().flat_map(Scope::from_root);
    spans
        .map(|span| {
            let extensions = span.extensions();
            let kept = extensions.get::<Kept>();
            (
                span.name(),
                kept.map(|kept| kept.fields.rest.clone())
                    .unwrap_or_default(),
            )
        })
        .collect()
}

impl Line<'_> {
    /// `   0.431 INFO  lab default > start: done in 96 ms`.
    fn text(&self, since: Duration) -> String {
        let mut text = format!("{:>8.3} {:<5} ", since.as_secs_f64(), self.level.as_str());
        // Whoever reads it has given the command: only its end is told of it.
        let path = match self.spans.as_slice() {
            [(COMMAND, _)] if self.took.is_some() => &self.spans,
            [(COMMAND, _), inner @ ..] => inner,
            all => all,
        };
        let path: Vec<String> = path
            .iter()
            .map(|(name, fields)| label(name, fields))
            .collect();
        text.push_str(&path.join(" > "));
        if !path.is_empty() {
            text.push_str(": ");
        }
        if !self.target.starts_with(OWN) {
            let _ = write!(text, "[{}] ", self.target);
        }
        text.push_str(self.message);
        for (name, value) in self.fields {
            // Writing to a String cannot fail.
            let _ = write!(text, " {name}={}", fields::text(value));
        }
        if let Some(took) = self.took {
            let _ = write!(text, " in {}", duration(took));
        }
        visible_line(&text).into_owned()
    }

    /// As docs/log.schema.json has it.
    fn json(&self) -> String {
        let object = |fields: &[(&'static str, Value)]| -> Map<String, Value> {
            let fields = fields.iter();
            fields
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect()
        };
        let spans = self.spans.iter();
        let mut line = json!({
            "timestamp": Timestamp::now().to_string(),
            "level": self.level.as_str(),
            "target": self.target,
            "message": self.message,
            "fields": object(self.fields),
            "spans": spans
                .map(|(name, fields)| json!({"name": name, "fields": object(fields)}))
                .collect::<Vec<_>>(),
        });
        if let Some(took) = self.took {
            // To a microsecond: more digits are noise.
            line["elapsed_ms"] = ((took.as_secs_f64() * 1e6).round() / 1e3).into();
        }
        visible_json(&line.to_string()).into_owned()
    }
}

/// As a person reads it.
fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 0.001 {
        format!("{} µs", took.as_micros())
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}
