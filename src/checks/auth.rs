//! Logging in: offered and accepted under TLS alone, with the mechanisms that
//! are configured.

pub(super) mod exchange;
pub(super) mod guessing;
pub(super) mod logins;
pub(super) mod oracle;
pub(super) mod outages;
pub(super) mod people;
pub(super) mod record;
pub(super) mod referrals;
pub(super) mod refusals;
pub(super) mod servers;
pub(super) mod terms;
pub(super) mod users_file;
pub(super) mod words;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::probe::unguarded::{BY_LIBRARY, ITS_SOCKET, LIBRARY_FOLDER, LIBRARY_PATH, NO_GUARD};

use super::check::{Change, Check, Sabotage};
use super::need::Need;
use super::probe::rows;
use super::probe::session::{
    CLIENT, any_certificate, command, ehlo, in_clear, port, right_certificate, starts_in_clear,
    under_tls,
};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{PASS, require, skip};
use crate::config::{Listener, Says};
use crate::report::Severity;
use crate::smtp::{Capabilities, Session};

const AUTH_IN_CLEAR: Sabotage = Sabotage {
    name: "AUTH does not wait for TLS",
    changes: &[
        Change::Main("smtpd_tls_auth_only", "no"),
        Change::Service("submission/inet", "smtpd_tls_security_level", "may"),
        Change::Service("smtp/inet", "smtpd_tls_auth_only", "no"),
    ],
    sees: "AUTH ",
};

const PLAIN: Need = Need::Seen("auth.mechanisms", Says::Has("plain"));

const LOGIN: Need = Need::Seen("auth.mechanisms", Says::Has("login"));

const OUTLOOK: Need = Need::Setting("auth.outlook_compatible", Says::Is("true"));

const NO_OUTLOOK: Need = Need::Setting("auth.outlook_compatible", Says::Is("false"));

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.plaintext_is_never_offered",
        title: "AUTH is not offered before TLS",
        citation: "row 16; row 5; Postfix smtpd_tls_auth_only",
        severity: Severity::Critical,
        about: "Says EHLO on each port that begins in the clear and reads what is offered. AUTH, \
                or the AUTH= line of old clients, must not be there: a client that sees it sends \
                its password, and everybody on the way reads it.",
        repair: "By hand, smtpd_tls_auth_only = yes for every service.",
        sabotages: &[AUTH_IN_CLEAR],
        ..Check::by(&plaintext_is_never_offered)
    },
    Check {
        id: "auth.plaintext_is_never_accepted",
        title: "AUTH that is sent before TLS all the same is not even tried",
        citation: "row 5; RFC 4954 section 4; Postfix smtpd_tls_auth_only",
        severity: Severity::Critical,
        about: "Sends AUTH before TLS although it is not offered, with and without a response. \
                The relay must refuse the command itself: 535 would mean that it has looked at \
                the password, 334 that it asks for one. Clients that are set to TLS 'if \
                available' try, when somebody on the way removes STARTTLS.",
        repair: "By hand, smtpd_tls_auth_only = yes for every service.",
        sabotages: &[AUTH_IN_CLEAR.seen_as("535")],
        ..Check::by(&plaintext_is_never_accepted)
    },
    Check {
        id: "auth.mechanisms_are_those_configured",
        title: "Under TLS exactly the configured mechanisms are offered",
        citation: "row 7; row 17; RFC 4954 section 3",
        severity: Severity::Medium,
        about: "Says EHLO under TLS on each port with logins and compares the list after AUTH \
                with auth.mechanisms. A mechanism too many is one that saslauthd cannot serve, \
                and clients prefer it; one too few locks out those who know no other.",
        repair: "Set auth.mechanisms. By hand, mech_list in Cyrus SASL's smtpd.conf.",
        needs: &[Need::Login, Need::Built],
        sabotages: &[Sabotage {
            name: "PLAIN is not served",
            changes: &[
                Change::Given(PLAIN),
                Change::Setting("auth.mechanisms", "[login]"),
            ],
            sees: "AUTH LOGIN",
        }],
        ..Check::by(&mechanisms_are_those_configured)
    },
    Check {
        id: "auth.outlook_line_is_as_configured",
        title: "The AUTH= line of broken clients is there exactly when it is asked for",
        citation: "row 5; row 17; Postfix broken_sasl_auth_clients",
        severity: Severity::Low,
        about: "Reads the reply to EHLO under TLS. Old clients look for AUTH=LOGIN where the \
                standard has AUTH LOGIN: with auth.outlook_compatible the line must repeat every \
                mechanism, and without it there must be none.",
        repair: "Set auth.outlook_compatible. By hand, broken_sasl_auth_clients.",
        needs: &[Need::Login, Need::Built],
        sabotages: &[
            Sabotage {
                name: "no line for broken clients",
                changes: &[
                    Change::Given(OUTLOOK),
                    Change::Main("broken_sasl_auth_clients", "no"),
                ],
                sees: "no line AUTH=",
            },
            Sabotage {
                name: "a line for broken clients",
                changes: &[
                    Change::Given(NO_OUTLOOK),
                    Change::Main("broken_sasl_auth_clients", "yes"),
                ],
                sees: "a line AUTH=",
            },
        ],
        ..Check::by(&outlook_line_is_as_configured)
    },
    Check {
        id: "auth.only_login_listeners_offer_it",
        title: "Listeners without logins neither offer nor take AUTH under TLS",
        citation: "row 5; row 12; Postfix smtpd_sasl_auth_enable",
        severity: Severity::Medium,
        about: "Under TLS on each port that is not in auth.listeners, looks for AUTH in the \
                reply to EHLO and sends it all the same: 502 or 503 must come. A port for \
                servers that takes logins is one more place to guess passwords, without the \
                limits of the others.",
        repair: "Set auth.listeners. By hand, smtpd_sasl_auth_enable = no in main.cf and yes \
                 only for services that need it.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "logins everywhere",
            changes: &[Change::Main("smtpd_sasl_auth_enable", "yes")],
            sees: "250-AUTH ",
        }],
        ..Check::by(&only_login_listeners_offer_it)
    },
];

