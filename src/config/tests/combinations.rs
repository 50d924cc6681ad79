use super::{loaded, problems, refused, spec, taken, told};
use crate::config::Listener;

#[test]
fn submission_needs_a_login() {
    problems(
        "version: 1\nauth: {listeners: [smtp]}\n",
        &[
            "2:8: auth.listeners: `submission` is on and not in the list; submission needs a login (RFC 6409 4.3); add submission to the list, or set listeners.submission: null",
            "2:8: auth.listeners: `submissions` is on and not in the list; submission needs a login (RFC 6409 4.3); add submissions to the list, or set listeners.submissions: null",
        ],
    );
    taken(
        "listeners: {submission: null, submissions: null}\nauth: {listeners: [{}]}",
        &["smtp"],
    );
}

#[test]
fn listeners_that_are_off() {
    problems(
        "version: 1\nlisteners: {submission: null}\nauth: {listeners: [submission, submissions]}\n",
        &[
            "3:8: auth.listeners: `submission` is in the list, and listeners.submission is null; remove it, or give listeners.submission a port",
        ],
    );
    let without = spec("version: 1\nlisteners: {submission: null}\n");
    assert_eq!(without.auth.listeners, [Listener::Submissions].into());
    problems(
        "version: 1\nlisteners: {smtp: null, submission: null, submissions: null}\n",
        &[
            "2:1: listeners: all three are off, so the relay listens nowhere; give one of them a port",
        ],
    );
    let nobody = "no listener offers a login, and nothing is relayed without one; add a listener, or name relay.domains";
    problems(
        "version: 1\nlisteners:\n  submission: null\n  submissions: null\n",
        &[&format!("2:1: listeners: {nobody}")],
    );
    problems(
        "version: 1\nlisteners: {submission: null, submissions: null}\nauth: {listeners: []}\n",
        &[&format!("3:8: auth.listeners: {nobody}")],
    );
    taken(
        "listeners: {submission: null, submissions: null}\nauth: {listeners: []}\nrelay: {domains: [{}]}",
        &["example.com"],
    );
}

#[test]
fn a_wrong_list_is_not_compared() {
    problems(
        "version: 1\nauth: {listeners: [smpt]}\n",
        &[
            "2:20: auth.listeners[0]: found `smpt`, expected `smtp`, `submission` or `submissions`; did you mean `smtp`?",
        ],
    );
    refused(
        "auth: {listeners: [submission, submissions, {}]}",
        "auth.listeners[2]",
        &[("submission", "is in the list already")],
    );
    refused(
        "auth: {mechanisms: {}}",
        "auth.mechanisms",
        &[("[]", "nobody could log in; write [plain, login]")],
    );
    refused(
        "auth: {mechanisms: [plain, {}]}",
        "auth.mechanisms[1]",
        &[
            ("plain", "in the list already"),
            ("cram-md5", "expected `plain` or `login`"),
            ("PLAIN", "did you mean `plain`?"),
        ],
    );
}

#[test]
fn one_port_for_two() {
    problems(
        "version: 1\nlisteners:\n  smtp: 25\n  submission: 25\nlab:\n  ldaps: 2465\n",
        &[
            "4:3: listeners.submission: port 25 is the port of `listeners.smtp` too; give each its own, or 0 to let the kernel pick",
            "6:3: lab.ldaps: port 2465 is the port of `listeners.submissions` too; give each its own, or 0 to let the kernel pick",
        ],
    );
    problems(
        "version: 1\nlisteners: {smtp: 2587}\n",
        &[
            "2:13: listeners.smtp: port 2587 is the port of `listeners.submission` too; give each its own, or 0 to let the kernel pick",
        ],
    );
    taken(
        "listeners: {}\nlab: {ldaps: 0}",
        &["{smtp: 0, submission: 0, submissions: 0}"],
    );
}

