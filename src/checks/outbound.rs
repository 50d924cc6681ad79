//! What the relay is towards the next hop: TLS as it is told to have it.

pub(super) mod certificate;
pub(super) mod conversation;
pub(super) mod isolation;
pub(super) mod login;
pub(super) mod manners;
pub(super) mod policies;
pub(super) mod reports;
pub(super) mod route;
pub(super) mod routes;
pub(super) mod several;
pub(super) mod suites;
pub(super) mod waiting;
pub(super) mod wishes;

use std::ops::ControlFlow;

use super::check::{Change, Check, Sabotage};
use super::need::Need;
use super::probe::appliance;
use super::probe::log::Log;
use super::probe::mail::{self, SENDER};
use super::probe::played::{self, PLAYED};
use super::probe::rows;
use super::probe::session::{logged_in, login_listener};
use super::probe::trace::{Trace, parse};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{PASS, fail, require, skip};
use crate::config::{NextHop, OutboundLevel, Says};
use crate::plan::Role;
use crate::render::next_hops::{CLEAR, MISNAMED, OLD, Played, STRANGER, STRANGERS_CERTIFICATE};
use crate::report::Severity;

const MAY: Need = Need::Settings(&[
    ("tls.outbound.level", Says::Is("may")),
    ("outbound.credentials", Says::Is("null")),
    ("tls.outbound.certificate", Says::Is("null")),
]);

const TLS_OR_NOTHING: Need = Need::Comes {
    to: "tls.outbound.level: encrypt, verify or secure, outbound.credentials or tls.outbound.certificate",
    holds: |spec| spec.outbound_level() != OutboundLevel::May,
};

pub(super) const VERIFIED: Need =
    Need::Setting("tls.outbound.level", Says::OneOf(&["verify", "secure"]));

const OPPORTUNISTIC: Sabotage = Sabotage {
    name: "TLS only where it is offered",
    changes: &[Change::Main("smtp_tls_security_level", "may")],
    sees: "status=sent",
};

