//! The rules for commands, asked about every form of an address that a person would write,
//! and of many that nobody would.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lookup;
use super::super::probe::postconf::Postconf;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::audit::words;
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
    // It starts postmap(1) hundreds of times.
    long: true,
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
            name: "lines of reports may be longer",
            changes: &[Change::Main("header_checks", "")],
            sees: "cleanup/unix, header_checks, a line of 999 octets",
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
    "a.b@x.example",
    "\"a b\"@x.example",
    "\"a\".b@x.example",
    "a@[192.0.2.7]",
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
    "a b@x.example",
    "a,b@x.example",
    "a@x y.example",
    "a@x,y.example",
    "a@x<y.example",
    "a@x@y.example",
    "a@x[y.example",
    "a@x]y.example",
    "a@[192.0.2 .7]",
    "a@[x]y.example]",
    "a<b",
    "a,b",
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
        ("RCPT x TO:<a@x.example>", "RCPT TO:<>"),
        ("RCPT TO x:<a@x.example>", "RCPT TO:<>"),
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
        // A password may be in them, and what is replaced is logged.
        ("RCPT+canary==", ""),
        ("RCPT/canary", ""),
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
    long_lines(&context, &mut wrong).await?;
    unless_wrong(&wrong, "each command and each line as its form asks for")
}

/// Where Postfix looks for lines that are too long (`header_checks(5)`).
const READ: [&str; 4] = [
    "header_checks",
    "mime_header_checks",
    "nested_header_checks",
    "body_checks",
];

/// Lines of just the length that is mail, and one octet more, in every table of both
/// cleanups: one of them gets reports and mail without a login.
async fn long_lines(context: &Context, wrong: &mut Vec<String>) -> Judged {
    let line = |length: usize| "a".repeat(length);
    let folded = |lines: usize, rest: usize| {
        let all = (line(998) + "\n").repeat(lines);
        format!("{all}{}", line(rest))
    };
    // 102 lines with their ends, and what makes it 102,000 octets.
    let rows = [
        ("a line of 998 octets", line(998), false),
        ("a line of 999 octets", line(999), true),
        ("three lines of 998 octets", folded(2, 998), false),
        ("a second line of 999 octets", folded(1, 999), true),
        ("a field of 101,999 octets", folded(102, 101), false),
        ("a field of 102,000 octets", folded(102, 102), true),
    ];
    let keys: Vec<String> = rows.iter().map(|(_, key, _)| key.clone()).collect();
    let postconf = Postconf::read(context).await?;
    for service in ["cleanup/unix", "cleanup-login/unix", "cleanup-mixed/unix"] {
        if service != "cleanup/unix" && !postconf.has_service(service) {
            continue;
        }
        for parameter in READ {
            let tables = words(postconf.effective(service, parameter));
            let answers = lookup::answers(context, &tables, &keys).await?;
            for ((name, _, refused), answer) in rows.iter().zip(&answers) {
                let name = format!("{service}, {parameter}, {name}");
                let shown = if answer.is_empty() {
                    "as it is"
                } else {
                    answer
                };
                if answer.starts_with("REJECT ") == *refused && (*refused || answer.is_empty()) {
                    held(format!("{name}: refused: {refused}"), shown)?;
                } else {
                    wrong.push(format!("{name}: {shown}"));
                }
            }
        }
    }
    ControlFlow::Continue(())
}
