use super::{problems, refused, taken};

#[test]
fn ldap_servers() {
    refused(
        "auth: {ldap: {servers: [{}]}}",
        "auth.ldap.servers[0]",
        &[
            ("ldap://ldap.example", "passwords would travel in clear"),
            ("ldap.example", "write `ldaps://ldap.example`"),
            ("'ldapi:///run/ldapi'", "a socket on another machine"),
            ("https://ldap.example", "not ldaps:// or ldap://"),
            (
                "'ldaps://ldap.example/dc=example'",
                "more than host and port",
            ),
            ("ldaps://user@ldap.example", "more than host and port"),
            ("ldaps://ldap.example:0", "no port from 1 to 65535"),
            ("ldaps://ldap.example:ldaps", "no port from 1 to 65535"),
            ("'ldaps://a ldaps://b'", "more than host and port"),
            ("'ldaps://a b'", "no letter, digit or hyphen"),
            ("'ldaps://[::g]'", "no IPv6 address"),
            ("'ldaps://[::1]x'", "no port"),
            ("'ldaps://'", "found nothing"),
        ],
    );
    taken(
        "auth: {ldap: {servers: [{}]}}",
        &[
            "ldaps://directory",
            "ldaps://ldap.example:636/",
            "'ldaps://[2001:db8::1]:636'",
            "ldaps://192.0.2.1",
        ],
    );
    taken(
        "auth: {ldap: {start_tls: true, servers: [{}]}}",
        &["ldap://directory:389"],
    );
    refused(
        "auth: {ldap: {start_tls: true, servers: [{}]}}",
        "auth.ldap.servers[0]",
        &[(
            "ldaps://directory",
            "TLS from the first byte, expected an LDAP URL; write ldap://, or remove start_tls",
        )],
    );
    refused(
        "auth: {ldap: {servers: {}}}",
        "auth.ldap.servers",
        &[("[]", "nobody could log in")],
    );
    problems(
        "version: 1\nauth: {ldap: {unencrypted: true, servers: ['ldap://a.example']}}\n",
        &[
            "2:15: warning: auth.ldap.unencrypted: everybody's password travels in clear to ldap://a.example: who is on the way reads it, and who answers in its place gets it; use ldaps://, or start_tls: true",
        ],
    );
    problems(
        "version: 1\nauth: {ldap: {unencrypted: true}}\n",
        &[
            "2:15: warning: auth.ldap.unencrypted: every server is asked over TLS, so this does nothing; remove it",
        ],
    );
    let many: Vec<String> = (0..60)
        .map(|n| format!("ldaps://ldap{n}.example.com"))
        .collect();
    let many = format!("[{}]", many.join(", "));
    refused(
        "auth: {ldap: {servers: {}}}",
        "auth.ldap.servers",
        &[(&many, "more than 1023 bytes together")],
    );
}

#[test]
fn ldap_filters() {
    let long = format!("'(|(uid=%u)(cn={}))'", "x".repeat(500));
    let deep = format!("'{}(uid=%u){}'", "(&".repeat(20), ")".repeat(20));
    refused(
        "auth: {ldap: {filter: {} }}",
        "auth.ldap.filter",
        &[
            ("uid=%u", "write `(uid=%u)`"),
            ("(uid=%u", "a `)` is missing"),
            ("(uid=%u))", "follows its end"),
            ("(uid=%u)(cn=a)", "follows its end"),
            ("'(&(uid=%u)'", "a `)` is missing"),
            ("'(&)(uid=%u)'", "nothing after `&`"),
            ("'(!uid=%u)'", "a `(` is missing"),
            ("(uid)", "has no `=`"),
            ("(objectClass=person)", "the same for every user"),
            ("(uid=%%u)", "the same for every user"),
            (
                "(uid=%x)",
                "at character 6: `%x`, which saslauthd replaces by nothing",
            ),
            ("(uid=%D%u)", "6: `%D`"),
            ("(uid=%)", "6: `%)`"),
            ("(u_id=%u)", "`u_id` is no attribute"),
            (
                "(uid=%u\\5)",
                "at character 8: a `\\` that two hexadecimal digits",
            ),
            (&long, "saslauthd takes 511 and drops the rest"),
            (&deep, "more than 20 parentheses"),
        ],
    );
    taken(
        "auth: {ldap: {filter: '{}' }}",
        &[
            "(uid=%u)",
            "(&(objectClass=person)(|(uid=%u)(mail=%u))(!(employeeType=left)))",
            "(&(uid=%U)(o=%d))",
            "(&(memberOf:1.2.840.113556.1.4.1941:=cn=a\\2ab%u)(uid=%u))",
            "(&(uid>=%u)(cn=*x%u*))",
            "(& (uid=%u) (| (cn=a) (cn=b) ) )",
        ],
    );
    problems(
        "version: 1\nauth: {ldap: {filter: (uid=%U)}}\n",
        &[
            "2:23: warning: auth.ldap.filter: `%U` leaves the realm out: alice@anything logs in as alice; use `%u`, or `%d` beside it",
        ],
    );
}

#[test]
fn distinguished_names() {
    refused(
        "auth: {ldap: {search_base: {} }}",
        "auth.ldap.search_base",
        &[
            ("People", "`People` has no `=`"),
            ("'ou=People,'", "`` has no `=`"),
            ("'=x,dc=a'", "`` is no attribute"),
            ("'ou=,dc=a'", "`ou` has no value"),
            ("'ou=a;b,dc=a'", "in a value"),
            ("'o u=a'", "`o u` is no attribute"),
            ("''", "found nothing"),
            ("'dc=%z'", "expected no token such as `%z`"),
            ("'ou=%d,dc=example'", "put the token into auth.ldap.filter"),
        ],
    );
    taken(
        "auth: {ldap: {search_base: '{}' }}",
        &[
            "ou=People,dc=example,dc=com",
            "ou=A\\, B\\;, o=x",
            "cn=a+uid=b,2.5.4.11=c",
            "ou=100%%,dc=example",
        ],
    );
}

#[test]
fn names_of_the_searching_account() {
    use crate::config::syntax::account;
    for name in [
        "cn=relay,dc=example,dc=com",
        "relay@corp.example.com",
        "CORP\\relay",
        "corp.example\\svc-relay$",
    ] {
        assert_eq!(account(name).as_deref(), Ok(name));
    }
    for (name, why) in [
        ("", "found nothing"),
        ("relay", "no `=`, `@` or"),
        ("\\relay", "nothing before or behind"),
        ("CORP\\", "nothing before or behind"),
        ("A\\B\\c", "more than one"),
        ("@corp.example", "nothing before or behind the `@`"),
        ("relay@", "nothing before or behind the `@`"),
        ("relay@co rp", "no letter, digit or hyphen"),
        (" CORP\\relay", "blanks around it"),
        ("ou=,dc=a", "`ou` has no value"),
    ] {
        let told = account(name).expect_err(name).message;
        assert!(told.contains(why), "{name}: {told}");
    }
}
