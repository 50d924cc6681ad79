//! What entries come to.

use super::{Effective, Tables, read};

/// No file can be read.
struct Nothing;

impl Tables for Nothing {
    fn text(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// A file at /t.
struct One(&'static str);

impl Tables for One {
    fn text(&self, _: &str, path: &str) -> Option<String> {
        (path == "/t").then(|| self.0.to_owned())
    }
}

const SMTPD: &str = "smtp inet n - n - - smtpd\n";

/// Rule and sentence of everything that is told, services apart.
fn told_by(main: &str, master: &str, tables: &dyn Tables) -> Vec<(String, String)> {
    let told = read(&Effective::parse(main, master), tables);
    let own = told
        .into_iter()
        .filter(|told| told.rule.is_none_or(|rule| rule.id != "own-listener"));
    own.map(|told| {
        let rule = told.rule.map_or("", |rule| rule.id);
        (rule.to_owned(), told.does)
    })
    .collect()
}

#[track_caller]
fn tells(main: &str, expected: &[(&str, &str)]) {
    let told = told_by(main, SMTPD, &Nothing);
    let told: Vec<(&str, &str)> = told.iter().map(|(r, d)| (r.as_str(), d.as_str())).collect();
    assert_eq!(told, expected, "{main}");
}

const CLOSED: &str = "permit_sasl_authenticated, reject_unauth_destination";

#[test]
fn an_ok_relays_where_the_relay_list_has_not_ended() {
    for (list, expected) in [
        (
            "check_client_access inline:{192.0.2.7=OK}",
            ("client-relays", "a client of 192.0.2.7 may relay"),
        ),
        (
            "check_helo_access inline:{z=OK}",
            ("helo-relays", "a client that says HELO z may relay"),
        ),
        (
            "check_sender_access inline:{a@b=1234}",
            ("sender-relays", "mail from a@b is relayed for anybody"),
        ),
        (
            "check_recipient_access static:OK",
            ("recipient-relays", "all mail is relayed for anybody"),
        ),
        (
            "check_ccert_access inline:{AA=OK}",
            (
                "certificate-relays",
                "a client with the certificate AA may relay",
            ),
        ),
        (
            "check_client_access cidr:{{192.0.2.0/24 permit}}",
            ("client-relays", "a client of 192.0.2.0/24 may relay"),
        ),
        (
            "check_sender_access pcre:{{/@b$/ OK}}",
            (
                "sender-relays",
                "mail from (whatever fits /@b$/) is relayed for anybody",
            ),
        ),
        (
            "permit_tls_all_clientcerts",
            (
                "certificate-relays",
                "a client with any certificate that a CA of smtpd_tls_CAfile signed may relay",
            ),
        ),
        (
            "check_policy_service inet:x:1",
            (
                "policy-decides",
                "the program at inet:x:1 decides in smtpd_relay_restrictions",
            ),
        ),
    ] {
        tells(
            &format!("smtpd_relay_restrictions = {list}, {CLOSED}"),
            &[expected],
        );
    }
    // Behind reject_unauth_destination nobody is left who may not relay.
    tells(
        &format!("smtpd_relay_restrictions = {CLOSED}, check_helo_access inline:{{z=OK}}, permit"),
        &[],
    );
}

#[test]
fn what_refuses_nobody_is_an_open_relay() {
    for list in [
        "permit",
        "permit_sasl_authenticated",
        "permit_sasl_authenticated, permit, reject",
        "reject_unknown_client_hostname",
    ] {
        let told = told_by(
            &format!("smtpd_relay_restrictions = {list}"),
            SMTPD,
            &Nothing,
        );
        assert_eq!(told[0].0, "anybody-relays", "{list}: {told:?}");
    }
    let told = told_by(
        "smtpd_relay_restrictions = warn_if_reject reject_unauth_destination",
        SMTPD,
        &Nothing,
    );
    let rules: Vec<&str> = told.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(rules, ["only-warns", "anybody-relays"]);
    tells(
        "smtpd_relay_restrictions = permit_sasl_authenticated, reject",
        &[],
    );
    tells("smtpd_relay_restrictions =", &[]);
}

#[test]
fn an_option_of_a_service_goes_over_main() {
    let master = "smtp inet n - n - - smtpd -o { smtpd_relay_restrictions = $mine }\n";
    let main =
        "smtpd_relay_restrictions = permit\nmine = check_client_access inline:{1.2.3.4=OK}, reject";
    let told = told_by(main, master, &Nothing);
    assert_eq!(
        told,
        [(
            "client-relays".to_owned(),
            "a client of 1.2.3.4 may relay".to_owned()
        )]
    );
}

#[test]
fn classes_and_restrictions_as_results_are_followed() {
    let class = "smtpd_restriction_classes = strict\nstrict = check_client_access inline:{1.2.3.4=OK}, reject\n";
    tells(
        &format!(
            "{class}smtpd_relay_restrictions = check_recipient_access inline:{{x=strict}}, {CLOSED}"
        ),
        &[("client-relays", "a client of 1.2.3.4 may relay")],
    );
    tells(
        &format!(
            "smtpd_relay_restrictions = check_client_access inline:{{{{x = permit_mynetworks, permit}}}}, {CLOSED}"
        ),
        &[("client-relays", "a client of x may relay")],
    );
}

#[test]
fn an_ok_elsewhere_skips_what_stands_behind_it() {
    tells(
        "smtpd_sender_restrictions = check_client_access inline:{1.2.3.4=OK}, reject_sender_login_mismatch",
        &[(
            "sends-as-another",
            "a client of 1.2.3.4 may send under anybody's name",
        )],
    );
    tells(
        "smtpd_recipient_restrictions = check_sender_access inline:{a@b=OK}, reject_unverified_recipient",
        &[(
            "rule-skipped",
            "mail from a@b passes smtpd_recipient_restrictions before reject_unverified_recipient is asked",
        )],
    );
    tells(
        "smtpd_client_restrictions = check_client_access inline:{1.2.3.4=OK}",
        &[("", "a client of 1.2.3.4 passes smtpd_client_restrictions")],
    );
}

#[test]
fn actions_of_access_tables_are_told() {
    for (action, expected) in [
        ("REJECT", ("", "mail from a@b is refused")),
        (
            "DUNNO",
            ("", "mail from a@b is left to the rules behind it"),
        ),
        (
            "HOLD",
            ("held", "mail from a@b is held until somebody releases it"),
        ),
        (
            "DISCARD",
            ("dropped", "mail from a@b is taken and thrown away"),
        ),
        ("BCC c@d", ("copied", "mail from a@b is copied to c@d")),
        (
            "REDIRECT c@d",
            ("redirected", "mail from a@b goes to c@d instead"),
        ),
        (
            "FILTER smtp:x",
            ("rerouted", "mail from a@b goes to smtp:x first"),
        ),
        (
            "PREPEND X-Y: z",
            ("header-added", "mail from a@b gets the header \"X-Y: z\""),
        ),
    ] {
        tells(
            &format!("smtpd_sender_restrictions = inline:{{{{a@b = {action}}}}}"),
            &[expected],
        );
    }
}

#[test]
fn lists_of_addresses_are_told() {
    for (line, expected) in [
        ("always_bcc = y", ("copied", "every message is copied to y")),
        (
            "sender_bcc_maps = inline:{x=y}",
            ("copied", "mail from x is copied to y"),
        ),
        (
            "recipient_bcc_maps = static:y",
            ("copied", "all mail is copied to y"),
        ),
        (
            "virtual_alias_maps = inline:{a@b=c@d}",
            ("redirected", "mail to a@b goes to c@d"),
        ),
        (
            "virtual_alias_maps = inline:{b.org=x}",
            (
                "strangers-send",
                "mail to anybody in b.org is taken from anybody",
            ),
        ),
        (
            "canonical_maps = inline:{a=b}",
            ("rewritten", "the address a becomes b"),
        ),
        (
            "smtp_generic_maps = inline:{a=b}",
            ("rewritten", "the address a leaves as b"),
        ),
        (
            "transport_maps = inline:{b.org=discard:}",
            ("dropped", "mail to b.org is taken and thrown away"),
        ),
        (
            "transport_maps = inline:{b.org=error:no}",
            ("returned-early", "mail to b.org is returned at once: no"),
        ),
        (
            "transport_maps = inline:{b.org=smtp:[x]}",
            ("rerouted", "mail to b.org goes to [x]"),
        ),
        (
            "sender_dependent_relayhost_maps = inline:{@b=[x]:25}",
            ("rerouted", "mail from @b goes to [x]:25"),
        ),
        (
            "smtp_tls_policy_maps = inline:{b.org=none}",
            ("tls-weakened", "mail to b.org is sent without TLS"),
        ),
        (
            "smtp_tls_policy_maps = inline:{b.org=secure}",
            ("", "mail to b.org is sent under TLS of level secure"),
        ),
        (
            "smtp_sasl_password_maps = inline:{b=u:secret}",
            ("next-hop-login", "at b the relay logs in"),
        ),
        (
            "smtpd_milters = inet:x:1",
            (
                "filtered",
                "the milter inet:x:1 sees every message, and can change or drop it",
            ),
        ),
        (
            "header_checks = pcre:{{/^Subject:/ WARN}}",
            (
                "content-logged",
                "that line of a message with the header (whatever fits /^Subject:/) is written into the log",
            ),
        ),
        (
            "mynetworks = 10.0.0.0/8 !10.1.0.0/16",
            ("client-relays", "a client of 10.0.0.0/8 may relay"),
        ),
        (
            "smtpd_discard_ehlo_keyword_address_maps = cidr:{{::/0 starttls}}",
            ("tls-weakened", "a client of ::/0 is not offered STARTTLS"),
        ),
    ] {
        tells(line, &[expected]);
    }
}

#[test]
fn a_line_of_a_file_is_where_the_finding_stands() {
    let main = "sender_bcc_maps = lmdb:/t";
    let told = read(&Effective::parse(main, ""), &One("# c\nx y\n"));
    assert_eq!(
        told[0].place.in_words(),
        "/t, line 2 (main.cf, sender_bcc_maps)"
    );
}

#[test]
fn values_have_bounds() {
    for (line, rule) in [
        ("maximal_queue_lifetime = 1", "queue-lifetime"),
        ("maximal_queue_lifetime = 5", ""),
        ("maximal_queue_lifetime = 5h", "queue-lifetime"),
        ("minimal_backoff_time = 300s", ""),
        ("default_process_limit = 100", ""),
        ("default_process_limit = 5000", "process-limit"),
        ("smtpd_timeout = ${stress?{10}:{300}}s", ""),
        ("smtpd_recipient_limit = 0", "client-limit"),
    ] {
        let told = told_by(line, SMTPD, &Nothing);
        let found = told.first().map_or("", |(rule, _)| rule.as_str());
        assert_eq!(found, rule, "{line}: {told:?}");
    }
}

#[test]
fn services_of_postfix_have_the_terms_that_it_gives_them() {
    for (line, words) in [
        ("bounce unix - - n - 0 bounce", ""),
        ("smtp unix - - n - 40 smtp", ""),
        ("slow unix - - n - 1 smtp", ""),
        ("smtp unix - - n - 1 smtp", "has 1 processes at most"),
        ("smtp unix - n n - - smtp", "runs with root's rights"),
        ("smtp unix n - n - - smtp", "is not private"),
        ("cleanup unix - - n - 0 cleanup", "is private"),
        ("qmgr unix n - n 0 1 qmgr", "is woken every 0 s"),
        ("retry unix - - n - - discard", "runs discard"),
    ] {
        let told = read(&Effective::parse("", line), &Nothing);
        let terms = told
            .iter()
            .filter(|t| t.rule.is_some_and(|r| r.id == "service-terms"));
        let terms: Vec<_> = terms.map(|t| t.does.as_str()).collect();
        match words {
            "" => assert!(terms.is_empty(), "{line}: {terms:?}"),
            words => assert!(terms.iter().any(|t| t.contains(words)), "{line}: {terms:?}"),
        }
    }
}

#[test]
fn listeners_have_names_of_their_own_in_the_log() {
    for (options, same) in [("", true), (" -o syslog_name=postfix/submission", false)] {
        let master = format!("{SMTPD}submission inet n - n - - smtpd{options}\n");
        let told = read(&Effective::parse("", &master), &Nothing);
        let found = told
            .iter()
            .any(|t| t.does.contains("has the name of smtp/inet in the log"));
        assert_eq!(found, same, "{options}");
    }
}

#[test]
fn ids_are_words_and_each_is_there_once() {
    let mut ids: Vec<&str> = super::all().map(|rule| rule.id).collect();
    let plain = |id: &&str| {
        id.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    assert!(ids.iter().all(plain), "{ids:?}");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for rule in super::all() {
        for text in [rule.consequence, rule.repair] {
            assert!(text.ends_with('.'), "{}: {text}", rule.id);
        }
        assert!(!rule.title.ends_with('.'), "{}", rule.id);
    }
}
