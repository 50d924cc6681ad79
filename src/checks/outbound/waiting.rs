//! What becomes of mail that the next hop does not take.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, ANY_SENDER, SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::session::{answer, command, logged_in, login_listener, require_code};
use super::super::protocol::lines::LONG_LINES_TAKEN;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, require};
use crate::plan::Role;
use crate::render::next_hops::{AWAY, BUSY, REFUSING, STRICT};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.next_hop_away_is_waited_for",
        title: "While the next hop is away mail waits, and all of it leaves when it is back",
        citation: "RFC 5321 section 4.5.4.1; Postfix maximal_queue_lifetime",
        severity: Severity::High,
        about: "Sends two messages to a next hop where nothing listens: both must be deferred, not \
                returned. Then something listens there, and the queue is flushed: both must \
                arrive byte for byte. A relay that gives up early loses mail in every outage.",
        repair: "By hand, keep maximal_queue_lifetime and bounce_queue_lifetime at days (the \
                 default is 5d), and do not set soft errors to be final.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED],
        sabotages: &[Sabotage {
            name: "undelivered mail is returned at once",
            changes: &[
                Change::Main("maximal_queue_lifetime", "0"),
                Change::Main("bounce_queue_lifetime", "0"),
            ],
            sees: "not in the queue any more",
        }],
        ..Check::by(&next_hop_away_is_waited_for)
    },
    Check {
        id: "outbound.temporary_refusal_is_waited_out",
        title: "A recipient whom the next hop refuses for now is kept for later",
        citation: "RFC 5321 section 4.2.1; Postfix smtp_delivery_status_filter",
        severity: Severity::High,
        about: "Sends mail to a recipient whom the next hop answers with 450, as greylisting and \
                full disks do. The message must stay in the queue; returned, mail to every such \
                domain is lost at the first try.",
        repair: "By hand, do not turn 4xx into 5xx with smtp_delivery_status_filter or \
                 smtp_reply_filter, and leave the queue lifetimes at days.",
        needs: &[Need::Login, Need::Lab],
        sabotages: &[Sabotage {
            name: "temporary refusals are final",
            changes: &[Change::Main(
                "smtp_delivery_status_filter",
                "pcre:{{/^4(.*)/ 5$$1}}",
            )],
            sees: "status=bounced",
        }],
        ..Check::by(&temporary_refusal_is_waited_out)
    },
    Check {
        id: "outbound.final_refusal_is_reported",
        title: "A recipient whom the next hop refuses for good is reported to the sender",
        citation: "RFC 5321 section 6.1; RFC 3464 section 2; RFC 6522 section 3; Postfix soft_bounce",
        severity: Severity::High,
        about: "Sends mail to a recipient whom the next hop answers with 550. The sender must get \
                a report that machines can read: from the null sender, with the recipient, the \
                status of the next hop and the relay's own name. Otherwise the sender believes \
                that the message arrived.",
        repair: "By hand, set soft_bounce = no and leave the bounce service in master.cf.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        sabotages: &[Sabotage {
            name: "final refusals are tried again",
            changes: &[Change::Main("soft_bounce", "yes")],
            sees: "status=SOFTBOUNCE",
        }],
        ..Check::by(&final_refusal_is_reported)
    },
    Check {
        id: "outbound.null_sender_gets_no_report",
        title: "Mail from the null sender that is refused ends there, with no report to anybody",
        citation: "RFC 5321 section 4.5.5; RFC 5321 section 6.1; Postfix notify_classes",
        severity: Severity::Medium,
        about: "Sends mail from the null sender to a recipient whom the next hop refuses for good. \
                Such mail is a report itself: a report on it loops between two servers for ever, \
                or piles up at a postmaster who is not here.",
        repair: "By hand, leave 2bounce out of notify_classes where no postmaster reads them.",
        needs: &[Need::Login, Need::Lab],
        sabotages: &[Sabotage {
            name: "double bounces go to a postmaster",
            changes: &[Change::Main("notify_classes", "2bounce")],
            sees: "postmaster non-delivery notification",
        }],
        ..Check::by(&null_sender_gets_no_report)
    },
    Check {
        id: "outbound.long_lines_lose_no_mail",
        title: "Mail that a next hop may refuse for a long line is refused at once, or reported",
        citation: "RFC 5321 section 6.1; RFC 5322 section 2.1.1; RFC 3464 section 2; \
                   Postfix smtp_line_length_limit",
        severity: Severity::High,
        about: "Submits a message with a line of 1500 octets to a next hop that takes no line over \
                998, as Exim does, from a sender there and from the null sender. The relay must \
                refuse it, or its report must reach the sender by that same next hop. A report \
                quotes the message, is refused for the same line, and then nobody is told.",
        repair: "Refuse such lines: see protocol.too_long_lines_are_refused.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER],
        sabotages: &[LONG_LINES_TAKEN.seen_as("nobody is told")],
        ..Check::by(&long_lines_lose_no_mail)
    },
];

/// Listens at the port in `$ARGV[0]` and passes every connection to port 25, for
/// half a minute at most. Its parent ends, and with it the command, as soon as
/// it listens; it prints its process number.
const FORWARDER: &str = r#"
use IO::Socket::INET;
$SIG{CHLD} = "IGNORE";
my $at = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 9, ReuseAddr => 1) or die "$!\n";
if (my $child = fork) { setpgrp $child, $child; print $child; exit }
setpgrp; close STDIN; close STDOUT; close STDERR; alarm 30;
while (my $from = $at->accept) {
    next if fork;
    alarm 30;
    my $to = IO::Socket::INET->new("127.0.0.1:25") or exit;
    my ($in, $out) = fork ? ($from, $to) : ($to, $from);
    while (sysread $in, my $bytes, 65536) { syswrite $out, $bytes }
    shutdown $out, 1;
    exit;
}
"#;

