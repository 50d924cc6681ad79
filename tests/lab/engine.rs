//! The engine that the tests run on, seen through the library.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use relaykit::engine::{self, Engine, Environment};
use tokio::runtime::Runtime;

/// How long something that will happen may take on a slow, busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// Runs a future of the library to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// The engine, as relaykit itself finds it. Without one the test fails here.
pub(crate) fn engine() -> Arc<dyn Engine> {
    static ENGINE: OnceLock<Arc<dyn Engine>> = OnceLock::new();
    let connect = || match block_on(engine::connect(&environment())) {
        Ok(engine) => engine,
        Err(error) => panic!("this test needs a container engine: {error}"),
    };
    Arc::clone(ENGINE.get_or_init(connect))
}

/// Looks until there is something to see. `what` names it if it does not come.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "{what} did not come within {DEADLINE:?}"
        );
        block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
    }
}

/// What `left` still tells when its time is up; nothing as soon as it tells nothing.
pub(crate) fn settled(left: impl Fn() -> Vec<String>) -> Vec<String> {
    let started = Instant::now();
    loop {
        let now = left();
        if now.is_empty() || started.elapsed() > DEADLINE {
            return now;
        }
        block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn environment() -> Environment {
    Environment::read(|name| std::env::var(name).ok())
}
