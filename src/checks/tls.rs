//! TLS towards clients: where it is spoken, and with which versions. What is
//! agreed on, whose certificate is shown and what a session may do with it have
//! files of their own.

pub(super) mod authorities;
pub(super) mod certificate;
pub(super) mod clients;
pub(super) mod exchange;
pub(super) mod handshake;
pub(super) mod renewal;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod starttls;
pub(super) mod suites;
pub(super) mod waiting;

use std::ops::ControlFlow;

use super::check::{Change, Check, ON_SMTP, Sabotage};
use super::need::Need;
use super::probe::client_hello::{self, ClientHello, Version};
use super::probe::mail::{RECIPIENT, SENDER};
use super::probe::rows;
use super::probe::server_hello::{Answer, awaiting_hello, offer, say};
use super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, open, open_even_if_silent, port,
    require_code, starts_in_clear, tls_listeners, under_tls,
};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{fail, held, nothing_wrong, require};
use crate::certs::Flaw;
use crate::config::{self, Listener, Says};
use crate::report::Severity;
use crate::smtp::{Session, TlsVersion};

/// What hand-made offers need: they can be read as far as TLS 1.2 goes.
const TLS12: Need = Need::Seen("tls.minimum", Says::Is("TLSv1.2"));

/// Nobody gets TLS.
const TLS_IS_OFF: Sabotage = Sabotage {
    name: "TLS is off",
    changes: &[ON_SMTP, Change::Main("smtpd_tls_security_level", "none")],
    sees: "without STARTTLS",
};

/// The newest version is turned off.
const NO_TLS13: Sabotage = Sabotage {
    name: "no TLS 1.3",
    changes: &[
        Change::Main("smtpd_tls_protocols", "<=TLSv1.2"),
        Change::Main("smtpd_tls_mandatory_protocols", "<=TLSv1.2"),
    ],
    sees: "ProtocolVersion",
};