pub(super) const UNVERIFIED: Sabotage = Sabotage {
    name: "the next hop's certificate is not verified",
    changes: &[Change::Main("smtp_tls_security_level", "encrypt")],
    sees: "status=sent",
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.next_hop_gets_tls",
        title: "The relay speaks TLS to a next hop that offers it",
        citation: "row 10; row 11; RFC 3207 section 4; Postfix smtp_tls_security_level",
        severity: Severity::High,
        about: "Sends a message by login and reads the trace header that the next hop wrote: it \
                tells whether the relay used STARTTLS. Mail that leaves in clear can be read and \
                changed by everybody on the way.",
        repair: "Set tls.outbound.level to may or higher in relay.yaml; by hand, \
                 smtp_tls_security_level = may in main.cf.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "TLS to nobody",
            changes: &[Change::Main("smtp_tls_security_level", "none")],
            sees: "with ESMTP\r\n",
        }],
        ..Check::by(&next_hop_gets_tls)
    },
    Check {
        id: "outbound.relay_names_itself",
        title: "The relay greets the next hop with its own name",
        citation: "row 15; RFC 5321 section 4.1.1.1; Postfix smtp_helo_name",
        severity: Severity::Medium,
        about: "Sends a message by login and reads from the next hop's trace header what the \
                relay said in EHLO. Servers refuse or distrust mail of a host that greets with \
                another name than it has, and a container's made-up name tells of the inside.",
        repair: "Set hostname in relay.yaml to the relay's public name; by hand, myhostname, and \
                 smtp_helo_name = $myhostname.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "another name",
            changes: &[Change::Main("smtp_helo_name", "somebody.example")],
            sees: "from somebody.example",
        }],
        ..Check::by(&relay_names_itself)
    },
    Check {
        id: "outbound.optional_tls_loses_no_mail",
        title: "Where TLS is optional, a next hop without TLS or with any certificate gets mail",
        citation: "row 10; RFC 7435 section 3; Postfix TLS_README",
        severity: Severity::High,
        about: "Sends mail to three next hops that the lab's sink plays: without STARTTLS, with \
                another server's certificate, and with a certificate that nobody vouches for. At \
                level may TLS protects from who only listens, and must not cost mail: each \
                message has to be delivered.",
        repair: "Set tls.outbound.level: may in relay.yaml; by hand, smtp_tls_security_level = may.",
        needs: &[Need::Login, Need::Lab, PLAYED, MAY],
        long: true,
        sabotages: &[Sabotage {
            name: "TLS is demanded of every next hop",
            changes: &[Change::Main("smtp_tls_security_level", "secure")],
            sees: "TLS is required, but was not offered",
        }],
        ..Check::by(&optional_tls_loses_no_mail)
    },
    Check {
        id: "outbound.without_tls_nothing_is_sent",
        title: "Where TLS is demanded, a next hop without STARTTLS gets nothing and mail waits",
        citation: "row 10; RFC 8314 section 4.1; RFC 5321 section 4.5.4.1; Postfix smtp_tls_security_level",
        severity: Severity::Critical,
        about: "Sends mail to a next hop that does not offer STARTTLS, as one looks when somebody \
                on the way strips the offer. The message must stay in the queue: sent in clear it \
                is read by that somebody, and bounced it is lost.",
        repair: "Set tls.outbound.level to encrypt, verify or secure in relay.yaml; by hand, \
                 smtp_tls_security_level = encrypt, without a policy that weakens it.",
        needs: &[Need::Login, Need::Lab, PLAYED, TLS_OR_NOTHING],
        sabotages: &[OPPORTUNISTIC],
        ..Check::by(&without_tls_nothing_is_sent)
    },
    Check {
        id: "outbound.unknown_authority_gets_nothing",
        title: "Where the next hop is verified, a certificate of an unknown authority gets nothing",
        citation: "row 10; RFC 5280 section 6.1; Postfix smtp_tls_CAfile",
        severity: Severity::Critical,
        about: "Makes a certificate with the next hop's right name that no authority has signed, \
                lets the sink show it, and sends mail there. Anybody can make such a certificate, \
                so that a relay which takes it can be robbed of its mail. It must wait.",
        repair: "Set tls.outbound.level to verify or secure and tls.outbound.ca to the authorities \
                 that sign next hops; by hand, smtp_tls_security_level and smtp_tls_CAfile.",
        needs: &[Need::Login, Need::Lab, PLAYED, VERIFIED],
        sabotages: &[UNVERIFIED],
        ..Check::by(&unknown_authority_gets_nothing)
    },
    Check {
        id: "outbound.wrong_name_gets_nothing",
        title: "Where the next hop is verified, another server's certificate gets nothing",
        citation: "row 10; RFC 9525 section 6.1; Postfix smtp_tls_secure_cert_match",
        severity: Severity::Critical,
        about: "Sends mail to a next hop that shows a certificate of the right authority for \
                another server's name: whoever owns any server can have one. The message must \
                wait.",
        repair: "Set tls.outbound.level: secure in relay.yaml; by hand, smtp_tls_security_level = \
                 secure, and smtp_tls_secure_cert_match with no name but the next hop's.",
        needs: &[Need::Login, Need::Lab, PLAYED, VERIFIED],
        sabotages: &[
            UNVERIFIED,
            Sabotage {
                name: "any name is good",
                changes: &[Change::Main(
                    "smtp_tls_secure_cert_match",
                    "nexthop, directory",
                )],
                sees: "status=sent",
            },
        ],
        ..Check::by(&wrong_name_gets_nothing)
    },
    Check {
        id: "outbound.old_tls_is_not_spoken",
        title: "No next hop gets TLS 1.1 or older",
        citation: "row 10; RFC 8996 section 5; Postfix smtp_tls_protocols",
        severity: Severity::Medium,
        about: "Sends mail to a next hop that knows TLS 1.0 and 1.1 alone. Both are broken and \
                withdrawn; the relay has to refuse the handshake, and keep the message or, where \
                TLS is optional, send it later without.",
        repair: "By hand, smtp_tls_protocols = >=TLSv1.2 and smtp_tls_mandatory_protocols = \
                 >=TLSv1.2; relaykit sets both.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED],
        sabotages: &[Sabotage {
            name: "old TLS is spoken",
            changes: &[
                Change::Main("smtp_tls_protocols", ">=TLSv1"),
                Change::Main("smtp_tls_mandatory_protocols", ">=TLSv1"),
                Change::Main("tls_medium_cipherlist", "ALL:@SECLEVEL=0"),
            ],
            sees: "using TLSv1.1",
        }],
        ..Check::by(&old_tls_is_not_spoken)
    },
];

