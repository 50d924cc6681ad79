//! Who may relay, as tables in which everything that a client can say of itself meets
//! everything else: a hole for one name, one address or one sender is in no sample.

mod door;

use super::super::check::{Change, Check, ON_SMTP, Sabotage};
use super::super::need::Need;
use super::super::probe::pairs::all_pairs;
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, attempt_by, command, ehlo, pass_by, port, right_certificate, under_tls, user,
};
use super::super::target::Context;
use super::super::verdict::{Judged, fail, held, unless_wrong};
use super::{ANYBODY, RECIPIENT, SENDER, Way, own_domain};
use crate::config::{Listener, Mechanism, SenderLogin};
use crate::report::Severity;
pub(super) use door::{Door, Row, judged};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.no_sender_is_trusted",
        title: "Without a login no sender and no HELO opens the relay",
        citation: "row 1; RFC 5321 section 7.1; Postfix smtpd_recipient_restrictions",
        severity: Severity::Critical,
        about: "Greets with the relay's own name, localhost, address literals and names near the \
                relay's, and names senders that a careless table trusts: none at all, postmaster, \
                the relay's own addresses, a user's address, the recipient. On port 25 each \
                greeting meets each sender; on every port, in clear and under TLS, each greeting \
                and each sender is tried. Anybody can write these, so that none may replace a \
                login.",
        repair: "Remove check_sender_access and check_helo_access with an OK, and \
                 permit_mynetworks, from smtpd_relay_restrictions.",
        sabotages: &[
            ANYBODY.seen_as("EHLO localhost, taken from <"),
            Sabotage {
                name: "mail from postmaster passes",
                changes: &[
                    ON_SMTP,
                    Change::Main(
                        "smtpd_relay_restrictions",
                        "check_sender_access inline:{postmaster@=OK}, reject",
                    ),
                    Change::Main("smtpd_data_restrictions", ""),
                ],
                sees: "taken from <postmaster",
            },
            Sabotage {
                name: "one greeting with one sender passes",
                changes: &[
                    ON_SMTP,
                    Change::Main("smtpd_restriction_classes", "from_itself"),
                    Change::Main(
                        "from_itself",
                        "check_sender_access inline:{root@localhost=OK}",
                    ),
                    Change::Main(
                        "smtpd_relay_restrictions",
                        "check_helo_access inline:{localhost=from_itself}, reject",
                    ),
                    Change::Main("smtpd_data_restrictions", ""),
                ],
                sees: "EHLO localhost, taken from <root@localhost>",
            },
            Sabotage {
                name: "a literal address as a greeting passes under TLS",
                changes: &[
                    Change::Service(
                        "submissions/inet",
                        "smtpd_relay_restrictions",
                        "check_helo_access pcre:{{/^.127.0.0.1./ OK}}, permit_sasl_authenticated, reject",
                    ),
                    Change::Service("submissions/inet", "smtpd_recipient_restrictions", ""),
                    Change::Service("submissions/inet", "smtpd_data_restrictions", ""),
                ],
                sees: "port 465 under TLS: EHLO [127.0.0.1], taken from",
            },
        ],
        ..Check::by(&no_sender_is_trusted)
    },
    Check {
        id: "relay.login_opens_whatever_is_said",
        title: "Who has logged in may send whatever the greeting, the sender and the recipient",
        citation: "row 1; row 12; RFC 6409 section 3; RFC 5321 section 4.1.4",
        severity: Severity::High,
        about: "Logs in on every listener with every mechanism, and lets each form of greeting \
                meet each sender that the login may use and each form of recipient: all must be \
                taken at RCPT. People greet with whatever their machine is called, and none of \
                these may cost them a message.",
        repair: "Look for a reject in smtpd_helo_restrictions, smtpd_sender_restrictions and \
                 smtpd_recipient_restrictions of the submission services that comes before \
                 permit_sasl_authenticated.",
        needs: &[Need::Login, Need::Built],
        sabotages: &[
            Sabotage {
                name: "greetings have to be full names",
                changes: &[
                    Change::Service(
                        "submissions/inet",
                        "smtpd_helo_restrictions",
                        "reject_non_fqdn_helo_hostname",
                    ),
                    Change::Service(
                        "submission/inet",
                        "smtpd_helo_restrictions",
                        "reject_non_fqdn_helo_hostname",
                    ),
                ],
                sees: "EHLO localhost",
            },
            Sabotage {
                name: "one recipient is refused after one greeting",
                changes: &[
                    Change::Main("smtpd_restriction_classes", "from_phones"),
                    Change::Main("from_phones", "check_recipient_access pcre:{{/.%/ REJECT}}"),
                    Change::Service(
                        "submissions/inet",
                        "smtpd_recipient_restrictions",
                        "check_helo_access inline:{localhost=from_phones}, permit_sasl_authenticated, reject",
                    ),
                ],
                sees: "localhost, from <",
            },
        ],
        ..Check::by(&login_opens_whatever_is_said)
    },
];

/// The domain that the relay's name is in.
pub(super) fn parent(host: &str) -> &str {
    host.split_once('.').map_or(host, |(_, parent)| parent)
}

/// Greetings that a careless table trusts; the first is nobody's.
pub(super) fn greetings(context: &Context) -> Vec<String> {
    let target = context.target();
    let host = &target.hostname;
    let domain = own_domain(&target.spec).unwrap_or(parent(host)).to_owned();
    vec![
        format!("EHLO {CLIENT}"),
        format!("EHLO {host}"),
        "EHLO localhost".to_owned(),
        "EHLO localhost.localdomain".to_owned(),
        "EHLO [127.0.0.1]".to_owned(),
        "EHLO [IPv6:::1]".to_owned(),
        "EHLO 127.0.0.1".to_owned(),
        format!("EHLO {domain}"),
        format!("EHLO mail.{}", parent(host)),
        format!("HELO {host}"),
        "HELO localhost".to_owned(),
    ]
}

