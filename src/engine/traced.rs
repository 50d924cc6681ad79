//! A span around every request to an engine, whoever makes it and whichever engine it is:
//! nobody has another engine than one in here.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use tracing::{Instrument as _, Span, debug, debug_span, info};

use super::{
    About, ByteStream, Capacity, CommitRequest, ContainerFacts, ContainerRequest, Conversation,
    Engine, Environment, Error, ExecOutput, ImageFacts, ImportRequest, Kind, Labels, LogRequest,
    NetworkRequest, Object, Thing, docker,
};
use crate::diagnostics::{ENGINE, FOLLOW};
use crate::progress::Task;

/// Finds the engine as the Docker CLI would, and says hello: one round trip.
///
/// # Errors
/// [`Error::Endpoint`], [`Error::Unreachable`], [`Error::Forbidden`].
pub async fn connect(environment: &Environment) -> Result<Arc<dyn Engine>, Error> {
    let greeting = request(debug_span!(ENGINE, request = "greeting"), async {
        let engine = docker::connect(environment).await?;
        let about = engine.about().await?;
        Ok((engine, about))
    });
    let (engine, about) = greeting.await?;
    info!(
        engine = about.name,
        api = about.api,
        host = about.remote_host,
        "found the engine"
    );
    Ok(traced(engine))
}

/// `engine`, with a span around each of its requests.
pub(super) fn traced(engine: Arc<dyn Engine>) -> Arc<dyn Engine> {
    Arc::new(Traced(engine))
}

struct Traced(Arc<dyn Engine>);

/// Awaits a request in its span; what it is refused with is an event there.
async fn request<T>(
    span: Span,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let told = async {
        let answer = answer.await;
        if let Err(error) = &answer {
            refused(error);
        }
        answer
    };
    told.instrument(span).await
}

/// The first line: advice and logs are for whoever gets the error.
fn refused(error: &Error) {
    let error = error.to_string();
    debug!(error = error.lines().next().unwrap_or_default(), "refused");
}

/// A request as a span: its name, what it is about, and further fields.
macro_rules! span {
    ($request:literal $($fields:tt)*) => {
        debug_span!(ENGINE, request = $request $($fields)*)
    };
}

/// As `span`, for what lasts as long as something else does: see [`FOLLOW`].
macro_rules! follow {
    ($request:literal $($fields:tt)*) => {
        debug_span!(FOLLOW, request = $request $($fields)*)
    };
}

