//! Combinations of values that are right each for itself and impossible together.

mod certificates;
mod outbound;
mod routes;

use super::node::Node;
use super::problem::{Refusal, Report};
use super::spec::{
    ClientCertificates, EarlierReceived, Ldap, Listener, Received, SenderLogin, Spec,
};

/// Looks for what cannot be, in a `spec` that was filled from `root`.
pub(super) fn check(spec: &Spec, root: &Node, report: &mut Report) {
    let mut check = Check { spec, root, report };
    check.ports();
    check.listeners();
    check.logins();
    check.certificates();
    check.client_certificates();
    check.privacy();
    check.next_hops();
    check.logins_there();
    check.routes();
    check.policies();
    check.lab();
}

struct Check<'a> {
    spec: &'a Spec,
    root: &'a Node,
    report: &'a mut Report,
}

impl Check<'_> {
    fn refuse(&mut self, path: &str, why: Refusal) {
        self.report.refuse(self.root.locate(path), path, why);
    }

    fn warn(&mut self, path: &str, why: Refusal) {
        self.report.warn(self.root.locate(path), path, why);
    }

    /// Two services cannot have one port, whatever their addresses.
    fn ports(&mut self) {
        let listeners = &self.spec.listeners;
        let named = |l: Listener| (format!("listeners.{}", l.name()), listeners.port(l));
        let mut ports: Vec<(String, Option<u16>)> = Listener::ALL.map(named).into();
        ports.push(("lab.ldaps".to_owned(), Some(self.spec.lab.ldaps)));
        for (index, (path, port)) in ports.iter().enumerate() {
            let same = |(_, other): &&(String, Option<u16>)| other == port;
            if let (Some(1..), Some((first, _))) = (port, ports[..index].iter().find(same)) {
                let port = port.unwrap_or_default();
                // Where it was written, if only one of the two was.
                let (at, other) = if self.written(path) {
                    (path, first)
                } else {
                    (first, path)
                };
                let why = format!("port {port} is the port of `{other}` too");
                let hint = "give each its own, or 0 to let the kernel pick";
                self.refuse(at, Refusal::new(why).hint(hint));
            }
        }
    }

    fn written(&self, path: &str) -> bool {
        self.root.find(path).is_some()
    }

    fn listeners(&mut self) {
        if !self.report.sound(&["listeners", "auth.listeners"]) {
            return;
        }
        let spec = self.spec;
        let on = |listener: Listener| spec.listeners.port(listener).is_some();
        if !Listener::ALL.into_iter().any(on) {
            let why = Refusal::new("all three are off, so the relay listens nowhere");
            return self.refuse("listeners", why.hint("give one of them a port"));
        }
        for listener in Listener::ALL {
            let name = listener.name();
            let login = spec.auth.listeners.contains(&listener);
            if login && !on(listener) {
                let why = Refusal::new(format!(
                    "`{name}` is in the list, and listeners.{name} is null"
                ));
                let hint = format!("remove it, or give listeners.{name} a port");
                self.refuse("auth.listeners", why.hint(hint));
            }
            if !login && on(listener) && listener != Listener::Smtp {
                let why = Refusal::new(format!(
                    "`{name}` is on and not in the list; submission needs a login (RFC 6409 4.3)"
                ));
                let hint = format!("add {name} to the list, or set listeners.{name}: null");
                self.refuse("auth.listeners", why.hint(hint));
            }
        }
        let open = spec.relay.trusted_networks.is_empty() && spec.relay.domains.is_empty();
        if spec.auth.listeners.is_empty() && open && self.report.sound(&["relay", "auth.listeners"])
        {
            let why = "no listener offers a login, and nothing is relayed without one";
            let hint = "add a listener, or name relay.domains";
            let path = if self.written("auth.listeners") {
                "auth.listeners"
            } else {
                "listeners"
            };
            self.refuse(path, Refusal::new(why).hint(hint));
        }
    }

    /// What is asked about a login, beside whether its password is right.
    fn logins(&mut self) {
        let spec = self.spec;
        let own = spec.relay.sender_login == SenderLogin::Own;
        let limited = spec.limits.messages_per_login_per_hour.is_some();
        let limit = "limits.messages_per_login_per_hour";
        for (set, path) in [(own, "relay.sender_login"), (limited, limit)] {
            if set && spec.auth.listeners.is_empty() {
                let why = Refusal::new("no listener offers a login, so this does nothing");
                self.warn(path, why);
            }
        }
        self.backend();
        if !self.report.sound(&["auth.ldap"]) || spec.auth.users.is_some() {
            return;
        }
        let start_tls = "auth.ldap.start_tls";
        if let Some(entry) = self.root.find(start_tls)
            && spec.auth.ldap.start_tls
            && self.root.find("auth.ldap.servers").is_none()
        {
            let why = Refusal::new("start_tls is true, and the default server is ldaps://");
            let hint = "write auth.ldap.servers: ['ldap://directory']";
            self.report
                .refuse(entry.value.at, start_tls, why.hint(hint));
        }
        self.clear();
        if spec.auth.ldap.login_attributes().is_empty() {
            let why = "a person goes by the attribute that is compared with the login, and this \
                       filter compares none";
            let hint = "put the login into the filter as in (uid=%u)";
            self.refuse("auth.ldap.filter", Refusal::new(why).hint(hint));
        }
    }

    /// Passwords in clear are for who says so, and is told what it means.
    fn clear(&mut self) {
        let ldap = &self.spec.auth.ldap;
        let path = "auth.ldap.unencrypted";
        let clear = |server: &&String| server.starts_with("ldap://");
        let servers: Vec<String> = ldap.servers.iter().filter(clear).cloned().collect();
        if ldap.unencrypted && (ldap.start_tls || servers.is_empty()) {
            let why = Refusal::new("every server is asked over TLS, so this does nothing");
            self.warn(path, why.hint("remove it"));
        } else if ldap.unencrypted {
            let why = format!(
                "everybody's password travels in clear to {}: who is on the way reads it, and who \
                 answers in its place gets it",
                servers.join(" and ")
            );
            let hint = "use ldaps://, or start_tls: true";
            self.warn(path, Refusal::new(why).hint(hint));
        }
    }

    /// A directory or a users file checks logins, and not both.
    fn backend(&mut self) {
        let auth = &self.spec.auth;
        let written = self.root.find("auth.backend");
        let written = written.map(|entry| entry.value.text());
        match (&auth.users, written) {
            (None, Some("pam")) if self.report.sound(&["auth.pam.users_file"]) => {
                let why = Refusal::new("`pam` reads a users file, and none is named");
                let hint = "write auth.pam: {users_file: users/accounts}";
                self.refuse("auth.backend", why.hint(hint));
            }
            (Some(_), Some("ldap")) => {
                let why = Refusal::new("`ldap`, and auth.pam.users_file names a users file");
                let hint = "write pam, or remove one of the two";
                self.refuse("auth.backend", why.hint(hint));
            }
            _ => {}
        }
        if auth.stack.is_some()
            && auth.users.is_none()
            && self.report.sound(&["auth.pam.users_file"])
        {
            let why = "the relay knows people by a users file, and none is named";
            let hint = "write users_file: users/accounts beside it";
            self.refuse("auth.pam.stack", Refusal::new(why).hint(hint));
        }
        let auth = &self.spec.auth;
        if auth.users.is_some() && auth.ldap != Ldap::default() {
            let why = "auth.ldap is there too, expected one of the two to check logins";
            let hint = "remove auth.ldap, or auth.pam.users_file";
            self.refuse("auth.pam.users_file", Refusal::new(why).hint(hint));
        }
    }

    /// Postfix demands a certificate only where it demands TLS (`smtpd_tls_req_ccert`
    /// in postconf(5)), which port 25 cannot.
    fn client_certificates(&mut self) {
        let spec = self.spec;
        let require = spec.tls.client_certificates == ClientCertificates::Require;
        if require && spec.auth.listeners.contains(&Listener::Smtp) {
            let why = "`require` with smtp in auth.listeners: port 25 also takes mail without TLS, \
                       where Postfix demands no certificate, so a login there would need none";
            let hint = "take smtp out of auth.listeners, or write ask";
            self.refuse("tls.client_certificates", Refusal::new(why).hint(hint));
        }
        let none = spec.tls.client_certificates == ClientCertificates::None;
        if none && spec.tls.client_ca.is_some() {
            let why = Refusal::new("no client is asked for a certificate, so this does nothing");
            let hint = "write client_certificates: require, or ask";
            self.warn("tls.client_ca", why.hint(hint));
        }
    }

    /// Postfix's short form is per service: it would hide the trace of mail that
    /// came without login as well.
    fn privacy(&mut self) {
        let hide = self.spec.privacy.received == Received::Hide;
        if hide && self.spec.auth.listeners.contains(&Listener::Smtp) {
            let why = "`hide` with smtp in auth.listeners would take the trace from mail that came \
                       without a login too (RFC 5321 4.4)";
            let hint = "write rewrite, or take smtp out of auth.listeners";
            self.refuse("privacy.received", Refusal::new(why).hint(hint));
        }
        let remove = self.spec.privacy.earlier_received == EarlierReceived::Remove;
        if remove && self.spec.auth.listeners.contains(&Listener::Smtp) {
            let why = "`remove` with smtp in auth.listeners would take the trace from mail that \
                       came without a login too: header checks of port 25 cannot tell the two apart";
            let hint = "write keep, or take smtp out of auth.listeners";
            self.refuse("privacy.earlier_received", Refusal::new(why).hint(hint));
        }
        if hide && self.spec.privacy.show_login && self.written("privacy.show_login") {
            let why = Refusal::new("`hide` never shows a login, so this does nothing");
            self.warn(
                "privacy.show_login",
                why.hint("use received: rewrite to show it"),
            );
        }
    }

    fn lab(&mut self) {
        let spec = self.spec;
        if !self.report.sound(&["lab", "auth.ldap.servers"]) {
            return;
        }
        let own = spec.auth.users.is_none() && spec.auth.ldap.servers.iter().any(|url| in_lab(url));
        if spec.lab.users.is_empty() && own {
            let why = Refusal::new("nobody is in the lab's directory, so nobody can log in");
            self.refuse("lab.users", why.hint("add {name: alice, password: ...}"));
        }
        let local = spec.listeners.bind.is_loopback();
        if !local && own {
            let why = "the lab's ports are open to others, and its passwords stand in relay.yaml";
            self.warn("listeners.bind", Refusal::new(why).hint("write 127.0.0.1"));
        }
    }
}

/// Whether an LDAP URL means the lab's own directory.
#[must_use]
pub fn in_lab(url: &str) -> bool {
    let host = url
        .split_once("://")
        .map_or(url, |(_, authority)| authority);
    host.split(':').next() == Some("directory")
}
