//! What the command line asks for, with what it leaves open.

use std::num::NonZero;
use std::time::Duration;

use super::super::exit::Usage;
use crate::bench::{Bounds, Load, Pace, Series, Sink, Subject};
use crate::cli::{Bench, Door, NextHop, Versus};
use crate::config::Listener;
use crate::smtp::Message;

/// Points of a sweep that nobody chose.
const CLIENTS: [usize; 3] = [1, 8, 32];
/// The most clients at once where the clock sets the pace.
const MOST: usize = 64;
/// How long a point is measured, and runs before that.
const TIME: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(2);
/// Rounds of a comparison: a median needs as many.
const ROUNDS: usize = 3;

/// What is asked for.
pub(super) struct Asked {
    pub(super) series: Series,
    pub(super) listener: Listener,
    pub(super) sink: Sink,
    pub(super) recipients: usize,
}

impl Asked {
    pub(super) fn of(arguments: &Bench) -> Result<Self, Usage> {
        let hosts = hosts(arguments);
        if hosts > 0 {
            bounded(arguments)?;
        }
        let listener = match arguments.listener {
            Door::Smtp => Listener::Smtp,
            Door::Submission => Listener::Submission,
            Door::Submissions => Listener::Submissions,
        };
        if arguments.logins_only && listener == Listener::Smtp {
            return Err(Usage(
                "--logins-only needs a listener with logins: submission or submissions".to_owned(),
            ));
        }
        let compared = arguments.versus.is_some();
        Ok(Self {
            series: Series {
                load: Load {
                    logins_only: arguments.logins_only,
                    per_connection: arguments.per_connection,
                    size: arguments.size,
                    nagle: arguments.nagle,
                    timeout: arguments.timeout,
                    // The same randomness as that of any message: this run's own.
                    token: Message::from_to("", "").token().to_owned(),
                },
                paces: paces(arguments, hosts > 0)?,
                bounds: Bounds {
                    messages: arguments.messages,
                    time: arguments.time.unwrap_or(TIME),
                },
                warm_up: arguments.warm_up.unwrap_or(match hosts {
                    0 => WARM_UP,
                    _ => Duration::ZERO,
                }),
                rounds: arguments
                    .rounds
                    .map_or(if compared { ROUNDS } else { 1 }, NonZero::get),
            },
            listener,
            sink: match arguments.next_hop {
                NextHop::Counter => Sink::Counter,
                NextHop::Sink => Sink::Inbox,
            },
            recipients: arguments.recipients.get(),
        })
    }

    /// The most clients at once.
    pub(super) fn clients(&self) -> usize {
        let clients = self.series.paces.iter().map(|pace| pace.clients());
        clients.max().unwrap_or(1)
    }

    /// What is going to happen.
    pub(super) fn plan(&self, subjects: &[Subject]) -> Vec<String> {
        let Series {
            paces,
            bounds,
            warm_up,
            rounds,
            ..
        } = &self.series;
        let points = paces.len() * rounds * subjects.len();
        let each = bounds.time + *warm_up;
        let most = match bounds.messages {
            None => String::new(),
            Some(most) => format!(" and {most} messages"),
        };
        let of: Vec<&str> = subjects.iter().map(|s| s.target.name.as_str()).collect();
        vec![format!(
            "relaykit bench: {}; {points} measurements of at most {:.1} s{most} each, {:.0} s in all",
            of.join(" and "),
            each.as_secs_f64(),
            each.as_secs_f64() * f64::from(u32::try_from(points).unwrap_or(u32::MAX))
        )]
    }
}

/// How many servers of somebody else's are loaded.
fn hosts(arguments: &Bench) -> usize {
    let second = matches!(arguments.versus, Some(Versus::Host(_)));
    usize::from(arguments.host.is_some()) + usize::from(second)
}

/// A server of somebody else's gets a load with an end that was chosen.
fn bounded(arguments: &Bench) -> Result<(), Usage> {
    if arguments.messages.is_none() || arguments.time.is_none() {
        return Err(Usage(
            "a server that relaykit did not make gets no load without an end: say --messages N and --time T, which hold for each point".to_owned(),
        ));
    }
    if arguments.recipient.is_empty() && !arguments.logins_only {
        return Err(Usage(
            "whom may the messages go to? --recipient ADDR, which gets all of them, or --logins-only"
                .to_owned(),
        ));
    }
    if arguments.logins_only && arguments.access.user.is_none() {
        return Err(Usage(
            "--logins-only needs --user and --password-file".to_owned(),
        ));
    }
    Ok(())
}

fn paces(arguments: &Bench, is_host: bool) -> Result<Vec<Pace>, Usage> {
    let clients: Vec<usize> = arguments.clients.iter().map(|n| n.get()).collect();
    if arguments.rate.is_empty() {
        let default: &[usize] = if is_host { &CLIENTS[..1] } else { &CLIENTS };
        let clients = if clients.is_empty() {
            default
        } else {
            &clients
        };
        let closed = clients.iter().map(|&clients| Pace::Closed { clients });
        return Ok(closed.collect());
    }
    if clients.len() > 1 {
        return Err(Usage(
            "with --rate, --clients is one number: the most clients at once".to_owned(),
        ));
    }
    let clients = clients.first().copied().unwrap_or(MOST);
    let open = arguments
        .rate
        .iter()
        .map(|&rate| Pace::Open { rate, clients });
    Ok(open.collect())
}
