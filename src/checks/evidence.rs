//! The lines of a relay's log that belong to one check's sessions.
//!
//! Postfix logs the client's port with every connection, so that a session is
//! known by the port it came from: that names the smtpd process, whose lines up to
//! the end of the connection are the session's, and these name the queue ids by
//! which the other daemons speak of its messages. Where something between hides
//! the port, the queue ids that the relay told in its replies do the same.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::timeout;

use super::probe::log::CLOCKS;
use super::target::{Context, Lab, Target};
use crate::engine::LogRequest;
use crate::plan::Role;

/// The lines that are kept: a failure is read by a person.
const MOST_LINES: usize = 200;

/// How long a relay may take to log a delivery that the next hop has seen.
const SOON: Duration = Duration::from_secs(2);

/// What the relay logged of a check that began at `started`, secrets masked. Empty
/// for a relay whose log cannot be read.
pub(super) async fn log(context: &Context, started: Timestamp) -> Vec<String> {
    let target = context.target();
    let Some(lab) = &target.lab else {
        return Vec::new();
    };
    // Nothing else runs on a relay that may be disturbed.
    let own = |lines: Vec<String>| {
        if target.disposable {
            lines
        } else {
            Sessions::of(context).lines(&lines)
        }
    };
    let mut own = match read(lab, target, started, &[]).await.map(own) {
        Ok(so_far) => {
            // A message is at the next hop before the relay has logged that it is.
            let under_way = under_way(&so_far);
            if under_way.is_empty() {
                so_far
            } else {
                let more = timeout(SOON, read(lab, target, started, &under_way)).await;
                more.map_or(so_far, |lines| lines.map_or_else(|why| vec![why], own))
            }
        }
        Err(why) => vec![why],
    };
    if own.len() > MOST_LINES {
        let left_out = own.len() - MOST_LINES;
        own.drain(..left_out);
        own.insert(0, format!("-- {left_out} earlier lines are left out"));
    }
    own.iter().map(|line| context.masked(line)).collect()
}

/// The queue ids of messages of which no delivery has been told yet.
fn under_way(lines: &[String]) -> Vec<String> {
    let told = |id: &str| {
        let mut entries = lines.iter().map(|line| Entry::read(line));
        entries.any(|e| e.queue_id() == Some(id) && e.message.contains("status="))
    };
    let entries = lines.iter().map(|line| Entry::read(line));
    let queued = entries.filter(|entry| entry.message.contains("(queue active)"));
    let mut ids: Vec<String> = queued
        .filter_map(|entry| entry.queue_id())
        .filter(|id| !told(id))
        .map(str::to_owned)
        .collect();
    ids.dedup();
    ids
}

/// The lines since the check began; where there is something to wait for, until a
/// delivery is told of each of these messages.
async fn read(
    lab: &Lab,
    target: &Target,
    started: Timestamp,
    wait_for: &[String],
) -> Result<Vec<String>, String> {
    let Some(relay) = lab.plan.container(Role::Relay) else {
        return Ok(Vec::new());
    };
    // Elsewhere it is the sessions that decide, and a line too early does no harm.
    let since = if target.disposable {
        started
    } else {
        started.saturating_sub(CLOCKS).unwrap_or(started)
    };
    let request = LogRequest {
        follow: !wait_for.is_empty(),
        tail: None,
        since: Some(since),
    };
    let mut stream = lab.engine.logs(&relay.name, request);
    let mut lines = Vec::new();
    let mut waits: Vec<&str> = wait_for.iter().map(String::as_str).collect();
    while let Some(line) = stream.next().await {
        let line = line.map_err(|e| format!("-- the relay's log cannot be read: {e}"))?;
        waits.retain(|id| !(line.contains(*id) && line.contains("status=")));
        lines.push(line);
        if waits.is_empty() && !wait_for.is_empty() {
            break;
        }
    }
    Ok(lines)
}

/// What a check's sessions are known by.
struct Sessions {
    ports: BTreeSet<u16>,
    queue_ids: BTreeSet<String>,
}

impl Sessions {
    fn of(context: &Context) -> Self {
        let evidence = context.evidence();
        Self {
            ports: context.ports().into_iter().collect(),
            queue_ids: evidence.iter().filter_map(|line| told_id(line)).collect(),
        }
    }

