//! What strangers could make the relay send to whom they name as the sender: mail
//! that the next hop refuses comes back, and who asks for a report gets one.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::SENDER;
use super::super::probe::played::PLAYED;
use super::super::probe::session::{
    CLIENT, any_certificate, command, ehlo, in_clear, logged_in, require_code, under_tls,
};
use super::super::probe::xclient::{Client, xclient};
use super::super::probe::{mail, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require, skip};
use super::own_domain;
use crate::config::{Listener, Says};
use crate::render::next_hops::{AWAY, BUSY, REFUSING};
use crate::report::Severity;
use crate::smtp::{Message, Reply, Session};

/// That strangers may write to those who are refused, and to one who is not.
const REFUSED_DOMAINS: Need = Need::Settings(&[
    ("relay.domains", Says::Has(REFUSING)),
    ("relay.domains", Says::Has(BUSY)),
    ("relay.domains", Says::Has(AWAY.domain)),
]);

/// That relaykit asks the next hop, and not an operator's list.
const ASKED: Need = Need::Setting("postfix.main", Says::Without(&["relay_recipient_maps"]));

const OWN_DOMAIN: Need = Need::Setting("relay.domains", Says::Something);

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.unknown_recipients_are_refused_at_once",
        title: "A stranger's recipient whom the next hop does not take is refused before DATA",
        citation: "RFC 5321 section 3.6.2; RFC 5321 section 7.8; Postfix reject_unverified_recipient",
        severity: Severity::High,
        about: "Names recipients of relay.domains on port 25 without a login, under senders that \
                are nobody's: one whom the next hop refuses for good must get 550, one whom it \
                refuses for now and one whose next hop is away 450, always in words that do not \
                tell how the next hop is called, and one whom it takes 250. Taken and refused \
                later, such mail is returned to the sender that the stranger forged, body and \
                all. Logins and trusted networks are not asked: they are told by a report.",
        repair: "By hand: reject_unverified_recipient at the end of smtpd_recipient_restrictions \
                 of port 25, behind permit_mynetworks and permit_sasl_authenticated; \
                 unverified_recipient_reject_code = 550; verify in master.cf. Or a list of all \
                 recipients in relay_recipient_maps.",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Lab,
            Need::Xclient,
            PLAYED,
            REFUSED_DOMAINS,
            ASKED,
        ],
        long: true,
        sabotages: &[
            Sabotage {
                name: "the next hop is not asked for recipients",
                changes: &[Change::Main("smtpd_recipient_restrictions", "")],
                sees: "refused for good: 250",
            },
            Sabotage {
                name: "who cannot be asked about is taken",
                changes: &[Change::Main("unverified_recipient_defer_code", "250")],
                sees: "whose next hop is away: 250",
            },
            Sabotage {
                name: "unknown recipients are refused for now",
                changes: &[Change::Main("unverified_recipient_reject_code", "450")],
                sees: "refused for good: 450",
            },
            Sabotage {
                name: "strangers are told of the next hop",
                changes: &[Change::Main("unverified_recipient_reject_reason", "")],
                sees: "host sink",
            },
            Sabotage {
                name: "the next hop is asked about everybody's recipients",
                changes: &[Change::Main(
                    "smtpd_recipient_restrictions",
                    "reject_unverified_recipient",
                )],
                sees: "of a trusted network: 550",
            },
        ],
        ..Check::by(&unknown_recipients_are_refused_at_once)
    },
    Check {
        id: "relay.strangers_get_no_reports",
        title: "Strangers cannot ask for a report of delivery, who has logged in can",
        citation: "RFC 3461 section 4.1; Postfix smtpd_discard_ehlo_keywords",
        severity: Severity::High,
        about: "Asks as a stranger on port 25 for a report of a successful delivery, after EHLO \
                and after HELO, in clear and under TLS: DSN must not be offered and the wish be \
                refused, since the report would go to a sender that the stranger can forge. On \
                the ports where everybody has logged in DSN is offered.",
        repair: "By hand: dsn in smtpd_discard_ehlo_keywords of port 25, and not in that of the \
                 submission services.",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Built,
            OWN_DOMAIN,
            Need::Setting(
                "postfix.main",
                Says::Without(&[
                    "smtpd_discard_ehlo_keywords",
                    "smtpd_discard_ehlo_keyword_address_maps",
                ]),
            ),
        ],
        sabotages: &[
            Sabotage {
                name: "strangers are offered reports",
                changes: &[
                    Change::Given(OWN_DOMAIN),
                    Change::Main(
                        "smtpd_discard_ehlo_keywords",
                        "chunking, etrn, silent-discard",
                    ),
                ],
                sees: "DSN is offered",
            },
            Sabotage {
                name: "nobody is offered reports",
                changes: &[
                    Change::Given(OWN_DOMAIN),
                    Change::Service("submission/inet", "smtpd_discard_ehlo_keywords", "dsn"),
                    Change::Service("submissions/inet", "smtpd_discard_ehlo_keywords", "dsn"),
                ],
                sees: "DSN is not offered",
            },
        ],
        ..Check::by(&strangers_get_no_reports)
    },
];

/// How often a stranger tries, whose first question may meet a next hop that has not
/// answered yet: the relay waits for seconds each time.
const TRIES: usize = 3;

/// Addresses of nobody's (RFC 5737), and one that a variant of relay.yaml trusts.
const STRANGER: Client<'_> = Client {
    address: "203.0.113.25",
    name: "[UNAVAILABLE]",
};
const TRUSTED: Client<'_> = Client {
    address: "198.18.5.77",
    name: "[UNAVAILABLE]",
};

