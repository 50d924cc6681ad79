//! `relaykit check`: whom to look at, and as whom.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;

use super::{Access, Reports, at_least_one, duration};
use crate::config::Listener;

/// `relaykit check`.
#[derive(Debug, Args)]
#[command(after_help = "\
It begins at once, as swaks and nmap do, and says on stderr what it will do. One check runs
at a time, no message is completed to an address that --recipient does not name, and a relay
that sets a limit is left alone: the check that met it is broken, the others are skipped.
Probes for relaying name recipients in reserved domains (RFC 2606) and end before a message.

With --user it logs in, and also tries wrong passwords: a relay that bans whoever guesses may
ban this host. The password travels over TLS with a certificate that is believed, or not at all.

  relaykit check mail.example.org
  relaykit check mail.example.org:587 --user me --password-file ~/.mail-password auth
  relaykit check 192.0.2.1:smtp=2525,submission=2587 --name relay.example.org --ca ca.pem")]
pub struct Check {
    /// The relay: HOST, HOST:25,587 or, on other ports, HOST:smtp=2525,submissions=2465;
    /// without ports 25, 587 and 465, as far as they answer.
    #[arg(value_name = "HOST[:PORT,...]")]
    pub host: Place,
    /// Parts of check ids; a check runs if any of them is in its id.
    pub filters: Vec<String>,
    /// How HOST is reached.
    #[command(flatten)]
    pub access: Access,
    /// Send a message to this address, too; may be repeated.
    #[arg(long, value_name = "ADDR", requires = "user")]
    pub recipient: Vec<String>,
    /// The envelope sender of that message; without it --user, if that is an address.
    #[arg(long, value_name = "ADDR")]
    pub sender: Option<String>,
    /// The most connections a minute, after the first twenty.
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    pub per_minute: u32,
    /// The most connections in all.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub connections: usize,
    /// How long all checks together may take: 15m, 90s. What is not done by then is broken or skipped.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: std::time::Duration,
    /// Stop after so many failures.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_fail: Option<std::num::NonZeroUsize>,
    /// List the selected checks that can run against any relay, and run none.
    #[arg(long)]
    pub list: bool,
    /// Report files.
    #[command(flatten)]
    pub reports: Reports,
}

/// A host, and the port of each listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name or address.
    pub host: String,
    /// Which ports to look at.
    pub ports: BTreeMap<Listener, u16>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, ports) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("`[` without `]`")?;
                match rest {
                    "" => (host, None),
                    rest => (
                        host,
                        Some(rest.strip_prefix(':').ok_or("`:` must follow `]`")?),
                    ),
                }
            }
            // More than one colon: an IPv6 address without brackets.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, ports)) => (host, Some(ports)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err("no host".to_owned());
        }
        let ports = match ports {
            None => Listener::ALL.into_iter().map(|l| (l, l.port())).collect(),
            Some(ports) => ports.split(',').map(port).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            host: host.to_owned(),
            ports,
        })
    }
}

/// `587`, or `submission=2587` where the number does not say what it is.
fn port(text: &str) -> Result<(Listener, u16), String> {
    let number = |number: &str| match number.parse() {
        Ok(0) | Err(_) => Err(format!("`{number}` is no port")),
        Ok(number) => Ok(number),
    };
    if let Some((name, value)) = text.split_once('=') {
        let listener = Listener::ALL.into_iter().find(|l| l.name() == name);
        let listener = listener
            .ok_or_else(|| format!("`{name}` is no listener: smtp, submission or submissions"))?;
        return Ok((listener, number(value)?));
    }
    let number = number(text)?;
    let listener = Listener::ALL.into_iter().find(|l| l.port() == number);
    let listener = listener.ok_or_else(|| {
        format!(
            "what port {number} is, has to be said: smtp={number}, submission={number} (STARTTLS) or submissions={number} (TLS at once)"
        )
    })?;
    Ok((listener, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (String, Vec<(&'static str, u16)>);

    fn read(text: &str) -> Result<Read, String> {
        let place: Place = text.parse()?;
        let ports = place.ports.iter().map(|(l, port)| (l.name(), *port));
        Ok((place.host, ports.collect()))
    }

    #[test]
    fn a_host_stands_alone_or_with_ports() {
        let all = vec![("smtp", 25), ("submission", 587), ("submissions", 465)];
        for (text, host, ports) in [
            ("mail.example.org", "mail.example.org", all.clone()),
            (
                "mail.example.org:587",
                "mail.example.org",
                vec![("submission", 587)],
            ),
            ("::1", "::1", all),
            ("[::1]:25", "::1", vec![("smtp", 25)]),
            (
                "127.0.0.1:smtp=2525,submissions=2465",
                "127.0.0.1",
                vec![("smtp", 2525), ("submissions", 2465)],
            ),
        ] {
            assert_eq!(read(text).unwrap(), (host.to_owned(), ports), "{text}");
        }
    }

    #[test]
    fn what_a_port_is_must_be_known() {
        for text in [
            "",
            ":25",
            "host:",
            "host:2525",
            "host:web=80",
            "host:smtp=0",
            "[::1",
            "[::1]25",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
