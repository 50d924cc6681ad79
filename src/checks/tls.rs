//! TLS towards clients: where it is spoken, with which versions, and whose
//! certificate is shown.

use std::ops::ControlFlow;

use jiff::Timestamp;
use x509_parser::parse_x509_certificate;

use super::probe::client_hello::{self, Legacy};
use super::probe::rows;
use super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, open, port, require_code,
    starts_in_clear, under_tls,
};
use super::verdict::{broken, fail, require};
use super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use crate::config::{self, Listener};
use crate::smtp::TlsVersion;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.submissions_starts_with_tls",
        title: "Port 465 speaks TLS from the first byte and nothing in the clear",
        citation: "row 12; RFC 8314 section 3.3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Listener(Listener::Submissions)],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no wrapper mode",
            changes: &[Change::Service(
                "submissions/inet",
                "smtpd_tls_wrappermode",
                "no",
            )],
            sees: "",
        }],
        run: |context| Box::pin(submissions_starts_with_tls(context)),
    },
    Check {
        id: "tls.starttls_is_offered_in_clear",
        title: "Ports 25 and 587 offer STARTTLS, and no more once it is used",
        citation: "row 11; RFC 3207 section 4.2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "TLS is off",
            changes: &[Change::Main("smtpd_tls_security_level", "none")],
            sees: "",
        }],
        run: |context| Box::pin(starttls_is_offered_in_clear(context)),
    },
    Check {
        id: "tls.submission_requires_starttls",
        title: "Port 587 takes no mail before STARTTLS",
        citation: "row 12; RFC 3207 section 4; Postfix smtpd_tls_security_level",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Listener(Listener::Submission)],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "STARTTLS is a choice",
            changes: &[Change::Service(
                "submission/inet",
                "smtpd_tls_security_level",
                "may",
            )],
            sees: "",
        }],
        run: |context| Box::pin(submission_requires_starttls(context)),
    },
    Check {
        id: "tls.chain_leads_to_the_ca",
        title: "The certificate's chain leads to the CA, and the relay has its key",
        citation: "row 11; row 13; RFC 5280 section 6.1",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(chain_leads_to_the_ca(context)),
    },
    Check {
        id: "tls.certificate_names_the_host",
        title: "The certificate is for the relay's own name",
        citation: "row 13; RFC 9525 section 6.3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(certificate_names_the_host(context)),
    },
    Check {
        id: "tls.certificate_stays_valid",
        title: "The certificate is valid now and for a week to come",
        citation: "row 13; RFC 5280 section 4.1.2.5",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(certificate_stays_valid(context)),
    },
    Check {
        id: "tls.modern_versions_are_spoken",
        title: "Every version of TLS from the configured minimum up is spoken",
        citation: "row 11; RFC 8446 section 4.2.1; Postfix smtpd_tls_mandatory_protocols",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no TLS 1.3",
            changes: &[
                Change::Main("smtpd_tls_protocols", "<=TLSv1.2"),
                Change::Main("smtpd_tls_mandatory_protocols", "<=TLSv1.2"),
            ],
            sees: "",
        }],
        run: |context| Box::pin(modern_versions_are_spoken(context)),
    },
    Check {
        id: "tls.old_versions_are_refused",
        title: "No version of TLS below the configured minimum is spoken",
        citation: "row 11; RFC 8996 section 4; Postfix smtpd_tls_protocols",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(old_versions_are_refused(context)),
    },
];

async fn submissions_starts_with_tls(context: Context) -> Judged {
    let mut clear = open(&context, Listener::Submissions, None).await?;
    // A server that waits for a handshake ends the connection at these bytes.
    let line = format!("EHLO {CLIENT}\r\n");
    answer(clear.write_raw(line.as_bytes()).await, "an open port")?;
    let said = answer(clear.expect_closed().await, "a connection that is closed")?;
    require(
        !said.contains("220") && !said.contains("250"),
        "no SMTP in the clear",
        || said,
    )?;
    under_tls(&context, Listener::Submissions, any_certificate(&context))
        .await
        .map_continue(|_| ())
}

async fn starttls_is_offered_in_clear(context: Context) -> Judged {
    rows::each(
        &context,
        starts_in_clear(&context),
        port,
        |context, listener| async move {
            let mut session = in_clear(&context, listener).await?;
            let offers = ehlo(&mut session, CLIENT).await?;
            require(offers.starttls(), "STARTTLS in the reply to EHLO", || {
                offers.reply.to_string()
            })?;
            let tls = any_certificate(&context);
            answer(session.starttls(&tls).await.map(|_| ()), "a handshake")?;
            let offers = ehlo(&mut session, CLIENT).await?;
            require(!offers.starttls(), "no STARTTLS under TLS", || {
                offers.reply.to_string()
            })
        },
    )
    .await
}

