use super::super::NextHop;
use super::{problems, refused, spec, taken};

#[test]
fn hostnames() {
    let long = format!("{}.example", "a".repeat(64));
    let longer = format!("{}example", "abcdefghi.".repeat(25));
    refused(
        "hostname: {}",
        "hostname",
        &[
            ("relay", "only one label"),
            ("relay.example.com.", "a dot at the end"),
            ("bücher.example", "A-label form, xn--"),
            ("re_lay.example", "`_` is no letter, digit or hyphen"),
            ("-relay.example", "a hyphen"),
            ("a..b", "two dots"),
            ("192.0.2.1", "an address"),
            ("'a b.example'", "` ` is no letter"),
            ("$myhostname.example", "`$` is no letter"),
            (&long, "longer than 63"),
            (&longer, "longer than the 253"),
            ("' relay.example'", "white space at an end"),
            ("12", "found the number `12`"),
            ("true", "put it into quotes"),
            ("''", "found nothing"),
        ],
    );
    taken(
        "hostname: {}",
        &[
            "relay.example.com",
            "a.b",
            "xn--bcher-kva.example",
            "3com.example",
        ],
    );
}

#[test]
fn networks() {
    refused(
        "lab: {networks: [{}]}",
        "lab.networks[0]",
        &[
            ("host", "one of the engine's own"),
            ("'a b'", "no name of a network"),
            ("../x", "no name of a network"),
        ],
    );
    refused(
        "relay: {trusted_networks: [{}]}",
        "relay.trusted_networks[0]",
        &[
            (
                "'192.0.2.1/24'",
                "host bits are set, which Postfix refuses, expected a network; write '192.0.2.0/24'",
            ),
            ("'[2001:db8::1]/64'", "write '[2001:db8::]/64'"),
            ("'0.0.0.0/0'", "strangers could relay"),
            ("'::/0'", "strangers could relay"),
            ("'[::]/0'", "strangers could relay"),
            ("'128.0.0.0/1'", "strangers could relay"),
            ("'2000::/3'", "strangers could relay"),
            ("'::ffff:192.0.2.0/120'", "IPv4-mapped"),
            ("'300.0.0.0/8'", "no IP address"),
            ("'192.0.2.0/33'", "no number up to 32"),
            ("'192.0.2.0/+8'", "no number up to 32"),
            ("'[2001:db8::]/129'", "no number up to 128"),
            ("'[192.0.2.0]/24'", "no IP address"),
            ("'!192.0.2.0/24'", "an exclusion, file or table"),
            ("'lmdb:/etc/x'", "an exclusion, file or table"),
            ("'/etc/networks'", "an exclusion, file or table"),
        ],
    );
    let text = "version: 1\nrelay:\n  trusted_networks: [192.0.2.0/24, 192.0.2.9, 2001:db8::/32, '[::1]/128', '[2001:db8::7]']\n";
    assert_eq!(
        spec(text).relay.trusted_networks,
        [
            "192.0.2.0/24",
            "192.0.2.9/32",
            "[2001:db8::]/32",
            "[::1]/128",
            "[2001:db8::7]/128"
        ]
    );
    problems(
        "version: 1\nrelay: {trusted_networks: [172.0.0.0/8, 'fd12::/16', 198.51.100.0/24, 198.51.100.0/24]}\n",
        &[
            "2:71: relay.trusted_networks[3]: `198.51.100.0/24` is in the list already",
            "2:28: warning: relay.trusted_networks[0]: an engine's own networks can lie in this one, and behind its port proxy strangers come from them; relaying without a login is safer left off",
            "2:41: warning: relay.trusted_networks[1]: an engine's own networks can lie in this one, and behind its port proxy strangers come from them; relaying without a login is safer left off",
        ],
    );
}

#[test]
fn sizes() {
    for (value, bytes) in [
        ("26214400", 26_214_400),
        ("25MiB", 26_214_400),
        ("25 MB", 25_000_000),
        ("1KiB", 1024),
        ("10kB", 10_000),
        ("2GiB", 2 << 30),
        ("'4096'", 4096),
        ("5000B", 5000),
    ] {
        let text = format!("version: 1\nrelay: {{message_size_limit: {value}}}\n");
        assert_eq!(spec(&text).relay.message_size_limit, bytes, "{value}");
    }
    refused(
        "relay: {message_size_limit: {}}"
            .replace("{}}", "{} }")
            .as_str(),
        "relay.message_size_limit",
        &[
            ("25M", "write MB (1000 kB) or MiB (1024 KiB)"),
            ("25mib", "write MiB"),
            ("25 bananas", "units are"),
            ("1.5MiB", "not a whole number"),
            ("-1", "not a whole number"),
            ("0", "no limit at all"),
            ("25", "the unit may be missing"),
            ("99999999GiB", "more than 1024GiB"),
            ("99999999999999999999", "more than 1024GiB"),
            ("[1]", "found a list"),
        ],
    );
}