async fn plaintext_is_never_offered(context: Context) -> Judged {
    rows::each(
        &context,
        starts_in_clear(&context),
        port,
        |context, listener| async move {
            let mut session = in_clear(&context, listener).await?;
            let offers = ehlo(&mut session, CLIENT).await?;
            let offered = if context.target().is_stranger() {
                shows_secrets(&offers)
            } else {
                offers.has("AUTH") || offers.has("AUTH=")
            };
            require(!offered, "no AUTH in the reply to EHLO", || {
                offers.reply.to_string()
            })
        },
    )
    .await
}

/// Whether a mechanism is offered that hands over a password or a token as it is. A
/// stranger may offer others in the clear, CRAM-MD5 or SCRAM (RFC 4954 section 4).
fn shows_secrets(offers: &Capabilities) -> bool {
    let offered = offers.auth_mechanisms().iter();
    let mut offered = offered.chain(offers.auth_equals_mechanisms());
    let plaintext = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];
    offered.any(|name| plaintext.iter().any(|p| p.eq_ignore_ascii_case(name)))
}

async fn plaintext_is_never_accepted(context: Context) -> Judged {
    rows::each(
        &context,
        starts_in_clear(&context),
        port,
        |context, listener| async move {
            let mut session = in_clear(&context, listener).await?;
            ehlo(&mut session, CLIENT).await?;
            // Nobody's password: what counts is whether anybody looks at it. 535 would
            // mean that it was tried, 334 that the server asks for it.
            let pair = STANDARD.encode("nobody\0nobody\0nothing");
            for line in [
                format!("AUTH PLAIN {pair}"),
                "AUTH PLAIN".into(),
                "AUTH LOGIN".into(),
            ] {
                let reply = command(&mut session, &line).await?;
                let refused = reply.is_permanent() && reply.code != 535;
                require(
                    refused,
                    "a refusal of AUTH itself: 502, 503, 530 or 538",
                    || reply.to_string(),
                )?;
            }
            PASS
        },
    )
    .await
}

async fn mechanisms_are_those_configured(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = under_tls(&context, listener, any_certificate(&context)).await?;
            let offers = ehlo(&mut session, CLIENT).await?;
            let expected = configured(&context);
            let offered = set(offers.auth_mechanisms());
            require(
                offered == expected,
                &format!("AUTH {}", listed(&expected)),
                || format!("AUTH {}", listed(&offered)),
            )
        },
    )
    .await
}