    fn lines(mut self, log: &[String]) -> Vec<String> {
        let entries: Vec<Entry> = log.iter().map(|line| Entry::read(line)).collect();
        let mut own = BTreeSet::new();
        for talk in conversations(&entries) {
            let ids = talk.lines.iter().filter_map(|at| entries[*at].queue_id());
            let ids: Vec<&str> = ids.collect();
            let by_port = talk.port.is_some_and(|port| self.ports.contains(&port));
            if !by_port && !ids.iter().any(|id| self.queue_ids.contains(*id)) {
                continue;
            }
            self.queue_ids.extend(ids.into_iter().map(str::to_owned));
            let pid = entries[talk.first].pid;
            let within = talk.first..=talk.last;
            own.extend(talk.lines);
            own.extend(within.filter(|at| entries[*at].speaks_of_login_or(pid)));
        }
        for (at, entry) in entries.iter().enumerate() {
            if entry
                .queue_id()
                .is_some_and(|id| self.queue_ids.contains(id))
            {
                own.insert(at);
                // A bounce or a report of delivery is a message of its own.
                let report = entry.message.split(" notification: ").nth(1);
                self.queue_ids.extend(report.map(str::to_owned));
            }
        }
        own.into_iter().map(|at| log[at].clone()).collect()
    }
}

/// The queue id in a reply that was written down: `S: 250 2.0.0 Ok: queued as ID`.
fn told_id(line: &str) -> Option<String> {
    let (_, id) = line.strip_prefix("S: 250")?.split_once("queued as ")?;
    id.split_whitespace().next().map(str::to_owned)
}

/// One line of the log, taken apart.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    /// `smtpd`, `cleanup`, `saslauthd`...
    daemon: &'a str,
    pid: Option<&'a str>,
    message: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `Nov 25 10:30:26 relay postfix/submission/smtpd[31]: message` (syslog's
    /// form, which Postfix has on standard output too) and `saslauthd[20] :message`.
    fn read(line: &'a str) -> Self {
        let other = Self {
            daemon: "",
            pid: None,
            message: line,
        };
        let (head, message) = match line.split_once("]: ") {
            Some(parts) => parts,
            None => match line.split_once("] :") {
                Some(parts) => parts,
                None => return other,
            },
        };
        let Some((name, pid)) = head.rsplit_once('[') else {
            return other;
        };
        let name = name.rsplit([' ', '/']).next().unwrap_or(name);
        Self {
            daemon: name,
            pid: Some(pid),
            message,
        }
    }

    /// The queue id that the message begins with.
    fn queue_id(&self) -> Option<&'a str> {
        let (id, _) = self.message.split_once(": ")?;
        let id_like = id.len() >= 5
            && id.bytes().all(|b| b.is_ascii_alphanumeric())
            && id.bytes().any(|b| b.is_ascii_digit());
        id_like.then_some(id)
    }

    /// The client in `connect from unknown[192.0.2.1]:40112`.
    fn connects(&self) -> Option<&'a str> {
        self.message.strip_prefix("connect from ")
    }

    /// saslauthd on a login, and master(8) on how the process `pid` ended. Logins
    /// carry no session; those of other sessions at the same time are among them.
    fn speaks_of_login_or(&self, pid: Option<&str>) -> bool {
        match self.daemon {
            "saslauthd" => !self.message.ends_with("accept lock"),
            "master" => pid.is_some_and(|pid| self.message.contains(&format!(" pid {pid} "))),
            _ => false,
        }
    }
}

/// One connection as its smtpd tells it.
struct Conversation {
    port: Option<u16>,
    /// Where its lines are.
    lines: Vec<usize>,
    first: usize,
    last: usize,
}

