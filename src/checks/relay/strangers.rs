//! What can be asked of a relay of which nobody told us whose mail it takes, and
//! what its own users may ask of it.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail;
use super::super::probe::recipients::RECIPIENTS;
use super::super::probe::session::{logged_in, login_listener};
use super::super::target::Context;
use super::super::verdict::PASS;
use super::super::verdict::{Judged, held};
use super::{SENDER, Way, takes};
use crate::report::Severity;
use crate::smtp::Message;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "relay.login_reaches_who_is_named",
    title: "Who has logged in can hand over a message to a recipient outside",
    citation: "row 1; row 12; RFC 6409 section 3",
    severity: Severity::High,
    about: "Logs in under TLS and hands over one message, from --sender to every --recipient; nobody else gets mail. The relay has to take it with 250. Whether it arrives, the recipient sees: the subject begins with relaykit.",
    repair: "Let users relay after logging in: auth.listeners in relay.yaml; by hand, permit_sasl_authenticated in smtpd_relay_restrictions and in whatever restrictions come before it.",
    needs: &[Need::Login, Need::Recipient],
    sabotages: &[Sabotage {
        name: "nobody relays, logged in or not",
        changes: &[
            Change::Service("submission/inet", "smtpd_relay_restrictions", "reject"),
            Change::Service("submissions/inet", "smtpd_relay_restrictions", "reject"),
        ],
        sees: "Access denied",
    }],
    ..Check::by(&login_reaches_who_is_named)
}];

/// A recipient that nobody has.
const NOBODY: &str = "<nobody-has-this-name-4d1f@HOST>";

/// The forms of addresses that open a relay. A stranger may take mail for its own
/// name, and has to take it for postmaster (RFC 5321 section 4.5.1): there, only
/// forms count that name a domain which is nobody's, and where the stranger takes
/// whatever it is told at its own name, only those that end with that domain.
pub(super) async fn recipients(context: &Context) -> Judged<Vec<&'static str>> {
    let all = RECIPIENTS.to_vec();
    if !context.target().is_stranger() {
        return ControlFlow::Continue(all);
    }
    let elsewhere = |form: &&str| form.to_lowercase().contains("elsewhere.example");
    let outside = |form: &&str| {
        let form = form.to_lowercase();
        let form = form.trim_end_matches('>').trim_end_matches('.');
        form.ends_with("@elsewhere.example")
    };
    let mut forms: Vec<&str> = all.into_iter().filter(elsewhere).collect();
    for way in Way::all(context) {
        let mut session = way.open(context).await?;
        super::ehlo(&mut session, super::CLIENT).await?;
        let nobody = NOBODY.replace("HOST", &context.target().hostname);
        if takes(&mut session, SENDER, &nobody).await? {
            context.transcript().note(format!(
                "{nobody} is taken, so that forms of addresses at the relay's own name tell nothing"
            ));
            forms.retain(outside);
            break;
        }
    }
    ControlFlow::Continue(forms)
}

async fn login_reaches_who_is_named(context: Context) -> Judged {
    let target = context.target();
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    for recipient in &target.recipients {
        let message = Message::from_to(&target.sender, recipient).build();
        let commands = [
            format!("MAIL FROM:<{}>", target.sender),
            format!("RCPT TO:<{recipient}>"),
        ];
        mail::send_with(&mut session, &commands, &message).await?;
        held(
            format!("mail for {recipient} taken"),
            "250 to MAIL, RCPT and the message",
        )?;
    }
    PASS
}
