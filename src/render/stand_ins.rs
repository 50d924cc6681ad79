//! Servers of a lab's sink in the place of the operator's next hops: each as its next hop
//! is to be, at a port of its own.

use crate::container::File;
use crate::counterparts::{Hop, Part, Resolved, StandIn};

use super::master_cf::Service;
use super::public;

/// Who answers about logins, below /etc/relaykit.
const LOGINS: &str = "postfix/logins.pl";

/// The services that they are.
pub(super) fn services(resolved: &Resolved) -> Vec<Service> {
    let mut services = Vec::new();
    for (index, (hop, stand_in)) in resolved.next_hop.played.iter().enumerate() {
        if stand_in.part == Part::Away {
            continue;
        }
        let logins = format!("logins{}", stand_in.port);
        let mut service = smtpd(hop, stand_in, &logins);
        if index == 0 {
            service = service.why("In the place of the next hops in relay.yaml, in their order:");
        }
        services.push(service);
        if let Some(login) = &hop.login {
            // Anybody may know it.
            let (user, password) = (&login.user, login.password.reveal());
            services.push(
                Service::unix(logins, ["-", "n", "-", "-"], "spawn").argument(format!(
                    "user=inbox argv=/usr/bin/perl /etc/relaykit/{LOGINS} {user} {password}"
                )),
            );
        }
    }
    services
}

fn smtpd(hop: &Hop, stand_in: &StandIn, logins: &str) -> Service {
    let name = stand_in.host.split('.').next().unwrap_or_default();
    Service::inet(stand_in.port.to_string(), "smtpd")
        .option("syslog_name", format!("postfix/{name}"))
        .when(hop.wraps, |service| {
            // Whoever waits for a greeting is not kept waiting.
            service
                .option("smtpd_tls_wrappermode", "yes")
                .option("smtpd_starttls_timeout", "5s")
        })
        .when(hop.login.is_some(), |service| {
            service
                .option("smtpd_sasl_auth_enable", "yes")
                .option("smtpd_sasl_type", "dovecot")
                .option("smtpd_sasl_path", format!("private/{logins}"))
                .option("smtpd_tls_auth_only", "yes")
                .option(
                    "smtpd_client_restrictions",
                    "permit_sasl_authenticated, reject",
                )
        })
        .when(stand_in.part == Part::Defers, |service| {
            service.option("smtpd_recipient_restrictions", "defer")
        })
        .when(stand_in.part == Part::TurnsAway, |service| {
            service.option("smtpd_delay_reject", "no").option(
                "smtpd_client_restrictions",
                "check_client_access static:{421 4.3.2 come back later}",
            )
        })
}

/// The program that knows a login.
pub(super) fn file(resolved: &Resolved) -> Option<File> {
    let mut played = resolved.next_hop.played.iter();
    let any = played.any(|(hop, _)| hop.login.is_some());
    any.then(|| public(LOGINS, include_str!("logins.pl").to_owned()))
}
