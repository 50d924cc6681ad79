//! `relaykit bench`: what is measured, how, and for how long.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Access, Images, Place, Which, at_least_one, duration, lab_name};

/// `relaykit bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --lab or HOST it makes a lab of its own, as relay.yaml or the built-in lab has it, and
takes it down. Its next hop is Postfix's smtp-sink, which only counts, so that the relay alone is
measured; --next-hop sink takes the lab's inbox. --lab NAME measures a lab that is up, as it is.

HOST is a server that you may put load on: it gets no more than --messages at each point within
--time, both of which have to be said, from a user of yours, to recipients that you name.

In a closed loop (--clients) each client sends when its last message is done: it finds out what a
relay carries. In an open one (--rate) the clock decides, and a message's time counts from when it
was to be sent: it finds out how long people wait.

  relaykit bench
  relaykit bench --listener submissions --clients 1,8,32 --versus by-hand --rounds 5
  relaykit bench --lab default --rate 20,50,100 --time 30s --html curves.html
  relaykit bench mail.example.org:587 --user me --password-file ~/.pw --recipient me@example.org \\
      --messages 100 --time 1m")]
pub struct Bench {
    /// A server: HOST, or HOST:587, or HOST:submission=2587 on another port.
    #[arg(value_name = "HOST[:PORT]", conflicts_with_all = ["lab", "file"])]
    pub host: Option<Place>,
    /// The configuration of the lab.
    #[command(flatten)]
    pub which: Which,
    /// Measure the lab of this name, which is up already; what is sent stays in its inbox.
    #[arg(long, value_name = "NAME", value_parser = lab_name)]
    pub lab: Option<String>,
    /// Measure this beside it, in turns: a lab that is up, a HOST, `by-hand` (Debian's Postfix
    /// with saslauthd and LDAP, set up by hand) or `plain` (Postfix without TLS and login).
    #[arg(long, value_name = "OTHER")]
    pub versus: Option<Versus>,
    /// Which listener: 587 with STARTTLS, 465 with TLS from the first byte, or 25.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Door::Submission)]
    pub listener: Door,
    /// Clients at once; several numbers are the points of a curve. With --rate, the most.
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = at_least_one)]
    pub clients: Vec<NonZeroUsize>,
    /// Messages a second, whatever the relay does; several numbers are the points of a curve.
    #[arg(long, value_name = "R,...", value_delimiter = ',', value_parser = rate)]
    pub rate: Vec<f64>,
    /// How long each point is measured: 10s, 2m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// The most messages (or logins) at each point.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,
    /// How long each point runs before it is measured.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub warm_up: Option<Duration>,
    /// How often each point is measured; medians are told.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub rounds: Option<NonZeroUsize>,
    /// Messages on one connection; 1: a new one for each.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub per_connection: u64,
    /// Bytes of a message: 1024, 100K, 5M.
    #[arg(long, value_name = "SIZE", default_value = "1K", value_parser = size)]
    pub size: usize,
    /// Recipients of each message, in a lab.
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub recipients: NonZeroUsize,
    /// Let small writes wait for an acknowledgement, as clients do that do not set `TCP_NODELAY`.
    #[arg(long)]
    pub nagle: bool,
    /// Log in and quit; send nothing.
    #[arg(long)]
    pub logins_only: bool,
    /// What takes the mail of a lab that this run makes.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = NextHop::Counter)]
    pub next_hop: NextHop,
    /// How long each reply may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    /// How HOST is reached.
    #[command(flatten)]
    pub access: Access,
    /// Whom every message to HOST goes to; may be repeated.
    #[arg(long, value_name = "ADDR")]
    pub recipient: Vec<String>,
    /// The envelope sender at HOST; without it --user, if that is an address.
    #[arg(long, value_name = "ADDR")]
    pub sender: Option<String>,
    /// Write the result as JSON to this file (docs/bench.schema.json).
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub json: Option<PathBuf>,
    /// Write an HTML page with curves, one file that needs nothing else.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub html: Option<PathBuf>,
    /// Where images come from.
    #[command(flatten)]
    pub images: Images,
}

/// A listener by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Door {
    /// Port 25, in the clear and without a login: mail to domains that the relay takes mail for.
    Smtp,
    /// Port 587: STARTTLS, then a login.
    Submission,
    /// Port 465: TLS from the first byte, then a login.
    Submissions,
}

/// What takes the mail of an own lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NextHop {
    /// Postfix's smtp-sink: it counts and keeps nothing.
    Counter,
    /// The sink of every lab: Postfix with TLS, and an inbox.
    Sink,
}

/// What is measured beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versus {
    /// Set up by hand from the source document.
    ByHand,
    /// Postfix without TLS and login.
    Plain,
    /// A lab that is up.
    Lab(String),
    /// A server.
    Host(Place),
}

impl FromStr for Versus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "by-hand" => Ok(Self::ByHand),
            "plain" => Ok(Self::Plain),
            // A lab's name has no dot and no colon; a host that has none is no host of anybody's.
            name if !name.contains(['.', ':']) && name != "localhost" => {
                lab_name(name).map(Self::Lab)
            }
            host => host.parse().map(Self::Host),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| EXPECTED_RATE.to_owned())?;
    let fits = (0.001..=100_000.0).contains(&rate);
    fits.then_some(rate).ok_or_else(|| EXPECTED_RATE.to_owned())
}

const EXPECTED_RATE: &str = "messages a second are expected, from 0.001 to 100000";

fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        _ => return Err("write bytes like 1024, 100K or 5M".to_owned()),
    };
    let number: usize = number
        .parse()
        .map_err(|_| "write bytes like 1024, 100K or 5M".to_owned())?;
    match number.checked_mul(unit) {
        Some(size @ 1..=0x1000_0000) => Ok(size),
        _ => Err("a message has from 1 byte to 256M".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_are_read_and_bounded() {
        assert_eq!(size("1024"), Ok(1024));
        assert_eq!((size("1K"), size("5MiB")), (Ok(1024), Ok(5 << 20)));
        for text in ["", "K", "1G", "0", "-1", "1000M"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["", "0", "-1", "NaN", "inf", "1e9"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_compared_with_is_told_by_its_name() {
        let read = |text: &str| text.parse::<Versus>();
        assert_eq!(read("by-hand"), Ok(Versus::ByHand));
        assert_eq!(read("plain"), Ok(Versus::Plain));
        assert_eq!(read("other"), Ok(Versus::Lab("other".to_owned())));
        for host in ["mail.example.org", "localhost", "127.0.0.1:submission=2587"] {
            assert!(matches!(read(host), Ok(Versus::Host(_))), "{host}");
        }
        assert!(read("Not-A-Lab").is_err());
    }
}
