//! Certificates of clients, in each of the three settings of `tls.client_certificates`.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, command, ehlo, in_clear, open, port, right_certificate, under_tls,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, held, require};
use crate::certs::{self, Issued};
use crate::config::{Listener, Says};
use crate::report::Severity;
use crate::smtp::{Error, Failure, TlsSettings};

const NONE: Need = Need::Setting("tls.client_certificates", Says::Is("none"));

const ASK: Need = Need::Setting("tls.client_certificates", Says::Is("ask"));

const REQUIRE: Need = Need::Setting("tls.client_certificates", Says::Is("require"));

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.no_client_certificate_is_asked_for",
        title: "With client_certificates: none, no client is asked for a certificate",
        citation: "row 11; Postfix smtpd_tls_ask_ccert",
        severity: Severity::Low,
        about: "Shakes hands on every port and looks whether the relay asks for a certificate. \
                Many mail programs show a dialogue to their user when they are asked, and some \
                end the connection.",
        repair: "Set `tls.client_certificates: none`. By hand: `smtpd_tls_ask_ccert = no` and \
                 `smtpd_tls_req_ccert = no`.",
        needs: &[NONE],
        sabotages: &[Sabotage {
            name: "clients are asked for certificates",
            changes: &[Change::Main("smtpd_tls_ask_ccert", "yes")],
            sees: "a request for a client certificate",
        }],
        ..Check::by(&no_client_certificate_is_asked_for)
    },
    Check {
        id: "tls.asked_certificates_are_a_choice",
        title: "With client_certificates: ask, clients with and without one get in",
        citation: "row 11; RFC 8446 section 4.4.2.4; Postfix smtpd_tls_ask_ccert",
        severity: Severity::Medium,
        about: "Shakes hands on every port without a certificate, with one of the CA and with one \
                of a stranger. The relay has to ask each time, and to go on each time: a client \
                that has no certificate is still to log in with a password.",
        repair: "Set `tls.client_certificates: ask`. By hand: `smtpd_tls_ask_ccert = yes` and \
                 `smtpd_tls_req_ccert = no`.",
        needs: &[ASK],
        sabotages: &[
            Sabotage {
                name: "clients are not asked for certificates",
                changes: &[Change::Main("smtpd_tls_ask_ccert", "no")],
                sees: "no request for a certificate",
            },
            Sabotage {
                name: "asking is demanding",
                changes: &[Change::Service(
                    "submission/inet",
                    "smtpd_tls_req_ccert",
                    "yes",
                )],
                sees: "no way in",
            },
        ],
        ..Check::by(&asked_certificates_are_a_choice)
    },
    Check {
        id: "tls.required_certificates_are_checked",
        title: "With client_certificates: require, only clients of the CA get in",
        citation: "row 11; RFC 8446 section 4.4.2.4; Postfix smtpd_tls_req_ccert",
        severity: Severity::High,
        about: "Tries each port that has logins without a certificate and with one of a stranger, \
                which must end before EHLO is answered, and with one of the CA, which must get \
                in. A relay that asks and does not look gives its users a false safety.",
        repair: "Set `tls.client_certificates: require`. By hand: `-o smtpd_tls_req_ccert=yes` for \
                 the submission services in master.cf, and the CA in `smtpd_tls_CAfile`.",
        needs: &[REQUIRE],
        sabotages: &[NOT_REQUIRED],
        ..Check::by(&required_certificates_are_checked)
    },
    Check {
        id: "tls.resumption_does_not_skip_the_certificate",
        title: "A session resumed from another port does not stand in for a certificate",
        citation: "RFC 8446 section 4.6.1; RFC 8446 section 8; Postfix smtpd_tls_session_cache_database",
        severity: Severity::High,
        about: "Takes a session ticket on port 25, where no certificate is demanded, and resumes \
                that session on a port where one is. Whether the relay resumes it or not, it \
                must not answer EHLO: the ticket says nothing about who the client is.",
        repair: "Update Postfix. By hand: `-o smtpd_tls_req_ccert=yes` has to stand at each \
                 submission service in master.cf.",
        needs: &[REQUIRE, Need::Listener(Listener::Smtp)],
        sabotages: &[NOT_REQUIRED],
        ..Check::by(&resumption_does_not_skip_the_certificate)
    },
    Check {
        id: "tls.a_certificate_is_no_login",
        title: "A client certificate alone does not relay",
        citation: "row 1; RFC 4954 section 6; Postfix permit_tls_all_clientcerts",
        severity: Severity::Critical,
        about: "Shows a certificate of the CA on each port that has logins, does not log in, and \
                tries to send mail. It must be refused: the certificate is demanded beside the \
                login, and a host's certificate, once copied, would be an open relay.",
        repair: "Put no `permit_tls_clientcerts` or `permit_tls_all_clientcerts` into \
                 `smtpd_relay_restrictions`, in `postfix` of relay.yaml or by hand.",
        needs: &[REQUIRE, Need::Login],
        sabotages: &[Sabotage {
            name: "certificates relay",
            changes: &[
                Change::Service("submission/inet", "smtpd_relay_restrictions", CERTIFICATES),
                Change::Service(
                    "submission/inet",
                    "smtpd_recipient_restrictions",
                    CERTIFICATES,
                ),
            ],
            sees: "250 2.1.5",
        }],
        ..Check::by(&a_certificate_is_no_login)
    },
];