const REQUIRES_TLS: Need = Need::Comes {
    to: "the listener submission or submissions",
    holds: |spec| spec.listeners.submission.is_some() || spec.listeners.submissions.is_some(),
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.submissions_starts_with_tls",
        title: "Port 465 speaks TLS from the first byte and nothing in the clear",
        citation: "row 12; RFC 8314 section 3.3",
        severity: Severity::High,
        about: "Says EHLO in the clear on port 465 and waits for the end of the connection: no \
                greeting and no reply may come. Then shakes hands on a new connection. A port \
                465 that speaks in the clear would take a password in the clear from a client \
                that was told to use TLS.",
        repair: "Keep `listeners.submissions` as it is. By hand: `-o smtpd_tls_wrappermode=yes` \
                 for the submissions service in master.cf.",
        needs: &[Need::Listener(Listener::Submissions)],
        sabotages: &[Sabotage {
            name: "no wrapper mode",
            changes: &[Change::Service(
                "submissions/inet",
                "smtpd_tls_wrappermode",
                "no",
            )],
            sees: "SMTP in the clear",
        }],
        ..Check::by(&submissions_starts_with_tls)
    },
    Check {
        id: "tls.starttls_is_offered_in_clear",
        title: "Ports 25 and 587 offer STARTTLS, and no more once it is used",
        citation: "row 11; RFC 3207 section 4.2",
        severity: Severity::High,
        about: "Reads the reply to EHLO in the clear, which must have STARTTLS, shakes hands, and \
                reads it again, where it must be gone. A port that does not offer STARTTLS gets \
                everything in the clear from clients that take what they can get.",
        repair: "By hand: `smtpd_tls_security_level = may` or `encrypt`, and a certificate in \
                 `smtpd_tls_chain_files` that Postfix can read. Look for `TLS` in its log.",
        sabotages: &[
            TLS_IS_OFF,
            Sabotage {
                name: "another key than the certificate's",
                changes: &[Change::Certificate(Flaw::OtherKey)],
                sees: "454 4.7.0",
            },
        ],
        ..Check::by(&starttls_is_offered_in_clear)
    },
    Check {
        id: "tls.submission_requires_starttls",
        title: "Port 587 takes no mail before STARTTLS",
        citation: "row 12; RFC 3207 section 4; Postfix smtpd_tls_security_level",
        severity: Severity::High,
        about: "Says MAIL and VRFY on port 587 without STARTTLS, as a client does whose \
                STARTTLS somebody on the way has cut out of the reply. Both must be refused with \
                530, so that such a client stops instead of sending its mail in the clear.",
        repair: "By hand: `-o smtpd_tls_security_level=encrypt` for the submission service in \
                 master.cf.",
        needs: &[Need::Listener(Listener::Submission)],
        sabotages: &[Sabotage {
            name: "STARTTLS is a choice",
            changes: &[Change::Service(
                "submission/inet",
                "smtpd_tls_security_level",
                "may",
            )],
            sees: "250 2.1.0",
        }],
        ..Check::by(&submission_requires_starttls)
    },
    Check {
        id: "tls.ports_do_not_mix",
        title: "Ports 25 and 587 greet in the clear and take no handshake instead",
        citation: "RFC 8314 section 7.3; RFC 3207 section 4",
        severity: Severity::Medium,
        about: "Sends a ClientHello as the first bytes to ports 25 and 587. The answer must be an \
                SMTP reply: a port that begins with TLS where its name says STARTTLS leaves every \
                client waiting that was configured by the book.",
        repair: "By hand: `smtpd_tls_wrappermode = yes` belongs to the submissions service alone; \
                 take it out of main.cf and of the other services.",
        sabotages: &[Sabotage {
            name: "wrapper mode on port 587",
            changes: &[Change::Service(
                "submission/inet",
                "smtpd_tls_wrappermode",
                "yes",
            )],
            sees: "a ServerHello",
        }],
        ..Check::by(&ports_do_not_mix)
    },
    Check {
        id: "tls.modern_versions_are_spoken",
        title: "Every version of TLS from the configured minimum up is spoken",
        citation: "row 11; RFC 9325 section 3.1.1; Postfix smtpd_tls_mandatory_protocols",
        severity: Severity::Medium,
        about: "Shakes hands on every port with each version from `tls.minimum` up, offered alone. \
                Clients that have the newest version get it, and those that have TLS 1.2 alone \
                are not shut out by accident.",
        repair: "Set `tls.minimum`, and nothing about protocols under `postfix.main`. By hand: \
                 `smtpd_tls_protocols = >=TLSv1.2` and the same for \
                 `smtpd_tls_mandatory_protocols`.",
        sabotages: &[NO_TLS13],
        ..Check::by(&modern_versions_are_spoken)
    },
    Check {
        id: "tls.old_versions_are_refused",
        title: "SSL 2, SSL 3, TLS 1.0 and TLS 1.1 are refused",
        citation: "row 11; RFC 8996 section 4; RFC 7568 section 3; RFC 6176 section 3",
        severity: Severity::High,
        about: "Offers each old version alone, by hand, since no library does so any more, on \
                every port; TLS 1.2 in the same form must be answered, which shows that it is the \
                version that is refused. What an old version protects can be read or changed on \
                the way.",
        repair: "Leave `tls.minimum` at TLSv1.2 or above. By hand: `smtpd_tls_protocols = \
                 >=TLSv1.2` and the same for `smtpd_tls_mandatory_protocols`.",
        needs: &[TLS12],
        sabotages: &[Sabotage {
            name: "TLS 1.0 for old clients",
            changes: &[
                Change::Main("smtpd_tls_protocols", ">=TLSv1"),
                Change::Main("smtpd_tls_mandatory_protocols", ">=TLSv1"),
                Change::Main("tls_high_cipherlist", "DEFAULT:@SECLEVEL=0"),
                Change::Main("smtpd_tls_exclude_ciphers", "aNULL"),
            ],
            sees: "a ServerHello for TLS 1.0",
        }],
        ..Check::by(&old_versions_are_refused)
    },
    Check {
        id: "tls.minimum_version_holds",
        title: "With tls.minimum at TLSv1.3, TLS 1.2 is refused",
        citation: "RFC 8446 section 4.2.1; Postfix smtpd_tls_protocols",
        severity: Severity::Medium,
        about: "Offers TLS 1.2 alone to every port of a relay that is to speak TLS 1.3 and \
                nothing older, and wants a refusal; then offers TLS 1.3.",
        repair: "Set nothing about protocols under `postfix.main`. By hand: `smtpd_tls_protocols \
                 = >=TLSv1.3` and the same for `smtpd_tls_mandatory_protocols`, which is the one \
                 that counts where TLS is required.",
        needs: &[Need::Setting("tls.minimum", Says::Is("TLSv1.3"))],
        sabotages: &[
            Sabotage {
                name: "the minimum is forgotten where TLS is required",
                changes: &[
                    Change::Given(REQUIRES_TLS),
                    Change::Main("smtpd_tls_mandatory_protocols", ">=TLSv1.2"),
                ],
                sees: "a ServerHello for TLS 1.2",
            },
            Sabotage {
                name: "the minimum is forgotten where TLS is optional",
                changes: &[ON_SMTP, Change::Main("smtpd_tls_protocols", ">=TLSv1.2")],
                sees: "a ServerHello for TLS 1.2",
            },
        ],
        ..Check::by(&minimum_version_holds)
    },
];

