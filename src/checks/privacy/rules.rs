//! The rules that rewrite trace headers, asked about headers of every form, and about some
//! that smtpd does not write today.

mod headers;

use std::ops::ControlFlow;

use self::headers::{CLIENT, DATE, FOR, Fate, Own, Row, TLS, WITH};
use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lookup;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::config::{EarlierReceived, Listener, Received, Spec};
use crate::plan::Role;
use crate::render::{MARK, NO_CLIENT, REFUSAL};
use crate::report::Severity;

/// The relay has these rules.
const HAS_RULES: Need = Need::Comes {
    to: "privacy.received: rewrite and logins on a submission port",
    holds: |spec: &Spec| {
        let mut logins = spec.auth.listeners.iter();
        spec.privacy.received == Received::Rewrite && logins.any(|l| *l != Listener::Smtp)
    },
};

/// The relay has those for a port where some log in and some do not.
const SHARED: Need = Need::Comes {
    to: "privacy.received: rewrite and logins on port 25",
    holds: |spec: &Spec| {
        let rewrites = spec.privacy.received == Received::Rewrite;
        rewrites && spec.auth.listeners.contains(&Listener::Smtp)
    },
};

pub(in super::super) static CHECKS: &[Check] = &[
    EVERY,
    Check {
        id: "privacy.rules_of_a_shared_port_fit_every_trace_header",
        title: "The rules of a port with and without logins take off the client of a login alone",
        citation: "row 14; row 17; RFC 5321 section 4.4; RFC 3848 section 1; Postfix header_checks",
        severity: Severity::Critical,
        about: "Does the same with the tables of port 25 where clients may log in. There a header \
                of who has not logged in stays whole, under the relay's usual name, with or without \
                TLS; one that says of itself that there was a login and shows none does not. What a \
                first chunk adds stays, unless it carries the mark, and a line that is too long for \
                mail is refused.",
        repair: EVERY.repair,
        needs: &[Need::Lab, SHARED],
        long: true,
        sabotages: &[
            Sabotage {
                name: "who has not logged in may say anything for a protocol",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/mixed_header_checks",
                    "( with [A-Z0-9]*[PS](?: id",
                    "( with [A-Z0-9]*.(?: id",
                )],
                sees: "no login, and a protocol that says so",
            },
            Sabotage {
                name: "what a first chunk adds to a login is cut off",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/mixed_header_checks",
                    "$3$4$5$6$7",
                    "$3$4$5$6",
                )],
                sees: "a first chunk that goes on",
            },
            Sabotage {
                name: "a rule that takes a first chunk for the date",
                changes: &[Change::Replace(
                    Role::Relay,
                    "postfix/mixed_header_checks",
                    "[PS](?: id [0-9A-Z]+)?(?:\\n\\tfor <[^\\n]*>; |;\\n\\t)[^\\n]++)",
                    "[PS](?: id [0-9A-Z]+)?(?:\\n\\tfor <[^\\n]*>; |;\\n\\t).++)",
                )],
                sees: "no login, and a first chunk with the mark",
            },
        ],
        ..Check::by(&rules_of_a_shared_port_fit)
    },
];

const EVERY: Check = Check {
    id: "privacy.rules_fit_every_trace_header",
    title: "The rules for trace headers take off the client in every form, and touch no other header",
    citation: "row 14; RFC 5321 section 4.4; Postfix header_checks",
    severity: Severity::Critical,
    about: "Asks the tables that Postfix uses (postmap(1)) about trace headers that a client cannot be \
            made to cause at will: each number of lines, with and without a queue id, dates of every \
            form, logins of the greatest length, other hosts, words in the wrong place, and what a \
            first chunk adds. What is known is rewritten to the letter; what is not shows the date \
            or nothing; what is somebody else's stays.",
    repair: "Leave the tables to relaykit; by hand, anchor each expression at both ends, count lines, and \
             name what a line may have instead of a dot.",
    needs: &[Need::Lab, HAS_RULES],
    long: true,
    sabotages: &[
        Sabotage {
            name: "a rule that takes more lines than smtpd writes",
            changes: &[
                Change::Given(HAS_RULES),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "{0,8}+(\\n\\t)",
                    "{0,16}+(\\n\\t)",
                ),
            ],
            sees: "nine lines before the login",
        },
        Sabotage {
            name: "the second net for trace headers is not there",
            changes: &[
                Change::Given(HAS_RULES),
                Change::Main("smtp_header_checks", ""),
            ],
            sees: "departing, with the mark: as it is",
        },
        Sabotage {
            name: "a rule that takes anything for a protocol",
            changes: &[
                Change::Given(HAS_RULES),
                Change::Replace(
                    Role::Relay,
                    "postfix/login_header_checks",
                    "( with [A-Z0-9]+)",
                    "( with [^\\n]+?)",
                ),
            ],
            sees: "words behind the protocol",
        },
    ],
    ..Check::by(&rules_fit_every_trace_header)
};

