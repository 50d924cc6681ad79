//! Overrides that take back what relay.yaml promises, and those that do not.

use super::{problems, told};

/// A file with `keys` and, in its last line, an override.
fn file(keys: &str, over: &str) -> String {
    format!("version: 1\n{keys}\npostfix: {{{over}}}\n")
}

/// Each override is refused once; what is to be written instead is in the message.
#[track_caller]
fn taken_back(keys: &str, overrides: &[(&str, &str)]) {
    for (over, instead) in overrides {
        let told = told(&file(keys, over));
        let refused: Vec<_> = told.iter().filter(|l| !l.contains("warning:")).collect();
        assert_eq!(refused.len(), 1, "{over}\n{told:#?}");
        let (line, instead) = (&refused[0], *instead);
        assert!(line.contains("this takes back what `"), "{over}\n{line}");
        assert!(line.contains(instead), "{over}\n{line}");
    }
}

#[track_caller]
fn left_alone(keys: &str, overrides: &[&str]) {
    for over in overrides {
        let told = told(&file(keys, over));
        let refused: Vec<_> = told.iter().filter(|l| !l.contains("warning:")).collect();
        assert!(refused.is_empty(), "{over}\n{refused:#?}");
    }
}

#[test]
fn the_place_of_both_is_told() {
    problems(
        "version: 1\nrelay:\n  sender_login: own\npostfix:\n  main: {smtpd_sender_restrictions: reject_non_fqdn_sender}\n",
        &[
            "5:10: postfix.main.smtpd_sender_restrictions: this takes back what `relay.sender_login` \
             promises in line 3: `own`, a login sends only from its own addresses; begin \
             smtpd_sender_restrictions with reject_authenticated_sender_login_mismatch, and add \
             your own rules behind it",
        ],
    );
    problems(
        "version: 1\npostfix:\n  main: {smtpd_tls_auth_only: no}\n",
        &[
            "3:10: postfix.main.smtpd_tls_auth_only: this takes back what `auth.listeners` promises \
             by default: logins under TLS alone; remove smtpd_tls_auth_only: passwords would \
             travel in clear",
        ],
    );
}

#[test]
fn a_rule_may_be_joined_and_not_dropped() {
    let own = "relay: {sender_login: own}";
    taken_back(
        own,
        &[
            ("main: {smtpd_sender_restrictions: ''}", "begin"),
            (
                "main: {smtpd_sender_restrictions: 'permit, reject_sender_login_mismatch'}",
                "begin",
            ),
            (
                "master: {submission/inet: 'n - n - - smtpd -o smtpd_sender_restrictions=reject_non_fqdn_sender'}",
                "begin",
            ),
            (
                "master: {587/inet: 'n - n - - smtpd -o { smtpd_sender_restrictions = permit }'}",
                "begin",
            ),
        ],
    );
    left_alone(
        own,
        &[
            "main: {smtpd_sender_restrictions: 'reject_authenticated_sender_login_mismatch, reject_non_fqdn_sender'}",
            "main: {smtpd_sender_restrictions: '$mine, reject_non_fqdn_sender', mine: reject_sender_login_mismatch}",
            "main: {smtpd_sender_login_maps: 'inline:{a@b.example=alice}'}",
            // No login is there.
            "master: {smtp/inet: 'n - n - - smtpd -o smtpd_sender_restrictions=reject_non_fqdn_sender'}",
        ],
    );
    left_alone(
        "",
        &["main: {smtpd_sender_restrictions: reject_non_fqdn_sender}"],
    );
    taken_back(
        "limits: {messages_per_login_per_hour: 5}",
        &[
            ("main: {smtpd_policy_service_default_action: DUNNO}", "451"),
            (
                "master: {submission/inet: 'n - n - - smtpd -o smtpd_data_restrictions=reject_multi_recipient_bounce'}",
                "check_policy_service unix:/run/limits/socket",
            ),
        ],
    );
    left_alone(
        "limits: {messages_per_login_per_hour: 5}",
        &[
            "main: {smtpd_policy_service_default_action: '451 4.3.5 later'}",
            "main: {smtpd_data_restrictions: reject_unauth_pipelining}",
        ],
    );
}

#[test]
fn strangers_are_kept_to_their_rules() {
    let domains = "relay: {domains: [example.com]}";
    taken_back(
        domains,
        &[
            (
                "main: {smtpd_recipient_restrictions: reject_rbl_client bl.example}",
                "reject_unverified_recipient",
            ),
            ("main: {smtpd_discard_ehlo_keywords: chunking}", "add dsn"),
            ("main: {address_verify_sender: double-bounce}", "remove"),
            ("main: {unverified_recipient_reject_code: 250}", "550"),
            (
                "main: {relay_domains: example.org}",
                "write the value there",
            ),
        ],
    );
    left_alone(
        domains,
        &[
            "main: {smtpd_recipient_restrictions: 'reject_rbl_client bl.example, permit_mynetworks, reject_unverified_recipient'}",
            "main: {smtpd_recipient_restrictions: reject_rbl_client bl.example, relay_recipient_maps: 'inline:{a@example.com=x}'}",
            "main: {unverified_recipient_reject_code: 450}",
        ],
    );
    taken_back(
        "relay: {trusted_networks: [192.0.2.0/24]}",
        &[
            (
                "main: {mynetworks: 198.51.100.0/24}",
                "write the value there",
            ),
            (
                "main: {smtpd_upstream_proxy_protocol: haproxy}",
                "trusted_networks: []",
            ),
            (
                "main: {smtpd_relay_restrictions: reject}",
                "permit_mynetworks",
            ),
        ],
    );
    taken_back(
        "",
        &[
            (
                "main: {smtpd_relay_restrictions: 'permit, reject'}",
                "before ours",
            ),
            ("main: {smtpd_forbid_bare_newline: no}", "normalize"),
            (
                "main: {smtpd_forbid_bare_newline_exclusions: 0.0.0.0/0}",
                "name those",
            ),
            (
                "master: {submissions/inet: 'n - n - - smtpd -o smtpd_relay_restrictions=reject_unauth_destination'}",
                "permit_sasl_authenticated and reject",
            ),
        ],
    );
    left_alone("", &["main: {smtpd_upstream_proxy_protocol: haproxy}"]);
}