async fn submissions_starts_with_tls(context: Context) -> Judged {
    let mut clear = open(&context, Listener::Submissions, None).await?;
    // A server that waits for a handshake ends the connection at these bytes.
    let line = format!("EHLO {CLIENT}\r\nQUIT\r\n");
    answer(clear.write_raw(line.as_bytes()).await, "an open port")?;
    let said = answer(clear.expect_closed().await, "a connection that is closed")?;
    // An alert is all that it may say.
    let is_reply = said.starts_with(|first: char| first.is_ascii_digit());
    require(!is_reply, "no SMTP before a handshake", || {
        let what = if is_reply {
            "SMTP in the clear"
        } else {
            "no SMTP, and the end"
        };
        format!("{what}: {}", said.escape_debug())
    })?;
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
                let with = if offers.starttls() { "with" } else { "without" };
                format!("{with} STARTTLS: {}", offers.reply)
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
    if context.target().is_stranger() {
        return takes_nothing(&mut session).await;
    }
    for line in ["MAIL FROM:<sender@relaykit.example>", "VRFY postmaster"] {
        let reply = command(&mut session, line).await?;
        require_code(&reply, 530, &format!("{line} in the clear"))?;
    }
    ControlFlow::Continue(())
}

/// What is owed of a port where TLS may be a choice: without it, no mail. Others than
/// relaykit may say so at RCPT, and in other words (RFC 6409 section 4.3).
async fn takes_nothing(session: &mut Session) -> Judged {
    let expected = "a refusal of mail in the clear";
    let reply = command(session, &format!("MAIL FROM:<{SENDER}>")).await?;
    if !reply.is_positive() {
        return held(expected, format!("{reply} to MAIL in the clear"));
    }
    let reply = command(session, &format!("RCPT TO:<{RECIPIENT}>")).await?;
    require(!reply.is_positive(), expected, || {
        format!("{reply} to RCPT in the clear")
    })
}

async fn ports_do_not_mix(context: Context) -> Judged {
    rows::each(
        &context,
        starts_in_clear(&context),
        port,
        |context, listener| async move {
            let mut session = open_even_if_silent(&context, listener, None).await?;
            let hello = ClientHello::of_tls13().record();
            match say(&mut session, &hello).await? {
                Answer::Other(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                    held("an SMTP reply to a TLS hello", text)
                }
                other => fail("an SMTP reply", other.to_string()),
            }
        },
    )
    .await
}

async fn modern_versions_are_spoken(context: Context) -> Judged {
    let versions: &[TlsVersion] = match context.target().spec.tls.minimum {
        config::TlsVersion::V1_2 => &[TlsVersion::Tls12, TlsVersion::Tls13],
        config::TlsVersion::V1_3 => &[TlsVersion::Tls13],
    };
    let table = rows::pairs(tls_listeners(&context)?, versions);
    rows::each(
        &context,
        table,
        |(listener, version)| format!("{version} on {}", port(listener)),
        |context, (listener, version)| async move {
            let tls = any_certificate(&context).only(version);
            under_tls(&context, listener, tls).await?;
            nothing_wrong(format!("a session under {version}"))
        },
    )
    .await
}

/// Versions that nobody may speak any more, SSL 2 first, and then the one that
/// must be spoken.
const OLD: [Option<Version>; 5] = [
    None,
    Some(Version::SSL3),
    Some(Version::TLS10),
    Some(Version::TLS11),
    Some(Version::TLS12),
];

async fn old_versions_are_refused(context: Context) -> Judged {
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, &OLD),
        |(listener, version)| {
            let version = version.map_or("SSL 2".to_owned(), |v| v.to_string());
            format!("{version} on {}", port(listener))
        },
        |context, (listener, version)| async move {
            let bytes = match version {
                Some(version) => ClientHello::of(version).record(),
                None => client_hello::ssl2(),
            };
            let mut session = awaiting_hello(&context, listener).await?;
            let answer = say(&mut session, &bytes).await?;
            let spoken = match &answer {
                Answer::Hello(_) => true,
                Answer::Alert(_) | Answer::Closed => false,
                // SSL 2 answers in a form of its own; SMTP would be worse.
                Answer::Other(_) => version.is_none(),
            };
            if version == Some(Version::TLS12) {
                return require(spoken, "an answer to this offer", || answer.to_string());
            }
            require(!spoken, "a refusal", || answer.to_string())
        },
    )
    .await
}

async fn minimum_version_holds(context: Context) -> Judged {
    let table = rows::pairs(
        context.target().listeners(),
        &[Version::TLS12, Version::TLS13],
    );
    rows::each(
        &context,
        table,
        |(listener, version)| format!("{version} on {}", port(listener)),
        |context, (listener, version)| async move {
            let (hello, spoken) = if version == Version::TLS13 {
                (ClientHello::of_tls13(), true)
            } else {
                (ClientHello::of(version), false)
            };
            let answer = offer(&context, listener, &hello).await?;
            let expected = if spoken { "an answer" } else { "a refusal" };
            require(answer.hello().is_some() == spoken, expected, || {
                answer.to_string()
            })
        },
    )
    .await
}