const CERTIFICATES: &str = "permit_sasl_authenticated, permit_tls_all_clientcerts, reject";

/// The setting that counts is not made on the ports that count.
const NOT_REQUIRED: Sabotage = Sabotage {
    name: "certificates are asked for and not required",
    changes: &[
        Change::Service("submission/inet", "smtpd_tls_req_ccert", "no"),
        Change::Service("submissions/inet", "smtpd_tls_req_ccert", "no"),
    ],
    sees: "250 ",
};

/// Shown to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Stranger,
    Right,
}

impl Shown {
    const ALL: [Self; 3] = [Self::Nothing, Self::Stranger, Self::Right];

    fn text(self) -> &'static str {
        match self {
            Self::Nothing => "no certificate",
            Self::Stranger => "a stranger's certificate",
            Self::Right => "a certificate of the CA",
        }
    }
}

/// TLS that trusts the target's CA and shows this.
fn tls(context: &Context, shown: Shown) -> Judged<TlsSettings> {
    let target = context.target();
    let tls = TlsSettings::trusting(&*target.hostname, &*target.ca_pem);
    let issued = match shown {
        Shown::Nothing => return ControlFlow::Continue(tls),
        Shown::Stranger => strangers()?,
        Shown::Right => match &target.client_certificate {
            Some(issued) => issued.clone(),
            None => return broken("the target has no certificate for clients"),
        },
    };
    ControlFlow::Continue(tls.client_certificate(issued.certificate, issued.key))
}

/// A certificate as a client's has to be, of a CA that nobody knows.
fn strangers() -> Judged<Issued> {
    let now = Timestamp::now();
    let made = certs::issue("of a stranger", &std::collections::BTreeMap::new(), now)
        .and_then(|stranger| certs::client(&stranger.authority, "stranger", now));
    match made {
        Ok(issued) => ControlFlow::Continue(issued),
        Err(error) => broken(error.to_string()),
    }
}

/// The reply to EHLO under TLS, and whether the relay asked for a certificate; or
/// why there is no reply. With TLS 1.3 a refusal comes after the handshake.
async fn enter(
    context: &Context,
    listener: Listener,
    tls: TlsSettings,
) -> Judged<Result<(String, bool), String>> {
    let entered = if listener == Listener::Submissions {
        let mut session = open(context, listener, None).await?;
        let shaken = session.handshake(&tls).await.map(|_| ());
        let greeted = match shaken {
            Ok(()) => session.greeting().await.map(|_| ()),
            Err(error) => Err(error),
        };
        greeted.map(|()| session)
    } else {
        let mut session = in_clear(context, listener).await?;
        ehlo(&mut session, CLIENT).await?;
        let shaken = session.starttls(&tls).await.map(|_| ());
        shaken.map(|()| session)
    };
    let mut session = match entered {
        Ok(session) => session,
        Err(error) => return refusal(&error),
    };
    match session.ehlo(CLIENT).await {
        Ok(offers) if offers.reply.code == 250 => {
            let asked = session
                .tls()
                .is_some_and(|facts| facts.certificate_requested);
            ControlFlow::Continue(Ok((offers.reply.to_string(), asked)))
        }
        Ok(offers) => ControlFlow::Continue(Err(offers.reply.to_string())),
        Err(error) => refusal(&error),
    }
}

