//! The rules for commands, asked about every form of an address that a person would write,
//! and of many that nobody would.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lookup;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "protocol.rules_for_commands_fit",
    title: "The rules for commands replace what is wrong, to the octet, and nothing else",
    citation: "RFC 5321 section 4.1.2; RFC 5321 section 4.5.3.1; Postfix smtpd_command_filter",
    severity: Severity::High,
    about: "Asks the table of `smtpd_command_filter` as Postfix does (postmap(1)) about addresses of \
            every form that RFC 5321 knows, about spellings that Postfix would take for a bare \
            postmaster or for no address at all, and about lines of just the length that is still \
            taken. Sessions show the same for some; a rule that is one sign wider is seen here alone.",
    repair: "Leave the table to relaykit; a rule of your own belongs in a restriction.",
    needs: &[Need::Lab, Need::Built],
    sabotages: &[
        Sabotage {
            name: "addresses may be longer",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/commands",
                ".{940}",
                ".{945}",
            )],
            sees: "an address of 940 octets",
        },
        Sabotage {
            name: "a local part may have a blank",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/commands",
                "[^\"<>()\\s,;:\\\\@]++)",
                "[^\"<>(),;:\\\\@]++)",
            )],
            sees: "<a b@x.example>",
        },
    ],
    ..Check::by(&rules_for_commands_fit)
}];

/// Addresses of RFC 5321, and parameters.
const RIGHT: &[&str] = &[
    "<a@x.example>",
    "<a@[192.0.2.7]>",
    "<a@[IPv6:2001:db8::7]>",
    "<a.b+c=d!#$%&'*/?^_`{|}~-@x.example>",
    "<\"a b\"@x.example>",
    "<\"a\\\"b\"@x.example>",
    "<\"a@b\"@x.example>",
    "<\"a\".b@x.example>",
    "<a.\"b\"@x.example>",
    "<@y.example:a@x.example>",
    "<@y.example,@z.example:a@x.example>",
    "<ä@x.example>",
    "<a@xä.example>",
    "<postmaster@x.example>",
    "<postmasters>",
    "<thepostmaster>",
    "<a>",
    "a@x.example",
    "\"a b\"@x.example",
    "a",
    " <a@x.example>",
    "< a@x.example >",
    "<a@x.example> ",
    "<a@x.example> NOTIFY=NEVER",
    "<a@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@x.example",
    "<a@x.example>  RRVS=2026-11-30T00:00:00Z",
    "<a@x.example> X-FLAG",
];

/// What is none of these.
const WRONG: &[&str] = &[
    "",
    "<>",
    "<@x.example>",
    "<a@>",
    "<a@b@x.example>",
    "<a b@x.example>",
    "<a@x example>",
    "<a@[192.0.2.7>",
    "<a@192.0.2.7]>",
    "<a@[192.0.2 .7]>",
    "<a@[192.0.2.7]x>",
    "<a@[x[y]>",
    "<a@[x\"y]>",
    "<a@[x\\y]>",
    "<a@[x(y]>",
    "<a@x.example",
    "a@x.example>",
    "<a@x.example>>",
    "<<a@x.example>>",
    "<a(c)@x.example>",
    "<a@x.example(c)>",
    "<a,b@x.example>",
    "<a;b@x.example>",
    "<a:b@x.example>",
    "<a\\b@x.example>",
    "<a\"b@x.example>",
    "<\"a@x.example>",
    "<\"a\"b\"@x.example>",
    "<a@x,y.example>",
    "<a@x;y.example>",
    "<a@x:y.example>",
    "<a@x\\y.example>",
    "<a@x\"y.example>",
    "<a@x<y.example>",
    "<a@x>y.example>",
    "<a@x[y.example>",
    "<a@x]y.example>",
    "<@y.example a@x.example>",
    "<@y\".example:a@x.example>",
    "<@y(.example:a@x.example>",
    "<@y<.example:a@x.example>",
    "<@y;.example:a@x.example>",
    "<@y\\.example:a@x.example>",
    "<@y .example:a@x.example>",
    "group: postmaster;",
    "Post Master <postmaster>",
    "(c) postmaster",
    "<post\\master>",
    "<a@x.example> NOT_IFY=NEVER",
    "<a@x.example> =NEVER",
    "<a@x.example>NOTIFY=NEVER",
    "<a@x.example> a b=c d%",
];

