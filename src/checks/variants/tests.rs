//! Which labs a run gets.

use std::collections::BTreeSet;

use super::super::need::Need;
use super::super::testing::check;
use super::*;
use crate::config::{self, ClientCertificates, Listener, Received, Says};

fn asking(need: &'static [Need], exclusive: bool) -> &'static Check {
    Box::leak(Box::new(Check {
        needs: need,
        exclusive,
        ..check("a.check")
    }))
}

const DOMAINS: Need = Need::Setting("relay.domains", Says::Something);
const NEVER: Need = Need::Setting("hostname", Says::Is("what cannot be"));

fn names(checks: &[&'static Check]) -> Vec<(&'static str, bool)> {
    let labs = laboratories(&config::built_in(), checks);
    labs.iter().map(|lab| (lab.name, lab.disposable)).collect()
}

#[test]
fn checks_share_the_lab_that_relay_yaml_describes() {
    let checks = [asking(&[], false), asking(&[Need::Login], false)];
    assert_eq!(names(&checks), [("as configured", false)]);
}

#[test]
fn a_setting_that_is_not_there_gets_a_variant() {
    let checks = [asking(&[], false), asking(&[DOMAINS], false)];
    assert_eq!(names(&checks), [("as configured", false), ("mixed", false)]);
}

#[test]
fn limits_are_for_the_checks_that_ask_for_them() {
    const LIMIT: Need = Need::Comes {
        to: "limits",
        holds: |spec| {
            let limits = &spec.limits;
            limits.messages_per_login_per_hour.is_some() || limits.connections_per_client < 9
        },
    };
    let mut spec = config::built_in();
    spec.limits.messages_per_login_per_hour = Some(7);
    spec.limits.connections_per_client = 3;
    let checks = [
        asking(&[Need::Login], false),
        asking(&[DOMAINS], false),
        asking(&[LIMIT], true),
    ];
    let labs = laboratories(&spec, &checks).into_iter();
    let labs: Vec<_> = labs
        .map(|lab| {
            let limits = lab.spec.limits;
            let messages = limits.messages_per_login_per_hour;
            (lab.name, messages, limits.connections_per_client)
        })
        .collect();
    assert_eq!(
        labs,
        [
            ("as configured", None, ENOUGH),
            ("limited", Some(7), 3),
            ("mixed", None, ENOUGH),
        ]
    );
}

#[test]
fn checks_that_disturb_get_a_lab_of_their_own() {
    let checks = [asking(&[], false), asking(&[], true), asking(&[], true)];
    assert_eq!(
        names(&checks),
        [("as configured", false), ("as configured", true)]
    );
}

#[test]
fn many_checks_that_disturb_get_twins() {
    let checks = [asking(&[], true); DISTURBING_AT_MOST + 1];
    assert_eq!(names(&checks), [("as configured", true); 2]);
}

#[test]
fn no_variant_is_what_relay_yaml_may_not_be() {
    let smtp = BTreeSet::from([Listener::Smtp]);
    for listeners in [
        config::built_in().auth.listeners,
        Listener::ALL.into(),
        smtp,
    ] {
        for received in Received::ALL {
            for certificates in [ClientCertificates::None, ClientCertificates::Require] {
                let mut spec = config::built_in();
                let port_25 = listeners.contains(&Listener::Smtp);
                let demands = certificates == ClientCertificates::Require;
                if port_25 && (demands || received == Received::Hide) {
                    continue;
                }
                spec.auth.listeners.clone_from(&listeners);
                spec.privacy.received = received;
                spec.tls.client_certificates = certificates;
                for (name, spec) in candidates(&spec) {
                    let port_25 = spec.auth.listeners.contains(&Listener::Smtp);
                    let demands = spec.tls.client_certificates == ClientCertificates::Require;
                    let hides = spec.privacy.received == Received::Hide;
                    assert!(!port_25 || !demands && !hides, "{name} of {spec:?}");
                }
            }
        }
    }
}

#[test]
fn a_variant_that_overrides_hinder_is_not_tried_and_the_keys_are_named() {
    let mut spec = config::built_in();
    let main = &mut spec.postfix.main;
    main.insert("relay_domains".to_owned(), "a.example".to_owned());
    let check = asking(&[DOMAINS], false);
    let offered = Offered::to(&spec);
    assert!(offered.laboratory(check).is_none());
    let why = offered.hindered(check).unwrap();
    assert_eq!(why, "postfix.main.relay_domains");
    assert!(offered.laboratory(asking(&[], false)).is_some());
    assert_eq!(offered.hindered(asking(&[], false)), None);
    assert_eq!(Offered::to(&config::built_in()).hindered(check), None);
}

#[test]
fn what_no_variant_has_asks_for_no_lab() {
    assert_eq!(names(&[asking(&[NEVER], false)]), []);
}