/// The trace header that the next hop wrote for mail of the relay.
async fn trace_of_next_hop(context: &Context) -> Judged<Trace> {
    let mut session = logged_in(context, login_listener(context)?).await?;
    let delivered = mail::relayed(context, &mut session, &mail::plain()).await?;
    context
        .transcript()
        .note(format!("the next hop's own trace: {}", delivered.trace));
    match parse(&delivered.trace) {
        Some(trace) => ControlFlow::Continue(trace),
        None => fail("a trace header of the next hop", delivered.trace),
    }
}

async fn next_hop_gets_tls(context: Context) -> Judged {
    let spec = &context.target().spec;
    let in_clear = |hop: &&NextHop| spec.level_towards(hop) == OutboundLevel::None;
    if let Some(hop) = spec.outbound.next_hops.iter().find(in_clear) {
        return skip(format!("tls.outbound.policies says `none` of {hop}"));
    }
    let trace = trace_of_next_hop(&context).await?;
    let told = trace.comments.iter().any(|c| c.starts_with("using TLSv1"));
    require(
        told,
        "(using TLSv1...) in the next hop's trace header",
        || trace.raw.clone(),
    )?;
    let with = trace.with.as_deref();
    require(
        with.is_some_and(|w| w.contains("SMTPS")),
        "with ESMTPS",
        || trace.raw.clone(),
    )
}

async fn relay_names_itself(context: Context) -> Judged {
    let trace = trace_of_next_hop(&context).await?;
    let host = context.target().hostname.as_str();
    let from = trace.from.as_deref();
    require(from == Some(host), &format!("from {host}"), || {
        trace.raw.clone()
    })
}

async fn optional_tls_loses_no_mail(context: Context) -> Judged {
    make_strangers_certificate(&context).await?;
    rows::each(
        &context,
        [CLEAR, MISNAMED, STRANGER],
        |hop: Played| hop.domain.to_owned(),
        |context, hop| async move { played::fate(&context, hop.domain).await?.0.must_be("sent") },
    )
    .await
}

async fn without_tls_nothing_is_sent(context: Context) -> Judged {
    played::must_wait(
        &context,
        CLEAR.domain,
        "TLS is required, but was not offered",
    )
    .await
}

async fn unknown_authority_gets_nothing(context: Context) -> Judged {
    make_strangers_certificate(&context).await?;
    played::must_wait(&context, STRANGER.domain, "Server certificate not").await
}

async fn wrong_name_gets_nothing(context: Context) -> Judged {
    played::must_wait(&context, MISNAMED.domain, "Server certificate not verified").await
}

/// A certificate with the sink's name under no authority.
async fn make_strangers_certificate(context: &Context) -> Judged {
    let script = format!(
        "umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
         -subj /CN=sink -addext subjectAltName=DNS:sink -keyout /run/$$.key -out /run/$$.crt \
         && cat /run/$$.key /run/$$.crt >/run/$$.pem && mv /run/$$.pem {STRANGERS_CERTIFICATE} \
         && rm /run/$$.key /run/$$.crt"
    );
    appliance::output(context, Role::Sink, &["sh", "-c", &script]).await?;
    PASS
}

async fn old_tls_is_not_spoken(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let message = played::message(OLD.domain);
    let commands = played::envelope(SENDER, OLD.domain);
    let id = played::submit(&context, &commands, &message).await?;
    let fate = log.fate(&context, &id).await?;
    if fate.status != "sent" {
        return fate.must_be("deferred");
    }
    let trace = mail::arrival(&context, &message).await?.trace;
    let old = ["using TLSv1 ", "using TLSv1.1 "]
        .iter()
        .any(|version| trace.contains(version));
    require(!old, "TLS 1.2 or newer, or no delivery", || trace)
}
