//! What the next hop learns of a sender: of one who has logged in nothing but
//! what `privacy.show_login` allows, of one who has not all that Postfix writes.

pub(super) mod beside;
pub(super) mod canaries;
pub(super) mod completed;
pub(super) mod content;
pub(super) mod earlier;
pub(super) mod kept;
pub(super) mod reports;
pub(super) mod rules;
pub(super) mod signature;
pub(super) mod trace;
pub(super) mod whole;
pub(super) mod without_login;

use super::check::{Change, Check, Sabotage};
use super::need::Need;
use super::probe::forms::{CANARY, FORM, RECIPIENTS};
use super::probe::mail;
use super::probe::rows;
use super::probe::secrets::told;
use super::probe::session::{CLIENT, logged_in, port, user};
use super::probe::trace::{Trace, newest};
use super::probe::trails::{self, Exit};
use super::target::{Context, Delivered};
use super::verdict::Judged;
use super::verdict::{held, require};
use crate::config::{Listener, Received, Says};
use crate::plan::Role;
use crate::render::{MARK, NO_CLIENT};
use crate::report::Severity;

const HIDDEN: Need = Need::Setting("privacy.received", Says::OneOf(&["rewrite", "hide"]));

/// Where Postfix's own trace header leaves as it is.
pub(super) const KEPT: Need = Need::Setting("privacy.received", Says::Is("keep"));

const SHORT_FORM: Need = Need::Setting("privacy.received", Says::Is("hide"));

/// Where `login_header_checks` are what hides a client.
pub(super) const REWRITTEN_ON_SUBMISSION: Need = Need::Settings(&[
    ("privacy.received", Says::Is("rewrite")),
    (
        "auth.listeners",
        Says::HasOneOf(&["submission", "submissions"]),
    ),
]);

const NO_HEADER_CHECKS: Sabotage = Sabotage {
    name: "no header checks",
    changes: &[
        Change::Given(REWRITTEN_ON_SUBMISSION),
        Change::Service("cleanup-login/unix", "header_checks", ""),
        Change::Main("smtp_header_checks", ""),
    ],
    sees: "canary",
};

/// Where `mixed_header_checks` are.
const REWRITTEN_ON_SMTP: Need = Need::Settings(&[
    ("privacy.received", Says::Is("rewrite")),
    ("auth.listeners", Says::Has("smtp")),
]);

const NO_MIXED_HEADER_CHECKS: Sabotage = Sabotage {
    name: "no header checks on the mixed port",
    changes: &[
        Change::Given(REWRITTEN_ON_SMTP),
        Change::Service("cleanup-mixed/unix", "header_checks", ""),
        Change::Main("smtp_header_checks", ""),
    ],
    sees: "canary",
};

/// Rules that let a quoted recipient fall through to the one that hides more.
const PLAIN_RECIPIENTS_ON_SMTP: Sabotage = Sabotage {
    name: "the rules of the mixed port know plain recipients alone",
    changes: &[
        Change::Given(REWRITTEN_ON_SMTP),
        Change::Replace(
            Role::Relay,
            "postfix/mixed_header_checks",
            "for <[^\\n]*>",
            "for <[^\\s<>]*>",
        ),
    ],
    sees: "",
};

/// What hides a client where no header checks do.
const NO_SHORT_FORM: Sabotage = Sabotage {
    name: "the short form is not used",
    changes: &[
        Change::Given(SHORT_FORM),
        Change::Service("submission/inet", "smtpd_hide_client_session", "no"),
        Change::Service("submissions/inet", "smtpd_hide_client_session", "no"),
    ],
    sees: "canary",
};

