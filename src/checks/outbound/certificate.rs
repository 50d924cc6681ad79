//! The relay's own certificate at next hops that ask for one.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::target::Context;
use super::super::verdict::{Judged, require};
use crate::config::Says;
use crate::plan::Role;
use crate::render::next_hops::CERTIFIED;
use crate::report::Severity;

const CERTIFICATE: Need = Need::Setting("tls.outbound.certificate", Says::Something);

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "outbound.next_hop_gets_the_certificate",
    title: "A next hop that asks the relay for a certificate is shown one that it believes",
    citation: "row 10; RFC 8446 section 4.4.2; Postfix smtp_tls_chain_files",
    severity: Severity::High,
    about: "Sends a message to a next hop that the lab's sink plays: it takes mail from who shows \
            a certificate of the lab's CA alone. The message must arrive, and the next hop's \
            trace header must tell of a certificate with the relay's name that was verified. \
            Otherwise a relay whose provider knows it by its certificate delivers nothing.",
    repair: "Set tls.outbound.certificate in relay.yaml; by hand, smtp_tls_chain_files with the \
             key in front of its certificate, both readable by root.",
    needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED, CERTIFICATE],
    sabotages: &[
        Sabotage {
            name: "next hops are shown no certificate",
            changes: &[Change::Main("smtp_tls_chain_files", "")],
            sees: "Client host rejected: Access denied",
        },
        Sabotage {
            name: "the key does not belong to the certificate for next hops",
            changes: &[Change::Main(
                "smtp_tls_chain_files",
                "/etc/relaykit/tls/relay.key, /etc/relaykit/tls/ca.pem",
            )],
            sees: "TLS is required, but our TLS engine is unavailable",
        },
    ],
    ..Check::by(&next_hop_gets_the_certificate)
}];

async fn next_hop_gets_the_certificate(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let message = played::message(CERTIFIED.domain);
    let commands = played::envelope(SENDER, CERTIFIED.domain);
    let id = played::submit(&context, &commands, &message).await?;
    log.fate(&context, &id).await?.must_be("sent")?;
    let trace = mail::arrival(&context, &message).await?.trace;
    let own = format!("(Client CN \"{}\"", context.target().hostname);
    let shown = trace.contains(&own) && trace.contains("(verified OK)");
    require(
        shown,
        &format!("{own} and (verified OK) in the next hop's trace header"),
        || trace,
    )
}
