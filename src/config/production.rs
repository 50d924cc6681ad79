//! What a configuration still owes before it can leave the lab.

use std::fmt;

use serde::Serialize;

use super::overrides::{self, Verdict};
use super::spec::{Certificate, ClientCertificates, Listener, Spec, TrustAnchor};

/// Something that only a lab has, or that no relay in production should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The key in relay.yaml.
    pub path: String,
    /// What is wrong with its value outside a lab.
    pub reason: String,
    /// What to write there.
    pub write: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; write {}", self.path, self.reason, self.write)
    }
}

impl Missing {
    /// A key, what is wrong with its value outside a lab, and what to write there.
    #[must_use]
    pub fn new(path: &str, reason: &str, write: &str) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_owned(),
            write: write.to_owned(),
        }
    }
}

/// Everything that `spec` lacks for production, in the order of relay.yaml; empty
/// if it can be exported. `of_backend` is what the backend of logins lacks.
#[must_use]
pub fn missing_for_production(spec: &Spec, of_backend: Vec<Missing>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |path: &str, reason: &str, write: &str| {
        missing.push(Missing::new(path, reason, write));
    };
    let hostname = spec.hostname.to_ascii_lowercase();
    if hostname == "relaykit.test" || hostname.ends_with(".relaykit.test") {
        let reason = "the lab's own name, which no DNS server knows";
        add("hostname", reason, "the name that clients connect to");
    }
    for listener in Listener::ALL {
        if spec.listeners.port(listener) == Some(0) {
            let path = format!("listeners.{}", listener.name());
            let write = format!("a fixed port, such as {}", listener.port());
            add(&path, "clients must know the port", &write);
        }
    }
    missing.extend(of_backend);
    let mut add = |path: &str, reason: &str, write: &str| {
        missing.push(Missing::new(path, reason, write));
    };
    if spec.tls.certificate == Certificate::Generated {
        let reason = "clients do not know the lab's CA";
        add("tls.certificate", reason, "{cert: PATH, key: PATH}");
    }
    let require = spec.tls.client_certificates == ClientCertificates::Require;
    if require && spec.tls.client_ca.is_none() {
        let reason = "without it no client's certificate is trusted, and nobody gets in";
        let write = "the path of the CA that signs your clients' certificates";
        add("tls.client_ca", reason, write);
    }
    if spec.tls.outbound.ca == TrustAnchor::Generated {
        let reason = "the lab's CA signed no other next hop's certificate";
        add(
            "tls.outbound.ca",
            reason,
            "system, or the path of your CA's certificate",
        );
    }
    if spec.tls.outbound.certificate == Some(Certificate::Generated) {
        let reason = "no next hop knows the lab's CA";
        add(
            "tls.outbound.certificate",
            reason,
            "{cert: PATH, key: PATH}",
        );
    }
    if spec.outbound.next_hops.is_empty() {
        let reason = "in a lab the sink takes the mail, elsewhere somebody must";
        add("outbound.next_hop", reason, "'[smtp.your.provider]:587'");
    }
    for (path, why, instead) in unsafe_overrides(spec) {
        add(&path, why, &format!("nothing: {instead}"));
    }
    missing
}

/// The settings of `postfix` that take back a promise of the relay.
fn unsafe_overrides(spec: &Spec) -> Vec<(String, &'static str, &'static str)> {
    let main = spec.postfix.main.iter().map(|(name, value)| {
        (
            format!("postfix.main.{name}"),
            vec![overrides::parameter(name, value)],
        )
    });
    let master = spec.postfix.master.iter().map(|(service, line)| {
        (
            format!("postfix.master.{service}"),
            overrides::service(line),
        )
    });
    main.chain(master)
        .flat_map(|(path, verdicts)| verdicts.into_iter().map(move |v| (path.clone(), v)))
        .filter_map(|(path, verdict)| match verdict {
            Verdict::Unsafe { why, instead } => Some((path, why, instead)),
            Verdict::Forbidden { why } => Some((path, why, "remove it")),
            Verdict::Fine | Verdict::Unwise { .. } => None,
        })
        .collect()
}
