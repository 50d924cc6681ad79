//! What the relay says to next hops that do not go along with it: one that knows HELO
//! alone, one that is not who it should be, one that takes no message, and one that takes
//! few recipients at once.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::mail::ANY_SENDER;
use super::super::probe::played::{self, Listening, PLAYED};
use super::super::target::Context;
use super::super::verdict::{Judged, fail, held, require};
use super::{UNVERIFIED, VERIFIED};
use crate::plan::Role;
use crate::render::next_hops::{AT_ONCE, FEW, HELO_ALONE, MISNAMED, Played, SHUT};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.helo_follows_where_ehlo_is_unknown",
        title: "To a next hop that does not understand EHLO the relay says HELO",
        citation: "RFC 5321 section 3.2; RFC 5321 section 4.1.1.1",
        severity: Severity::Low,
        about: "Sends mail to a next hop that answers 502 to EHLO, as servers did before there were \
                extensions, and as some boxes in between make it look. HELO has to follow, and QUIT \
                at the end: without TLS such a next hop gets no message unless \
                tls.outbound.level is may.",
        repair: "By hand, leave smtp_reply_filter empty, and smtp_never_send_ehlo = no.",
        needs: &[Need::Login, Need::Lab, PLAYED],
        sabotages: &[Sabotage {
            name: "a refusal of EHLO is read as consent",
            changes: &[Change::Main(
                "smtp_reply_filter",
                "pcre:{{/^50\\d (.*)/ 250 $$1}}",
            )],
            sees: "no HELO after EHLO",
        }],
        ..Check::by(&helo_follows)
    },
    Check {
        id: "outbound.untrusted_next_hop_hears_quit",
        title: "To a next hop that is not who it should be the relay says QUIT, and nothing else",
        citation: "RFC 3207 section 4.1; Postfix smtp_tls_security_level",
        severity: Severity::Medium,
        about: "Sends mail to a next hop that shows another server's certificate, and writes down \
                what it hears under TLS. QUIT alone may come: any other word tells a stranger who \
                sends to whom, and a connection that ends without a word is tried again at once by \
                some servers' counts.",
        repair: "Set tls.outbound.level: secure in relay.yaml; by hand, smtp_tls_security_level = secure.",
        needs: &[Need::Login, Need::Lab, PLAYED, VERIFIED],
        sabotages: &[UNVERIFIED.seen_as("EHLO, STARTTLS, EHLO, MAIL")],
        ..Check::by(&untrusted_hears_quit)
    },
    Check {
        id: "outbound.refused_data_is_not_followed",
        title: "Where DATA is refused the relay does not send the message",
        citation: "RFC 5321 section 3.3; RFC 5321 section 4.1.1.4",
        severity: Severity::High,
        about: "Sends mail to a next hop that takes its recipient and answers 554 to DATA, and writes \
                down what it hears then. The message must not follow: the server would read its \
                lines as commands, and whoever wrote the message would have written them.",
        repair: "By hand, leave smtp_reply_filter empty.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER],
        sabotages: &[Sabotage {
            name: "a refusal of DATA is read as consent",
            changes: &[Change::Main(
                "smtp_reply_filter",
                "pcre:{{/^554 5\\.7\\.1 (.*no message today.*)/ 354 $$1}}",
            )],
            sees: "Received:",
        }],
        ..Check::by(&refused_data_is_not_followed)
    },
    Check {
        id: "outbound.crowds_arrive_in_portions",
        title: "A next hop that takes a hundred recipients at once gets more of them in portions",
        citation: "RFC 5321 section 4.5.3.1.8; Postfix smtp_destination_recipient_limit",
        severity: Severity::Medium,
        about: "Sends one message to half as many recipients again as a server has to take at once, \
                with a thousand more addresses in its To header, to a next hop that takes no more \
                than it has to. All must have it at the first try. Where too many are told at \
                once, the rest waits for the next try; and how many people a header names is no \
                business of a relay's.",
        repair: "By hand, leave smtp_destination_recipient_limit at 50, and count no addresses in \
                 header_checks.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER],
        long: true,
        sabotages: &[
            Sabotage {
                name: "all recipients at once",
                changes: &[Change::Main("smtp_destination_recipient_limit", "1000")],
                sees: "status=deferred",
            },
            Sabotage {
                name: "at most a hundred recipients of a message",
                changes: &[Change::Main("smtpd_recipient_limit", "100")],
                sees: "452",
            },
        ],
        ..Check::by(&crowds_arrive)
    },
];