// An operation that is not handed on would be the trait's default, and do nothing.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Engine for Traced {
    async fn about(&self) -> Result<About, Error> {
        // Known since the greeting.
        self.0.about().await
    }

    async fn capacity(&self) -> Result<Capacity, Error> {
        request(span!("capacity"), self.0.capacity()).await
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, Error> {
        request(span!("image", image = reference), self.0.image(reference)).await
    }

    async fn pull(&self, reference: &str, task: &Task) -> Result<(), Error> {
        let span = span!("pull", image = reference);
        request(span, self.0.pull(reference, task)).await
    }

    async fn import(&self, image: ImportRequest) -> Result<(), Error> {
        let span = span!("import", image = image.reference);
        request(span, self.0.import(image)).await
    }

    async fn commit(&self, image: CommitRequest) -> Result<(), Error> {
        let span = span!(
            "commit",
            container = image.container,
            image = image.reference
        );
        request(span, self.0.commit(image)).await
    }

    async fn images(&self, labels: &Labels) -> Result<Vec<String>, Error> {
        let span = span!("images", labels = in_words(labels));
        request(span, self.0.images(labels)).await
    }

    async fn history(&self, reference: &str) -> Result<Vec<String>, Error> {
        let span = span!("history", image = reference);
        request(span, self.0.history(reference)).await
    }

    async fn described(&self, thing: Thing<'_>) -> Result<String, Error> {
        let span = span!("described", thing = thing.name());
        request(span, self.0.described(thing)).await
    }

    async fn remove_image(&self, reference: &str) -> Result<(), Error> {
        let span = span!("remove_image", image = reference);
        request(span, self.0.remove_image(reference)).await
    }

    async fn create_network(&self, network: NetworkRequest) -> Result<(), Error> {
        let span = span!("create_network", network = network.name);
        request(span, self.0.create_network(network)).await
    }

    async fn gateway(&self, network: &str) -> Result<IpAddr, Error> {
        request(span!("gateway", network), self.0.gateway(network)).await
    }

    async fn publishers(&self, networks: &[&str]) -> Result<Vec<IpAddr>, Error> {
        let span = debug_span!("engine publishers", networks = ?networks);
        request(span, self.0.publishers(networks)).await
    }

    async fn has_network(&self, name: &str) -> Result<bool, Error> {
        let span = span!("has_network", network = name);
        request(span, self.0.has_network(name)).await
    }

    async fn join(&self, network: &str, container: &str) -> Result<(), Error> {
        let span = span!("join", network, container);
        request(span, self.0.join(network, container)).await
    }

    async fn leave(&self, network: &str, container: &str) -> Result<(), Error> {
        let span = span!("leave", network, container);
        request(span, self.0.leave(network, container)).await
    }

    async fn own_container(&self) -> Result<Option<ContainerFacts>, Error> {
        request(span!("own_container"), self.0.own_container()).await
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), Error> {
        let span = span!("create_volume", volume = name);
        request(span, self.0.create_volume(name, labels)).await
    }

    async fn create_container(&self, container: ContainerRequest) -> Result<(), Error> {
        let span = span!("create_container", container = container.name);
        request(span, self.0.create_container(container)).await
    }

    async fn upload(&self, container: &str, folder: &str, tar: Bytes) -> Result<(), Error> {
        let span = span!("upload", container, folder, bytes = tar.len());
        request(span, self.0.upload(container, folder, tar)).await
    }

    async fn download(&self, container: &str, path: &str) -> Result<Option<Bytes>, Error> {
        let span = span!("download", container, path);
        request(span, self.0.download(container, path)).await
    }

    async fn export(&self, container: &str) -> Result<ByteStream, Error> {
        let span = span!("export", container);
        let bytes = request(span.clone(), self.0.export(container)).await?;
        Ok(InSpan::of(span, bytes).boxed())
    }

    async fn save(&self, reference: &str) -> Result<ByteStream, Error> {
        let span = span!("save", image = reference);
        let bytes = request(span.clone(), self.0.save(reference)).await?;
        Ok(InSpan::of(span, bytes).boxed())
    }

    async fn start(&self, container: &str) -> Result<(), Error> {
        request(span!("start", container), self.0.start(container)).await
    }

    async fn unpause(&self, container: &str) -> Result<(), Error> {
        request(span!("unpause", container), self.0.unpause(container)).await
    }

    async fn stop(&self, container: &str, grace: Duration) -> Result<(), Error> {
        let span = span!("stop", container, grace_s = grace.as_secs());
        request(span, self.0.stop(container, grace)).await
    }

    async fn kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        let span = span!("kill", container, signal);
        request(span, self.0.kill(container, signal)).await
    }

    async fn inspect(&self, container: &str) -> Result<Option<ContainerFacts>, Error> {
        request(span!("inspect", container), self.0.inspect(container)).await
    }

    async fn wait(&self, container: &str) -> Result<i64, Error> {
        request(follow!("wait", container), self.0.wait(container)).await
    }

    fn logs(&self, container: &str, logs: LogRequest) -> BoxStream<'static, Result<String, Error>> {
        let span = if logs.follow {
            follow!("logs", container)
        } else {
            span!("logs", container)
        };
        InSpan::of(span, self.0.logs(container, logs)).boxed()
    }

    async fn exec(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error> {
        // Arguments can be secrets.
        let span = span!("exec", container, program = argv.first());
        request(span, self.0.exec(container, argv, user)).await
    }

    async fn converse(
        &self,
        container: &str,
        argv: &[&str],
        user: &str,
    ) -> Result<Conversation, Error> {
        let program = argv.first();
        let span = span!("converse", container, program);
        let Conversation { input, output } =
            request(span, self.0.converse(container, argv, user)).await?;
        // It may last longer than whatever it was begun in.
        let talk = debug_span!(parent: None, FOLLOW, request = "converse", container, program);
        let output = InSpan::of(talk, output).boxed();
        Ok(Conversation { input, output })
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<Object>, Error> {
        let span = span!("list", labels = in_words(labels));
        request(span, self.0.list(labels)).await
    }

    async fn remove(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let span = span!("remove", ?kind, name);
        request(span, self.0.remove(kind, name)).await
    }
}

fn in_words(labels: &Labels) -> String {
    let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
    labels.collect::<Vec<_>>().join(",")
}

/// A stream whose span ends with it: when it has ended, or when nobody reads it any more.
struct InSpan<S> {
    stream: S,
    span: Option<Span>,
}

impl<S> InSpan<S> {
    fn of(span: Span, stream: S) -> Self {
        let span = Some(span);
        Self { stream, span }
    }
}

impl<T, S: Stream<Item = T> + Unpin> Stream for InSpan<S> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let polled = match &this.span {
            Some(span) => span.in_scope(|| this.stream.poll_next_unpin(cx)),
            None => this.stream.poll_next_unpin(cx),
        };
        if let Poll::Ready(None) = polled {
            this.span = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests;
