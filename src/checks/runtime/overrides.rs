//! What the lines of main.cf and master.cf let through, beyond what relaykit sets.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::super::check::{Change, Check, Compares, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use crate::audit::{self, Effective, Tables, Told};
use crate::lint::{self, masked};
use crate::plan::{Content, Role};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "runtime.nothing_is_let_through_unaccepted",
    title: "No line and no table lets anything through that relay.yaml does not accept",
    citation: "Postfix postconf; Postfix access; Postfix DATABASE_README",
    severity: Severity::Critical,
    about: "Reads `postconf -n`, `postconf -M` and every table that they name in the relay's container, \
            as `relaykit config lint` reads relay.yaml: who may relay or send as another, what is \
            copied, redirected, dropped, held, sent with less TLS, written into the log or returned \
            early, and values that are out of all bounds. What relaykit itself sets for this relay.yaml \
            is no finding, nor is what `postfix.accept` names. An entry for one address, one HELO or \
            one destination is seen in no other way: no probe guesses it.",
    repair: "Remove the line, or name its rule in `postfix.accept` if it is meant. docs/LINT.md says of \
             each rule what comes of it and what to write instead.",
    needs: &[Need::Lab],
    // A rule that relaykit sets is told by its words.
    compares: Compares::Rules,
    sabotages: &[
        Sabotage {
            name: "mail from one address is copied",
            changes: &[Change::Main(
                "sender_bcc_maps",
                "inline:{chief@example.org=spy@elsewhere.example}",
            )],
            sees: "mail from chief@example.org is copied to spy@elsewhere.example",
        },
        Sabotage {
            name: "a HELO that nobody guesses relays",
            changes: &[
                ON_SMTP,
                Change::Main(
                    "smtpd_relay_restrictions",
                    "check_helo_access inline:{backdoor.example=OK}, permit_mynetworks, \
                     reject_unauth_destination",
                ),
            ],
            sees: "a client that says HELO backdoor.example may relay",
        },
        Sabotage {
            name: "one domain is sent without TLS",
            changes: &[Change::Main(
                "smtp_tls_policy_maps",
                "inline:{rival.example=none}",
            )],
            sees: "mail to rival.example is sent without TLS",
        },
        Sabotage {
            name: "a header check that writes subjects into the log",
            changes: &[Change::File(
                Role::Relay,
                "postfix/long_lines",
                "/^Subject: secret/ WARN",
            )],
            sees: "is written into the log",
        },
        Sabotage {
            name: "nobody wakes the queue manager",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/master.cf",
                "300    1       qmgr",
                "0      1       qmgr",
            )],
            sees: "qmgr/unix is woken every 0 s",
        },
        Sabotage {
            name: "mail is returned after an hour",
            changes: &[Change::Main("maximal_queue_lifetime", "1h")],
            sees: "mail is returned after 1h",
        },
    ],
    ..Check::by(&nothing_is_let_through_unaccepted)
}];

/// A table that names tables that name tables: so often more are asked for.
const ROUNDS: usize = 4;

async fn nothing_is_let_through_unaccepted(context: Context) -> Judged {
    let main = appliance::output(&context, Role::Relay, &["postconf", "-n"]).await?;
    let master = appliance::output(&context, Role::Relay, &["postconf", "-M"]).await?;
    let effective = Effective::parse(&main, &master);
    let (told, tables) = read(&context, &effective).await?;
    let resolved = appliance::resolved(&context)?;
    let told = lint::beyond(&resolved, told, &tables);
    let found = lint::findings(&resolved.spec, &told);
    let open = found.iter().filter(|finding| !finding.accepted);
    let open: Vec<String> = open
        .map(|one| format!("{}: {} [{}]", one.place.in_words(), one.does, one.rule.id))
        .collect();
    for one in found.iter().filter(|finding| finding.accepted) {
        let line = format!("accepted: {} [{}]", one.does, one.rule.id);
        context.transcript().note(line);
    }
    require_none(
        &open,
        "every entry is one that relaykit sets, or that postfix.accept names",
    )
}

/// What the relay's lines do, with the tables that were read for it.
async fn read(context: &Context, effective: &Effective) -> Judged<(Vec<Told>, Known)> {
    let container = appliance::container(context, Role::Relay)?;
    let mut known = Known::default();
    let mut told = audit::read(effective, &known);
    for _ in 0..ROUNDS {
        let wanted = known.wanted();
        if wanted.is_empty() {
            break;
        }
        for (kind, path) in wanted {
            let secret = container
                .files
                .iter()
                .any(|file| file.path == path && matches!(file.content, Content::Secret(_)));
            let text = table(context, &kind, &path).await?;
            let text = text.map(|text| if secret { masked(&text) } else { text });
            known.texts.insert(path, text);
        }
        told = audit::read(effective, &known);
    }
    ControlFlow::Continue((told, known))
}

/// The text of a table, or what postmap(1) lists of a database whose source is not there.
async fn table(context: &Context, kind: &str, path: &str) -> Judged<Option<String>> {
    let (code, text, _) = appliance::exec(context, Role::Relay, &["cat", path], None).await?;
    if code == 0 {
        return ControlFlow::Continue(Some(text));
    }
    let name = format!("{kind}:{path}");
    let argv = ["postmap", "-s", &name];
    let (code, text, _) = appliance::exec(context, Role::Relay, &argv, None).await?;
    ControlFlow::Continue((code == 0).then_some(text))
}

/// Tables that were read, and those that were asked for and not read yet.
#[derive(Default)]
struct Known {
    texts: BTreeMap<String, Option<String>>,
    asked: Mutex<Vec<(String, String)>>,
}

impl Known {
    fn wanted(&self) -> Vec<(String, String)> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = std::mem::take(&mut *asked);
        wanted.sort();
        wanted.dedup();
        wanted.retain(|(_, path)| !self.texts.contains_key(path));
        wanted
    }
}

impl Tables for Known {
    fn text(&self, kind: &str, path: &str) -> Option<String> {
        if let Some(text) = self.texts.get(path) {
            return text.clone();
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((kind.to_owned(), path.to_owned()));
        None
    }
}
