//! What relaykit is compared with, in the place of its relay: Debian's Postfix, set up by
//! hand from the source document, with all that Debian's packages have by default.

use super::{Content, File, Image, Plan, Port, Role};

/// Another relay than ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// STARTTLS and logins on port 25, TLS at once on port 465, as the document has it.
    ByHand,
    /// The same Postfix without TLS, logins and header checks: the ceiling of a machine.
    Plain,
}

impl Reference {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Plain => "plain",
        }
    }

    /// Its host name, which its certificate has to have.
    pub const HOSTNAME: &'static str = "relay.by-hand.test";

    /// Which of the names of our listeners its ports go by, and which they are.
    fn ports(self) -> &'static [(&'static str, u16)] {
        match self {
            Self::ByHand => &[("submission", 25), ("submissions", 465)],
            Self::Plain => &[("smtp", 25)],
        }
    }

    /// Parameters that are not as the document, or Debian, has them. Both would refuse a
    /// load from one address, as ours would with its default.
    fn parameters(self) -> Vec<String> {
        let plain: &[&str] = match self {
            Self::ByHand => &[],
            Self::Plain => &[
                "mynetworks=0.0.0.0/0",
                "smtpd_use_tls=no",
                "smtpd_tls_security_level=none",
                "smtpd_sasl_auth_enable=no",
                "smtp_use_tls=no",
                "smtp_tls_security_level=none",
                "header_checks=",
            ],
        };
        let both = ["smtpd_client_connection_count_limit=0"];
        both.iter().chain(plain).map(ToString::to_string).collect()
    }
}

impl Plan {
    /// The same with `reference` for a relay, which finds directory and next hop under the
    /// names that ours does. The plan's host name has to be [`Reference::HOSTNAME`].
    #[must_use]
    pub fn with_reference(mut self, reference: Reference) -> Self {
        let bind = self.resolved.spec.listeners.bind;
        let relay = self.containers.iter_mut().find(|c| c.role == Role::Relay);
        let Some(relay) = relay else { return self };
        relay.image = Image::ByHand;
        relay.command = reference.parameters();
        // As `docker run` has it: its root is written to, and its services change theirs.
        relay.confined = false;
        relay.tmpfs.clear();
        relay.mounts.truncate(1);
        for mount in &mut relay.mounts {
            "/etc/certs".clone_into(&mut mount.target);
        }
        let clients = relay.networks.first().map(|n| n.network.clone());
        relay.files = vec![
            file("ca.pem", 0o644, Content::CaCertificate),
            file("cert.pem", 0o644, Content::Certificate(Role::Relay)),
            file("key.pem", 0o600, Content::CertificateKey(Role::Relay)),
        ];
        // Who they are, for /etc/hosts: Postfix asks for their names.
        let gateway = clients.map(|network| file("clients", 0o644, Content::Gateway(network)));
        relay.files.extend(gateway);
        let ports = reference.ports().iter();
        relay.ports = ports
            .map(|(name, container)| Port {
                name,
                container: *container,
                host: 0,
                bind,
            })
            .collect();
        let volumes = self.containers.iter().flat_map(|c| &c.mounts);
        let used: Vec<String> = volumes.map(|mount| mount.volume.clone()).collect();
        self.volumes.retain(|volume| used.contains(&volume.name));
        self
    }
}

fn file(name: &str, mode: u32, content: Content) -> File {
    File {
        path: format!("/etc/certs/{name}"),
        mode,
        owner: (0, 0),
        content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::counterparts::{Purpose, Resolved};

    #[test]
    fn it_has_a_place_for_each_file_and_is_no_relay_of_ours() {
        for reference in [Reference::ByHand, Reference::Plain] {
            let plan = Plan::new(Resolved::new(config::built_in(), Purpose::Lab), "a");
            let plan = plan.with_reference(reference);
            let relay = plan.container(Role::Relay).unwrap();
            assert_eq!(relay.image, Image::ByHand);
            let mounted = |file: &File| file.path.starts_with("/etc/certs/");
            assert!(relay.files.iter().all(mounted));
            assert_eq!(relay.mounts.len(), 1);
            let volume = &relay.mounts[0].volume;
            assert!(plan.volumes.iter().any(|v| v.name == *volume));
            let smtp = reference == Reference::Plain;
            assert_eq!(relay.ports.iter().any(|p| p.name == "smtp"), smtp);
        }
    }
}
