//! `auth`.

use std::collections::BTreeSet;

use super::{Decoder, Field, Section, word};
use crate::config::files;
use crate::config::problem::Refusal;
use crate::config::spec::{Bind, Ldap, Listener, Mechanism, Spec, Users};
use crate::config::syntax;

/// saslauthd's buffer for all servers, separated by spaces (`LAK_URL_LEN`).
const SERVERS_LIMIT: usize = 1023;

impl Decoder<'_> {
    pub(super) fn auth(&mut self, section: &Section<'_>, spec: &mut Spec) {
        spec.auth.users = self.users(section);
        let pam = section.section("pam");
        for (key, instead) in [("users_file", "write auth.users"), ("stack", "write null")] {
            if let Some(field) = pam.field(key) {
                self.not_yet(&field, instead);
            }
        }
        if let Some(field) = section.field("mechanisms") {
            let mechanism = |text: &str| word(text, &Mechanism::ALL, Mechanism::name);
            let mechanisms = self.list(&field, mechanism, PartialEq::eq);
            if field.is_empty_list() {
                let why = Refusal::new("the list is empty, so nobody could log in");
                self.refuse(&field, why.hint("write [plain, login]"));
            } else {
                spec.auth.mechanisms = mechanisms;
            }
        }
        if let Some(field) = section.field("listeners") {
            let listener = |text: &str| word(text, &Listener::ALL, Listener::name);
            spec.auth.listeners = self
                .list(&field, listener, PartialEq::eq)
                .into_iter()
                .collect::<BTreeSet<_>>();
        } else {
            // What is off offers nothing; only a list that was written can be wrong about it.
            let on = |listener: &Listener| spec.listeners.port(*listener).is_some();
            spec.auth.listeners.retain(on);
        }
        Self::flag(
            section,
            "outlook_compatible",
            &mut spec.auth.outlook_compatible,
        );
        self.ldap(&section.section("ldap"), &mut spec.auth.ldap);
    }

    /// `auth.users`, which excludes `auth.ldap`: one of the two checks logins.
    fn users(&mut self, section: &Section<'_>) -> Option<Users> {
        let field = section.field("users");
        let backend = section.field("backend");
        let words = backend.as_ref().map(Field::text);
        match (&field, words) {
            (None, Some("pam")) => {
                let backend = backend?;
                let why = Refusal::new("`pam` reads a users file, and none is named");
                self.refuse(&backend, why.hint("write auth.users: users/accounts"));
                return None;
            }
            (Some(_), Some("ldap")) => {
                let backend = backend?;
                let why = Refusal::new("`ldap`, and auth.users names a users file");
                self.refuse(&backend, why.hint("write pam, or remove one of the two"));
                return None;
            }
            _ => {}
        }
        let field = field?;
        if section.field("ldap").is_some() {
            let why =
                Refusal::new("auth.ldap is there too, expected one of the two to check logins");
            self.refuse(&field, why.hint("remove auth.ldap, or auth.users"));
            return None;
        }
        let file = self.path(&field)?;
        match files::read_users(&file) {
            Ok((people, warning)) => {
                if let Some(warning) = warning {
                    self.warn(&field, warning);
                }
                Some(Users { file, people })
            }
            Err(why) => {
                self.refuse(&field, why);
                None
            }
        }
    }

    fn ldap(&mut self, section: &Section<'_>, ldap: &mut Ldap) {
        Self::flag(section, "start_tls", &mut ldap.start_tls);
        let start_tls = ldap.start_tls;
        match section.field("servers") {
            Some(field) => self.servers(&field, ldap),
            None if start_tls && section.written("servers").is_none() => {
                if let Some(field) = section.field("start_tls") {
                    let why = Refusal::new("start_tls is true, and the default server is ldaps://");
                    self.refuse(
                        &field,
                        why.hint("write auth.ldap.servers: ['ldap://directory']"),
                    );
                }
            }
            None => {}
        }
        self.set(
            section,
            "search_base",
            syntax::search_base,
            &mut ldap.search_base,
        );
        if let Some(field) = section.field("filter")
            && let Some(filter) = self.read(&field, syntax::filter)
        {
            if !["%u", "%d", "%r", "%R"]
                .iter()
                .any(|token| filter.contains(token))
            {
                let why =
                    Refusal::new("`%U` leaves the realm out: alice@anything logs in as alice");
                self.warn(&field, why.hint("use `%u`, or `%d` beside it"));
            }
            ldap.filter = filter;
        }
        self.bind(section, ldap);
        self.authority(section, &mut ldap.ca);
    }

    fn servers(&mut self, field: &Field<'_>, ldap: &mut Ldap) {
        let start_tls = ldap.start_tls;
        let server = |text: &str| syntax::server(text, start_tls);
        let servers = self.list(field, server, PartialEq::eq);
        if field.is_empty_list() {
            let why = Refusal::new("the list is empty, so nobody could log in");
            self.refuse(
                field,
                why.hint("write ['ldaps://directory'] for the lab's own"),
            );
        } else if servers.join(" ").len() > SERVERS_LIMIT {
            let why = format!("more than {SERVERS_LIMIT} bytes together, saslauthd drops the rest");
            self.refuse(field, Refusal::new(why));
        } else {
            ldap.servers = servers;
        }
    }

    /// A simple bind needs both halves: a name without a password is the
    /// unauthenticated bind of RFC 4513 5.1.2, which directories take for anonymous.
    fn bind(&mut self, section: &Section<'_>, ldap: &mut Ldap) {
        let bind = section.section("bind");
        let dn = bind.field("dn");
        let file = bind.field("password_file");
        let complete = |other: &str| {
            Refusal::new(format!("`{other}` is missing, expected both or neither"))
                .hint("without either, the directory is searched anonymously")
        };
        let read_dn = dn
            .as_ref()
            .and_then(|field| self.read(field, syntax::distinguished_name));
        let read_file = file.as_ref().and_then(|field| {
            let (password, path) = self.password_file(field)?;
            self.bind_password(field, password.reveal())
                .then_some((password, path))
        });
        match (&dn, &file) {
            (Some(dn), None) if bind.written("password_file").is_none_or(|e| e.value.sound) => {
                self.refuse(dn, complete("password_file"));
            }
            (None, Some(file)) if bind.written("dn").is_none_or(|e| e.value.sound) => {
                self.refuse(file, complete("dn"));
            }
            _ => {}
        }
        if let (Some(dn), Some((password, password_file))) = (read_dn, read_file) {
            ldap.bind = Some(Bind {
                dn,
                password,
                password_file,
            });
        }
    }

    /// saslauthd.conf has no quotes: it would lose white space in front.
    fn bind_password(&mut self, field: &Field<'_>, password: &str) -> bool {
        let why = if password.starts_with(char::is_whitespace) {
            Refusal::new("the password in this file begins with white space, which saslauthd drops")
        } else if let Err(why) = syntax::password(password) {
            why
        } else {
            return true;
        };
        self.refuse(field, why);
        false
    }
}