/// Who asks about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Stranger,
    Trusted,
    Login,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    who: Who,
    domain: Option<&'static str>,
    sender: &'static str,
    code: u16,
}

const fn row(name: &'static str, who: Who, domain: Option<&'static str>, code: u16) -> Row {
    Row {
        name,
        who,
        domain,
        sender: "forged@victim.example",
        code,
    }
}

const ROWS: [Row; 7] = [
    row("refused for good", Who::Stranger, Some(REFUSING), 550),
    Row {
        sender: "",
        ..row(
            "refused for good, from nobody",
            Who::Stranger,
            Some(REFUSING),
            550,
        )
    },
    row("refused for now", Who::Stranger, Some(BUSY), 450),
    row(
        "whose next hop is away",
        Who::Stranger,
        Some(AWAY.domain),
        450,
    ),
    row("whom the next hop takes", Who::Stranger, None, 250),
    row("of a trusted network", Who::Trusted, Some(REFUSING), 250),
    // A login may be allowed its own addresses alone.
    Row {
        sender: SENDER,
        ..row("of a login", Who::Login, Some(REFUSING), 250)
    },
];

async fn unknown_recipients_are_refused_at_once(context: Context) -> Judged {
    let spec = &context.target().spec;
    let trusts = spec
        .relay
        .trusted_networks
        .iter()
        .any(|n| n == "198.18.5.0/24");
    let logins = spec.auth.listeners.contains(&Listener::Smtp);
    let rows = ROWS.into_iter().filter(|row| match row.who {
        Who::Stranger => true,
        Who::Trusted => trusts,
        Who::Login => logins,
    });
    rows::each(
        &context,
        rows,
        |row| row.name.to_owned(),
        |context, row| async move {
            let host = own_domain(&context.target().spec);
            let Some(domain) = row.domain.or(host) else {
                return skip("relay.domains has no plain name");
            };
            // Nobody has asked about this one before.
            let unique = Message::from_to(SENDER, SENDER).build().token().to_owned();
            let recipient = format!("{unique}@{domain}");
            let reply = settled(&context, row, &recipient).await?;
            let told = format!("{}: {reply}", row.name);
            require(reply.code == row.code, &row.code.to_string(), || told)?;
            let text = reply.to_string().replace(&recipient, "");
            require(
                !text.contains("sink") && !text.contains(" said: "),
                "no word of the next hop",
                || text.clone(),
            )
        },
    )
    .await
}

/// The reply to RCPT. A stranger who gets 450 tries again, as all servers do, until
/// the relay says something else; where 450 is right, once.
async fn settled(context: &Context, row: Row, recipient: &str) -> Judged<Reply> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut session = session(context, row.who).await?;
        let mail = format!("MAIL FROM:<{}>", row.sender);
        require_code(&command(&mut session, &mail).await?, 250, &mail)?;
        let reply = command(&mut session, &format!("RCPT TO:<{recipient}>")).await?;
        if reply.code != 450 || row.code == 450 || tries == TRIES {
            return ControlFlow::Continue(reply);
        }
    }
}

async fn session(context: &Context, who: Who) -> Judged<Session> {
    let client = match who {
        Who::Login => return logged_in(context, Listener::Smtp).await,
        Who::Stranger => STRANGER,
        Who::Trusted => TRUSTED,
    };
    let mut session = in_clear(context, Listener::Smtp).await?;
    ehlo(&mut session, CLIENT).await?;
    xclient(&mut session, client).await?;
    ehlo(&mut session, CLIENT).await?;
    ControlFlow::Continue(session)
}

async fn strangers_get_no_reports(context: Context) -> Judged {
    for under in [false, true] {
        for hello in ["EHLO", "HELO"] {
            wish_is_refused(&context, under, hello).await?;
        }
    }
    for listener in context.target().login_listeners() {
        if listener == Listener::Smtp {
            continue;
        }
        let mut session = under_tls(&context, listener, any_certificate(&context)).await?;
        let offers = ehlo(&mut session, CLIENT).await?;
        require(offers.has("DSN"), "DSN for logins", || {
            let is = if offers.has("DSN") { "is" } else { "is not" };
            format!("port {}: DSN {is} offered", listener.port())
        })?;
    }
    PASS
}

async fn wish_is_refused(context: &Context, tls: bool, hello: &str) -> Judged {
    let mut session = if tls {
        under_tls(context, Listener::Smtp, any_certificate(context)).await?
    } else {
        in_clear(context, Listener::Smtp).await?
    };
    if hello == "EHLO" {
        let offers = ehlo(&mut session, CLIENT).await?;
        require(
            !offers.has("DSN"),
            "no DSN for strangers",
            || "DSN is offered",
        )?;
    } else {
        let line = format!("HELO {CLIENT}");
        require_code(&command(&mut session, &line).await?, 250, &line)?;
    }
    let mail = format!("MAIL FROM:<{}>", mail::SENDER);
    require_code(&command(&mut session, &mail).await?, 250, &mail)?;
    let Some(domain) = own_domain(&context.target().spec) else {
        return skip("relay.domains has no plain name");
    };
    let rcpt = format!("RCPT TO:<recipient@{domain}> NOTIFY=SUCCESS");
    let reply = command(&mut session, &rcpt).await?;
    if (500..600).contains(&reply.code) {
        return PASS;
    }
    fail("5xx to a wish for a report", format!("{rcpt}: {reply}"))
}