/// What a failure of [`hides`] is repaired with.
const REPAIR: &str = "Set privacy.received to rewrite or hide in relay.yaml; by hand, give each \
    submission service a cleanup service with header_checks that rewrite its own trace header \
    in every form of it, or set smtpd_hide_client_session = yes there.";

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.login_hides_every_client",
        title: "Whoever logs in, from wherever and however, leaves no trace of the client",
        citation: "row 14; RFC 5321 section 7.2; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::Critical,
        about: "Submits as clients of many kinds on every listener: IPv4, IPv6 and unknown \
                addresses, with and without a name, greetings like comments, line ends and \
                addresses, HELO, one and several recipients, SMTPUTF8, AUTH= and the null sender, \
                each TLS version and mechanism, to a next hop that takes the message, to one that \
                refuses it and to one for which the relay has to report the delivery. Every two of \
                these meet in some row. Everything that a client tells of itself has a canary in \
                it, and the whole message or report as the next hop got it is searched for them, \
                in plain, base64, quoted-printable and hexadecimal. A rule that was written from \
                one sample of the header misses the other forms. A report on a delay is not \
                waited for: Postfix writes none before an hour has passed \
                (`privacy.no_notice_tells_a_client`).",
        repair: REPAIR,
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Xclient,
            REWRITTEN_ON_SUBMISSION,
        ],
        long: true,
        sabotages: &[
            NO_HEADER_CHECKS,
            Sabotage {
                name: "the rule knows IPv4 alone",
                changes: &[Change::Service(
                    "cleanup-login/unix",
                    "header_checks",
                    "pcre:{{/^Received: from \\S+ \\(\\S+ \\[[\\d.]+\\]\\).*\\(Authenticated sender: (\\S+)\\)\\s+by (\\S+) \\(\\S+\\) with (.*)/ REPLACE Received: from [127.0.0.1] (localhost [127.0.0.1]) by $$2 (Postfix) with $$3}}",
                )],
                sees: "from IPv6 and a name on port",
            },
            Sabotage {
                name: "the rules pass one form of greeting over",
                changes: &[
                    Change::Given(REWRITTEN_ON_SUBMISSION),
                    Change::Replace(
                        Role::Relay,
                        "postfix/login_header_checks",
                        "# A login: what the client",
                        "/^Received: from .IPv6:/ DUNNO\n\n# A login: what the client",
                    ),
                ],
                sees: "EHLO [IPv6:2001:db8::77] from",
            },
        ],
        ..Check::by(&login_hides_every_client)
    },
    Check {
        id: "privacy.login_on_shared_port_hides_too",
        title: "Where port 25 takes logins beside other mail, a login leaves no trace either",
        citation: "row 14; RFC 5321 section 7.2; Postfix header_checks",
        severity: Severity::Critical,
        about: "Submits as all those clients on port 25, where a rule has to tell mail by login \
                from other mail by the header alone, and searches what the next hop got. Then \
                submits to every way to write a recipient: each trace header must be whole.",
        repair: REPAIR,
        needs: &[Need::Login, Need::Inbox, Need::Xclient, REWRITTEN_ON_SMTP],
        long: true,
        sabotages: &[
            NO_MIXED_HEADER_CHECKS,
            PLAIN_RECIPIENTS_ON_SMTP.seen_as("<\"a b\"@elsewhere.example>"),
        ],
        ..Check::by(&login_on_shared_port_hides_too)
    },
    Check {
        id: "privacy.login_hides_this_client",
        title: "Mail by login tells neither the address nor the HELO of this very client",
        citation: "row 14; RFC 5321 section 7.2",
        severity: Severity::Critical,
        about: "Logs in from this machine on every listener, sends a message and searches what the \
                next hop got for this client's greeting and for any client's address. The report \
                shows the message before and after.",
        repair: REPAIR,
        needs: &[Need::Login, Need::Inbox, HIDDEN],
        sabotages: &[
            NO_HEADER_CHECKS.seen_as("client.relaykit.test"),
            NO_MIXED_HEADER_CHECKS.seen_as("client.relaykit.test"),
            NO_SHORT_FORM.seen_as("client.relaykit.test"),
        ],
        ..Check::by(&login_hides_this_client)
    },
    Check {
        id: "privacy.short_form_hides_every_client",
        title: "Under privacy.received: hide, a login leaves no trace of the client either",
        citation: "RFC 5321 section 7.2; Postfix smtpd_hide_client_session",
        severity: Severity::Critical,
        about: "Submits as the same clients to a relay that uses Postfix's own short trace header, \
                and searches what the next hop got.",
        repair: "Set privacy.received: hide in relay.yaml; by hand, smtpd_hide_client_session = \
                 yes for every submission service in master.cf.",
        needs: &[Need::Login, Need::Inbox, Need::Xclient, SHORT_FORM],
        long: true,
        sabotages: &[NO_SHORT_FORM],
        ..Check::by(&login_hides_every_client)
    },
    Check {
        id: "privacy.client_certificate_is_not_told",
        title: "The subject and issuer of a client's certificate do not leave with its mail",
        citation: "row 11; row 14; RFC 5321 section 7.2; Postfix smtpd_tls_received_header",
        severity: Severity::Critical,
        about: "Logs in with a client certificate and searches what the next hop got for its \
                subject and issuer, which Postfix writes into the trace header together with the \
                TLS version and cipher. A certificate often has a person's name in it.",
        repair: REPAIR,
        needs: &[
            Need::Login,
            Need::Inbox,
            HIDDEN,
            Need::Setting("tls.client_certificates", Says::Is("require")),
        ],
        sabotages: &[NO_HEADER_CHECKS.seen_as("CN \"relaykit client\"")],
        ..Check::by(&client_certificate_is_not_told)
    },
];

async fn login_hides_every_client(context: Context) -> Judged {
    let listeners: Vec<Listener> = context.target().login_listeners().collect();
    hides_all(&context, &listeners).await
}

async fn login_on_shared_port_hides_too(context: Context) -> Judged {
    hides_all(&context, &[Listener::Smtp]).await?;
    let matrix: Vec<_> = RECIPIENTS.iter().map(|to| (FORM.greeting, *to)).collect();
    whole::whole_for(&context, Listener::Smtp, &matrix).await
}