fn refusal<T>(error: &Error) -> Judged<Result<T, String>> {
    match error.failure {
        Failure::Closed { .. } | Failure::Tls(_) => ControlFlow::Continue(Err(error.to_string())),
        Failure::Timeout { .. } | Failure::Settings(_) | Failure::Io(_) => {
            broken(error.to_string())
        }
        _ => fail("a session or its end", error.to_string()),
    }
}

async fn no_client_certificate_is_asked_for(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().listeners(),
        port,
        |context, listener| async move {
            let tls = right_certificate(&context);
            let session = under_tls(&context, listener, tls).await?;
            let asked = session
                .tls()
                .is_some_and(|facts| facts.certificate_requested);
            require(
                !asked,
                "no request for a certificate",
                || "a request for a client certificate",
            )
        },
    )
    .await
}

async fn asked_certificates_are_a_choice(context: Context) -> Judged {
    rows::each(
        &context,
        rows::pairs(context.target().listeners(), &Shown::ALL),
        |(listener, shown)| format!("{} on {}", shown.text(), port(listener)),
        |context, (listener, shown)| async move {
            match enter(&context, listener, tls(&context, shown)?).await? {
                Ok((reply, true)) => held("a request for a certificate, and a way in", reply),
                Ok((_, false)) => fail("a request", "no request for a certificate"),
                Err(why) => fail("250 to EHLO", format!("no way in: {why}")),
            }
        },
    )
    .await
}

async fn required_certificates_are_checked(context: Context) -> Judged {
    rows::each(
        &context,
        rows::pairs(context.target().login_listeners(), &Shown::ALL),
        |(listener, shown)| format!("{} on {}", shown.text(), port(listener)),
        |context, (listener, shown)| async move {
            let entered = enter(&context, listener, tls(&context, shown)?).await?;
            match (entered, shown) {
                (Ok((reply, _)), Shown::Right) => held("250 to EHLO", reply),
                (Err(why), Shown::Nothing | Shown::Stranger) => held("no session", why),
                (Ok((reply, _)), _) => fail("no session", reply),
                (Err(why), _) => fail("250 to EHLO", why),
            }
        },
    )
    .await
}

async fn resumption_does_not_skip_the_certificate(context: Context) -> Judged {
    rows::each(
        &context,
        context
            .target()
            .login_listeners()
            .filter(|listener| *listener != Listener::Smtp),
        port,
        |context, listener| async move {
            let tls = tls(&context, Shown::Nothing)?.resuming();
            // The answer to EHLO is behind the ticket.
            let first = enter(&context, Listener::Smtp, tls.clone()).await?;
            if let Err(why) = first {
                return fail("250 to EHLO on port 25 without a certificate", why);
            }
            match enter(&context, listener, tls).await? {
                Ok((reply, _)) => fail("no session", reply),
                Err(why) => held("no session without the certificate", why),
            }
        },
    )
    .await
}

async fn a_certificate_is_no_login(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let tls = tls(&context, Shown::Right)?;
            let mut session = under_tls(&context, listener, tls).await?;
            ehlo(&mut session, CLIENT).await?;
            command(&mut session, &format!("MAIL FROM:<{SENDER}>")).await?;
            let reply = command(&mut session, &format!("RCPT TO:<{RECIPIENT}>")).await?;
            answer(session.command("RSET").await, "a reply to RSET")?;
            // Postfix's own default is to put it off (454).
            require(
                !reply.is_positive(),
                "a refusal of RCPT without a login",
                || reply.to_string(),
            )
        },
    )
    .await
}