#[test]
fn client_certificates() {
    let smtp = "version: 1\nauth: {listeners: [smtp, submission, submissions]}\ntls: {client_certificates: require}\n";
    problems(
        smtp,
        &[
            "3:7: tls.client_certificates: `require` with smtp in auth.listeners: port 25 also takes mail without TLS, where Postfix demands no certificate, so a login there would need none; take smtp out of auth.listeners, or write ask",
        ],
    );
    assert!(told(&smtp.replace("require", "ask")).is_empty());
    assert!(told(&smtp.replace("smtp, ", "")).is_empty());
}

#[test]
fn privacy() {
    let smtp = "version: 1\nauth: {listeners: [smtp, submission, submissions]}\nprivacy: {received: hide}\n";
    problems(
        smtp,
        &[
            "3:11: privacy.received: `hide` with smtp in auth.listeners would take the trace from mail that came without a login too (RFC 5321 4.4); write rewrite, or take smtp out of auth.listeners",
        ],
    );
    assert!(told(&smtp.replace("hide", "keep")).is_empty());
    problems(
        "version: 1\nprivacy: {received: hide, show_login: true}\n",
        &[
            "2:27: warning: privacy.show_login: `hide` never shows a login, so this does nothing; use received: rewrite to show it",
        ],
    );
    taken(
        "privacy: {received: {}}",
        &["hide", "rewrite", "keep, show_login: false"],
    );
    let remove = smtp.replace("received: hide", "earlier_received: remove");
    problems(
        &remove,
        &[
            "3:11: privacy.earlier_received: `remove` with smtp in auth.listeners would take the trace from mail that came without a login too: header checks of port 25 cannot tell the two apart; write keep, or take smtp out of auth.listeners",
        ],
    );
    assert!(told(&remove.replace("remove", "keep")).is_empty());
    assert!(told(&remove.replace("smtp, ", "")).is_empty());
}

#[test]
fn mail_to_itself() {
    problems(
        "version: 1\nhostname: relay.example.com\noutbound: {next_hop: '[RELAY.example.com]:25'}\n",
        &["3:12: outbound.next_hop: this is the relay itself: mail would go in circles"],
    );
}

#[test]
fn the_lab() {
    problems(
        "version: 1\nlab: {users: []}\n",
        &[
            "2:7: lab.users: nobody is in the lab's directory, so nobody can log in; add {name: alice, password: ...}",
        ],
    );
    taken(
        "lab: {users: []}\nauth: {ldap: {servers: [{}]}}",
        &["ldaps://ldap.example.com"],
    );
    problems(
        "version: 1\nlisteners: {bind: 0.0.0.0}\n",
        &[
            "2:13: warning: listeners.bind: the lab's ports are open to others, and its passwords stand in relay.yaml; write 127.0.0.1",
        ],
    );
}

#[test]
fn a_pam_stack_is_read_judged_and_needs_a_users_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.pam");
    let told = |users: &str| -> Result<Option<String>, String> {
        let text = format!(
            "version: 1\nauth: {{pam: {{{users} stack: {}}}}}\n",
            file.display()
        );
        let loaded = loaded(&text).map_err(|problems| problems.to_string())?;
        Ok(loaded.spec.auth.stack.map(|stack| stack.text))
    };
    let users = "users_file: /away/accounts,";
    assert!(told(users).unwrap_err().contains("No such file"));
    let right = "auth required pam_pwdfile.so pwdfile=/run/saslauthd/accounts nodelay\n\
                 account required pam_permit.so\n";
    std::fs::write(&file, right).unwrap();
    assert_eq!(told(users).unwrap().as_deref(), Some(right));
    assert!(told("").unwrap_err().contains("none is named"));
    std::fs::write(&file, format!("{right}auth sufficient pam_permit.so\n")).unwrap();
    assert!(told(users).unwrap_err().contains("line 3: `sufficient`"));
}

