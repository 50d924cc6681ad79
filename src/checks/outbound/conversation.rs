//! What the relay says to its next hop, word by word: the order of its commands, and the
//! wishes about reports that it passes on.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, ANY_SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::probe::session::{logged_in, login_listener};
use super::super::protocol::content::NEXT_HOP_IGNORED;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, require_none};
use crate::plan::Role;
use crate::render::next_hops::HEARING;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.conversation_is_in_order",
        title: "The relay says EHLO, STARTTLS, EHLO, MAIL, RCPT, DATA and QUIT, in this order",
        citation: "RFC 5321 section 3.3; RFC 5321 section 4.1.4; RFC 3207 section 4.2",
        severity: Severity::Medium,
        about: "Sends a message to a next hop that writes down what it hears. EHLO has to come \
                first, and again under TLS; MAIL, RCPT and DATA once each, and QUIT at the end. \
                Servers refuse clients that leave something out or hang up without a word, as \
                programs that send spam do.",
        repair: "By hand, leave smtp_never_send_ehlo = no and smtp_always_send_ehlo = yes.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER],
        sabotages: &[Sabotage {
            name: "the relay says HELO",
            changes: &[
                Change::Main("smtp_never_send_ehlo", "yes"),
                Change::Main("smtp_always_send_ehlo", "no"),
                Change::Main("smtp_tls_security_level", "none"),
            ],
            sees: "HELO",
        }],
        ..Check::by(&conversation_is_in_order)
    },
    Check {
        id: "outbound.report_wishes_are_passed_on_as_given",
        title: "RET, ENVID, NOTIFY and ORCPT reach the next hop letter by letter, or not at all",
        citation: "RFC 3461 section 5.2.1; Postfix smtp_discard_ehlo_keywords",
        severity: Severity::Low,
        about: "Sends a message with all four wishes about reports, and one without any, to a next \
                hop that writes down what it hears. The first has to come with the same values, \
                capitals and all; the second with none, but that the relay may add the recipient \
                that it got. A report that nobody asked for is noise, and one that does not come \
                is a message that nobody knows is lost.",
        repair: "By hand, leave dsn out of smtp_discard_ehlo_keywords and smtpd_discard_ehlo_keywords.",
        needs: &[Need::Login, Need::Lab, PLAYED, ANY_SENDER],
        sabotages: &[NEXT_HOP_IGNORED.seen_as("RET=HDRS is not in MAIL FROM")],
        ..Check::by(&report_wishes_are_passed_on_as_given)
    },
];

/// Submits a message whose MAIL and RCPT commands have these parameters; what the relay then
/// says to the next hop, from its first word to QUIT.
async fn heard(context: &Context, of_mail: &str, of_rcpt: &str) -> Judged<Vec<String>> {
    let mut log = Log::from_now(context, Role::Sink)?;
    let message = played::message(HEARING.domain);
    let token = message.token();
    let sender = format!("{token}@relaykit.example");
    let [mail, rcpt] = played::envelope(&sender, HEARING.domain);
    let commands = [format!("{mail}{of_mail}"), format!("{rcpt}{of_rcpt}")];
    let mut session = logged_in(context, login_listener(context)?).await?;
    mail::send_with(&mut session, &commands, &message).await?;
    played::conversation(context, &mut log, HEARING, token).await
}

/// The verbs, in their order.
const ORDER: [&str; 7] = ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"];

async fn conversation_is_in_order(context: Context) -> Judged {
    let said = heard(&context, "", "").await?;
    let verbs: Vec<&str> = said
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    require(verbs == ORDER, &ORDER.join(", "), || verbs.join(", "))
}

async fn report_wishes_are_passed_on_as_given(context: Context) -> Judged {
    let id = mail::plain().token().to_owned();
    let mail = [format!("ENVID={id}+2Bid"), "RET=HDRS".to_owned()];
    let rcpt = [
        "NOTIFY=FAILURE,DELAY".to_owned(),
        "ORCPT=rfc822;Ori+2Bginal@First.example".to_owned(),
    ];
    let own = format!("ORCPT=rfc822;{}", played::recipient(HEARING.domain));
    let table = [
        (true, mail.clone(), rcpt.clone(), own.clone()),
        (false, mail, rcpt, own),
    ];
    rows::each(
        &context,
        table,
        |(asked, ..)| if asked { "with wishes" } else { "without" }.to_owned(),
        |context, (asked, mail, rcpt, own)| async move {
            let (of_mail, of_rcpt) = if asked {
                (
                    format!(" {}", mail.join(" ")),
                    format!(" {}", rcpt.join(" ")),
                )
            } else {
                (String::new(), String::new())
            };
            let said = heard(&context, &of_mail, &of_rcpt).await?;
            let mut wrong = Vec::new();
            for (verb, wishes) in [("MAIL FROM:", &mail), ("RCPT TO:", &rcpt)] {
                let line = said.iter().find(|line| line.starts_with(verb));
                let line = line.map_or("", String::as_str);
                for wish in wishes {
                    let name = wish.split('=').next().unwrap_or_default();
                    let there = line.split(' ').find(|word| word.starts_with(name));
                    // Which address it got, the relay may say (RFC 3461 section 5.2.1).
                    let may_be = there.is_none() || there == Some(&own);
                    match (asked, there) {
                        (true, Some(there)) if there == wish => {}
                        (true, _) => wrong.push(format!("{wish} is not in {line}")),
                        (false, _) if may_be => {}
                        (false, _) => wrong.push(format!("nobody asked for {name}: {line}")),
                    }
                }
            }
            require_none(&wrong, "what was asked for, and nothing else")
        },
    )
    .await
}
