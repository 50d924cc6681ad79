//! When the next message is to be sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::load::{Bounds, Pace};

/// Hands out turns to the clients of a run.
pub(super) enum Turns {
    Closed {
        begun: AtomicU64,
        most: Option<u64>,
        end: Instant,
    },
    Open {
        arrivals: Mutex<mpsc::UnboundedReceiver<Instant>>,
        give_up: Instant,
    },
}

/// What a client is told.
pub(super) enum Next {
    /// To send a message that was, or is, to be sent at this time.
    Send(Instant),
    /// That nobody can send this one in time; it has waited so long.
    TooLate(Duration),
    /// That it was enough.
    Enough,
}

impl Turns {
    /// Turns from `start` on. With an open loop a thread begins that tells the time.
    pub(super) fn new(pace: Pace, bounds: Bounds, start: Instant) -> Self {
        let end = start + bounds.time;
        match pace {
            Pace::Closed { .. } => Self::Closed {
                begun: AtomicU64::new(0),
                most: bounds.messages,
                end,
            },
            Pace::Open { rate, .. } => {
                let (tell, arrivals) = mpsc::unbounded_channel();
                let schedule = Schedule { rate, bounds };
                // The runtime's timers have whole milliseconds, which would count as
                // latency; a thread that sleeps wakes up within a tenth of one.
                #[allow(
                    clippy::disallowed_methods,
                    reason = "a clock: time has to pass, and nothing else is waited for"
                )]
                std::thread::spawn(move || {
                    for offset in schedule.offsets() {
                        let intended = start + offset;
                        std::thread::sleep(intended.saturating_duration_since(Instant::now()));
                        if tell.send(intended).is_err() {
                            return;
                        }
                    }
                });
                Self::Open {
                    arrivals: Mutex::new(arrivals),
                    give_up: end + bounds.time,
                }
            }
        }
    }

    pub(super) async fn next(&self) -> Next {
        match self {
            Self::Closed { begun, most, end } => {
                let now = Instant::now();
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if now >= *end || most.is_some_and(|most| number >= most) {
                    return Next::Enough;
                }
                Next::Send(now)
            }
            Self::Open { arrivals, give_up } => {
                let arrival = arrivals.lock().await.recv().await;
                match arrival {
                    None => Next::Enough,
                    Some(intended) if Instant::now() >= *give_up => {
                        Next::TooLate(intended.elapsed())
                    }
                    Some(intended) => Next::Send(intended),
                }
            }
        }
    }
}

/// When messages are to be sent, from the start.
struct Schedule {
    rate: f64,
    bounds: Bounds,
}

impl Schedule {
    /// Evenly, as wrk2 and k6 do: what varies then is the relay.
    fn offsets(self) -> impl Iterator<Item = Duration> {
        let Self { rate, bounds } = self;
        let most = bounds.messages.unwrap_or(u64::MAX);
        #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^52 messages")]
        let offset = move |number: u64| Duration::from_secs_f64(number as f64 / rate);
        (0..most)
            .map(offset)
            .take_while(move |offset| *offset < bounds.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(messages: Option<u64>, seconds: u64) -> Bounds {
        Bounds {
            messages,
            time: Duration::from_secs(seconds),
        }
    }

    fn offsets(rate: f64, bounds: Bounds) -> Vec<Duration> {
        Schedule { rate, bounds }.offsets().collect()
    }

    #[test]
    fn arrivals_are_even_and_end() {
        let offsets_of = offsets(4.0, bounds(None, 2));
        assert_eq!(offsets_of.len(), 8);
        assert_eq!(offsets_of[7], Duration::from_millis(1750));
        assert_eq!(offsets(4.0, bounds(Some(3), 2)).len(), 3);
        assert_eq!(offsets(0.1, bounds(None, 2)), [Duration::ZERO]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_loop_ends_with_its_count_or_its_time() {
        let pace = Pace::Closed { clients: 1 };
        let turns = Turns::new(pace, bounds(Some(2), 10), Instant::now());
        for _ in 0..2 {
            assert!(matches!(turns.next().await, Next::Send(_)));
        }
        assert!(matches!(turns.next().await, Next::Enough));

        let turns = Turns::new(pace, bounds(None, 10), Instant::now());
        assert!(matches!(turns.next().await, Next::Send(_)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(matches!(turns.next().await, Next::Enough));
    }

    #[tokio::test]
    async fn an_arrival_keeps_its_time_however_late_somebody_is_free() {
        let (tell, arrivals) = mpsc::unbounded_channel();
        let intended = Instant::now();
        let turns = Turns::Open {
            arrivals: Mutex::new(arrivals),
            give_up: intended + Duration::from_secs(3600),
        };
        tell.send(intended).unwrap();
        tokio::task::yield_now().await;
        match turns.next().await {
            Next::Send(told) => assert_eq!(told, intended),
            _ => panic!("it was to be sent"),
        }
        drop(tell);
        assert!(matches!(turns.next().await, Next::Enough));
    }

    #[tokio::test]
    async fn an_arrival_that_nobody_was_free_for_is_told_with_its_wait() {
        let (tell, arrivals) = mpsc::unbounded_channel();
        let turns = Turns::Open {
            arrivals: Mutex::new(arrivals),
            give_up: Instant::now(),
        };
        tell.send(Instant::now()).unwrap();
        assert!(matches!(turns.next().await, Next::TooLate(_)));
    }
}