#[test]
fn a_users_file_takes_the_place_of_a_directory() {
    let told = |text: &str| -> Vec<String> {
        match loaded(&format!("version: 1\n{text}\n")) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
            Err(problems) => problems.problems.iter().map(ToString::to_string).collect(),
        }
    };
    for (text, says) in [
        (
            "auth: {pam: {users_file: /away/accounts}}",
            "is not there, so it has nobody",
        ),
        (
            "auth: {pam: {users_file: /away/accounts}, ldap: {filter: (mail=%u)}}",
            "expected one of the two",
        ),
        (
            "auth: {pam: {users_file: /away/accounts}, backend: ldap}",
            "auth.pam.users_file names a users file",
        ),
        ("auth: {backend: pam}", "none is named"),
    ] {
        let told = told(text);
        assert!(
            told.iter().any(|line| line.contains(says)),
            "{text}: {told:?}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts");
    let text = format!(
        "version: 1\nauth: {{pam: {{users_file: {}}}}}\n",
        file.display()
    );
    std::fs::write(&file, "alice:$1$weak$abcdefghijklmnopqrstuv\n").unwrap();
    assert!(loaded(&text).is_err());
    let hash = "$2b$05$abcdefghijklmnopqrstuuTM16QyyuVxQweJuQ16bRRjapzLTQQka";
    std::fs::write(&file, format!("alice:{hash}\nbob:{hash}\n")).unwrap();
    let users = spec(&text).auth.users.unwrap();
    assert_eq!((users.people, users.file), (2, file));
}

#[test]
fn the_last_word_on_postfix() {
    let main = spec("version: 1\npostfix:\n  main: {in_flow_delay: 0s, 2bounce_notice_recipient: x, qmgr_message_active_limit: 0100, relay_transport: ''}\n  master: {10025/inet: n - n - 10 smtpd -o syslog_name=postfix/x}\n").postfix;
    assert_eq!(main.main["qmgr_message_active_limit"], "0100");
    assert_eq!(main.main["relay_transport"], "");
    assert_eq!(
        main.master["10025/inet"],
        "n - n - 10 smtpd -o syslog_name=postfix/x"
    );
    problems(
        "version: 1\npostfix:\n  main:\n    smtpd_authorized_xclient_hosts: 192.0.2.1\n    mynetworks: 192.0.2.1\n    smtpd_tls_auth_only: no\n    relayhost: x\n    Bad Name: 1\n    soft_bounce: true\n    x: null\n    y: [a]\n    smtpd_tls_auth_only2: 1\n    smtp_tls_cafile: x\n",
        &[
            "4:37: postfix.main.smtpd_authorized_xclient_hosts: a client in it can claim to be anybody, logged in or not (XCLIENT); remove it",
            "6:5: postfix.main.smtpd_tls_auth_only: this takes back what `auth.listeners` promises by default: logins under TLS alone; remove smtpd_tls_auth_only: passwords would travel in clear",
            "8:5: postfix.main.Bad Name: found `Bad Name`, expected the name of a Postfix parameter; letters, digits and underscores",
            "9:18: postfix.main.soft_bounce: found the text `true`, expected text or a number; Postfix wants yes or no",
            "10:8: postfix.main.x: found null, expected text or a number; leave the key out for its default",
            "11:8: postfix.main.y: found a list, expected text or a number; a value that begins with `[` needs quotes, such as '[host]:587'",
            "12:5: postfix.main.smtpd_tls_auth_only2: Postfix knows no parameter `smtpd_tls_auth_only2`, and no other value refers to it; did you mean `smtpd_tls_auth_only`?",
            "13:5: postfix.main.smtp_tls_cafile: Postfix knows no parameter `smtp_tls_cafile`, and no other value refers to it; did you mean `smtp_tls_CAfile`?",
            "5:17: warning: postfix.main.mynetworks: it decides who may relay without a login; use relay.trusted_networks, which is checked",
            "7:16: warning: postfix.main.relayhost: relay.yaml has a key for it; use outbound.next_hop",
        ],
    );
    taken(
        "postfix: {main: {smtpd_tls_auth_only: {} }}",
        &["yes", "'YES'"],
    );
}