async fn submission_requires_starttls(context: Context) -> Judged {
    let mut session = in_clear(&context, Listener::Submission).await?;
    ehlo(&mut session, CLIENT).await?;
    for line in ["MAIL FROM:<sender@relaykit.example>", "VRFY postmaster"] {
        let reply = command(&mut session, line).await?;
        require_code(&reply, 530, &format!("{line} in the clear"))?;
    }
    ControlFlow::Continue(())
}

async fn chain_leads_to_the_ca(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().listeners(),
        port,
        |context, listener| async move {
            // The handshake itself proves that the relay has the certificate's key.
            let session = under_tls(&context, listener, any_certificate(&context)).await?;
            let chain = session.tls().map(|facts| facts.chain.clone());
            match chain {
                Some(Ok(())) => ControlFlow::Continue(()),
                Some(Err(reason)) => fail("a chain to the CA", reason),
                None => broken("the session does not know its own TLS"),
            }
        },
    )
    .await
}

async fn certificate_names_the_host(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().listeners(),
        port,
        |context, listener| async move {
            let session = under_tls(&context, listener, any_certificate(&context)).await?;
            match session.tls().map(|facts| facts.name.clone()) {
                Some(Ok(())) => ControlFlow::Continue(()),
                Some(Err(reason)) => fail(
                    format!("a certificate for {}", context.target().hostname),
                    reason,
                ),
                None => broken("the session does not know its own TLS"),
            }
        },
    )
    .await
}

async fn certificate_stays_valid(context: Context) -> Judged {
    const WEEK: i64 = 7 * 24 * 60 * 60;
    rows::each(
        &context,
        context.target().listeners(),
        port,
        |context, listener| async move {
            let session = under_tls(&context, listener, any_certificate(&context)).await?;
            let certificates = session.tls().map(|facts| facts.certificates.as_slice());
            let now = Timestamp::now().as_second();
            for der in certificates.unwrap_or_default() {
                let Ok((_, certificate)) = parse_x509_certificate(der) else {
                    return fail(
                        "certificates (RFC 5280)",
                        "something that cannot be read as one",
                    );
                };
                let valid = certificate.validity();
                let right = valid.not_before.timestamp() <= now
                    && now + WEEK <= valid.not_after.timestamp();
                require(right, "valid now and in a week", || {
                    format!(
                        "{} is valid from {} to {}",
                        certificate.subject(),
                        valid.not_before,
                        valid.not_after
                    )
                })?;
            }
            ControlFlow::Continue(())
        },
    )
    .await
}

async fn modern_versions_are_spoken(context: Context) -> Judged {
    let versions: &[TlsVersion] = match context.target().spec.tls.minimum {
        config::TlsVersion::V1_2 => &[TlsVersion::Tls12, TlsVersion::Tls13],
        config::TlsVersion::V1_3 => &[TlsVersion::Tls13],
    };
    let table = rows::pairs(context.target().listeners(), versions);
    rows::each(
        &context,
        table,
        |(listener, version)| format!("{version} on {}", port(listener)),
        |context, (listener, version)| async move {
            let tls = any_certificate(&context).only(version);
            under_tls(&context, listener, tls)
                .await
                .map_continue(|_| ())
        },
    )
    .await
}

async fn old_versions_are_refused(context: Context) -> Judged {
    let minimum = context.target().spec.tls.minimum;
    let table = rows::pairs(context.target().listeners(), &Legacy::ALL);
    rows::each(
        &context,
        table,
        |(listener, version)| format!("{version} on {}", port(listener)),
        |context, (listener, version)| async move {
            let mut session = open(&context, listener, None).await?;
            if listener != Listener::Submissions {
                let greeting = answer(session.greeting().await, "a greeting")?;
                require_code(&greeting, 220, "a new connection")?;
                ehlo(&mut session, CLIENT).await?;
                let ready = command(&mut session, "STARTTLS").await?;
                require_code(&ready, 220, "STARTTLS")?;
            }
            let chosen = client_hello::offer(&mut session, version).await?;
            // TLS 1.2 where it is allowed shows that it is the version that is refused.
            let allowed = version == Legacy::Tls12 && minimum == config::TlsVersion::V1_2;
            let expected = if allowed {
                "an answer to this offer"
            } else {
                "a refusal"
            };
            require(chosen.is_some() == allowed, expected, || match chosen {
                Some(version) => format!("a ServerHello for {version}"),
                None => "a refusal".to_owned(),
            })
        },
    )
    .await
}
