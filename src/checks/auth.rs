//! Logging in: offered and accepted under TLS alone, with the mechanisms that
//! are configured.

pub(super) mod refusals;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::probe::rows;
use super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, in_clear, port, require_code,
    right_certificate, starts_in_clear, under_tls, user,
};
use super::verdict::{PASS, require, skip};
use super::{Change, Check, Context, Judged, Need, Sabotage, Severity};
use crate::config::{Listener, Mechanism};
use crate::smtp::Session;

const AUTH_IN_CLEAR: Sabotage = Sabotage {
    name: "AUTH does not wait for TLS",
    changes: &[Change::Main("smtpd_tls_auth_only", "no")],
    sees: "",
};

const PLAIN: Need = Need::Setting {
    text: "auth.mechanisms: plain",
    holds: |spec| spec.auth.mechanisms.contains(&Mechanism::Plain),
};

const LOGIN: Need = Need::Setting {
    text: "auth.mechanisms: login",
    holds: |spec| spec.auth.mechanisms.contains(&Mechanism::Login),
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.plaintext_is_never_offered",
        title: "AUTH is not offered before TLS",
        citation: "row 16; row 5; Postfix smtpd_tls_auth_only",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[AUTH_IN_CLEAR],
        run: |context| Box::pin(plaintext_is_never_offered(context)),
    },
    Check {
        id: "auth.plaintext_is_never_accepted",
        title: "AUTH that is sent before TLS all the same is not even tried",
        citation: "row 5; RFC 4954 section 4; Postfix smtpd_tls_auth_only",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[],
        exclusive: false,
        sabotages: &[AUTH_IN_CLEAR],
        run: |context| Box::pin(plaintext_is_never_accepted(context)),
    },
    Check {
        id: "auth.mechanisms_are_those_configured",
        title: "Under TLS exactly the configured mechanisms are offered",
        citation: "row 7; row 17; RFC 4954 section 3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Built],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(mechanisms_are_those_configured(context)),
    },
    Check {
        id: "auth.outlook_line_is_as_configured",
        title: "The AUTH= line of broken clients is there exactly when it is asked for",
        citation: "row 5; row 17; Postfix broken_sasl_auth_clients",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Built],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no line for broken clients",
            changes: &[Change::Main("broken_sasl_auth_clients", "no")],
            sees: "",
        }],
        run: |context| Box::pin(outlook_line_is_as_configured(context)),
    },
    Check {
        id: "auth.only_login_listeners_offer_it",
        title: "Listeners without logins neither offer nor take AUTH under TLS",
        citation: "row 5; row 12; Postfix smtpd_sasl_auth_enable",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Built],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "logins everywhere",
            changes: &[Change::Main("smtpd_sasl_auth_enable", "yes")],
            sees: "",
        }],
        run: |context| Box::pin(only_login_listeners_offer_it(context)),
    },
    Check {
        id: "auth.documents_pair_logs_in",
        title: "The base64 pair of name, name and password is answered with 235",
        citation: "row 18; row 19; RFC 4616 section 2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, PLAIN],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(documents_pair_logs_in(context)),
    },
    Check {
        id: "auth.plain_without_initial_response",
        title: "PLAIN logs in without authorisation identity, in one step and in two",
        citation: "row 7; RFC 4954 section 4; RFC 4616 section 2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, PLAIN],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(plain_without_initial_response(context)),
    },
    Check {
        id: "auth.login_mechanism_logs_in",
        title: "The mechanism LOGIN logs in",
        citation: "row 7; Postfix SASL_README",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, LOGIN],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(login_mechanism_logs_in(context)),
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
            let offered = offers.has("AUTH") || offers.has("AUTH=");
            require(!offered, "no AUTH in the reply to EHLO", || {
                offers.reply.to_string()
            })
        },
    )
    .await
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
            require(
                offered == expected,
                &format!("AUTH={}", listed(&expected)),
                || format!("AUTH={}", listed(&offered)),
            )
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

async fn documents_pair_logs_in(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = ready(&context, listener).await?;
            let user = user(&context)?;
            let reply = session
                .auth_plain(&user.name, &user.name, &user.password)
                .await;
            let reply = answer(reply, "a reply to AUTH")?;
            require_code(&reply, 235, "AUTH PLAIN with the pair")?;
            let again = command(&mut session, "AUTH PLAIN").await?;
            require_code(&again, 503, "a second AUTH (RFC 4954 section 4)")
        },
    )
    .await
}

async fn plain_without_initial_response(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let user = user(&context)?;
            let mut session = ready(&context, listener).await?;
            let reply = session.auth_plain("", &user.name, &user.password).await;
            require_code(
                &answer(reply, "a reply to AUTH")?,
                235,
                "AUTH PLAIN in one step",
            )?;
            let mut session = ready(&context, listener).await?;
            let reply = session
                .auth_plain_without_initial_response("", &user.name, &user.password)
                .await;
            require_code(
                &answer(reply, "a reply to AUTH")?,
                235,
                "AUTH PLAIN in two steps",
            )
        },
    )
    .await
}

async fn login_mechanism_logs_in(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let user = user(&context)?;
            let mut session = ready(&context, listener).await?;
            let reply = session.auth_login(&user.name, &user.password).await;
            require_code(&answer(reply, "a reply to AUTH")?, 235, "AUTH LOGIN")
        },
    )
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
