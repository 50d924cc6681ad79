use std::sync::{Arc, Mutex};

use futures_util::stream;
use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};

use super::*;

/// Names spans as they begin, and those that have ended.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Spans>>);

#[derive(Default)]
struct Spans {
    begun: Vec<String>,
    ended: usize,
}

impl Subscriber for Watched {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut spans = self.0.lock().unwrap();
        spans.begun.push(format!("{attributes:?}"));
        Id::from_u64(spans.begun.len() as u64)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, _: Id) -> bool {
        self.0.lock().unwrap().ended += 1;
        true
    }
}

#[tokio::test]
async fn the_span_of_a_stream_ends_with_the_stream() {
    let watched = Watched::default();
    let _guard = tracing::subscriber::set_default(watched.clone());
    let ended = || watched.0.lock().unwrap().ended;
    let mut lines = InSpan::of(debug_span!(FOLLOW, request = "logs"), stream::iter(["one"]));
    assert_eq!(lines.next().await, Some("one"));
    assert_eq!(ended(), 0);
    assert_eq!(lines.next().await, None);
    assert_eq!(ended(), 1, "at its end");
    let left = InSpan::of(
        debug_span!(FOLLOW, request = "logs"),
        stream::pending::<()>(),
    );
    drop(left);
    assert_eq!(ended(), 2, "when nobody reads it");
}
