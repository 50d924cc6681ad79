//! [`Plan`] → what is in the files of its containers. Pure: the same plan gives
//! the same bytes.
//!
//! Configuration is whole files under `/etc/relaykit` of each container, with a
//! comment for each group of settings that says why.

mod command_filter;
mod crypt;
mod directory;
mod dn;
mod header_checks;
mod last_word;
mod limits;
mod logins;
mod long_lines;
mod main_cf;
mod master_cf;
pub mod next_hops;
mod recipients;
mod relay_main;
mod relay_master;
mod sasl;
mod sink;
mod slapd;
mod tree;

use crate::config::{Certificate, ClientCertificates, Spec, TrustAnchor};
use crate::container::{file, operator, public};
use crate::plan::{Content, File, Plan, Purpose, Role};

pub use directory::{CHECKED_SENDER, address};
pub use header_checks::{MARK, NO_CLIENT};
pub use last_word::settled;
pub use sasl::PLAYED;
pub use sink::INBOX;

/// The CA certificates of the image (Debian's ca-certificates).
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The lab CA, where a container has one.
const LAB_CA: &str = "/etc/relaykit/tls/ca.pem";

/// The files to inject into the container with this role, sorted by path.
/// Every path lies below `/etc/relaykit`.
#[must_use]
pub fn files(plan: &Plan, role: Role) -> Vec<File> {
    let mut files = match role {
        Role::Relay => relay(plan),
        Role::Directory => directory::files(plan),
        Role::Sink => sink::files(plan),
    };
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The plan with [`crate::plan::Container::files`] filled in for all containers.
#[must_use]
pub fn complete(mut plan: Plan) -> Plan {
    let all: Vec<Vec<File>> = plan
        .containers
        .iter()
        .map(|container| files(&plan, container.role))
        .collect();
    for (container, files) in plan.containers.iter_mut().zip(all) {
        container.files = files;
    }
    plan
}

/// Everything in the relay's container.
fn relay(plan: &Plan) -> Vec<File> {
    let spec = &plan.spec;
    let mut files = vec![
        public("postfix/main.cf", relay_main::main_cf(plan)),
        public("postfix/master.cf", relay_master::master_cf(plan)),
        public("postfix/commands", command_filter::table(spec)),
    ];
    files.extend(relay_master::files(spec));
    files.extend(header_checks::files(spec));
    files.push(long_lines::file(spec));
    files.extend(sasl::files(plan));
    files.extend(limits::files(plan));
    files.extend(certificate(&spec.tls.certificate));
    if is_lab(plan) {
        files.push(file("tls/ca.pem", 0o644, Content::CaCertificate));
    }
    if let TrustAnchor::File(path) = next_hop_anchor(plan) {
        files.push(operator("tls/next-hop-ca.pem", path));
    }
    if let Some(path) = &spec.tls.client_ca
        && spec.tls.client_certificates != ClientCertificates::None
    {
        files.push(operator("tls/client-ca.pem", path));
    }
    if let Some(map) = relay_main::next_hop_password(plan) {
        files.push(file(
            "postfix/next_hop_password",
            0o600,
            Content::Secret(map),
        ));
    }
    if let Some(gateway) = xclient_gateway(plan) {
        files.push(file("postfix/xclient_hosts", 0o644, gateway));
    }
    files
}

/// The relay's certificate chain and key: from the lab CA or the operator's own,
/// at the same place.
fn certificate(certificate: &Certificate) -> [File; 2] {
    let (chain, key) = match certificate {
        Certificate::Generated => (
            Content::Certificate(Role::Relay),
            Content::CertificateKey(Role::Relay),
        ),
        Certificate::Files { cert, key } => (
            Content::OperatorFile(cert.clone()),
            Content::OperatorFile(key.clone()),
        ),
    };
    [
        file("tls/relay.pem", 0o644, chain),
        file("tls/relay.key", 0o600, key),
    ]
}

/// In proof labs the host may speak as any client (XCLIENT), so that checks can
/// be any client; nowhere else.
fn xclient_gateway(plan: &Plan) -> Option<Content> {
    match plan.purpose {
        Purpose::Proof => plan
            .networks
            .first()
            .map(|network| Content::Gateway(network.name.clone())),
        Purpose::Lab | Purpose::Production => None,
    }
}

/// Whether the plan has a directory, a sink and a CA of its own.
fn is_lab(plan: &Plan) -> bool {
    plan.purpose != Purpose::Production
}

/// Who signs the next hop's certificate: in a lab the next hop is the sink.
fn next_hop_anchor(plan: &Plan) -> &TrustAnchor {
    if is_lab(plan) {
        &TrustAnchor::Generated
    } else {
        &plan.spec.tls.outbound.ca
    }
}

/// Who signs the directory's certificate: in a lab its own CA.
fn directory_anchor(plan: &Plan) -> &TrustAnchor {
    if is_lab(plan) {
        &TrustAnchor::Generated
    } else {
        &plan.spec.auth.ldap.ca
    }
}

/// The path in the container of the certificates that an anchor stands for.
fn anchor_path(anchor: &TrustAnchor, operator: &'static str) -> &'static str {
    match anchor {
        TrustAnchor::Generated => LAB_CA,
        TrustAnchor::System => SYSTEM_CA,
        TrustAnchor::File(_) => operator,
    }
}

/// A value of `postfix.main`, which has the last word.
fn main_override<'a>(spec: &'a Spec, parameter: &str) -> Option<&'a str> {
    spec.postfix.main.get(parameter).map(String::as_str)
}
