//! The rules that rewrite trace headers, asked about headers of every form, and about some
//! that smtpd does not write today.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::lookup;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::config::{EarlierReceived, Listener, Received, Spec};
use crate::plan::Role;
use crate::render::{MARK, NO_CLIENT};
use crate::report::Severity;

/// The relay has these rules.
const HAS_RULES: Need = Need::Comes {
    to: "privacy.received: rewrite and logins on a submission port",
    holds: |spec: &Spec| {
        let mut logins = spec.auth.listeners.iter();
        spec.privacy.received == Received::Rewrite && logins.any(|l| *l != Listener::Smtp)
    },
};

pub(in super::super) static CHECKS: &[Check] = &[Check {
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
}];

/// What becomes of a header.
enum Fate {
    /// It is left as it is.
    Stays,
    /// The client is taken off; the login, what stands behind `by HOST (Postfix)`.
    Rewritten(&'static str, String),
    /// Nothing is kept but this date.
    Dated(&'static str),
    /// It goes.
    Goes,
}

struct Row {
    name: String,
    header: String,
    fate: Fate,
}

const CLIENT: &str = "from canary-helo.example (canary-host.example [192.0.2.77])";
const TLS: &str = "\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\
    \n\t key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256\
    \n\t client-signature ECDSA (prime256v1) client-digest SHA256)\
    \n\t(Client CN \"canary\", Issuer \"canary\" (verified OK))";
const WITH: &str = " with ESMTPSA id 4jddYT2Fk9zNBbJ";
const FOR: &str = "\n\tfor <bob@example.org>; ";
const DATE: &str = "Mon, 30 Nov 2026 22:12:29 +0000 (UTC)";

/// Of `hostname`'s own headers, what stands behind the name decides.
struct Own<'a> {
    hostname: &'a str,
    /// What becomes of others' trace headers.
    earlier: EarlierReceived,
}

impl Own<'_> {
    /// A header with these lines before the login, this login, and this behind the mark.
    fn header(&self, lines: &str, login: &str, behind: &str) -> String {
        let host = self.hostname;
        format!(
            "Received: {CLIENT}{lines}\n\t(Authenticated sender: {login})\n\tby {host} ({MARK}){behind}"
        )
    }

    fn rewritten(&self, name: &str, lines: &str, behind: &str) -> Row {
        Row {
            name: name.to_owned(),
            header: self.header(lines, "alice", behind),
            fate: Fate::Rewritten("alice", behind.to_owned()),
        }
    }

    fn dated(&self, name: &str, lines: &str, behind: &str) -> Row {
        Row {
            name: name.to_owned(),
            header: self.header(lines, "alice", &format!("{behind}{DATE}")),
            fate: Fate::Dated(DATE),
        }
    }

    /// With a date that is none for the second rule, and without a login for the first.
    fn odd_date(&self, date: &'static str, is_date: bool) -> Row {
        let host = self.hostname;
        Row {
            name: format!("no login, and the date {date:?}"),
            header: format!("Received: {CLIENT}\n\tby {host} ({MARK}){WITH};\n\t{date}"),
            fate: if is_date {
                Fate::Dated(date)
            } else {
                Fate::Goes
            },
        }
    }

