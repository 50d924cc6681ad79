//! Whose certificate is shown, and what it is worth.

use std::ops::ControlFlow;

use jiff::Timestamp;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{any_certificate, port, tls_listeners, under_tls};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, held, nothing_wrong, require, require_none};
use crate::certs::Flaw;
use crate::config::Listener;
use crate::plan::{Content, File, Plan, Role};
use crate::report::Severity;
use crate::smtp::{TlsFacts, TlsSettings};

/// The relay is its own authority.
const SELF_SIGNED: Sabotage = Sabotage {
    name: "a self-signed certificate",
    changes: &[Change::Certificate(Flaw::SelfSigned)],
    sees: "UnknownIssuer",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.chain_leads_to_the_ca",
        title: "The certificate's chain leads to the CA, and the relay has its key",
        citation: "row 11; row 13; RFC 5280 section 6.1",
        severity: Severity::High,
        about: "Shakes hands on every port, which proves that the relay has the certificate's key, \
                and follows the chain that it sends to the CA. The CA itself need not be in it. \
                Clients that check certificates do not log in to a relay without such a chain, \
                and clients that do not check give their password to anybody.",
        repair: "Put the certificate and every intermediate, in this order, into the file of \
                 `tls.certificate.cert`. By hand: key, certificate and intermediates in \
                 `smtpd_tls_chain_files`.",
        sabotages: &[SELF_SIGNED],
        ..Check::by(&chain_leads_to_the_ca)
    },
    Check {
        id: "tls.chain_is_in_order",
        title: "The relay sends its certificate, then what certifies it, and nothing else",
        citation: "RFC 5246 section 7.4.2; RFC 8446 section 4.4.2",
        severity: Severity::Low,
        about: "Looks at the certificates that the relay sends: each has to be signed by the next. \
                Some clients sort what is in disorder, others give up, and what does not \
                belong there costs a packet in every session.",
        repair: "Sort the file of `tls.certificate.cert`: the relay's own certificate first, then \
                 its issuer, and so on; leave out everything else. By hand: the same in \
                 `smtpd_tls_chain_files`.",
        sabotages: &[Sabotage {
            name: "a stranger in the chain",
            changes: &[Change::Certificate(Flaw::StrangerBehind)],
            sees: "does not certify",
        }],
        ..Check::by(&chain_is_in_order)
    },
    Check {
        id: "tls.certificate_names_the_host",
        title: "The certificate is for the relay's own name, as a subject alternative name",
        citation: "row 13; RFC 9525 section 6.3; RFC 9525 section 2",
        severity: Severity::High,
        about: "Compares the relay's name with the subject alternative names of its certificate, \
                as clients do. The common name does not count any more: a certificate that has \
                the name there alone is refused by today's clients.",
        repair: "Make `hostname` the name that clients connect to, and get a certificate for it \
                 with `DNS:` and that name among its alternative names.",
        sabotages: &[
            Sabotage {
                name: "a certificate for another host",
                changes: &[Change::Certificate(Flaw::OtherName)],
                sees: "another.relaykit.test",
            },
            Sabotage {
                name: "a certificate with a common name alone",
                changes: &[Change::Certificate(Flaw::CommonNameOnly)],
                sees: "not valid for any names",
            },
        ],
        ..Check::by(&certificate_names_the_host)
    },
    Check {
        id: "tls.certificate_stays_valid",
        title: "The certificate is valid now and for a week to come",
        citation: "row 13; RFC 5280 section 4.1.2.5",
        severity: Severity::High,
        about: "Reads from when to when each certificate of the chain is valid. A week is what it \
                takes to notice that a renewal has failed and to do it by hand; on the day \
                after the last, no client logs in.",
        repair: "Renew the certificate; in a lab, `relaykit up` does. By hand: put the new one \
                 where `smtpd_tls_chain_files` says and run `postfix reload`.",
        sabotages: &[Sabotage {
            name: "a certificate that expires tomorrow",
            changes: &[Change::Certificate(Flaw::ExpiresSoon)],
            sees: "is valid from",
        }],
        ..Check::by(&certificate_stays_valid)
    },
    Check {
        id: "tls.keys_and_signatures_are_strong",
        title: "Every certificate has a strong key and a signature with SHA-2",
        citation: "RFC 9325 section 4.3; RFC 9155 section 1",
        severity: Severity::High,
        about: "Reads the key and the signature of each certificate that the relay sends: RSA with \
                2048 bits or more, elliptic curves with 256 or more, no SHA-1, no MD5. A key \
                that can be computed, or a signature that can be copied to another \
                certificate, makes everybody the relay.",
        repair: "Have a new key made, RSA with 3072 bits or P-256, and a certificate for it.",
        sabotages: &[
            Sabotage {
                name: "RSA with 1024 bits",
                changes: &[
                    Change::Certificate(Flaw::SmallKey),
                    Change::Main("tls_high_cipherlist", "DEFAULT:@SECLEVEL=0"),
                ],
                sees: "RSA with 1024 bits",
            },
            Sabotage {
                name: "a signature with SHA-1",
                changes: &[Change::Certificate(Flaw::Sha1)],
                sees: "ecdsa-with-SHA1",
            },
        ],
        ..Check::by(&keys_and_signatures_are_strong)
    },
    Check {
        id: "tls.certificate_is_a_servers",
        title: "The certificate is made for a server and cannot sign others",
        citation: "RFC 5280 section 4.2.1.12; RFC 5280 section 4.2.1.9",
        severity: Severity::Medium,
        about: "Reads what the relay's certificate may be used for: if it says anything, it must \
                say server authentication, and it must not be a CA. A relay's key is on a host \
                that faces the Internet; with it nobody should be able to make certificates.",
        repair: "Have the certificate issued with `serverAuth` as extended key usage and \
                 `CA:FALSE` as basic constraint.",
        sabotages: &[
            Sabotage {
                name: "a client's certificate on the relay",
                changes: &[Change::Certificate(Flaw::ForClients)],
                sees: "not for servers",
            },
            Sabotage {
                name: "a certificate that can sign others",
                changes: &[Change::Certificate(Flaw::Authority)],
                sees: "may sign certificates",
            },
        ],
        ..Check::by(&certificate_is_a_servers)
    },
    Check {
        id: "tls.every_port_shows_the_same_certificate",
        title: "Every port shows the same certificate, whatever name the client asks for",
        citation: "row 11; RFC 6066 section 3; Postfix smtpd_tls_chain_files",
        severity: Severity::Low,
        about: "Compares the certificates of all ports, with the relay's name as server name, \
                with another and with none. One that was forgotten on one port when the \
                others got a new one is found here, while it is still valid.",
        repair: "Set `tls.certificate` and nothing about certificates under `postfix`. By hand: set \
                 `smtpd_tls_chain_files` in main.cf alone, and reload after a change.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "an old certificate on port 587",
            changes: &[
                Change::Plan(leave_an_old_certificate),
                Change::Service("submission/inet", "smtpd_tls_chain_files", OLD_FILE),
            ],
            sees: "another certificate",
        }],
        ..Check::by(&every_port_shows_the_same_certificate)
    },
];