async fn next_hop_away_is_waited_for(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let mut waiting: Vec<(Message, String)> = Vec::new();
    for _ in 0..2 {
        let message = played::message(AWAY.domain);
        let commands = played::envelope(SENDER, AWAY.domain);
        let id = played::submit(&context, &commands, &message).await?;
        log.fate(&context, &id).await?.must_be("deferred")?;
        waiting.push((message, id));
    }
    let argv = ["perl", "-e", FORWARDER, AWAY.port];
    let forwarder = appliance::output(&context, Role::Sink, &argv).await?;
    let judged = all_leave(&context, &waiting).await;
    // The image has no program for it, only its shell.
    let end = format!("kill -9 -{}", forwarder.trim());
    appliance::output(&context, Role::Sink, &["sh", "-c", &end]).await?;
    judged
}

async fn all_leave(context: &Context, waiting: &[(Message, String)]) -> Judged {
    // A message is deferred a moment after the log says so.
    let ids: Vec<&str> = waiting.iter().map(|(_, id)| id.as_str()).collect();
    let script = format!(
        "for id in {}; do until postqueue -j | grep \"$id\" | grep -q '\"deferred\"'; do \
         postqueue -j | grep -q \"$id\" || exit 3; done; done; postqueue -f",
        ids.join(" ")
    );
    let argv = ["timeout", "10", "sh", "-c", &script];
    match appliance::exec(context, Role::Relay, &argv, None).await? {
        (0, ..) => {}
        (3, ..) => return fail("both messages in the queue", "not in the queue any more"),
        (code, _, stderr) => return broken(format!("`{script}` ended with {code}: {stderr}")),
    }
    for (message, _) in waiting {
        let delivered = mail::arrival(context, message).await?;
        require(
            message.trace_in(&delivered.raw).is_some(),
            "the message byte for byte",
            || "something else",
        )?;
    }
    PASS
}

async fn temporary_refusal_is_waited_out(context: Context) -> Judged {
    played::fate(&context, BUSY).await?.0.must_be("deferred")
}

async fn final_refusal_is_reported(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let message = played::message(REFUSING);
    let id = played::submit(&context, &played::envelope(SENDER, REFUSING), &message).await?;
    log.fate(&context, &id).await?.must_be("bounced")?;
    let report = mail::arrival(&context, &message).await?;
    let text = String::from_utf8_lossy(&report.raw);
    let next_hop = appliance::resolved(&context)?.next_hop;
    let host = next_hop.taking_host().unwrap_or_default();
    require(
        report.envelope_from.is_empty(),
        "from the null sender",
        || report.envelope_from.clone(),
    )?;
    require(
        report.envelope_to == [SENDER],
        "to the sender alone",
        || report.envelope_to.join(", "),
    )?;
    for part in [
        "multipart/report; report-type=delivery-status".to_owned(),
        format!("Reporting-MTA: dns; {}", context.target().hostname),
        format!("Final-Recipient: rfc822; {}", played::recipient(REFUSING)),
        "Action: failed".to_owned(),
        "Status: 5.1.1".to_owned(),
        format!("Remote-MTA: dns; {host}"),
        format!("Subject: relaykit {}", message.token()),
    ] {
        require(text.contains(&part), &part, || text.clone())?;
    }
    PASS
}

async fn null_sender_gets_no_report(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let message = played::message(REFUSING);
    let id = played::submit(&context, &played::envelope("", REFUSING), &message).await?;
    let removed = format!("]: {id}: removed");
    let lines = log
        .until(&context, "the message's end", |line| {
            line.ends_with(&removed)
        })
        .await?;
    let of_it: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains(&format!("]: {id}: ")))
        .collect();
    let bounced = of_it.iter().any(|line| line.contains("status=bounced"));
    let all = || {
        of_it
            .iter()
            .map(|line| line.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    };
    require(bounced, "status=bounced", all)?;
    let report = of_it.iter().find(|line| line.contains("notification:"));
    require(report.is_none(), "no report", || {
        report.map_or("", |line| line.as_str())
    })
}

async fn long_lines_lose_no_mail(context: Context) -> Judged {
    let there = played::recipient(STRICT.domain);
    for sender in [there.as_str(), ""] {
        let mut log = Log::of(&context, Role::Relay)?;
        let mut session = logged_in(&context, login_listener(&context)?).await?;
        for line in played::envelope(sender, STRICT.domain) {
            require_code(&command(&mut session, &line).await?, 250, &line)?;
        }
        let message = Message::from_to(SENDER, &there)
            .body("x".repeat(1500))
            .build();
        let reply = answer(session.data(message.bytes()).await, "a reply to DATA")?;
        if reply.is_permanent() {
            continue;
        }
        require_code(&reply, 250, "the message, or a refusal of it")?;
        let Some(id) = reply.queue_id() else {
            return broken(format!("there is no queue id in {reply}"));
        };
        let fate = log.fate(&context, id).await?;
        if fate.status != "bounced" {
            continue;
        }
        let lost = |why: &str| fail("a refusal, or a report", format!("nobody is told: {why}"));
        if sender.is_empty() {
            return lost("the null sender gets no report");
        }
        let mark = format!("]: {id}: sender non-delivery notification: ");
        let report = log.find(&context, "a report", |line| {
            line.split_once(&mark).map(|(_, report)| report.to_owned())
        });
        let report = report.await?;
        let report = log.fate(&context, &report).await?;
        if report.status != "sent" {
            return lost(&report.line);
        }
    }
    PASS
}
