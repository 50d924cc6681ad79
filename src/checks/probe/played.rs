//! Mail to the next hops that a lab's sink plays (`render::next_hops`).

use std::ops::ControlFlow;

use super::super::need::Need;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, held};
use super::appliance;
use super::log::{Fate, Log};
use super::mail::{self, SENDER};
use super::session::{logged_in, login_listener};
use crate::config::Says;
use crate::plan::Role;
use crate::render::next_hops::Played;
use crate::report::Outcome;
use crate::smtp::Message;

/// That mail to their domains does reach them.
pub(in super::super) const PLAYED: Need =
    Need::Setting("postfix.main", Says::Without(&["transport_maps"]));

/// A message from [`SENDER`] to somebody in `domain`.
pub(in super::super) fn message(domain: &str) -> Message {
    Message::from_to(SENDER, &recipient(domain)).build()
}

/// Somebody in `domain`.
pub(in super::super) fn recipient(domain: &str) -> String {
    format!("recipient@{domain}")
}

/// The MAIL and RCPT commands for a message from `sender` to somebody in `domain`.
pub(in super::super) fn envelope(sender: &str, domain: &str) -> [String; 2] {
    [
        format!("MAIL FROM:<{sender}>"),
        format!("RCPT TO:<{}>", recipient(domain)),
    ]
}

/// Submits `message` by login; its queue id.
pub(in super::super) async fn submit(
    context: &Context,
    commands: &[String],
    message: &Message,
) -> Judged<String> {
    let mut session = logged_in(context, login_listener(context)?).await?;
    mail::queued(&mut session, commands, message).await
}

/// Submits a message for somebody in `domain` by login: what then becomes of it,
/// its queue id, and the log behind that.
pub(in super::super) async fn fate(context: &Context, domain: &str) -> Judged<(Fate, String, Log)> {
    let mut log = Log::of(context, Role::Relay)?;
    let id = submit(context, &envelope(SENDER, domain), &message(domain)).await?;
    let fate = log.fate(context, &id).await?;
    ControlFlow::Continue((fate, id, log))
}

/// What a client said to `hop` in a line of the sink's log; `None`: something else.
pub(in super::super) fn said(line: &str, hop: Played) -> Option<&str> {
    let (_, of_hop) = line.split_once(&format!("{}/smtpd[", hop.log_name()))?;
    let (_, heard) = of_hop.split_once("]: < ")?;
    Some(heard.split_once("]: ")?.1)
}

/// All that a client said to `hop` in the one connection in which it said `token`, from its
/// first word to its last, as the sink's `log` has it; it is written down.
pub(in super::super) async fn conversation(
    context: &Context,
    log: &mut Log,
    hop: Played,
    token: &str,
) -> Judged<Vec<String>> {
    // Other conversations may be under way: each has a process of its own.
    let mut process: Option<String> = None;
    let lines = log
        .until(context, "a conversation with the next hop", |line| {
            if line.contains(token) && said(line, hop).is_some() {
                process = process_of(line, hop);
            }
            let own = process.is_some() && process_of(line, hop) == process;
            // A connection in clear may be kept for the next message, and end without QUIT
            // (CONNECTION_CACHE_README).
            let ends = line.contains("]: disconnect from ");
            own && (ends || said(line, hop) == Some("QUIT"))
        })
        .await?;
    let own = lines.iter().filter(|line| process_of(line, hop) == process);
    let own: Vec<&String> = own.collect();
    // A process serves one client after the other.
    let start = own
        .iter()
        .rposition(|line| line.contains("]: connect from "));
    let Some(start) = start else {
        return broken("the sink's log has no beginning of the conversation");
    };
    let heard = own[start..].iter().filter_map(|line| said(line, hop));
    let heard: Vec<String> = heard.map(str::to_owned).collect();
    for line in &heard {
        let note = format!("the next hop heard: {line}");
        context.transcript().note(note);
    }
    ControlFlow::Continue(heard)
}

/// The number of the process of `hop` that a line is of.
fn process_of(line: &str, hop: Played) -> Option<String> {
    let (_, of_hop) = line.split_once(&format!("{}/smtpd[", hop.log_name()))?;
    Some(of_hop.split_once(']')?.0.to_owned())
}

/// What the relay says to one of those hops that log it, from now on.
pub(in super::super) struct Listening {
    hop: Played,
    log: Log,
    /// The relay's addresses: other relays may talk to the same sink.
    addresses: Vec<String>,
}

impl Listening {
    /// Begins behind all that the sink's log has already: another relay may have said it.
    pub(in super::super) async fn to(context: &Context, hop: Played) -> Judged<Self> {
        let addresses = appliance::facts(context, Role::Relay).await?.addresses;
        let addresses = addresses.values().map(|address| format!("[{address}]"));
        let mut log = Log::from_now(context, Role::Sink)?;
        until_now(context, &mut log).await?;
        ControlFlow::Continue(Self {
            hop,
            log,
            addresses: addresses.collect(),
        })
    }

    /// What was said until now, without passwords.
    pub(in super::super) async fn heard(mut self, context: &Context) -> Judged<Vec<String>> {
        let lines = until_now(context, &mut self.log).await?;
        let own = lines.iter().filter(|line| self.is_own(line));
        let heard = without_passwords(own.filter_map(|line| said(line, self.hop)));
        for line in &heard {
            context
                .transcript()
                .note(format!("the next hop heard: {line}"));
        }
        ControlFlow::Continue(heard)
    }

