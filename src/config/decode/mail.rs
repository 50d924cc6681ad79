//! `listeners`, `relay`, `privacy`, `outbound` and `limits`: the way of a message.

use super::{Decoder, Field, Section, word};
use crate::config::problem::Refusal;
use crate::config::spec::{Credentials, Received, SenderLogin, Spec};
use crate::config::syntax;

impl Decoder<'_> {
    pub(super) fn listeners(&mut self, section: &Section<'_>, spec: &mut Spec) {
        let listeners = &mut spec.listeners;
        for (key, place) in [
            ("smtp", &mut listeners.smtp),
            ("submission", &mut listeners.submission),
            ("submissions", &mut listeners.submissions),
        ] {
            if section.is_null(key) {
                *place = None;
            } else if let Some(port) = Self::number(section, key) {
                *place = Some(port);
            }
        }
        self.set(section, "bind", syntax::address, &mut listeners.bind);
    }

    pub(super) fn relay(&mut self, section: &Section<'_>, spec: &mut Spec) {
        let relay = &mut spec.relay;
        if let Some(field) = section.field("trusted_networks") {
            relay.trusted_networks = self.list(&field, syntax::network, PartialEq::eq);
            for item in field.items() {
                self.trust(&item);
            }
        }
        if let Some(field) = section.field("domains") {
            let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
            relay.domains = self.list(&field, syntax::domain, same);
        }
        self.set(
            section,
            "message_size_limit",
            syntax::size,
            &mut relay.message_size_limit,
        );
        let sender_login = |text: &str| word(text, &SenderLogin::ALL, SenderLogin::name);
        self.set(
            section,
            "sender_login",
            sender_login,
            &mut relay.sender_login,
        );
    }

    fn trust(&mut self, item: &Field<'_>) {
        let Ok(network) = syntax::network(item.text()) else {
            return;
        };
        if syntax::can_be_an_engines(&network) {
            let why = "an engine's own networks can lie in this one, and behind its port proxy \
                       strangers come from them";
            let hint = "relaying without a login is safer left off";
            self.warn(item, Refusal::new(why).hint(hint));
        }
    }

    pub(super) fn privacy(&mut self, section: &Section<'_>, spec: &mut Spec) {
        let privacy = &mut spec.privacy;
        let received = |text: &str| word(text, &Received::ALL, Received::name);
        self.set(section, "received", received, &mut privacy.received);
        Self::flag(section, "show_login", &mut privacy.show_login);
        if let Some(field) = section.field("strip_headers") {
            let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
            privacy.strip_headers = self.list(&field, syntax::header_name, same);
        }
    }

    pub(super) fn outbound(&mut self, section: &Section<'_>, spec: &mut Spec) {
        let next_hop = |text: &str| syntax::next_hop(text).map(Some);
        self.set(section, "next_hop", next_hop, &mut spec.outbound.next_hop);
        let credentials = section.section("credentials");
        let user = credentials
            .field("user")
            .and_then(|field| self.read(&field, next_hop_user));
        let password = credentials.field("password_file").and_then(|field| {
            let (password, path) = self.password_file(&field)?;
            if password.reveal().ends_with(char::is_whitespace) {
                let why = "the password in this file ends with white space, which Postfix drops";
                self.refuse(&field, Refusal::new(why));
                return None;
            }
            Some((password, path))
        });
        if let (Some(user), Some((password, password_file))) = (user, password) {
            spec.outbound.credentials = Some(Credentials {
                user,
                password,
                password_file,
            });
        }
    }

    pub(super) fn limits(&mut self, section: &Section<'_>, spec: &mut Spec) {
        if let Some(most) = Self::number(section, "connections_per_client") {
            spec.limits.connections_per_client = most;
        }
        if let Some(most) = Self::number(section, "messages_per_login_per_hour") {
            spec.limits.messages_per_login_per_hour = Some(most);
        }
        if section.is_null("failed_logins_per_minute") {
            spec.limits.failed_logins_per_minute = None;
        } else if let Some(most) = Self::number(section, "failed_logins_per_minute") {
            spec.limits.failed_logins_per_minute = Some(most);
        }
        if let Some(field) = section.field("shared_addresses") {
            spec.limits.shared_addresses = self.list(&field, syntax::network, PartialEq::eq);
        }
    }
}

/// `smtp_sasl_password_maps` has `user:password` on one line.
fn next_hop_user(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        Err(Refusal::new("found nothing, expected a user name"))
    } else if text.contains(':') {
        Err(Refusal::new(
            "a `:` in the user name, where Postfix's table begins the password",
        ))
    } else {
        Ok(text.to_owned())
    }
}