#[test]
fn logins_stay_where_and_as_they_are() {
    taken_back(
        "",
        &[
            ("main: {smtpd_sasl_auth_enable: yes}", "listener"),
            (
                "master: {smtp/inet: 'n - n - - smtpd -o smtpd_sasl_auth_enable=yes'}",
                "listener",
            ),
            (
                "master: {submission/inet: 'n - n - - smtpd -o smtpd_tls_security_level=may'}",
                "TLS is required",
            ),
            (
                "main: {smtpd_sasl_security_options: noplaintext}",
                "noanonymous",
            ),
        ],
    );
    taken_back(
        "auth: {ldap: {search_base: 'dc=example,dc=org'}}",
        &[("main: {smtpd_sasl_type: dovecot}", "something else")],
    );
    left_alone(
        "",
        &[
            "main: {smtpd_tls_security_level: none}",
            "main: {smtpd_sasl_tls_security_options: $smtpd_sasl_security_options}",
            "master: {10025/inet: 'n - n - - smtpd -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=no'}",
        ],
    );
}

#[test]
fn what_a_message_tells_stays_as_promised() {
    taken_back(
        "",
        &[
            (
                "main: {receive_override_options: 'no_header_body_checks, no_milters'}",
                "no_header_body_checks",
            ),
            (
                "main: {smtp_header_checks: 'pcre:/x'}",
                "departing_header_checks",
            ),
            (
                "main: {smtpd_proxy_filter: 'inet:127.0.0.1:10025'}",
                "content_filter",
            ),
            (
                "master: {cleanup-login/unix: 'n - n - 0 cleanup -o header_checks='}",
                "strip_headers",
            ),
            (
                "master: {submission/inet: 'n - n - - smtpd -o cleanup_service_name=cleanup'}",
                "strip_headers",
            ),
        ],
    );
    left_alone(
        "privacy: {received: keep}",
        &[
            "main: {receive_override_options: no_header_body_checks}",
            "main: {smtpd_proxy_filter: 'inet:127.0.0.1:10025'}",
            "master: {submission/inet: 'n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o mail_name=Other'}",
        ],
    );
    taken_back(
        "privacy: {received: keep, earlier_received: remove}",
        &[
            (
                "master: {submission/inet: 'n - n - - smtpd -o mail_name=Other -o cleanup_service_name=cleanup-login'}",
                "leave mail_name",
            ),
            (
                "main: {receive_override_options: no_header_body_checks}",
                "no_header_body_checks",
            ),
        ],
    );
    left_alone(
        "",
        &[
            "main: {receive_override_options: no_milters}",
            "main: {content_filter: 'smtp:[127.0.0.1]:10025'}",
        ],
    );
}

#[test]
fn no_value_stands_in_two_places() {
    for (keys, over) in [
        (
            "hostname: relay.example.org",
            "myhostname: other.example.org",
        ),
        ("relay: {message_size_limit: 5MiB}", "message_size_limit: 1"),
        ("tls: {minimum: TLSv1.3}", "smtpd_tls_protocols: '>=TLSv1'"),
        (
            "tls: {outbound: {level: secure}}",
            "smtp_tls_security_level: may",
        ),
        (
            "outbound: {next_hop: '[a.example]'}",
            "relayhost: b.example",
        ),
        (
            "limits: {connections_per_client: 5}",
            "smtpd_client_connection_count_limit: 500",
        ),
    ] {
        taken_back(
            keys,
            &[(&format!("main: {{{over}}}"), "write the value there")],
        );
        // Nobody is contradicted, so that a warning does.
        left_alone("", &[&format!("main: {{{over}}}")]);
    }
}

/// Who changes one option of a line of master.cf copies the others.
#[test]
fn our_own_lines_may_be_copied() {
    left_alone(
        "relay: {sender_login: own}\nprivacy: {show_login: true}\n\
         tls: {client_certificates: require}\nlimits: {messages_per_login_per_hour: 9}",
        &[
            "master: {submission/inet: 'n - n - 10 smtpd -o syslog_name=postfix/submission \
            -o smtpd_tls_security_level=encrypt -o smtpd_peername_lookup=no \
            -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject } \
            -o { smtpd_recipient_restrictions = permit_sasl_authenticated, reject } \
            -o { smtpd_data_restrictions = check_policy_service unix:/run/limits/socket, permit_sasl_authenticated, reject } \
            -o smtpd_tls_req_ccert=yes -o mail_name=relaykit-own-trace \
            -o smtpd_sasl_authenticated_header=yes -o cleanup_service_name=cleanup-login \
            -o smtpd_sasl_auth_enable=yes'}",
        ],
    );
}