#[test]
fn services() {
    refused(
        "postfix: {master: {other/inet: '{}'}}"
            .replace("'{}'", "{}")
            .as_str(),
        "postfix.master.other/inet",
        &[
            ("'other inet n - n - - smtpd'", "begin after `other inet`"),
            ("'n - n'", "3 fields"),
            ("'x - n - - smtpd'", "`x` for private"),
            ("'n - n never - smtpd'", "`never` for wakeup"),
            ("'n - n 60? many smtpd'", "`many` for the limit"),
        ],
    );
    let xclient = "a client in it can claim to be anybody";
    for line in [
        "n - n - - smtpd -o smtpd_authorized_xclient_hosts=192.0.2.1",
        "n - n - - smtpd -osmtpd_authorized_xclient_hosts=192.0.2.1",
        "n - n - - smtpd -o { smtpd_authorized_xclient_hosts = 192.0.2.1 }",
    ] {
        let told = told(&format!(
            "version: 1\npostfix: {{master: {{other/inet: '{line}'}}}}\n"
        ));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(xclient), "{told:?}");
    }
    problems(
        "version: 1\npostfix: {master: {a: 'n - n - - x', b/inte: 'n - n - - x', 'c d/inet': 'n - n - - x', e/unix: 'n - y - - smtpd -o mynetworks=192.0.2.1'}}\n",
        &[
            "2:20: postfix.master.a: found `a`: the type is missing, expected service/type such as submission/inet; write `a/inet`",
            "2:38: postfix.master.b/inte: found `b/inte`: unknown type `inte`, expected service/type such as submission/inet; did you mean `b/inet`?",
            "2:61: postfix.master.c d/inet: found `c d/inet`: ` ` cannot be in a name, expected service/type such as submission/inet",
            "2:96: warning: postfix.master.e/unix: the chroot column is not `n`, and the container has neither the files nor the capability for a chroot; write n in the third place",
            "2:96: warning: postfix.master.e/unix: it decides who may relay without a login; use relay.trusted_networks, which is checked",
        ],
    );
}

#[test]
fn whose_an_address_is_must_be_there_to_find() {
    let own = "version: 1\nrelay: {sender_login: own}\n";
    let ldap = &spec(&format!(
        "{own}auth: {{ldap: {{filter: '(|(uid=%u)(mail=%u)(cn~=%u)(sn=%U))'}}}}\n"
    ))
    .auth
    .ldap;
    assert_eq!(ldap.login_attributes(), ["uid", "mail", "cn", "sn"]);
    let filter = "(&(!(cn=%u))(sn>=%u)(memberOf:1.2.3:=cn=%u,dc=a)(uid:caseExactMatch:=%u)(MAIL=%U@a.example)(mail=%u)(o=100%%u))";
    let ldap = &spec(&format!(
        "version: 1\nauth: {{ldap: {{filter: '{filter}'}}}}\n"
    ))
    .auth
    .ldap;
    assert_eq!(ldap.login_attributes(), ["uid", "mail"]);
    problems(
        "version: 1\nauth: {ldap: {filter: '(&(o=x)(!(uid=%u)))'}}\n",
        &[
            "2:15: auth.ldap.filter: a person goes by the attribute that is compared with the login, and this filter compares none; put the login into the filter as in (uid=%u)",
        ],
    );
    problems(
        "version: 1\nrelay: {sender_login: own, domains: [example.com]}\nlimits: {messages_per_login_per_hour: 7}\n\
         auth: {listeners: []}\nlisteners: {submission: null, submissions: null}\n",
        &[
            "2:9: warning: relay.sender_login: no listener offers a login, so this does nothing",
            "3:10: warning: limits.messages_per_login_per_hour: no listener offers a login, so this does nothing",
        ],
    );
}