/// Where the sabotage leaves it.
const OLD_FILE: &str = "/etc/relaykit/tls/old.pem";

fn leave_an_old_certificate(plan: &mut Plan) {
    for container in plan.containers.iter_mut().filter(|c| c.role == Role::Relay) {
        container.files.push(File {
            path: OLD_FILE.to_owned(),
            mode: 0o600,
            owner: (0, 0),
            content: Content::Secret(crate::certs::old()),
        });
    }
}

/// What is known of the relay's TLS after a handshake on `listener`.
async fn shown(context: &Context, listener: Listener, tls: TlsSettings) -> Judged<TlsFacts> {
    match under_tls(context, listener, tls).await?.tls() {
        Some(facts) => ControlFlow::Continue(facts.clone()),
        None => broken("the session does not know its own TLS"),
    }
}

async fn chain_leads_to_the_ca(context: Context) -> Judged {
    believed(&context, "a chain to the CA", |facts| facts.chain).await
}

async fn certificate_names_the_host(context: Context) -> Judged {
    let expected = format!("a certificate for {}", context.target().hostname);
    believed(&context, &expected, |facts| facts.name).await
}

/// Demands on every port that a client believes what `part` is of the certificate.
async fn believed(
    context: &Context,
    expected: &str,
    part: fn(TlsFacts) -> Result<(), String>,
) -> Judged {
    let listeners = tls_listeners(context)?;
    rows::each(context, listeners, port, |context, listener| async move {
        match part(shown(&context, listener, any_certificate(&context)).await?) {
            Ok(()) => nothing_wrong(expected),
            Err(reason) => fail(expected, reason),
        }
    })
    .await
}

