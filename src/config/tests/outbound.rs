//! Next hops, the logins there, and how sure the relay is of each.

use super::super::{Warning, load_bytes};
use super::table::folder;
use super::{problems, refused, spec, taken};
use crate::config::{Credentials, OutboundLevel, Says};

#[test]
fn a_list_keeps_its_order() {
    let spec = spec(
        "version: 1\noutbound: {next_hop: ['[b.example]:587', a.example, '[b.example]:587']}\n",
    );
    let hops: Vec<String> = spec
        .outbound
        .next_hops
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(hops, ["[b.example]:587", "a.example", "[b.example]:587"]);
    assert!(Says::Items(2).holds("outbound.next_hop", &spec));
}

#[test]
fn brackets_without_quotes_are_a_list_of_one() {
    refused(
        "outbound: {next_hop: {} }",
        "outbound.next_hop",
        &[
            ("[smtp.example.net]", "such as '[host]:587'"),
            ("[]", "found a list of 0"),
        ],
    );
    problems(
        "version: 1\noutbound: {next_hop: [a.example, 'b example', c.example]}\n",
        &[
            "2:34: outbound.next_hop[1]: found `b example`: ` ` is no letter, digit or hyphen, expected `[host]:port` or `host`",
        ],
    );
}

/// Postfix's client begins either way, for all of a list.
#[test]
fn port_465_and_others_do_not_go_into_one_list() {
    taken(
        "outbound: {next_hop: {} }",
        &[
            "'[a.example]:465'",
            "['[a.example]:465', '[b.example]:465']",
        ],
    );
    problems(
        "version: 1\noutbound: {next_hop: ['[a.example]:587', '[b.example]:465']}\n",
        &[
            "2:12: outbound.next_hop: [b.example]:465 wants TLS from the first byte and [a.example]:587 does not, and Postfix goes through a list in one way or the other; write both at port 465, or both at the port where they take STARTTLS, as a rule 587",
        ],
    );
}

/// Lines as `problems` has them, of a file that names password files.
fn told(text: &str) -> Vec<String> {
    let folder = folder();
    // That everybody can read these files is not asked here.
    let problems = match load_bytes(text.as_bytes(), "f", folder.path()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.problems,
    };
    problems.iter().map(|p| Warning(p).to_string()).collect()
}