    fn rows(&self) -> Vec<Row> {
        let usual = format!("{WITH}{FOR}{DATE}");
        let mut rows = vec![
            self.rewritten("no TLS", "", &usual),
            self.rewritten("TLS with a certificate", TLS, &usual),
            self.rewritten("eight lines before the login", &"\n\tx".repeat(8), &usual),
            self.dated(
                "nine lines before the login",
                &"\n\tx".repeat(9),
                &format!("{WITH}{FOR}"),
            ),
            self.rewritten("no queue id", TLS, &format!(" with SMTP{FOR}{DATE}")),
            self.rewritten("several recipients", TLS, &format!("{WITH};\n\t{DATE}")),
            self.rewritten("UTF-8", TLS, &format!(" with UTF8SMTPSA id 4jd{FOR}{DATE}")),
            self.dated(
                "words behind the protocol",
                "",
                &format!(" with ESMTPSA canary id 4jd{FOR}"),
            ),
            self.dated(
                "words behind the queue id",
                "",
                &format!("{WITH} canary{FOR}"),
            ),
            self.dated("words behind the mark", "", &format!(" canary{WITH}{FOR}")),
            self.dated(
                "a recipient of two lines",
                "",
                &format!("{WITH}\n\tfor <a@b.example>\n\tcanary>; "),
            ),
            self.dated(
                "words behind the recipient",
                "",
                &format!("{WITH}\n\tfor <a@b.example> canary; "),
            ),
        ];
        for length in [960, 961] {
            let login = "a".repeat(length);
            let login: &'static str = login.leak();
            rows.push(Row {
                name: format!("a login of {length} octets"),
                header: self.header("", login, &usual),
                fate: if length > 960 {
                    Fate::Dated(DATE)
                } else {
                    Fate::Rewritten(login, usual.clone())
                },
            });
        }
        rows.push(Row {
            name: "a login of two lines".to_owned(),
            header: self.header("", "alice)\n\t(canary", &usual),
            fate: Fate::Dated(DATE),
        });
        let added = format!("{usual}\n\tcanary by itself");
        rows.push(self.rewritten("a first chunk that goes on", "", &added));
        rows.push(Row {
            name: "a first chunk with the mark".to_owned(),
            header: self.header("", "alice", &format!("{usual}\n\tby x ({MARK})")),
            fate: Fate::Rewritten("alice", usual.clone()),
        });
        rows.extend(self.of_others(&usual));
        for date in [
            "Sun,  1 Nov 2026 01:02:03 -0330 (NST)",
            "Tue, 17 Feb 2026 23:59:60 +1245 (+124500AB)",
        ] {
            rows.push(self.odd_date(date, true));
        }
        for date in [
            "M0n, 30 Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 3x Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 030 Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 30 N0v 2026 22:12:29 +0000 (UTC)",
            "Mon, 30 Nov 2O26 22:12:29 +0000 (UTC)",
            "Mon, 30 Nov 2026 22.12.29 +0000 (UTC)",
            "Mon, 30 Nov 2026 22:12:29 *0000 (UTC)",
            "Mon, 30 Nov 2026 22:12:29 +OOOO (UTC)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (can.ary)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (ABCDEFGHIJ)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (UTC)\n\tcanary",
            "canaryMon, 30 Nov 2026 22:12:29 +0000 (UTC)",
            "canary",
        ] {
            rows.push(self.odd_date(date, false));
        }
        rows
    }

    /// Headers that are not this relay's, or not trace headers.
    fn of_others(&self, usual: &str) -> Vec<Row> {
        let own = self.header("", "alice", usual);
        let mut rows = vec![
            Row {
                name: "another header that quotes it".to_owned(),
                header: format!("X-Was: {own}"),
                fate: Fate::Stays,
            },
            Row {
                name: "an earlier relay's trace".to_owned(),
                header: format!("Received: {CLIENT}\n\tby mx.example.org (Postfix){usual}"),
                fate: match self.earlier {
                    EarlierReceived::Keep => Fate::Stays,
                    EarlierReceived::Remove => Fate::Goes,
                },
            },
            Row {
                name: "a subject".to_owned(),
                header: format!("Subject: {MARK}; {DATE}"),
                fate: Fate::Stays,
            },
        ];
        // A dot in an expression fits anything, where it is not escaped.
        for (at, _) in self.hostname.match_indices('.') {
            let mut other = self.hostname.to_owned();
            other.replace_range(at..=at, "x");
            let header = own.replace(&format!("by {}", self.hostname), &format!("by {other}"));
            rows.push(Row {
                name: format!("another host, {other}"),
                header,
                fate: Fate::Dated(DATE),
            });
        }
        rows
    }
}

async fn rules_fit_every_trace_header(context: Context) -> Judged {
    let spec = &context.target().spec;
    let hostname = spec.hostname.clone();
    let shows = spec.privacy.show_login;
    let own = Own {
        hostname: &hostname,
        earlier: spec.privacy.earlier_received,
    };
    let rows = own.rows();
    let mut wrong = Vec::new();
    let keys: Vec<String> = rows.iter().map(|row| row.header.clone()).collect();
    let tables = lookup::tables(&context, "cleanup-login/unix", "header_checks").await?;
    let answers = lookup::answers(&context, &tables, &keys).await?;
    for (row, answer) in rows.iter().zip(&answers) {
        let expected = match &row.fate {
            Fate::Stays => String::new(),
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
        judge(&row.name, &expected, answer, &mut wrong)?;
    }
    departing(&context, &own, &mut wrong).await?;
    unless_wrong(&wrong, "each header as its form asks for")
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