async fn rules_fit_every_trace_header(context: Context) -> Judged {
    let own = Own {
        hostname: &context.target().hostname,
    };
    let mut wrong = Vec::new();
    compare(&context, "cleanup-login/unix", &own.rows(), &mut wrong).await?;
    departing(&context, &own, &mut wrong).await?;
    unless_wrong(&wrong, "each header as its form asks for")
}

async fn rules_of_a_shared_port_fit(context: Context) -> Judged {
    let own = Own {
        hostname: &context.target().hostname,
    };
    let mut rows = own.rows();
    rows.extend(own.without_login());
    let mut wrong = Vec::new();
    compare(&context, "cleanup-mixed/unix", &rows, &mut wrong).await?;
    unless_wrong(&wrong, "each header as its form asks for")
}

/// Asks the tables of `service` about each header.
async fn compare(
    context: &Context,
    service: &str,
    rows: &[Row],
    wrong: &mut Vec<String>,
) -> Judged {
    let spec = &context.target().spec;
    let (hostname, shows) = (&spec.hostname, spec.privacy.show_login);
    let removes = spec.privacy.earlier_received == EarlierReceived::Remove;
    let keys: Vec<String> = rows.iter().map(|row| row.header.clone()).collect();
    let tables = lookup::tables(context, service, "header_checks").await?;
    let answers = lookup::answers(context, &tables, &keys).await?;
    for (row, answer) in rows.iter().zip(&answers) {
        let expected = match &row.fate {
            Fate::Stays if removes && row.header.starts_with("Received:") => "IGNORE".to_owned(),
            Fate::Stays => String::new(),
            Fate::Kept(whole) => format!("REPLACE {whole}"),
            Fate::Refused => format!("REJECT {REFUSAL}"),
            Fate::Goes => "IGNORE".to_owned(),
            Fate::Dated(date) => format!(
                "REPLACE Received: {NO_CLIENT} by {hostname} (Postfix) with ESMTPSA; {date}"
            ),
            Fate::Rewritten(login, behind) => {
                let login = if shows {
                    format!("\n\t(Authenticated sender: {login})")
                } else {
                    String::new()
                };
                format!("REPLACE Received: {NO_CLIENT}{login}\n\tby {hostname} (Postfix){behind}")
            }
        };
        judge(&row.name, &expected, answer, wrong)?;
    }
    ControlFlow::Continue(())
}

/// At the SMTP client a header that still has the mark goes, and no other.
async fn departing(context: &Context, own: &Own<'_>, wrong: &mut Vec<String>) -> Judged {
    let host = own.hostname;
    let usual = format!("{WITH}{FOR}{DATE}");
    let header = own.header(TLS, "alice", &usual);
    let mut rows = vec![
        ("with the mark".to_owned(), header.clone(), true),
        (
            "with the mark, behind eight lines".to_owned(),
            own.header(&"\n\tx".repeat(7), "alice", &usual),
            true,
        ),
        (
            "with the mark, without a client".to_owned(),
            format!("Received: by {host} ({MARK}) id 4jd; {DATE}"),
            true,
        ),
        (
            "with the mark behind another `by`".to_owned(),
            format!(
                "Received: {CLIENT}\n\tby mx.example.org (Postfix)\n\tby {host} ({MARK}); {DATE}"
            ),
            false,
        ),
        (
            "with the mark in the first line".to_owned(),
            format!("Received: from x by {host} ({MARK})\n\tby mx.example.org (Postfix); {DATE}"),
            false,
        ),
        (
            "another header".to_owned(),
            format!("X-Was: {header}"),
            false,
        ),
    ];
    for (at, _) in host.match_indices('.') {
        let mut other = host.to_owned();
        other.replace_range(at..=at, "x");
        let header = header.replace(&format!("by {host}"), &format!("by {other}"));
        rows.push((format!("of another host, {other}"), header, false));
    }
    let keys: Vec<String> = rows.iter().map(|(_, header, _)| header.clone()).collect();
    let tables = lookup::tables(context, "smtp/unix", "smtp_header_checks").await?;
    let answers = lookup::answers(context, &tables, &keys).await?;
    for ((name, _, goes), answer) in rows.iter().zip(&answers) {
        let expected = if *goes { "IGNORE" } else { "" };
        judge(&format!("departing, {name}"), expected, answer, wrong)?;
    }
    ControlFlow::Continue(())
}

fn judge(name: &str, expected: &str, answer: &str, wrong: &mut Vec<String>) -> Judged {
    let shown = |text: &str| match text {
        "" => "as it is".to_owned(),
        other => other.replace("\n\t", " ").chars().take(200).collect(),
    };
    if answer == expected {
        held(format!("{name}: {}", shown(expected)), shown(answer))
    } else {
        let (expected, answer) = (shown(expected), shown(answer));
        wrong.push(format!("{name}: {answer}, not: {expected}"));
        ControlFlow::Continue(())
    }
}