#[test]
fn each_login_is_for_one_next_hop() {
    const FILE: &str = "version: 1\ntls: {outbound: {level: secure}}\noutbound:\n  next_hop: ['[a.example]:587', '[b.example]:587']\n  credentials: ";
    let login =
        |at: &str, user: &str| format!("{{{at}user: {user}, password_file: next-hop.password}}");
    let (a, b) = (
        "next_hop: '[a.example]:587', ",
        "next_hop: '[b.example]:587', ",
    );
    let c = "next_hop: '[c.example]:587', ";
    let ok = format!("{FILE}[{}, {}]\n", login(a, "one"), login(b, "two"));
    assert_eq!(told(&ok), Vec::<String>::new());
    let folder = folder();
    let spec = load_bytes(ok.as_bytes(), "f", folder.path()).unwrap().spec;
    let users = spec.outbound.next_hops.iter().map(|hop| {
        Credentials::at(&spec.outbound.logins, hop)
            .unwrap()
            .user
            .clone()
    });
    assert_eq!(users.collect::<Vec<_>>(), ["one", "two"]);
    let only = format!("{FILE}{}\n", login(b, "two"));
    let spec = load_bytes(only.as_bytes(), "f", folder.path())
        .unwrap()
        .spec;
    assert_eq!(
        Credentials::at(&spec.outbound.logins, &spec.outbound.next_hops[0]),
        None
    );
    for (logins, expected) in [
        (
            login("", "one"),
            "outbound.credentials: this login does not say for which next hop it is, and there are several; write {next_hop: '[a.example]:587', user: ..., password_file: ...}",
        ),
        (
            login(c, "one"),
            "outbound.credentials: a login for [c.example]:587, where no mail goes; outbound.next_hop is '[a.example]:587', '[b.example]:587'",
        ),
        (
            format!("[{}, {}]", login(a, "one"), login(a, "two")),
            "outbound.credentials: two logins for [a.example]:587; keep one of them",
        ),
    ] {
        let told = told(&format!("{FILE}{logins}\n"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(expected), "{expected}\n{told:?}");
    }
}

const FINGERPRINT: &str = "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:ab";

#[test]
fn policies_are_read() {
    let policy = |text: &str| {
        let text = format!(
            "version: 1\ntls: {{outbound: {{policies: {{'[a.example]:587': '{text}'}}}}}}\n\
             outbound: {{next_hop: '[a.example]:587'}}\n"
        );
        let spec = spec(&text);
        spec.policy(&spec.outbound.next_hops[0]).unwrap().clone()
    };
    assert_eq!(policy("encrypt").level, OutboundLevel::Encrypt);
    let secure = policy("secure match=a.example:.b.example servername=c.example, match=nexthop");
    assert_eq!(secure.matches, ["a.example", ".b.example", "nexthop"]);
    assert_eq!(secure.servername.as_deref(), Some("c.example"));
    assert_eq!(
        secure.to_string(),
        "secure match=a.example:.b.example:nexthop servername=c.example"
    );
    let fingerprint = policy(&format!("fingerprint match={FINGERPRINT}|{FINGERPRINT}"));
    let digest = FINGERPRINT.to_ascii_uppercase();
    assert_eq!(fingerprint.matches, [digest.clone(), digest]);
    assert!(fingerprint.level.verifies() && !fingerprint.level.names());
}

#[test]
fn policies_that_cannot_be_are_refused() {
    let file = |policy: &str| {
        format!(
            "version: 1\noutbound: {{next_hop: '[a.example]:587'}}\n\
             tls: {{outbound: {{policies: {{'[a.example]:587': '{policy}'}}}}}}\n"
        )
    };
    for (policy, expected) in [
        (
            "secured",
            "found `secured`, expected `none`, `may`, `encrypt`, `verify`, `secure` or `fingerprint`; did you mean `secure`?",
        ),
        (
            "dane",
            "`dane`: the relay asks the engine's resolver, which does not tell it",
        ),
        (
            "dane-only",
            "`dane-only`: the relay asks the engine's resolver",
        ),
        (
            "fingerprint",
            "`fingerprint` without one, so that no server would do",
        ),
        (
            "fingerprint match=AB:CD",
            "found `AB:CD`, expected the 32 bytes of a SHA-256",
        ),
        (
            "encrypt match=a.example",
            "`match=` with `encrypt`, which looks at no certificate; write secure",
        ),
        (
            "none servername=a.example",
            "`servername=` with `none`, where there is no TLS",
        ),
        ("secure match=a_b.example", "is no letter, digit or hyphen"),
        ("secure servername=", "found nothing, expected a name"),
        (
            "secure tafile=/x",
            "found `tafile=/x`, expected `match=` or `servername=`",
        ),
    ] {
        let told = super::told(&file(policy));
        assert_eq!(told.len(), 1, "{told:?}");
        let place = "3:48: tls.outbound.policies.[a.example]:587: ";
        let message = told[0]
            .strip_prefix(place)
            .unwrap_or_else(|| panic!("{told:?}"));
        assert!(message.contains(expected), "{expected}\n{message}");
    }
    // A next hop that is spelt otherwise is another one to Postfix.
    let other = file("secure").replace("next_hop: '[a.example]:587'", "next_hop: a.example:587");
    problems(
        &other,
        &[
            "3:29: tls.outbound.policies.[a.example]:587: no mail goes to [a.example]:587, so this does nothing; outbound.next_hop is 'a.example:587'",
        ],
    );
    problems(
        &file("may").replace(":587'", ":465'"),
        &[
            "3:29: tls.outbound.policies.[a.example]:465: `may`, and at port 465 there is nothing but TLS; write encrypt, or secure",
        ],
    );
    problems(
        &file("none"),
        &[
            "3:29: warning: tls.outbound.policies.[a.example]:587: all mail goes there in clear, for everybody on the way to read and change; write may, or encrypt where it offers STARTTLS",
        ],
    );
}

#[test]
fn levels_that_cannot_be_for_all_say_why() {
    refused(
        "tls: {outbound: {level: {} }}",
        "tls.outbound.level",
        &[
            ("dane", "`dane`: the relay asks the engine's resolver"),
            (
                "fingerprint",
                "`fingerprint`: a fingerprint is one server's; write it in tls.outbound.policies",
            ),
            ("none", "`none`: all mail would travel in clear; write may"),
            ("secur", "did you mean `secure`?"),
            ("[]", "found a list"),
        ],
    );
}

/// No certificate of a public authority names an address.
#[test]
fn an_address_has_no_name_to_verify() {
    let file = |level: &str, policies: &str| {
        format!(
            "version: 1\ntls: {{outbound: {{level: {level}, policies: {{{policies}}}}}}}\n\
             outbound: {{next_hop: '[192.0.2.1]:587'}}\n"
        )
    };
    for level in ["verify", "secure"] {
        let expected = format!(
            "3:12: outbound.next_hop: [192.0.2.1]:587 is an address, and `{level}` looks for a name in the certificate: no mail would leave; write the name in the place of the address, or tls.outbound.policies: {{'[192.0.2.1]:587': secure match=NAME}} with the name that stands in the certificate"
        );
        problems(&file(level, ""), &[&expected]);
        problems(
            &file("may", &format!("'[192.0.2.1]:587': {level}")),
            &[&expected],
        );
        let matching = "'[192.0.2.1]:587': secure match=a.example";
        assert_eq!(super::told(&file(level, matching)), Vec::<String>::new());
    }
    assert_eq!(super::told(&file("encrypt", "")), Vec::<String>::new());
}

#[test]
fn a_table_of_policies_beside_is_refused() {
    let told = super::told(
        "version: 1\npostfix: {main: {smtp_tls_policy_maps: 'inline:{[smtp.example.net]:587=none}'}}\n",
    );
    let expected = "write the next hop and its level in tls.outbound.policies";
    assert!(told.iter().any(|line| line.contains(expected)), "{told:?}");
    let elsewhere = super::told(
        "version: 1\npostfix: {main: {smtp_tls_policy_maps: 'socketmap:inet:mta-sts:8461:postfix'}}\n",
    );
    assert!(
        elsewhere.iter().all(|line| line.contains("warning: ")),
        "{elsewhere:?}"
    );
}
