//! What the relay is towards the next hop.

use std::ops::ControlFlow;

use super::probe::mail;
use super::probe::session::{logged_in, login_listener};
use super::probe::trace::parse;
use super::verdict::{fail, require};
use super::{Change, Check, Context, Judged, Need, Sabotage, Severity};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.next_hop_gets_tls",
        title: "The relay speaks TLS to a next hop that offers it",
        citation: "row 10; row 11; RFC 3207 section 4; Postfix smtp_tls_security_level",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "TLS to nobody",
            changes: &[Change::Main("smtp_tls_security_level", "none")],
            sees: "",
        }],
        run: |context| Box::pin(next_hop_gets_tls(context)),
    },
    Check {
        id: "outbound.relay_names_itself",
        title: "The relay greets the next hop with its own name",
        citation: "row 15; RFC 5321 section 4.1.1.1; Postfix smtp_helo_name",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "another name",
            changes: &[Change::Main("smtp_helo_name", "somebody.example")],
            sees: "",
        }],
        run: |context| Box::pin(relay_names_itself(context)),
    },
];

/// The trace header that the next hop wrote for mail of the relay.
async fn trace_of_next_hop(context: &Context) -> Judged<super::probe::trace::Trace> {
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