fn conversations(entries: &[Entry]) -> Vec<Conversation> {
    let mut found = Vec::new();
    for (first, entry) in entries.iter().enumerate() {
        let Some(client) = entry.connects().filter(|_| entry.daemon == "smtpd") else {
            continue;
        };
        let mut lines = vec![first];
        for (at, later) in entries.iter().enumerate().skip(first + 1) {
            if later.daemon != "smtpd" || later.pid != entry.pid {
                continue;
            }
            // A process that ended badly leaves no end of its session, and another
            // may get its number.
            if later.connects().is_some() {
                break;
            }
            lines.push(at);
            if later.message.starts_with("disconnect from ") {
                break;
            }
        }
        let last = lines.last().copied().unwrap_or(first);
        found.push(Conversation {
            port: client.rsplit_once("]:").and_then(|(_, p)| p.parse().ok()),
            lines,
            first,
            last,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 25 10:30:26 relay postfix/submission/smtpd[31]: connect from unknown[172.27.0.1]:49344
Nov 25 10:30:26 relay postfix/smtpd[32]: connect from unknown[172.27.0.1]:37266
saslauthd[20] :acquired accept lock
saslauthd[20] :auth success: [user=alice] [service=smtp] [realm=] [mech=ldap]
Nov 25 10:30:26 relay postfix/submission/smtpd[31]: 4jZGCk2SxFz6XFk: client=unknown[172.27.0.1]:49344
Nov 25 10:30:26 relay postfix/smtpd[32]: NOQUEUE: reject: RCPT from unknown[172.27.0.1]:37266: 554 5.7.1
Nov 25 10:30:26 relay postfix/cleanup[29]: 4jZGCk2SxFz6XFk: message-id=<>
Nov 25 10:30:26 relay postfix/submission/smtpd[31]: disconnect from unknown[172.27.0.1]:49344 ehlo=1
Nov 25 10:30:27 relay postfix/submission/smtpd[31]: connect from unknown[172.27.0.1]:50000
Nov 25 10:30:27 relay postfix/smtpd[32]: disconnect from foo.example[192.0.2.7]:0 ehlo=1
Nov 25 10:30:27 relay postfix/bounce[40]: 4jZGCk2SxFz6XFk: sender non-delivery notification: 4jZGCkBouncezz
Nov 25 10:30:27 relay postfix/smtp[30]: 4jZGCkBouncezz: to=<a@b.example>, status=sent
Nov 25 10:30:27 relay postfix/submission/smtpd[31]: disconnect from unknown[172.27.0.1]:50000";

    fn of(ports: &[u16], ids: &[&str]) -> Vec<usize> {
        let log: Vec<String> = LOG.lines().map(str::to_owned).collect();
        let sessions = Sessions {
            ports: ports.iter().copied().collect(),
            queue_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        let own = sessions.lines(&log);
        let number = |line| log.iter().position(|l| l == line).unwrap();
        own.iter().map(number).collect()
    }

    #[test]
    fn a_message_is_under_way_until_a_delivery_is_told() {
        let line = |text: &str| format!("Nov 25 10:30:26 relay postfix/{text}");
        let mut log = vec![
            line("qmgr[33]: 4jZPQG2zPszHJd0: from=<a@b.example>, size=419, nrcpt=1 (queue active)"),
            line("qmgr[33]: 4jZPQG2zPszHJd1: from=<a@b.example>, size=419, nrcpt=1 (queue active)"),
            line("smtp[30]: 4jZPQG2zPszHJd1: to=<a@b.example>, status=deferred"),
        ];
        assert_eq!(under_way(&log), ["4jZPQG2zPszHJd0"]);
        log.push(line(
            "smtp[30]: 4jZPQG2zPszHJd0: to=<a@b.example>, status=sent",
        ));
        assert!(under_way(&log).is_empty());
    }

    #[test]
    fn a_port_names_the_session_its_logins_and_its_messages() {
        assert_eq!(of(&[49344], &[]), [0, 3, 4, 6, 7, 10, 11]);
    }

    #[test]
    fn the_lines_of_a_client_that_became_another_stay_its_own() {
        assert_eq!(of(&[37266], &[]), [1, 3, 5, 9]);
    }

    #[test]
    fn without_a_port_a_queue_id_names_them() {
        assert_eq!(of(&[], &["4jZGCk2SxFz6XFk"]), of(&[49344], &[]));
        assert_eq!(of(&[], &[]), [0; 0]);
    }

    #[test]
    fn the_id_in_a_reply_is_found() {
        let line = "S: 250 2.0.0 Ok: queued as 4jZGCk2SxFz6XFk";
        assert_eq!(told_id(line).as_deref(), Some("4jZGCk2SxFz6XFk"));
        assert_eq!(told_id("C: queued as 4jZGCk2SxFz6XFk"), None);
    }
}
