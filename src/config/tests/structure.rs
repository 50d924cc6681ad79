use std::path::Path;

use super::super::setting::Need;
use super::super::{built_in, load_bytes, settings};
use super::{problems, spec, told};

#[test]
fn a_version_alone_is_the_built_in_lab() {
    assert_eq!(spec("version: 1\n"), built_in());
    assert_eq!(spec("\u{feff}version: 1\r\n"), built_in());
    assert_eq!(spec("---\nversion: 1\n...\n"), built_in());
}

#[test]
fn sections_whose_keys_are_commented_out_are_at_their_defaults() {
    assert_eq!(
        spec("version: 1\nlisteners:\n  # smtp: 25\nauth:\n  ldap:\npostfix:\n  main:\n"),
        built_in()
    );
}

#[test]
fn a_file_without_a_mapping() {
    let nothing = "1:1: the file says nothing, expected a mapping of keys to values; \
                   write `version: 1` as the first line";
    for text in ["", "# only a remark\n", "\n\n"] {
        problems(text, &[nothing]);
    }
    problems(
        "- a\n",
        &["1:1: found a list, expected a mapping of keys to values"],
    );
    problems(
        "hello\n",
        &["1:1: found text, expected a mapping of keys to values"],
    );
}

#[test]
fn versions() {
    problems(
        "hostname: relay.example.com\n",
        &[
            "1:1: `version` is missing: the version of this format: 1; write `version: 1` as the first line",
        ],
    );
    problems(
        "version: 2\nnew_key: 1\n",
        &["1:10: version: found version 2, expected 1; this relaykit reads version 1 only"],
    );
    problems(
        "version: '1'\n",
        &["1:10: version: found the text `1`, expected a whole number; remove the quotes"],
    );
    problems(
        "version: null\n",
        &["1:10: version: found null, expected a whole number; leave the key out for its default"],
    );
}

#[test]
fn everything_at_once() {
    problems(
        "version: 1\nhostnam: a.example\nlisteners:\n  smtp: '25'\n  submission: 70000\n  submissons: 1\n\
         submission: 587\ntls: strict\nauth: {outlook_compatible: yes, mechanisms: plain}\nzzzz: 1\n\
         relay: null\nprivacy: {received: rewite}\noutbound: {next_hop: [smtp.example.net]}\n",
        &[
            "2:1: hostnam: unknown key `hostnam`; did you mean `hostname`?",
            "4:9: listeners.smtp: found the text `25`, expected a port from 1 to 65535, or 0 to let the kernel pick; remove the quotes",
            "5:15: listeners.submission: found the number `70000`, expected a port from 1 to 65535, or 0 to let the kernel pick",
            "6:3: listeners.submissons: unknown key `submissons`; did you mean `submissions`?",
            "7:1: submission: unknown key `submission`; the key belongs at `listeners.submission`",
            "8:6: tls: found text, expected a mapping of keys to values",
            "9:28: auth.outlook_compatible: found the text `yes`, expected `true` or `false`; write `true`",
            "9:45: auth.mechanisms: found the text `plain`, expected a list; write it in brackets or after a dash",
            "10:1: zzzz: unknown key `zzzz`; valid here: version, hostname, listeners, relay, auth, tls, privacy, outbound, limits, postfix, lab",
            "11:8: relay: found null, expected a mapping of keys to values; leave the key out for its default",
            "12:21: privacy.received: found `rewite`, expected `rewrite`, `hide` or `keep`; did you mean `rewrite`?",
            "13:22: outbound.next_hop: found a list of 1, expected a next hop or a list of several; a value that begins with `[` needs quotes, such as '[host]:587'",
        ],
    );
}

#[test]
fn yaml_that_is_none() {
    for (text, expected) in [
        (
            "version: 1\noutbound:\n  next_hop: [smtp.example.net]:587\n",
            "3:31: outbound: this is not YAML: ",
        ),
        (
            "version: 1\n\thostname: a.b\n",
            "1:10: version: this is not YAML: ",
        ),
        (
            "version: 1\nhostname: 'a\n",
            "2:11: hostname: this is not YAML: ",
        ),
        ("version: 1\nhostname: a: b\n", "2:12: "),
        ("version: 1\nlab: {users: [\n", "this is not YAML: "),
    ] {
        let told = told(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains(expected) && told[0].contains("; "),
            "{expected} in {told:?}"
        );
    }
    assert!(
        told("version: 1\noutbound:\n  next_hop: [a.b]:587\n")[0]
            .ends_with("needs quotes: '[host]:587', '[::1]/128'")
    );
    assert!(told("version: 1\n\thostname: a.b\n")[0].ends_with("YAML does not allow tabs there"));
}

