//! One point of a run: so many clients, or so many messages a second, against one target.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::client::{Client, Job};
use super::load::{Bounds, Load, Pace, Target};
use super::message::Messages;
use super::tally::{End, Tally};
use super::turns::{Next, Turns};

/// How long a client waits after an error. Without, a relay that is away would be asked
/// thousands of times a second, and its errors would look like a high rate.
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);

/// What one point has shown.
#[derive(Debug)]
pub struct Measured {
    /// What the clients saw.
    pub tally: Tally,
    /// From the start to the end of the time in which a rate is counted.
    pub window: Duration,
    /// When it began.
    pub began: Instant,
    /// Whether somebody interrupted it.
    pub interrupted: bool,
}

impl Measured {
    /// Messages taken over a second, of those that were taken over in time.
    #[must_use]
    pub fn accepted_per_second(&self) -> f64 {
        per_second(self.tally.accepted_in_time, self.window)
    }

    /// Logins a second, likewise.
    #[must_use]
    pub fn logins_per_second(&self) -> f64 {
        per_second(self.tally.logins_in_time, self.window)
    }
}

/// So many in so long.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "nobody sends 2^52 messages")]
pub fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}

/// Lets clients loose on `target` until `bounds` or an interruption; every message that was
/// begun is brought to its end.
pub async fn measure(
    target: &Target,
    load: &Load,
    pace: Pace,
    bounds: Bounds,
    cancel: &CancellationToken,
) -> Measured {
    let first = target.recipients.first().map_or("", String::as_str);
    let messages = Messages::new(&load.token, &target.sender, first, load.size);
    let began = Instant::now();
    let shared = Arc::new(Shared {
        job: Job {
            target: target.clone(),
            load: load.clone(),
            messages,
        },
        turns: Turns::new(pace, bounds, began),
        seen: Mutex::new(Seen {
            tally: Tally::default(),
            last: began,
        }),
        began,
        time: bounds.time,
        cancel: cancel.clone(),
    });
    let clients = (0..pace.clients()).map(|_| {
        let shared = shared.clone();
        let life = async move { live(&shared).await };
        tokio::spawn(life.instrument(Span::current()))
    });
    // One that panics has nothing to tell; the others have.
    drop(join_all(clients).await);
    let Seen { tally, last } = std::mem::replace(
        &mut *shared.seen(),
        Seen {
            tally: Tally::default(),
            last: began,
        },
    );
    // A run that ends by its count ends with its last message, not with its time.
    let window = last.duration_since(began).min(bounds.time);
    let by_count = bounds.messages.is_some_and(|most| tally.turns >= most);
    let interrupted = cancel.is_cancelled();
    Measured {
        tally,
        window: if by_count || interrupted {
            window
        } else {
            bounds.time
        },
        began,
        interrupted,
    }
}

/// What all clients of a point have together.
struct Shared {
    job: Job,
    turns: Turns,
    seen: Mutex<Seen>,
    began: Instant,
    time: Duration,
    cancel: CancellationToken,
}

/// What they have seen.
struct Seen {
    tally: Tally,
    /// When the last turn ended.
    last: Instant,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of a client.
async fn live(shared: &Shared) {
    let mut client = Client::new(&shared.job);
    let cancel = &shared.cancel;
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            next = shared.turns.next() => next,
        };
        let intended = match next {
            Next::Send(intended) => intended,
            Next::TooLate(waited) => {
                shared.seen().tally.unstarted(waited);
                continue;
            }
            Next::Enough => break,
        };
        let attempt = client.turn(intended).await;
        let now = Instant::now();
        let at = now.duration_since(shared.began);
        let well = attempt.end == End::Well;
        {
            let mut seen = shared.seen();
            seen.tally.add(attempt, at, at <= shared.time);
            seen.last = now.max(seen.last);
        }
        if !well {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(AFTER_AN_ERROR) => {}
            }
        }
    }
    client.leave().await;
}