async fn outlook_line_is_as_configured(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = under_tls(&context, listener, any_certificate(&context)).await?;
            let offers = ehlo(&mut session, CLIENT).await?;
            let expected = if context.target().spec.auth.outlook_compatible {
                configured(&context)
            } else {
                BTreeSet::new()
            };
            let offered = set(offers.auth_equals_mechanisms());
            let line = |mechanisms: &BTreeSet<String>| {
                if mechanisms.is_empty() {
                    "no line AUTH=".to_owned()
                } else {
                    format!("a line AUTH={}", listed(mechanisms))
                }
            };
            require(offered == expected, &line(&expected), || line(&offered))
        },
    )
    .await
}

async fn only_login_listeners_offer_it(context: Context) -> Judged {
    let target = context.target();
    let others: Vec<_> = target
        .listeners()
        .filter(|l| !target.spec.auth.listeners.contains(l))
        .collect();
    if others.is_empty() {
        return skip("every listener offers logins");
    }
    rows::each(&context, others, port, |context, listener| async move {
        let mut session = under_tls(&context, listener, any_certificate(&context)).await?;
        let offers = ehlo(&mut session, CLIENT).await?;
        let offered = offers.has("AUTH") || offers.has("AUTH=");
        require(!offered, "no AUTH in the reply to EHLO", || {
            offers.reply.to_string()
        })?;
        let pair = STANDARD.encode("nobody\0nobody\0nothing");
        let reply = command(&mut session, &format!("AUTH PLAIN {pair}")).await?;
        require(
            reply.code == 502 || reply.code == 503,
            "502 or 503 to AUTH",
            || reply.to_string(),
        )
    })
    .await
}

/// A session that could log in.
async fn ready(context: &Context, listener: Listener) -> Judged<Session> {
    let mut session = under_tls(context, listener, right_certificate(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    ControlFlow::Continue(session)
}

fn configured(context: &Context) -> BTreeSet<String> {
    let mechanisms = &context.target().spec.auth.mechanisms;
    mechanisms.iter().map(|m| m.name().to_uppercase()).collect()
}

fn set(words: &[String]) -> BTreeSet<String> {
    words.iter().map(|word| word.to_uppercase()).collect()
}

fn listed(words: &BTreeSet<String>) -> String {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::testing::Relay;
    use super::super::verdict::PASS;
    use crate::report::Outcome;

    fn offers_auth(line: &str) -> &'static str {
        match line.split(' ').next() {
            Some("EHLO") => "250-relay.relaykit.test\r\n250-AUTH PLAIN\r\n250 STARTTLS",
            Some("AUTH") => "535 5.7.8 authentication failed",
            _ => "500 what",
        }
    }

    fn hides_auth(line: &str) -> &'static str {
        match line.split(' ').next() {
            Some("EHLO") => "250-relay.relaykit.test\r\n250 STARTTLS",
            _ => "503 5.5.1 authentication not enabled",
        }
    }

    #[tokio::test]
    async fn auth_before_tls_is_found_where_it_is_offered() {
        let judged = Relay::that(offers_auth).await;
        let judged = judged.judged_by("auth.plaintext_is_never_offered").await;
        let ControlFlow::Break(Outcome::Fail { observed, .. }) = judged else {
            panic!("{judged:?}");
        };
        assert!(observed.starts_with("port 25: "), "{observed}");
        assert!(observed.contains("AUTH PLAIN"), "{observed}");
    }

    #[tokio::test]
    async fn a_password_that_was_looked_at_is_no_refusal_of_auth() {
        let relay = Relay::that(offers_auth).await;
        let judged = relay.judged_by("auth.plaintext_is_never_accepted").await;
        assert!(matches!(judged, ControlFlow::Break(Outcome::Fail { .. })));
    }

    #[tokio::test]
    async fn a_relay_without_auth_in_clear_passes() {
        let relay = Relay::that(hides_auth).await;
        for id in [
            "auth.plaintext_is_never_offered",
            "auth.plaintext_is_never_accepted",
        ] {
            assert_eq!(relay.judged_by(id).await, PASS, "{id}");
        }
    }

    #[tokio::test]
    async fn a_relay_that_hangs_up_fails_and_does_not_break_the_check() {
        let relay = Relay::that(|_| "garbage").await;
        let judged = relay.judged_by("auth.plaintext_is_never_offered").await;
        assert!(
            matches!(judged, ControlFlow::Break(Outcome::Fail { .. })),
            "{judged:?}"
        );
    }
}