    /// The verbs of each conversation, up to the first end of one: other checks may send there
    /// as well, so that one may still go on, and each has a process of the hop's.
    pub(in super::super) async fn verbs(mut self, context: &Context) -> Judged<Vec<Vec<String>>> {
        let (hop, addresses) = (self.hop, self.addresses.clone());
        let ends = |line: &str| {
            let own = addresses.iter().any(|own| line.contains(own.as_str()));
            let gone = process_of(line, hop).is_some() && line.contains("]: disconnect from ");
            own && (gone || said(line, hop) == Some("QUIT"))
        };
        let what = "the end of a conversation with the next hop";
        let lines = self.log.until(context, what, ends).await?;
        ControlFlow::Continue(by_process(lines.iter().filter(|l| self.is_own(l)), hop))
    }

    /// Whether a line is of a conversation with this relay.
    fn is_own(&self, line: &str) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|own| line.contains(own.as_str()))
    }
}

/// What is said in each conversation, verb by verb; a process has one after the other.
fn by_process<'a>(lines: impl Iterator<Item = &'a String>, hop: Played) -> Vec<Vec<String>> {
    let mut conversations: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines {
        let Some(process) = process_of(line, hop) else {
            continue;
        };
        let under_way = conversations.iter().rposition(|(of, _)| *of == process);
        match (said(line, hop), under_way) {
            (Some(said), Some(index)) => {
                let verb = said.split(' ').next().unwrap_or_default();
                conversations[index].1.push(verb.to_owned());
            }
            _ if line.contains("]: connect from ") => conversations.push((process, Vec::new())),
            _ => {}
        }
    }
    let said = conversations.into_iter().map(|(_, said)| said);
    said.filter(|said| !said.is_empty()).collect()
}

/// The lines up to one that the sink is made to write now. It goes the way of all lines
/// of Postfix, behind those that are there.
async fn until_now(context: &Context, log: &mut Log) -> Judged<Vec<String>> {
    let mark = Message::from_to(SENDER, SENDER).build().token().to_owned();
    let argv = ["postlog", "-t", "relaykit", &mark];
    appliance::output(context, Role::Sink, &argv).await?;
    let lines = log.until(context, "a line of postlog(1)", |line| line.contains(&mark));
    // The line is ours: that it does not come is no fault of the relay.
    lines.await.map_break(|outcome| match outcome {
        Outcome::Fail { observed, .. } => Outcome::Broken {
            why: format!("the sink's log: {observed}"),
        },
        other => other,
    })
}

/// AUTH without what follows the mechanism, and without the answers after it.
fn without_passwords<'a>(said: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut logging_in = false;
    let shown = said.map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_answer = logging_in && words.len() == 1 && !["QUIT", "RSET", "DATA"].contains(&line);
        logging_in = is_answer || words[0].eq_ignore_ascii_case("AUTH");
        match words.as_slice() {
            _ if is_answer => "***".to_owned(),
            [auth, mechanism, _, ..] if logging_in => format!("{auth} {mechanism} ***"),
            _ => line.to_owned(),
        }
    });
    shown.collect()
}

/// Demands that mail for somebody in `domain` is kept for later, and that the log
/// says `why`.
pub(in super::super) async fn must_wait(context: &Context, domain: &str, why: &str) -> Judged {
    let (fate, _, _) = fate(context, domain).await?;
    fate.must_be("deferred")?;
    // Where a destination has just failed for another message, the queue manager
    // does not try it again, and gives that message's reason.
    if fate.line.contains(why) {
        return held(format!("deferred: {why}"), fate.line);
    }
    fail(format!("deferred: {why}"), fate.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::next_hops::OFFERING;

    #[test]
    fn what_a_client_said_is_told_from_all_else() {
        let line =
            "Nov 28 16:00:08 sink postfix/offering/smtpd[9]: < relay.a[172.22.0.3]: EHLO relay";
        assert_eq!(said(line, OFFERING), Some("EHLO relay"));
        for other in [
            line.replace(": < ", ": > "),
            line.replace("offering", "hearing"),
        ] {
            assert_eq!(said(&other, OFFERING), None, "{other}");
        }
    }

    #[test]
    fn conversations_at_one_time_are_told_apart() {
        let line = |process: u8, text: &str| {
            let text = match text.strip_prefix("< ") {
                Some(said) => format!("< relay.a[172.22.0.3]: {said}"),
                None => format!("{text} from relay.a[172.22.0.3]"),
            };
            format!("Nov 28 16:00:08 sink postfix/offering/smtpd[{process}]: {text}")
        };
        let lines = [
            line(7, "connect"),
            line(7, "< EHLO relay"),
            line(8, "connect"),
            line(7, "< STARTTLS"),
            line(8, "< EHLO relay"),
            line(7, "< QUIT"),
            line(7, "disconnect"),
            line(7, "connect"),
            line(8, "< STARTTLS"),
            line(7, "< HELO relay"),
        ];
        assert_eq!(
            by_process(lines.iter(), OFFERING),
            [
                vec!["EHLO", "STARTTLS", "QUIT"],
                vec!["EHLO", "STARTTLS"],
                vec!["HELO"],
            ]
        );
    }

    #[test]
    fn passwords_are_not_passed_on() {
        let said = [
            "EHLO relay",
            "AUTH PLAIN AHJlbGF5AHNlY3JldA==",
            "AUTH LOGIN",
            "cmVsYXk=",
            "c2VjcmV0",
            "MAIL FROM:<a@b.example>",
            "DATA",
        ];
        assert_eq!(
            without_passwords(said.into_iter()),
            [
                "EHLO relay",
                "AUTH PLAIN ***",
                "AUTH LOGIN",
                "***",
                "***",
                "MAIL FROM:<a@b.example>",
                "DATA",
            ]
        );
    }
}