/// Sends as all those clients on these listeners, and demands that nothing of them is in
/// what leaves, whichever way that is.
async fn hides_all(context: &Context, listeners: &[Listener]) -> Judged {
    let sent = trails::sent(context, trails::table(context, listeners)).await?;
    let shown = sent.iter().position(|sent| {
        let trail = &sent.trail;
        trail.exit == Exit::Delivery && trail.client == (FORM.address, FORM.host)
    });
    rows::each(
        context,
        sent.into_iter().enumerate(),
        |(_, sent)| sent.trail.name(),
        |context, (number, sent)| async move {
            let delivered = sent.arrived(&context).await?;
            if shown == Some(number) {
                let (trail, login) = (&sent.trail, &user(&context)?.name);
                let (address, host) = trail.client;
                let told = format!(
                    "client {host} [{address}]\r\n{}\r\nAUTH as {login}\r\n\r\n",
                    trail.greeting
                );
                let greeted = trail.greeting.split_once(' ').map_or("", |(_, name)| name);
                let hidden = [host, address, greeted];
                let bytes = sent.message.bytes();
                show(&context, trail.listener, &told, bytes, &delivered, &hidden);
            }
            if sent.trail.exit == Exit::Delivery {
                return hides(&context, &delivered);
            }
            tells_nothing(&delivered.raw)?;
            held(
                "nothing of the client in the report",
                format!("a report of {} bytes without it", delivered.raw.len()),
            )
        },
    )
    .await
}

/// Puts down the headers as they were submitted, after what the client told, and
/// as the next hop got them.
fn show(
    context: &Context,
    listener: Listener,
    told: &str,
    message: &[u8],
    delivered: &Delivered,
    hidden: &[&str],
) {
    let before = [told.as_bytes(), mail::head(message)].concat();
    let title = format!("mail by login on {}", port(listener));
    context.exhibit(title, before, mail::head(&delivered.raw), hidden);
}

/// Demands that nothing in a message tells of a client. Own messages have no
/// canary, no address and no client's name in them.
pub(in super::super) fn hides(context: &Context, delivered: &Delivered) -> Judged {
    tells_nothing(&delivered.raw)?;
    let trace = newest(delivered)?;
    let text = String::from_utf8_lossy(&delivered.raw).to_lowercase();
    require(
        !text.contains(MARK),
        "no mark of relaykit's own in the message",
        || trace.raw.clone(),
    )?;
    require(
        tells_no_client(context, &trace),
        match context.target().spec.privacy.received {
            Received::Hide => "a trace header without from and without an address",
            _ => "a trace header from 127.0.0.1, without another address",
        },
        || trace.raw.clone(),
    )?;
    let facts = |comment: &String| {
        let starts = ["using TLS", "Client ", "No client "];
        starts.iter().any(|start| comment.starts_with(start))
    };
    require(
        !trace.comments.iter().any(facts),
        "a trace header without the client's TLS",
        || trace.raw.clone(),
    )?;
    let host = &context.target().hostname;
    require(
        trace.by.as_deref() == Some(host),
        &format!("by {host}"),
        || trace.raw.clone(),
    )
}

/// Whether a trace header has no client in it but the one that stands for all.
pub(super) fn tells_no_client(context: &Context, trace: &Trace) -> bool {
    let start = format!("Received: {NO_CLIENT}");
    let rest = match context.target().spec.privacy.received {
        Received::Hide => trace.from.is_none().then_some(trace.raw.as_str()),
        _ => trace.raw.strip_prefix(&start),
    };
    rest.is_some_and(|rest| !rest.contains('[') && !rest.contains("helo="))
}

/// Demands that no canary, address or greeting of a client stands in `raw`, in any
/// spelling.
fn tells_nothing(raw: &[u8]) -> Judged {
    for secret in [CANARY, "192.0.2.77", "2001:db8", CLIENT] {
        let Some(form) = told(raw, secret) else {
            continue;
        };
        let text = String::from_utf8_lossy(raw).to_lowercase();
        let line = text.lines().find(|line| line.contains(secret));
        let place = line.map_or_else(|| form.to_owned(), |line| format!("in {:?}", line.trim()));
        return super::verdict::fail(
            "nothing of the client in the message",
            format!("{secret:?} {place}"),
        );
    }
    super::verdict::PASS
}

async fn login_hides_this_client(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let message = mail::plain();
            let delivered = mail::relayed(&context, &mut session, &message).await?;
            let told = format!("EHLO {CLIENT}\r\nAUTH as {}\r\n\r\n", user(&context)?.name);
            show(
                &context,
                listener,
                &told,
                message.bytes(),
                &delivered,
                &[CLIENT],
            );
            hides(&context, &delivered)
        },
    )
    .await
}

async fn client_certificate_is_not_told(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            // Whatever its name: no other part of a message has `CN "..."` in it.
            let text = String::from_utf8_lossy(&delivered.raw);
            for word in ["CN \"", "Issuer", "relaykit client", "relaykit lab"] {
                let line = text.lines().find(|line| line.contains(word));
                require(line.is_none(), "nothing of the certificate", || {
                    line.unwrap_or_default()
                })?;
            }
            hides(&context, &delivered)
        },
    )
    .await
}
