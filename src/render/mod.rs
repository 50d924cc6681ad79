//! What is in the files of the containers that run Postfix: the relay's, and those of
//! a lab's sink. Pure: the same relay gives the same bytes. Who the relay's counterparts
//! are was decided before ([`Resolved`]).
//!
//! Configuration is whole files under `/etc/relaykit` of each container, with a
//! comment for each group of settings that says why.

mod certificate;
mod command_filter;
mod header_checks;
mod last_word;
mod limits;
mod logins;
mod long_lines;
mod main_cf;
mod master_cf;
pub mod next_hops;
mod outbound;
mod recipients;
mod relay_main;
mod relay_master;
mod routes;
mod sasl;
mod sink;
mod stand_ins;

use crate::config::{ClientCertificates, Spec, TrustAnchor};
use crate::container::{Content, File, authorities, file, public};
use crate::counterparts::{Purpose, Resolved};

pub use header_checks::{MARK, NO_CLIENT};
pub use last_word::settled;
pub use limits::ASK;
pub use long_lines::REFUSAL;
pub use sink::INBOX;

/// The files of the relay, sorted by path. Every path lies below `/etc/relaykit`.
/// `clients` is the network that clients come from.
#[must_use]
pub fn relay(resolved: &Resolved, clients: &str) -> Vec<File> {
    let spec = &resolved.spec;
    let mut files = vec![
        public("postfix/main.cf", relay_main::main_cf(resolved)),
        public("postfix/master.cf", relay_master::master_cf(resolved)),
        public("postfix/commands", command_filter::table(spec)),
    ];
    files.extend(relay_master::files(spec));
    files.extend(header_checks::files(spec));
    files.push(long_lines::file(spec));
    files.push(sasl::file(resolved));
    files.extend(resolved.backend.files());
    files.extend(limits::files(spec));
    files.extend(certificate::files(resolved));
    if resolved.has_own_ca() {
        files.push(file("tls/ca.pem", 0o644, Content::CaCertificate));
    }
    if let TrustAnchor::File(path) = &resolved.next_hop.anchor {
        files.push(authorities("tls/next-hop-ca.pem", path));
    }
    if let Some(TrustAnchor::File(path)) = &resolved.client_ca
        && spec.tls.client_certificates != ClientCertificates::None
    {
        files.push(authorities("tls/client-ca.pem", path));
    }
    files.extend(outbound::files(resolved));
    if resolved.purpose == Purpose::Proof {
        // The host may speak as any client (XCLIENT), so that checks can be any client;
        // nowhere else.
        let gateway = Content::Gateway(clients.to_owned());
        files.push(file("postfix/xclient_hosts", 0o644, gateway));
    }
    sorted(files)
}

/// The files of a lab's sink, sorted by path, all below `/etc/relaykit`.
#[must_use]
pub fn sink(resolved: &Resolved) -> Vec<File> {
    sorted(sink::files(resolved))
}

fn sorted(mut files: Vec<File>) -> Vec<File> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// A value of `postfix.main`, which has the last word.
fn main_override<'a>(spec: &'a Spec, parameter: &str) -> Option<&'a str> {
    spec.postfix.main.get(parameter).map(String::as_str)
}
