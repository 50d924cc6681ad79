//! Who vouches for clients' certificates.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::postconf::Postconf;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use crate::config::Says;
use crate::plan::Role;
use crate::report::Severity;

const ASKED: Need = Need::Setting("tls.client_certificates", Says::OneOf(&["ask", "require"]));

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "tls.one_ca_vouches_for_clients",
    title: "No CA but the one for clients vouches for a client's certificate",
    citation: "row 11; RFC 5280 section 6.1; Postfix tls_append_default_CA",
    severity: Severity::High,
    about: "Asks Postfix where it takes its authorities for clients from: it must be the one \
                file that is meant, with no more certificates in it than a house has of its own, \
                and neither a folder nor the system's list beside it. Of a public CA anybody can \
                get a certificate, and whoever has one would be a client of yours.",
    repair: "Set tls.client_ca to the CA that signs your clients' certificates. By hand: \
                 smtpd_tls_CAfile with that file, smtpd_tls_CApath empty, \
                 tls_append_default_CA = no.",
    needs: &[ASKED, Need::Lab],
    sabotages: &[
        Sabotage {
            name: "public CAs vouch for clients",
            changes: &[Change::Main(
                "smtpd_tls_CAfile",
                "/etc/ssl/certs/ca-certificates.crt",
            )],
            sees: " authorities",
        },
        Sabotage {
            name: "the system's CAs vouch for clients too",
            changes: &[Change::Main("tls_append_default_CA", "yes")],
            sees: "tls_append_default_CA = yes",
        },
    ],
    ..Check::by(&one_ca_vouches_for_clients)
}];

/// More than the CAs of one house.
const FEW: usize = 10;

async fn one_ca_vouches_for_clients(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let mut wrong = Vec::new();
    for (place, value) in postconf.everywhere("tls_append_default_CA") {
        if value != "no" {
            wrong.push(format!("{place}: tls_append_default_CA = {value}"));
        }
    }
    for (place, value) in postconf.everywhere("smtpd_tls_CApath") {
        if !value.is_empty() {
            wrong.push(format!("{place}: smtpd_tls_CApath = {value}"));
        }
    }
    for (place, file) in postconf.everywhere("smtpd_tls_CAfile") {
        let count = ["grep", "-c", "BEGIN CERTIFICATE", file];
        let count = appliance::output(&context, Role::Relay, &count).await?;
        let count: usize = count.trim().parse().unwrap_or_default();
        if !(1..=FEW).contains(&count) {
            wrong.push(format!("{place}: {file} has {count} authorities"));
        }
    }
    require_none(
        &wrong,
        "one file with the CA of clients, and nothing beside it",
    )
}
