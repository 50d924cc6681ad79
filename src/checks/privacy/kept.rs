//! Where relay.yaml says that the trace is to be kept: an operator who wants to be
//! held to account for each client.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::forms::{self, FORM};
use super::super::probe::rows;
use super::super::probe::session::{port, user};
use super::super::probe::trace::newest;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require;
use super::KEPT;
use super::trace::dated_now;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "privacy.kept_trace_names_the_client",
    title: "Under privacy.received: keep the trace header has the client, whole, and its TLS",
    citation: "row 14; RFC 5321 section 4.4; Postfix smtpd_tls_received_header",
    severity: Severity::Low,
    about: "Submits by login on every listener as a client with a name and an address. The trace \
            header must have the client's greeting, name and address, the TLS that it came by, \
            and the login where privacy.show_login says so and not where it does not. Who keeps \
            the trace wants to find the one client of many who sends spam.",
    repair: "Set privacy.received: keep in relay.yaml, which leaves header_checks out; by hand, \
             look for a header_checks that rewrites Received, and for smtpd_hide_client_session.",
    needs: &[Need::Login, Need::Inbox, Need::Xclient, KEPT],
    sabotages: &[
        Sabotage {
            name: "clients are hidden all the same",
            changes: &[
                Change::Given(KEPT),
                Change::Main("smtpd_hide_client_session", "yes"),
            ],
            sees: "Received: by ",
        },
        Sabotage {
            name: "the login is kept another way than configured",
            changes: &[Change::Given(KEPT), Change::Turned("privacy.show_login")],
            sees: "login shown: ",
        },
    ],
    ..Check::by(&kept_trace_names_the_client)
}];

async fn kept_trace_names_the_client(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let (_, delivered) = forms::submitted(&context, listener, FORM).await?;
            let trace = newest(&delivered)?;
            let greeting = FORM.greeting.strip_prefix("EHLO ");
            require(
                trace.from.as_deref() == greeting,
                "from and the client's greeting",
                || trace.raw.clone(),
            )?;
            let has = |start: &str| trace.comments.iter().any(|c| c.starts_with(start));
            let client = format!("{} [{}]", FORM.host, FORM.address);
            require(has(&client), &format!("({client})"), || trace.raw.clone())?;
            require(has("using TLSv1"), "(using TLSv1...)", || trace.raw.clone())?;
            let login = format!("Authenticated sender: {}", user(&context)?.name);
            let shown = context.target().spec.privacy.show_login;
            let expected = if shown {
                format!("({login})")
            } else {
                "no login".to_owned()
            };
            require(has(&login) == shown, &expected, || {
                format!("login shown: {}, in {}", has(&login), trace.raw)
            })?;
            dated_now(&trace)
        },
    )
    .await
}