/// Spellings of a bare postmaster, and what follows.
const POSTMASTER: &[(&str, &str, &str)] = &[
    ("<postmaster>", "postmaster", ""),
    ("<PostMaster>", "PostMaster", ""),
    ("postmaster", "postmaster", ""),
    ("\"postmaster\"", "postmaster", ""),
    ("<\"postmaster\">", "postmaster", ""),
    ("  < postmaster>", "postmaster", ""),
    ("<@y.example:postmaster>", "postmaster", ""),
    ("<postmaster> NOTIFY=NEVER", "postmaster", " NOTIFY=NEVER"),
    ("<postmaster >", "postmaster", ""),
];

struct Row {
    name: String,
    command: String,
    /// Empty where nothing is replaced.
    answer: String,
}

fn row(name: impl Into<String>, command: impl Into<String>, answer: impl Into<String>) -> Row {
    Row {
        name: name.into(),
        command: command.into(),
        answer: answer.into(),
    }
}

fn rows(hostname: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for address in RIGHT {
        rows.push(row(*address, format!("RCPT TO:{address}"), ""));
    }
    for address in WRONG {
        rows.push(row(*address, format!("RCPT TO:{address}"), "RCPT TO:<>"));
    }
    for (address, name, rest) in POSTMASTER {
        let answer = format!("RCPT TO:<{name}@{hostname}>{rest}");
        rows.push(row(*address, format!("RCPT TO:{address}"), answer));
    }
    for (command, answer) in [
        ("rcpt to:<a@x.example>", ""),
        ("RCPT \t TO: <a@x.example>", ""),
        ("rcpt to:<a b@x.example>", "RCPT TO:<>"),
        ("RCPT  TO:<>", "RCPT TO:<>"),
        ("RCPT TO <a@x.example>", "RCPT TO:<>"),
        ("RCPT FROM:<a@x.example>", "RCPT TO:<>"),
        ("R,C,P,T TO:<postmaster>", "RCPT TO:<>"),
        ("\"RCPT\" TO:<postmaster>", "RCPT TO:<>"),
        ("RCPT", ""),
        ("XRCPT TO:<postmaster>", ""),
        ("NOOP RCPT TO:<postmaster>", ""),
        ("MAIL FROM:<>", ""),
        ("MAIL FROM:<a b@x.example>", ""),
        ("MAIL FROM:<postmaster>", ""),
        ("EHLO canary (by canary)", ""),
        ("DATA", ""),
        ("QUIT", ""),
        ("AUTH PLAIN AGEAYg==", ""),
        ("AGEAYg==", ""),
    ] {
        rows.push(row(command, command, answer));
    }
    for (verb, taken, refused) in [
        ("MAIL FROM:", "", "MAIL FROM:<> ADDRESS-TOO-LONG"),
        ("RCPT TO:", "", "RCPT TO:<> ADDRESS-TOO-LONG"),
    ] {
        for (length, answer) in [(939, taken), (940, refused)] {
            let domain = "@x.example>";
            let local = "a".repeat(length - domain.len() - 1);
            let name = format!("{verb} and an address of {length} octets");
            rows.push(row(name, format!("{verb}<{local}{domain}"), answer));
        }
    }
    for (length, answer) in [(1999, ""), (2000, "CONNECT")] {
        let name = format!("a line of {length} octets");
        rows.push(row(
            name,
            format!("NOOP {}", "a".repeat(length - 5)),
            answer,
        ));
    }
    let long = "a".repeat(2100);
    rows.push(row("a long AUTH", format!("AUTH PLAIN {long}"), ""));
    rows.push(row(
        "a long AUTH in small letters",
        format!("auth plain {long}"),
        "",
    ));
    rows.push(row("a long response to AUTH", long.clone(), ""));
    rows.push(row(
        "a long word like AUTH",
        format!("AUTHOR {long}"),
        "CONNECT",
    ));
    rows
}

async fn rules_for_commands_fit(context: Context) -> Judged {
    let rows = rows(&context.target().spec.hostname);
    let keys: Vec<String> = rows.iter().map(|row| row.command.clone()).collect();
    let tables = lookup::tables(&context, "smtp/inet", "smtpd_command_filter").await?;
    let answers = lookup::answers(&context, &tables, &keys).await?;
    let mut wrong = Vec::new();
    for (row, answer) in rows.iter().zip(&answers) {
        let shown = |text: &str| match text {
            "" => "as it is".to_owned(),
            other => other.to_owned(),
        };
        if *answer == row.answer {
            held(
                format!("{}: {}", row.name, shown(&row.answer)),
                shown(answer),
            )?;
        } else {
            let (answer, expected) = (shown(answer), shown(&row.answer));
            wrong.push(format!("{}: {answer}, not: {expected}", row.name));
        }
    }
    unless_wrong(&wrong, "each command as its form asks for")?;
    ControlFlow::Continue(())
}