/// Senders that a careless table trusts; the first is nobody's.
pub(super) fn senders(context: &Context) -> Vec<String> {
    let target = context.target();
    let host = &target.hostname;
    let user = target.users.first().map_or("alice", |u| u.name.as_str());
    let domain = own_domain(&target.spec).unwrap_or(parent(host));
    vec![
        SENDER.to_owned(),
        String::new(),
        "postmaster".to_owned(),
        format!("postmaster@{host}"),
        format!("MAILER-DAEMON@{host}"),
        format!("double-bounce@{host}"),
        format!("{user}@{host}"),
        format!("{user}@{domain}"),
        "root@localhost".to_owned(),
        format!("{user}@[127.0.0.1]"),
        RECIPIENT.to_owned(),
    ]
}

async fn no_sender_is_trusted(context: Context) -> Judged {
    let ways = Way::all(&context).into_iter();
    let doors: Vec<Door> = ways.map(|way| Door::of(&context, way, 0)).collect();
    let (mut greetings, senders) = (greetings(&context), senders(&context));
    if context.target().is_stranger() {
        // Of somebody else's relay less is asked: each session is one more that it sees.
        greetings = vec![format!("EHLO {}", context.target().hostname)];
    }
    let mut table = Vec::new();
    let mut add = |door: Door, greeting: &String, sender: &String| {
        table.push(Row {
            door,
            client: None,
            greeting: greeting.clone(),
            sender: sender.clone(),
            recipient: format!("<{RECIPIENT}>"),
            right: false,
        });
    };
    let full = doors
        .iter()
        .find(|door| door.way == Way::Clear(Listener::Smtp));
    for (greeting, sender) in rows::pairs(greetings.iter(), &senders.iter().collect::<Vec<_>>()) {
        if let Some(door) = full {
            add(*door, greeting, sender);
        }
    }
    let others: Vec<&Door> = doors.iter().filter(|door| Some(*door) != full).collect();
    for row in all_pairs(&[others.len(), greetings.len(), senders.len()]) {
        add(*others[row[0]], &greetings[row[1]], &senders[row[2]]);
    }
    table.sort_by(|one, other| one.greeting.cmp(&other.greeting));
    judged(&context, table).await
}

/// Forms of recipients that a login may name.
fn outside(context: &Context) -> Vec<String> {
    vec![
        format!("<{RECIPIENT}>"),
        "<\"a b\"@elsewhere.example>".to_owned(),
        "<a+b_c=d/e!f%g@elsewhere.example>".to_owned(),
        "<recipient@sub.elsewhere.example>".to_owned(),
        format!("<recipient@{}>", parent(&context.target().hostname)),
        "<recipient@[192.0.2.1]>".to_owned(),
    ]
}

async fn login_opens_whatever_is_said(context: Context) -> Judged {
    let target = context.target();
    let mechanisms = target.spec.auth.mechanisms.iter().copied();
    let ways: Vec<(Listener, Mechanism)> = mechanisms
        .flat_map(|mechanism| target.login_listeners().map(move |l| (l, mechanism)))
        .collect();
    let mut senders = match target.spec.relay.sender_login {
        SenderLogin::Any => senders(&context),
        SenderLogin::Own => vec![SENDER.to_owned(), String::new()],
    };
    // Others are refused: `protocol.submitted_domains_are_whole`.
    senders.retain(|sender| {
        let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        sender.is_empty() || domain.contains('.')
    });
    let (greetings, recipients) = (greetings(&context), outside(&context));
    let columns = [ways.len(), greetings.len(), senders.len(), recipients.len()];
    let mut sessions: Vec<_> = ways
        .into_iter()
        .map(|way| (way, Vec::<[String; 3]>::new()))
        .collect();
    for row in all_pairs(&columns) {
        sessions[row[0]].1.push([
            greetings[row[1]].clone(),
            senders[row[2]].clone(),
            recipients[row[3]].clone(),
        ]);
    }
    rows::each(
        &context,
        sessions,
        |((listener, mechanism), _)| format!("{} by {mechanism:?}", port(listener)),
        |context, ((listener, mechanism), mut said)| async move {
            said.sort();
            let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
            ehlo(&mut session, CLIENT).await?;
            let user = user(&context)?;
            let reply = attempt_by(&mut session, mechanism, &user.name, &user.password).await?;
            pass_by(&reply, 235, "AUTH")?;
            let mut greeted = String::new();
            let mut wrong = Vec::new();
            for [greeting, sender, recipient] in said {
                if greeted != greeting {
                    let reply = command(&mut session, &greeting).await?;
                    pass_by(&reply, 250, &greeting)?;
                    greeted.clone_from(&greeting);
                }
                let name = format!("{greeting}, from <{sender}> for {recipient}");
                let lines = [
                    format!("MAIL FROM:<{sender}>"),
                    format!("RCPT TO:{recipient}"),
                ];
                let mut last = None;
                for line in &lines {
                    let reply = command(&mut session, line).await?;
                    let go_on = reply.is_positive();
                    last = Some(reply);
                    if !go_on {
                        break;
                    }
                }
                let Some(reply) = last else {
                    return fail("a reply", "none");
                };
                if reply.is_positive() {
                    held(format!("{name}: taken"), reply.to_string())?;
                } else {
                    wrong.push(format!("{name}: {reply}"));
                }
                let reset = command(&mut session, "RSET").await?;
                pass_by(&reset, 250, "RSET")?;
            }
            unless_wrong(&wrong, "every recipient taken of who has logged in")
        },
    )
    .await
}
