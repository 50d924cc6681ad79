//! What the operator's last word (`postfix.main`, `postfix.master`) holds fast, whatever
//! the other keys of relay.yaml say.

use std::collections::BTreeMap;

use crate::config::{Postfix, Spec, takes_back_a_promise};
use crate::counterparts::{Purpose, Resolved};

use super::main_cf::Group;
use super::master_cf::Service;
use super::{relay_main, relay_master};

/// The keys below `postfix` in `spec` that hinder it from becoming `other`: they decide
/// what such a relay needs otherwise, or take back a promise that nobody has made of it.
#[must_use]
pub fn settled(spec: &Spec, other: &Spec) -> Vec<String> {
    let last_word = &spec.postfix;
    if last_word.main.is_empty() && last_word.master.is_empty() {
        return Vec::new();
    }
    let (here, there) = (parameters(spec), parameters(other));
    let main = last_word.main.iter().filter(|(name, value)| {
        let (own, others) = (here.get(*name), there.get(*name));
        own != others || takes_back_a_promise(name, value) && others != Some(value)
    });
    let main = main.map(|(name, _)| format!("postfix.main.{name}"));
    let (here, there) = (services(spec), services(other));
    let (own, others) = (options(&here), options(&there));
    let master = last_word.master.iter().filter(|(key, entry)| {
        let services = here.iter().chain(&there).filter(|service| service.is(key));
        // What the entry leaves to relaykit, it does not settle.
        let mut decided = services.flat_map(|service| service.decided_by(entry));
        decided.any(|(option, value)| {
            let name = option.rsplit(' ').next().unwrap_or_default();
            let promise = value
                .as_ref()
                .is_some_and(|v| takes_back_a_promise(name, v));
            let others = others.get(&option);
            own.get(&option) != others || promise && others != value.as_ref()
        })
    });
    let master = master.map(|(key, _)| format!("postfix.master.{key}"));
    main.chain(master).collect()
}

/// What relaykit itself would set in main.cf.
fn parameters(spec: &Spec) -> BTreeMap<String, String> {
    let groups = relay_main::groups(&resolved(spec));
    let parameters = groups.iter().flat_map(Group::parameters);
    parameters
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn services(spec: &Spec) -> Vec<Service> {
    relay_master::services(&resolved(spec))
}

/// The options that relaykit itself would set in master.cf.
fn options(services: &[Service]) -> BTreeMap<String, String> {
    services.iter().flat_map(Service::options).collect()
}

fn resolved(spec: &Spec) -> Resolved {
    let spec = Spec {
        postfix: Postfix::default(),
        ..spec.clone()
    };
    Resolved::new(spec, Purpose::Proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, ClientCertificates, Received};

    fn with(main: &[(&str, &str)], master: &[(&str, &str)]) -> Spec {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let mut spec = config::built_in();
        spec.postfix.main = owned(main);
        spec.postfix.master = owned(master);
        spec
    }

    fn settles(spec: &Spec, change: impl Fn(&mut Spec)) -> Vec<String> {
        let mut other = spec.clone();
        change(&mut other);
        settled(spec, &other)
    }

    #[test]
    fn what_the_last_word_sets_and_a_change_would_set_is_settled() {
        let spec = with(&[("message_size_limit", "99"), ("biff", "no")], &[]);
        let size = |spec: &mut Spec| spec.relay.message_size_limit = 7;
        assert_eq!(settles(&spec, size), ["postfix.main.message_size_limit"]);
        let certificates =
            |spec: &mut Spec| spec.tls.client_certificates = ClientCertificates::Require;
        assert!(settles(&spec, certificates).is_empty());
        assert!(settles(&config::built_in(), size).is_empty());
    }

    #[test]
    fn a_promise_that_is_taken_back_settles_whatever_else_there_is() {
        let trusts = |spec: &mut Spec| spec.relay.trusted_networks = vec!["192.0.2.0/24".into()];
        for (name, value, hinders) in [
            (
                "smtpd_relay_restrictions",
                "permit_sasl_authenticated, reject",
                true,
            ),
            ("smtp_header_checks", "", true),
            // As relaykit has it.
            ("smtpd_recipient_restrictions", "", false),
            ("smtpd_helo_required", "no", false),
        ] {
            let spec = with(&[(name, value)], &[]);
            assert_eq!(!settles(&spec, trusts).is_empty(), hinders, "{name}");
        }
        for (option, hinders) in [("encrypt", false), ("may", true)] {
            let line = format!("n - n - - smtpd -o smtpd_tls_security_level={option}");
            let spec = with(&[], &[("submission/inet", &line)]);
            assert_eq!(!settles(&spec, trusts).is_empty(), hinders, "{option}");
        }
    }

    #[test]
    fn options_that_an_entry_leaves_alone_are_not_settled() {
        let hide = |spec: &mut Spec| spec.privacy.received = Received::Hide;
        let key = "submission/inet";
        let spec = with(&[], &[(key, "n - n - - smtpd -o syslog_name=x")]);
        assert!(settles(&spec, hide).is_empty());
        let spec = with(&[], &[(key, "n - n - - smtpd -o mail_name=x")]);
        assert_eq!(settles(&spec, hide), ["postfix.master.submission/inet"]);
        let spec = with(&[], &[(key, "n - n - - postscreen")]);
        assert_eq!(settles(&spec, hide), ["postfix.master.submission/inet"]);
    }
}
