//! The domains of addresses in submitted mail.

use super::super::check::{Check, Sabotage, logins_alone};
use super::super::need::Need;
use super::super::probe::mail::{ANY_SENDER, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{command, port, require_code};
use super::super::target::Context;
use super::super::verdict::{Judged, require, require_none};
use super::submission_to;
use crate::config::Listener;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "protocol.submitted_domains_are_whole",
    title: "Who logs in on 587 or 465 is told at once of an address without a whole domain",
    citation: "RFC 6409 section 4.2; RFC 6409 section 5.1; Postfix reject_non_fqdn_sender",
    severity: Severity::Medium,
    about: "Logs in, and names senders and recipients with a domain of one label, as machines do that \
            call themselves web1, and without any. Each must be refused, and a whole address taken \
            in the same session. A next hop refuses such a sender later, and nobody is told: the \
            report has nowhere to go.",
    repair: "By hand, let smtpd_recipient_restrictions of 587 and 465 begin with \
             reject_non_fqdn_sender, reject_non_fqdn_recipient.",
    needs: &[Need::Login, Need::Lab, ANY_SENDER],
    sabotages: &[Sabotage {
        name: "domains of one label are taken from logins",
        changes: &logins_alone("smtpd_recipient_restrictions"),
        sees: "from <sender@web1>: 250",
    }],
    ..Check::by(&submitted_domains_are_whole)
}];

/// Each is half of an address.
const ENDS: [&str; 3] = ["@web1", "@localhost", ""];

async fn submitted_domains_are_whole(context: Context) -> Judged {
    let listeners = context.target().login_listeners();
    let listeners: Vec<Listener> = listeners.filter(|l| *l != Listener::Smtp).collect();
    rows::each(&context, listeners, port, |context, listener| async move {
        let mut session = submission_to(&context, listener).await?;
        let mut wrong = Vec::new();
        let envelopes = ENDS
            .iter()
            .map(|end| (format!("sender{end}"), RECIPIENT.to_owned(), true))
            .chain(
                ENDS.iter()
                    .map(|end| (SENDER.to_owned(), format!("recipient{end}"), false)),
            );
        for (sender, recipient, of_sender) in envelopes {
            let mail = command(&mut session, &format!("MAIL FROM:<{sender}>")).await?;
            // A sender may be refused here already, or with the first recipient.
            let refused = if mail.is_permanent() {
                mail
            } else {
                command(&mut session, &format!("RCPT TO:<{recipient}>")).await?
            };
            if !refused.is_permanent() {
                let (what, address) = if of_sender {
                    ("from", &sender)
                } else {
                    ("to", &recipient)
                };
                wrong.push(format!("{what} <{address}>: {refused}"));
            }
            require_code(&command(&mut session, "RSET").await?, 250, "RSET")?;
        }
        require_none(&wrong, "504 to each")?;
        require_code(
            &command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?,
            250,
            "MAIL",
        )?;
        let reply = command(&mut session, &format!("RCPT TO:<{RECIPIENT}>")).await?;
        require(reply.code == 250, "250 to a whole address", || {
            reply.to_string()
        })
    })
    .await
}
