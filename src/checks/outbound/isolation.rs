//! What a route keeps to itself: its logins, and its mail where its next hop is not as it must
//! be.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::mail::{self, ANY_SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{require, skip};
use super::routes::{on, sent};
use super::several::NOT_LOGGED_IN;
use crate::config::{OutboundLevel, Says};
use crate::counterparts::{Hop, Part, Route};
use crate::render::next_hops::{AWAY, CLEAR, twins};
use crate::report::Severity;

const ROUTES: Need = Need::Setting("outbound.routes", Says::Something);

const WITH_LOGIN: Need = Need::Comes {
    to: "outbound.routes with credentials",
    holds: |spec| {
        let mut routes = spec.outbound.routes.iter();
        routes.any(|route| !route.logins.is_empty())
    },
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.route_tells_its_own_login",
        title: "A route's next hop is told the login of that route, and no other",
        citation: "RFC 4954 section 4; Postfix smtp_sasl_password_maps",
        severity: Severity::Critical,
        about: "Those of the lab's servers that stand in for a route's next hop with a login take \
                that login alone. Sends mail on each such route, and from the senders of one to \
                the recipients of another: each must arrive, with a login in the trace header \
                where the route has one, and without where it has none. A relay that tells one \
                provider another's password gives that account away.",
        repair: "Write credentials into the route that they are for; by hand, a client in \
                 master.cf for each route with its own smtp_sasl_password_maps, and no \
                 smtp_sender_dependent_authentication.",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Lab,
            PLAYED,
            ANY_SENDER,
            WITH_LOGIN,
        ],
        sabotages: &[
            Sabotage {
                name: "a route has the login of all mail",
                changes: &[Change::Service(
                    "route1/unix",
                    "smtp_sasl_password_maps",
                    "static:relay@sink.test:through-the-looking-glass",
                )],
                sees: "SASL authentication failed",
            },
            Sabotage {
                name: "a route does not log in",
                changes: &[Change::Service(
                    "route1/unix",
                    "smtp_sasl_auth_enable",
                    "no",
                )],
                sees: NOT_LOGGED_IN,
            },
        ],
        ..Check::by(&route_tells_its_own_login)
    },
    Check {
        id: "outbound.route_never_goes_in_clear",
        title: "Where a route's next hop offers no TLS, its mail waits",
        citation: "RFC 3207 section 4; RFC 8314 section 4.1; Postfix smtp_tls_security_level",
        severity: Severity::Critical,
        about: "For each next hop of a route the sink plays a server of the same name without \
                STARTTLS, as one looks when somebody on the way strips the offer. Sends mail there \
                by the route's own client. It must wait, with the reason in the log.",
        repair: "Leave tls.outbound.policies without none or may for this next hop; by hand, \
                 smtp_tls_security_level = encrypt or more for the route's client.",
        needs: &[Need::Login, Need::Lab, PLAYED, ROUTES],
        sabotages: &[Sabotage {
            name: "a route takes TLS where it is offered",
            changes: &[Change::Service(
                "route1/unix",
                "smtp_tls_security_level",
                "may",
            )],
            sees: "status=sent",
        }],
        ..Check::by(&route_never_goes_in_clear)
    },
    Check {
        id: "outbound.route_is_waited_for",
        title: "Where a route's next hop cannot be reached, its mail waits and takes no other way",
        citation: "RFC 5321 section 4.5.4.1; Postfix smtp_fallback_relay",
        severity: Severity::High,
        about: "For each next hop of a route the sink has a port at which nobody listens. Sends \
                mail there by the route's own client. It must wait: mail that falls back to \
                another server, or to the recipient's own as DNS has it, goes where the operator \
                said that it must not.",
        repair: "By hand, leave smtp_fallback_relay empty, and give each row of transport_maps a \
                 next hop.",
        needs: &[Need::Login, Need::Lab, PLAYED, ROUTES],
        sabotages: &[Sabotage {
            name: "what a next hop does not take goes to another one",
            changes: &[Change::Main("smtp_fallback_relay", "[sink]:25")],
            sees: "status=sent",
        }],
        ..Check::by(&route_is_waited_for)
    },
];

async fn route_tells_its_own_login(context: Context) -> Judged {
    let next_hop = appliance::resolved(&context)?.next_hop;
    let mut cases = Vec::new();
    for route in &next_hop.routes {
        let (sender, recipient) = on(route);
        cases.push((sender, recipient.clone(), logs_in(route)));
        // The sender of another route, whose login is that one's.
        let others = next_hop.routes.iter();
        let others = others.filter(|other| !other.senders.is_empty());
        let others = others.filter(|_| !route.recipients.is_empty());
        cases.extend(others.map(|other| (on(other).0, recipient.clone(), logs_in(route))));
    }
    rows::each(
        &context,
        cases,
        |(sender, recipient, _)| format!("from {sender} to {recipient}"),
        |context, (sender, recipient, logs_in)| async move {
            let (fate, message) = sent(&context, &sender, &recipient).await?;
            fate.must_be("sent")?;
            let trace = mail::arrival(&context, &message).await?.trace;
            let told = trace.contains("SMTPSA");
            let expected = if logs_in { "ESMTPSA" } else { "ESMTPS" };
            require(
                told == logs_in,
                &format!("with {expected} in the next hop's trace header"),
                || trace,
            )
        },
    )
    .await
}

/// Whether the server of a route that takes mail wants a login.
fn logs_in(route: &Route) -> bool {
    let mut hops = route.hops.iter();
    hops.any(|hop| {
        let takes = hop
            .stand_in
            .as_ref()
            .is_some_and(|s| s.part == Part::TakesMail);
        takes && hop.login.is_some()
    })
}

async fn route_never_goes_in_clear(context: Context) -> Judged {
    let sure = |hop: &Hop| hop.level >= OutboundLevel::Encrypt;
    let domains = with_fault(&context, CLEAR.domain, sure)?;
    must_all_wait(&context, domains, "TLS is required, but was not offered").await
}

async fn route_is_waited_for(context: Context) -> Judged {
    let domains = with_fault(&context, AWAY.domain, |_| true)?;
    must_all_wait(&context, domains, "Connection refused").await
}

/// The domains of the servers that have a fault and the name of a route's next hop.
fn with_fault(
    context: &Context,
    fault: &str,
    counts: impl Fn(&Hop) -> bool,
) -> Judged<Vec<String>> {
    let next_hop = appliance::resolved(context)?.next_hop;
    let hops = next_hop.routes.iter().flat_map(|route| &route.hops);
    let hops = hops.filter(|hop| !hop.wraps && counts(hop));
    let hosts = hops.filter_map(|hop| Some(hop.stand_in.as_ref()?.host.as_str()));
    let of = |host| twins(host).filter(|(twin, _)| twin.domain == fault);
    let domains: Vec<String> = hosts.flat_map(of).map(|(_, domain)| domain).collect();
    if domains.is_empty() {
        return skip("every next hop of a route begins with TLS, or needs none");
    }
    ControlFlow::Continue(domains)
}

async fn must_all_wait(context: &Context, domains: Vec<String>, why: &'static str) -> Judged {
    rows::each(
        context,
        domains,
        |domain| domain,
        |context, domain| async move { played::must_wait(&context, &domain, why).await },
    )
    .await
}
