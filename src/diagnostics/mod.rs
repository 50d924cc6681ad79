//! What relaykit tells of itself: spans for what takes time, events for what it decides.
//!
//! Every room opens spans and tells events with the macros of `tracing`; CONTRIBUTING.md
//! says which. Here is what becomes of them: lines on stderr for whoever asked for these,
//! and, asked for or not, which spans are open, so that a time-out can name what it waited for.

mod fields;
mod lines;
mod open;
mod times;

use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use lines::line;
pub use open::{Open, everywhere, open, within, within_of};

use lines::Lines;
use open::OpenSpans;
use times::Times;

/// The target of every span and event of relaykit's own begins with this.
const OWN: &str = "relaykit";

/// The span of a command: all others are below it.
pub const COMMAND: &str = "command";

/// The span of a request to an engine.
pub const ENGINE: &str = "engine";

/// The span of what accompanies something, such as a log that is followed: nobody waits
/// for its end.
pub const FOLLOW: &str = "follow";

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// An object in each line: docs/log.schema.json.
    Json,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// How many times `-v` was given: 1 for what takes time and decisions, 2 for every
    /// engine request, 3 for all of it.
    pub verbosity: u8,
    /// `RUST_LOG`, which wins over that.
    pub filter: Option<String>,
    /// `--log-format`; who asks for a form wants lines.
    pub form: Option<Form>,
}

impl Wanted {
    /// Which lines: `None` for none at all.
    fn directives(&self) -> Option<&str> {
        let asked = self.verbosity.max(u8::from(self.form.is_some()));
        self.filter.as_deref().or(match asked {
            0 => None,
            1 => Some("warn,relaykit=info"),
            2 => Some("info,relaykit=debug"),
            _ => Some("debug,relaykit=trace"),
        })
    }
}

/// `RUST_LOG` makes no sense.
#[derive(Debug, thiserror::Error)]
#[error(
    "RUST_LOG={filter} cannot be read: {source}\n  write a level (info, debug, trace), or targets with levels: relaykit=debug,bollard=trace"
)]
pub struct Unreadable {
    filter: String,
    source: tracing_subscriber::filter::ParseError,
}

/// What a program's diagnostics are, once they are set up.
#[derive(Clone, Default)]
pub struct Diagnostics {
    times: Option<Arc<Times>>,
}

impl Diagnostics {
    /// Sets them up for the whole process. Each line goes to `write`, without its newline.
    /// In a process that has its own subscriber, that one stays.
    ///
    /// # Errors
    /// When the filter cannot be read.
    pub fn install(
        wanted: &Wanted,
        write: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Unreadable> {
        let (subscriber, diagnostics, most) = subscriber(wanted, write)?;
        if tracing::subscriber::set_global_default(subscriber).is_ok() {
            // What the `log` crate's users say is not even formatted beyond what is wanted.
            let most = tracing_log::AsLog::as_log(&most);
            if tracing_log::LogTracer::init().is_ok() {
                log::set_max_level(most);
            }
        }
        Ok(diagnostics)
    }

    /// Where the time went, as lines for people; `None` where nobody asked for it.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        self.times.as_ref().and_then(|times| times.summary())
    }
}

/// The layers, what is to be asked of them later, and the most that anybody wants told.
fn subscriber(
    wanted: &Wanted,
    write: impl Fn(&str) + Send + Sync + 'static,
) -> Result<
    (
        impl tracing::Subscriber + Send + Sync,
        Diagnostics,
        LevelFilter,
    ),
    Unreadable,
> {
    let directives = wanted.directives();
    let filter = directives.map(|text| {
        EnvFilter::builder()
            .parse(text)
            .map_err(|source| Unreadable {
                filter: text.to_owned(),
                source,
            })
    });
    let filter = filter.transpose()?;
    let most = filter.as_ref().map_or(LevelFilter::OFF, |filter| {
        filter.max_level_hint().unwrap_or(LevelFilter::TRACE)
    });
    let form = wanted.form.unwrap_or(Form::Text);
    let lines = filter.map(|filter| Lines::new(form, write).with_filter(filter));
    let sums = wanted.verbosity > 0 && form == Form::Text;
    let times = sums.then(|| Arc::new(Times::default()));
    let summed = times.clone().map(|times| {
        let of_interest = filter_fn(|meta| is_own_span(meta) && Times::wants(meta));
        times::Layer(times).with_filter(of_interest.and(LevelFilter::DEBUG))
    });
    let open = OpenSpans::default().with_filter(filter_fn(is_own_span));
    let layers = Registry::default().with(open).with(summed).with(lines);
    Ok((layers, Diagnostics { times }, most))
}

/// Keeps in mind what is open on this thread, for a test of what a time-out names.
#[cfg(test)]
pub(crate) fn mind() -> tracing::subscriber::DefaultGuard {
    let open = OpenSpans::default().with_filter(filter_fn(is_own_span));
    tracing::subscriber::set_default(Registry::default().with(open))
}

fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(OWN)
}

/// Whether a span is for people who look at where the time goes, not a request of many.
fn is_step(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests;