/// Judges each certificate that the relay sends on `listener`, its own first;
/// `judge` names what is wrong with one.
async fn each_certificate(
    context: &Context,
    expected: &str,
    judge: impl Fn(usize, &X509Certificate<'_>) -> Vec<String>,
) -> Judged {
    let judge = &judge;
    rows::each(
        context,
        tls_listeners(context)?,
        port,
        |context, listener| async move {
            // What is read here is not relied on: another check proves the key.
            let tls = any_certificate(&context).unproven();
            let facts = shown(&context, listener, tls).await?;
            let mut wrong = Vec::new();
            for (index, der) in facts.certificates.iter().enumerate() {
                let Ok((_, certificate)) = parse_x509_certificate(der) else {
                    return fail("certificates (RFC 5280)", "what cannot be read as one");
                };
                let subject = certificate.subject();
                let found = judge(index, &certificate).into_iter();
                wrong.extend(found.map(|what| format!("{subject} {what}")));
            }
            require_none(&wrong, expected)
        },
    )
    .await
}

async fn certificate_stays_valid(context: Context) -> Judged {
    const WEEK: i64 = 7 * 24 * 60 * 60;
    // Others may have certificates that live for less than that, and renew in time.
    let ours = !context.target().is_stranger();
    let now = Timestamp::now().as_second();
    each_certificate(
        &context,
        "valid now and in a week",
        move |_, certificate| {
            let valid = certificate.validity();
            let (from, to) = (valid.not_before, valid.not_after);
            let third = (to.timestamp() - from.timestamp()) / 3;
            let ahead = if ours { WEEK } else { WEEK.min(third) };
            let right = from.timestamp() <= now && now + ahead <= to.timestamp();
            let observed = || format!("is valid from {from} to {to}");
            (!right).then(observed).into_iter().collect()
        },
    )
    .await
}

async fn keys_and_signatures_are_strong(context: Context) -> Judged {
    let expected = "RSA >= 2048 bits or an elliptic curve >= 256, and SHA-2";
    each_certificate(&context, expected, |_, certificate| {
        let key = match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(key)) if key.key_size() < 2048 => {
                Some(format!("has RSA with {} bits", key.key_size()))
            }
            Ok(PublicKey::EC(point)) if point.key_size() < 256 => {
                Some(format!("has a curve of {} bits", point.key_size()))
            }
            Ok(PublicKey::RSA(_) | PublicKey::EC(_)) => None,
            // Ed25519 and Ed448 (RFC 8410) have but one size each.
            _ if is_edwards(certificate) => None,
            _ => Some("has a key of a kind that is not used any more".to_owned()),
        };
        let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
        // What a certificate says that signed itself is not what makes it trusted,
        // but the relay's own must not be one.
        let old = OLD_SIGNATURES.iter().find(|(oid, _)| *oid == algorithm);
        let signature = old.map(|(_, name)| format!("is signed by {name}"));
        key.into_iter().chain(signature).collect()
    })
    .await
}

/// Object identifiers of signatures that can be forged.
const OLD_SIGNATURES: [(&str, &str); 5] = [
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.10040.4.3", "dsa-with-SHA1"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
];

fn is_edwards(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = certificate.public_key().algorithm.algorithm.to_id_string();
    matches!(algorithm.as_str(), "1.3.101.112" | "1.3.101.113")
}

async fn certificate_is_a_servers(context: Context) -> Judged {
    let expected = "a certificate for server authentication, and no CA";
    each_certificate(&context, expected, |index, certificate| {
        if index > 0 {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        let usage = certificate.extended_key_usage().ok().flatten();
        if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
            wrong.push("is not for servers".to_owned());
        }
        if certificate.is_ca() {
            wrong.push("may sign certificates".to_owned());
        }
        wrong
    })
    .await
}

async fn chain_is_in_order(context: Context) -> Judged {
    rows::each(
        &context,
        tls_listeners(&context)?,
        port,
        |context, listener| async move {
            let tls = any_certificate(&context).unproven();
            let facts = shown(&context, listener, tls).await?;
            for pair in facts.certificates.windows(2) {
                let (Ok((_, one)), Ok((_, next))) = (
                    parse_x509_certificate(&pair[0]),
                    parse_x509_certificate(&pair[1]),
                ) else {
                    return fail("certificates (RFC 5280)", "what cannot be read as one");
                };
                require(
                    one.issuer() == next.subject(),
                    "each certificate signed by the next",
                    || format!("{} does not certify {}", next.subject(), one.subject()),
                )?;
            }
            held(
                "certificates in the order in which they sign each other",
                format!("{} certificates in order", facts.certificates.len()),
            )
        },
    )
    .await
}

async fn every_port_shows_the_same_certificate(context: Context) -> Judged {
    let plain = || any_certificate(&context).unproven();
    let mut first = None;
    let mut others = Vec::new();
    for listener in tls_listeners(&context)? {
        let asked = [
            ("its own name", plain()),
            ("another name", plain().named("another.invalid")),
            ("no name", plain().without_name_indication()),
        ];
        // One port with every name is enough: the others have the same code behind.
        for (name, tls) in asked.into_iter().take(if first.is_none() { 3 } else { 1 }) {
            let own = shown(&context, listener, tls).await?.certificates;
            let place = format!("{} for {name}", port(listener));
            match &first {
                None => first = Some((place, own)),
                Some((_, certificates)) if *certificates == own => {}
                Some((where_first, _)) => {
                    others.push(format!("{place} another certificate than {where_first}"));
                }
            }
        }
    }
    require_none(&others, "one certificate everywhere")
}