#[test]
fn next_hops() {
    let next_hop = |text: &str| {
        let text = format!("version: 1\noutbound: {{next_hop: '{text}'}}\n");
        spec(&text).outbound.next_hops.remove(0)
    };
    for (text, host, port, mx_lookup, shown) in [
        (
            "[smtp.example.net]:587",
            "smtp.example.net",
            Some(587),
            false,
            "[smtp.example.net]:587",
        ),
        ("[mailhub]", "mailhub", None, false, "[mailhub]"),
        ("example.net", "example.net", None, true, "example.net"),
        (
            "example.net:2525",
            "example.net",
            Some(2525),
            true,
            "example.net:2525",
        ),
        ("[192.0.2.1]", "192.0.2.1", None, false, "[192.0.2.1]"),
        (
            "[IPv6:2001:db8::1]:25",
            "2001:db8::1",
            Some(25),
            false,
            "[ipv6:2001:db8::1]:25",
        ),
        (
            "[2001:db8::1]",
            "2001:db8::1",
            None,
            false,
            "[ipv6:2001:db8::1]",
        ),
    ] {
        let found = next_hop(text);
        assert_eq!(
            found,
            NextHop {
                host: host.to_owned(),
                port,
                mx_lookup
            }
        );
        assert_eq!(found.to_string(), shown);
        assert_eq!(next_hop(shown), found);
    }
    refused(
        "outbound: {next_hop: {} }",
        "outbound.next_hop",
        &[
            ("'[smtp.example.net'", "the `]` is missing"),
            ("'[smtp.example.net]587'", "no port"),
            ("'[smtp.example.net]:'", "no port"),
            ("smtp.example.net:0", "no port"),
            ("smtp.example.net:65536", "no port"),
            ("smtp.example.net:smtp", "no port"),
            ("192.0.2.1", "write '[192.0.2.1]'"),
            ("'2001:db8::1'", "write '[ipv6:2001:db8::1]'"),
            ("'smtp://smtp.example.net'", "a URL"),
            ("'[ipv6:x]'", "an IPv6 address in the brackets"),
            ("'[ipv6:192.0.2.1]'", "an IPv6 address in the brackets"),
            ("'[a b]'", "no letter, digit or hyphen"),
            ("'a b'", "no letter, digit or hyphen"),
            ("''", "found nothing"),
            ("'[]'", "found nothing"),
        ],
    );
}

#[test]
fn header_names() {
    refused(
        "privacy: {strip_headers: [{}]}",
        "privacy.strip_headers[0]",
        &[
            ("received", "privacy.received decides"),
            ("FROM", "cannot be removed"),
            ("Date", "cannot be removed"),
            ("message-id", "cannot be removed"),
            ("Content-Type", "cannot be removed"),
            ("'User-Agent:'", "write `User-Agent`"),
            ("'X-*'", "a pattern"),
            ("'User Agent'", "` ` cannot be in one"),
            ("Zürich", "`ü` cannot be in one"),
            ("''", "found nothing"),
        ],
    );
    taken(
        "privacy: {strip_headers: [{}]}",
        &["User-Agent", "X-Originating-IP, X-Mailer", "'x.y/z'"],
    );
    problems(
        "version: 1\nprivacy: {strip_headers: [X-Mailer, x-mailer]}\n",
        &["2:37: privacy.strip_headers[1]: `x-mailer` is in the list already"],
    );
}

#[test]
fn addresses_and_domains() {
    refused(
        "listeners: {bind: {} }",
        "listeners.bind",
        &[
            ("localhost", "write 127.0.0.1 or '::1'"),
            ("'[::1]'", "without brackets"),
            ("'*'", "write 0.0.0.0"),
            ("eth0", "such as"),
        ],
    );
    taken("listeners: {bind: {} }", &["127.0.0.1", "'::1'"]);
    refused(
        "relay: {domains: [{}]}",
        "relay.domains[0]",
        &[
            (".example.com", "write `example.com`"),
            ("example", "only one label"),
            ("'*.example.com'", "`*` is no letter"),
            ("'[192.0.2.1]'", "`[` is no letter"),
        ],
    );
}

#[test]
fn people() {
    let long = format!("'{}'", "x".repeat(128));
    let longest = format!("'{}'", "x".repeat(127));
    refused(
        "lab: {users: [{password: secret, name: {} }]}",
        "lab.users[0].name",
        &[
            ("'a,b'", "`,` has a meaning in LDAP"),
            ("'a*'", "`*` has a meaning"),
            ("'a(b'", "`(` has a meaning"),
            ("'a b'", "` ` has a meaning"),
            ("'.a'", "begin with a letter or digit"),
            ("''", "found nothing"),
            (
                "5",
                "found the number `5`, expected a user name; put it into quotes",
            ),
            (&long, "longer than 64 bytes"),
        ],
    );
    taken(
        "lab: {users: [{password: secret, name: {} }]}",
        &["alice", "alice@example.com", "a.b-c_d+e", "Zoë", "'5'"],
    );
    refused(
        "lab: {users: [{name: bob, password: {} }]}",
        "lab.users[0].password",
        &[
            ("''", "the password is empty"),
            (
                "0123456",
                "found a number, expected text; put it into quotes",
            ),
            ("true", "found text, expected text; put it into quotes"),
            ("[hunter2]", "found a list, expected text"),
            (
                &long,
                "the password has 128 bytes, saslauthd passes on 127 and drops the rest",
            ),
        ],
    );
    taken(
        "lab: {users: [{name: bob, password: {} }]}",
        &[&longest, "' a b '", "'12'", "pässwörd"],
    );
    problems(
        "version: 1\nlab:\n  users:\n  - {name: alice, password: 1}\n  - {name: ALICE, password: secret}\n  - alice:hunter2\n  - {name: bob}\n  - {name: alice, pass: hunter2, password: x}\n",
        &[
            "4:29: lab.users[0].password: found a number, expected text; put it into quotes",
            "5:12: lab.users[1].name: `ALICE` is `alice` to a directory, which ignores case",
            "6:5: lab.users[2]: found text, expected a mapping of keys to values",
            "7:5: lab.users[3]: `password` is missing: the password in clear text; the directory gets a hash; write `password: ...`",
            "8:12: lab.users[4].name: `alice` is in the list already",
            "8:19: lab.users[4].pass: unknown key `pass`; valid here: name, password",
        ],
    );
}