#[test]
fn what_yaml_has_and_relay_yaml_has_not() {
    let plain = "write the value out: relay.yaml has no anchors or tags";
    problems(
        "version: 1\nhostname: &name relay.example.com\nrelay: {domains: [*name]}\n\
         lab: {<<: {ldaps: 1}}\nlimits: !!map {}\n? [q]\n: z\n? {a: b}\n: {c: d}\n'': x\n",
        &[
            &format!(
                "2:11: hostname: an anchor (`&name`) was found, expected a plain value; {plain}"
            ),
            &format!(
                "3:19: relay.domains[0]: an alias (`*name`) was found, expected the value itself; {plain}"
            ),
            "3:19: relay.domains[0]: found nothing, expected a domain; leave the key out for its default",
            "4:7: lab.<<: a merge key (`<<`) was found, relay.yaml has none; write the keys out",
            &format!("5:9: limits: a tag (`!name`) was found, expected a plain value; {plain}"),
            "6:3: a key that is a list or mapping was found, expected a name",
            "8:3: a key that is a list or mapping was found, expected a name",
            "10:1: a key without a name was found",
        ],
    );
    problems(
        "version: 1\n---\nversion: 1\n",
        &[
            "2:1: a second YAML document starts here, expected one only; remove the `---` line, or keep the other document in its own file",
        ],
    );
    problems(
        "version: 1\nlab:\n  ldaps: 1\n  ldaps: 2\nversion: 2\n",
        &[
            "4:3: lab.ldaps: `ldaps` was written already on line 3, expected each key once; keep one of the two",
            "5:1: version: `version` was written already on line 1, expected each key once; keep one of the two",
        ],
    );
}

#[test]
fn bytes_that_are_no_text() {
    let told = |bytes: &[u8]| {
        let problems = load_bytes(bytes, "f", Path::new("/")).unwrap_err().problems;
        problems[0].to_string()
    };
    let latin1 = b"version: 1\nhostname: \xe9.example\n";
    assert_eq!(
        told(latin1),
        "f:2:11: the byte 0xE9 is not UTF-8; save the file as UTF-8"
    );
    let large = vec![b'#'; (1 << 20) + 1];
    assert_eq!(
        told(&large),
        "f:1:1: the file has 1048577 bytes, expected at most 1048576"
    );
    let deep = format!("version: 1\nhostname: {}", "[".repeat(40));
    assert_eq!(
        told(deep.as_bytes()),
        "f:2:42: more than 32 lists and mappings in each other"
    );
}

#[test]
fn null_is_for_what_can_be_absent() {
    let text = "version: 1\nlisteners: {smtp: null, submission: ~, submissions: 465}\n\
                auth: {ldap: {bind: null}, pam: {users_file: null, stack: null}}\n\
                outbound: {next_hop: null, credentials: null}\n\
                limits: {messages_per_login_per_hour: null}\n";
    assert_eq!(spec(text).listeners.submission, None);
    problems(
        "version: 1\nhostname: null\nrelay: {domains: , message_size_limit: ~}\n",
        &[
            "2:11: hostname: found null, expected a host name; leave the key out for its default",
            "3:16: relay.domains: found nothing, expected a list; write [] for none, or leave the key out for its default",
            "3:40: relay.message_size_limit: found null, expected a size such as 25MiB; leave the key out for its default",
        ],
    );
}

/// `a: {b: {c: value}}`
pub(super) fn nested(path: &[&str], value: &str) -> String {
    let open: String = path[1..].iter().flat_map(|key| ["{", key, ": "]).collect();
    format!(
        "version: 1\n{}: {open}{value}{}\n",
        path[0],
        "}".repeat(path.len() - 1)
    )
}

#[test]
fn no_key_takes_a_value_of_the_wrong_type() {
    let mut keys = 0;
    for (dotted, key) in settings::all() {
        // Of the items of a list, `[0]` stands in the path.
        if key.name == "version" || dotted.contains('[') {
            continue;
        }
        keys += 1;
        let path: Vec<&str> = dotted.split('.').collect();
        let path = &path[..];
        for wrong in ["[[[]]]", "{nonsense: [1]}", "\"two\\nlines\""] {
            let told = told(&nested(path, wrong));
            assert!(
                told.iter().any(|line| line.contains(&dotted)),
                "{dotted}: {wrong}: {told:?}"
            );
        }
        // What is missing beside it is another matter.
        let nothing = told(&nested(path, "null"));
        let of_it = format!("{dotted}: ");
        assert_eq!(
            nothing.iter().any(|line| line.contains(&of_it)),
            key.need != Need::Nullable,
            "{dotted}: {nothing:?}"
        );
    }
    assert!(keys > 45, "{keys}");
}

/// Whatever text a file has, it cannot bring a line of its own into a rendered file.
#[test]
fn no_text_has_a_control_character() {
    let names = [
        "postfix.main.x",
        "postfix.master.x/inet",
        "lab.users[0].name",
        "lab.users[0].password",
    ];
    let file = |bad: &str| {
        format!(
            "version: 1\npostfix: {{main: {{x: \"a{bad}b\"}}, master: {{x/inet: \"n - n - - smtpd{bad}\"}}}}\n\
             lab: {{users: [{{name: \"a{bad}\", password: \"b{bad}\"}}]}}\n"
        )
    };
    for bad in ["\\n", "\\r", "\\0", "\\t", "\\x7f", "\\x85", "\\u2028"] {
        let told = told(&file(bad));
        assert_eq!(told.len(), names.len(), "{bad}: {told:?}");
        for name in names {
            assert!(
                told.iter()
                    .any(|l| l.contains(name) && l.contains("control character")),
                "{told:?}"
            );
        }
    }
    problems(
        "version: 1\npostfix: {main: {\"x = y\\nz\": 1}}\n",
        &["2:18: postfix.main.x = y\\nz: the name contains a control character"],
    );
    problems(
        "version: 1\nhostname: |\n  relay.example.com\n",
        &[
            "3:3: hostname: the value contains the control character U+000A, expected a host name on one line",
        ],
    );
}