/// Sends mail to `hop` by login; the verbs that it heard from the relay, by conversation.
async fn verbs(context: &Context, hop: Played) -> Judged<Vec<Vec<String>>> {
    let listening = Listening::to(context, hop).await?;
    played::fate(context, hop.domain).await?;
    listening.verbs(context).await
}

fn shown(conversations: &[Vec<String>]) -> String {
    let each = conversations.iter().map(|said| said.join(", "));
    each.collect::<Vec<_>>().join("; ")
}

async fn helo_follows(context: Context) -> Judged {
    let said = verbs(&context, HELO_ALONE).await?;
    let greeted = |said: &Vec<String>| said.windows(2).any(|pair| pair == ["EHLO", "HELO"]);
    require(said.iter().any(greeted), "EHLO, HELO", || {
        format!("no HELO after EHLO: {}", shown(&said))
    })?;
    let quits = |said: &Vec<String>| said.last().is_some_and(|last| last == "QUIT");
    require(said.iter().any(quits), "QUIT at the end", || shown(&said))
}

async fn untrusted_hears_quit(context: Context) -> Judged {
    let said = verbs(&context, MISNAMED).await?;
    let only = ["EHLO", "STARTTLS", "QUIT"];
    // One that has begun meanwhile has not come to its end.
    let right = said.iter().all(|said| only.starts_with(&borrowed(said)));
    let whole = said.iter().any(|said| said == &only);
    require(right && whole, &only.join(", "), || shown(&said))
}

fn borrowed(said: &[String]) -> Vec<&str> {
    said.iter().map(String::as_str).collect()
}

async fn refused_data_is_not_followed(context: Context) -> Judged {
    let said = verbs(&context, SHUT).await?;
    let data = said.iter().find_map(|said| {
        let data = said.iter().position(|verb| verb == "DATA")?;
        Some(&said[data + 1..])
    });
    let Some(after) = data else {
        return fail("DATA", shown(&said));
    };
    let foreign = after.iter().any(|verb| verb != "RSET" && verb != "QUIT");
    require(!foreign, "DATA, and no line of the message", || {
        format!("{} after DATA", after.join(", "))
    })
}

/// What a message's header names beside its recipients.
const NAMED: usize = 1000;

async fn crowds_arrive(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let [mail, _] = played::envelope(super::SENDER, FEW.domain);
    let recipients = (0..AT_ONCE * 3 / 2).map(|i| format!("recipient-{i}@{}", FEW.domain));
    let recipients: Vec<String> = recipients.collect();
    let rcpt = recipients.iter().map(|to| format!("RCPT TO:<{to}>"));
    let commands: Vec<String> = std::iter::once(mail).chain(rcpt).collect();
    let named: Vec<String> = (0..NAMED)
        .map(|i| format!("friend-{i}@elsewhere.example"))
        .collect();
    let message = Message::from_to(super::SENDER, &named.join(",\r\n ")).build();
    let queued = played::submit(&context, &commands, &message).await?;
    let mark = format!("]: {queued}: ");
    let status = |line: &str| {
        let (_, of_it) = line.split_once(&mark)?;
        let (_, status) = of_it.split_once("status=")?;
        Some(status.starts_with("sent "))
    };
    let lines = log
        .until(&context, "the message's end", |line| {
            line.ends_with(&format!("{mark}removed")) || status(line) == Some(false)
        })
        .await?;
    if let Some(other) = lines.iter().find(|line| status(line) == Some(false)) {
        return fail("status=sent of each recipient", other.as_str());
    }
    let sent = |to: &&String| {
        let to = format!("to=<{to}>, ");
        lines
            .iter()
            .any(|line| status(line) == Some(true) && line.contains(&to))
    };
    let missing: Vec<&str> = recipients
        .iter()
        .filter(|to| !sent(to))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return fail(
            "status=sent of each recipient",
            format!("nothing of {}", missing.join(", ")),
        );
    }
    held(
        "status=sent of each recipient",
        format!(
            "{} recipients, with {NAMED} addresses in the To header",
            recipients.len()
        ),
    )
}
