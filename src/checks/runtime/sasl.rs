//! saslauthd: who it is, who reaches it, and what it asks the directory.

use std::ops::ControlFlow;

use super::super::auth::people::CACHES;
use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::postconf::Postconf;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, require, require_none};
use super::CARELESS;
use crate::config::{Listener, Says};
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.saslauthd_is_not_root",
        title: "saslauthd runs as a user of its own, and never as root",
        citation: "row 9; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Reads the user of every saslauthd in the relay's container. It parses what strangers \
                type, before they have proved anything; to ask a directory it needs no rights at \
                all, and no other daemon may share its user.",
        repair: "Start saslauthd as a user that nothing else has (s6-setuidgid, setpriv or \
                 `User=` of systemd), and give it a socket folder of its own.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("root")],
        ..Check::by(&saslauthd_is_not_root)
    },
    Check {
        id: "runtime.saslauthd_socket_is_for_postfix",
        title: "Postfix can reach the guard's socket, and nobody but the guard saslauthd's",
        citation: "row 4; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Reads owner, group and mode of the folder with the guard's sockets and the members \
                of the group sasl, and tries the guard's and saslauthd's own sockets as postfix and \
                as nobody. saslauthd answers whether a password is right as often as it is asked: \
                a socket open to all is an oracle without a throttle. Postfix needs the guard's \
                alone.",
        repair: "Give the folder to saslauthd, the group sasl and mode 0710, and put postfix and \
                 nobody else into that group.",
        needs: &[Need::Lab],
        sabotages: &[
            Sabotage {
                name: "the socket's folder is open to all",
                changes: &[Change::Script(Role::Relay, "chmod 0755 /run/saslauthd")],
                sees: "755 saslauthd sasl",
            },
            Sabotage {
                name: "Postfix can ask saslauthd past the guard",
                changes: &[Change::Script(
                    Role::Relay,
                    "chmod 0711 /run/saslauthd/behind",
                )],
                sees: "behind/mux as postfix gives 0",
            },
            Sabotage {
                name: "the socket's folder belongs to root",
                changes: &[Change::Script(
                    Role::Relay,
                    "chown root:root /run/saslauthd",
                )],
                sees: "710 root root",
            },
        ],
        ..Check::by(&saslauthd_socket_is_for_postfix)
    },
    Check {
        id: "runtime.sasl_settings_hold",
        title: "Postfix uses the SASL settings of the source document on every login listener",
        citation: "row 5; row 7; Postfix smtpd_sasl_security_options",
        severity: Severity::High,
        about: "Asks postconf for the SASL parameters that each login listener really uses, \
                master.cf's options included: AUTH on, none of it before TLS, no anonymous login, \
                no realm added to a name. One -o in master.cf can undo what main.cf says.",
        repair: "Remove overrides of smtpd_sasl_* and smtpd_tls_auth_only from postfix.main and \
                 postfix.master; auth.outlook_compatible is broken_sasl_auth_clients.",
        needs: &[Need::Lab],
        sabotages: &[
            Sabotage {
                name: "anonymous logins",
                changes: &[Change::Main("smtpd_sasl_security_options", "")],
                sees: "smtpd_sasl_security_options = \"\"",
            },
            Sabotage {
                name: "a realm for every login",
                changes: &[Change::Service(
                    "submission/inet",
                    "smtpd_sasl_local_domain",
                    "relaykit.test",
                )],
                sees: "submission/inet: smtpd_sasl_local_domain = \"relaykit.test\"",
            },
        ],
        ..Check::by(&sasl_settings_hold)
    },
    Check {
        id: "runtime.saslauthd_serves_the_mechanisms",
        title: "The guard offers no mechanism that saslauthd cannot serve",
        citation: "row 7; row 2; Postfix SASL_README",
        severity: Severity::Medium,
        about: "Reads the settings of the guard between Postfix and saslauthd in the relay's \
                container. saslauthd needs the password itself, so that it serves PLAIN and LOGIN \
                alone; a client that is offered CRAM-MD5 takes it and can never log in.",
        repair: "Set auth.mechanisms. By hand, `pwcheck_method: saslauthd` and `mech_list: plain \
                 login` in Cyrus SASL's smtpd.conf.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "a mechanism that saslauthd cannot serve",
            changes: &[Change::Replace(
                Role::Relay,
                "logins.conf",
                "mechanisms: ",
                "mechanisms: cram-md5 ",
            )],
            sees: "cram-md5",
        }],
        ..Check::by(&saslauthd_serves_the_mechanisms)
    },
    Check {
        id: "runtime.directory_is_verified",
        title: "saslauthd binds over TLS, checks the directory's certificate and caches nothing",
        citation: "row 8; RFC 4513 section 3.1.3; Cyrus saslauthd(8)",
        severity: Severity::High,
        about: "Reads saslauthd's settings and command line in the relay's container. Without a \
                check of the certificate, whoever answers at the directory's address is told every \
                password. With a cache (-c) an old password goes on working after it was changed; \
                without -r the part after @ is dropped, and two people share a login.",
        repair: "ldaps:// or ldap_start_tls: yes, ldap_tls_check_peer: yes and ldap_auth_method: \
                 bind in saslauthd.conf; start saslauthd with -r and without -c.",
        needs: &[
            Need::Lab,
            Need::Directory,
            Need::Setting("auth.ldap.unencrypted", Says::Is("false")),
        ],
        sabotages: &[
            Sabotage {
                name: "any directory will do",
                changes: &[Change::Replace(
                    Role::Relay,
                    "saslauthd.conf",
                    "ldap_tls_check_peer: yes",
                    "ldap_tls_check_peer: no",
                )],
                sees: "\"no\"",
            },
            CACHES.seen_as("saslauthd -d -r -c"),
        ],
        ..Check::by(&directory_is_verified)
    },
];

async fn saslauthd_is_not_root(context: Context) -> Judged {
    let processes = appliance::processes(&context, Role::Relay).await?;
    let saslauthd: Vec<_> = processes.iter().filter(|p| p.name == "saslauthd").collect();
    require(!saslauthd.is_empty(), "a process saslauthd", || {
        let names: Vec<_> = processes.iter().map(|p| p.name.as_str()).collect();
        names.join(" ")
    })?;
    // The guard is part of it: it sees the same passwords, and asks the directory.
    let belongs = |name: &str| ["saslauthd", "guard", "ldapsearch"].contains(&name);
    let shared: Vec<_> = processes
        .iter()
        .filter(|p| !belongs(&p.name) && saslauthd.iter().any(|own| own.uid == p.uid))
        .map(|p| format!("{} has saslauthd's user {}", p.name, p.uid))
        .collect();
    require(
        saslauthd.iter().all(|p| p.uid != 0),
        "a user that is not root",
        || "root",
    )?;
    require_none(&shared, "a user of its own")
}

async fn saslauthd_socket_is_for_postfix(context: Context) -> Judged {
    let path = "/run/saslauthd";
    let stat = ["stat", "-c", "%a %U %G", path];
    let seen = appliance::output(&context, Role::Relay, &stat).await?;
    let right = ["710 saslauthd sasl", "750 saslauthd sasl"].contains(&seen.trim());
    require(right, "0710 or 0750, owner saslauthd, group sasl", || {
        seen.clone()
    })?;
    let group = appliance::output(&context, Role::Relay, &["getent", "group", "sasl"]).await?;
    let members = group.trim().rsplit(':').next().unwrap_or_default();
    require(
        members == "postfix",
        "postfix and nobody else in the group sasl",
        || group.trim().to_owned(),
    )?;
    for (user, socket, reaches) in [
        ("postfix", "logins", true),
        ("postfix", "behind/mux", false),
        ("nobody", "logins", false),
        ("nobody", "behind/mux", false),
    ] {
        let test = ["test", "-w", &format!("{path}/{socket}")];
        let (code, ..) = appliance::exec(&context, Role::Relay, &test, Some(user)).await?;
        let expected = if reaches { "reaches" } else { "cannot reach" };
        require(
            (code == 0) == reaches,
            &format!("{user} {expected} {socket}"),
            || format!("`test -w` of {socket} as {user} gives {code}"),
        )?;
    }
    ControlFlow::Continue(())
}

async fn sasl_settings_hold(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let target = context.target();
    let outlook = if target.spec.auth.outlook_compatible {
        "yes"
    } else {
        "no"
    };
    let expected = [
        ("smtpd_sasl_auth_enable", "yes"),
        ("smtpd_sasl_security_options", "noanonymous"),
        // Empty, so that a login is looked up as it was typed.
        ("smtpd_sasl_local_domain", ""),
        ("broken_sasl_auth_clients", outlook),
        ("smtpd_tls_auth_only", "yes"),
        // The guard, which saslauthd is behind.
        ("smtpd_sasl_type", "dovecot"),
        ("smtpd_sasl_path", "/run/saslauthd/logins"),
    ];
    let mut wrong = Vec::new();
    for listener in target.spec.auth.listeners.iter().copied() {
        if target.endpoint(listener).is_none() {
            continue;
        }
        let Some(service) = service(&postconf, listener) else {
            wrong.push(format!("{} is no service of master.cf", listener.name()));
            continue;
        };
        for (parameter, value) in expected {
            let seen = postconf.effective(service, parameter);
            if seen != value {
                wrong.push(format!("{service}: {parameter} = {seen:?}, not {value:?}"));
            }
        }
    }
    require_none(&wrong, "the settings of the document's main.cf")
}

/// Postfix's name of a listener's service: by name or by number.
fn service(postconf: &Postconf, listener: Listener) -> Option<&'static str> {
    let names: &[&str] = match listener {
        Listener::Smtp => &["smtp/inet", "25/inet"],
        Listener::Submission => &["submission/inet", "587/inet"],
        Listener::Submissions => &["submissions/inet", "smtps/inet", "465/inet"],
    };
    // smtp may have no settings of its own; the login listeners always have.
    let known = names.iter().find(|name| postconf.has_service(name));
    known
        .or((listener == Listener::Smtp).then_some(&names[0]))
        .copied()
}

/// The value of `name` in a text of `key: value` lines.
fn setting<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map(|(_, value)| value.trim()).unwrap_or_default()
}

async fn saslauthd_serves_the_mechanisms(context: Context) -> Judged {
    let path = "/run/saslauthd/logins.conf";
    let text = appliance::output(&context, Role::Relay, &["cat", path]).await?;
    let mechanisms = &context.target().spec.auth.mechanisms;
    let expected: Vec<_> = mechanisms.iter().map(|m| m.name()).collect();
    let expected = expected.join(" ");
    let seen = setting(&text, "mechanisms");
    require(seen == expected, &format!("mechanisms: {expected}"), || {
        seen.to_owned()
    })
}

async fn directory_is_verified(context: Context) -> Judged {
    // One for each server of the directory.
    let argv = ["sh", "-c", "ls /run/saslauthd/saslauthd*.conf"];
    let paths = appliance::output(&context, Role::Relay, &argv).await?;
    for path in paths.lines() {
        let text = appliance::output(&context, Role::Relay, &["cat", path]).await?;
        server_is_verified(&text)?;
    }
    let script = "tr '\\0' ' ' </proc/$(\
                  grep -l '^Name:.saslauthd$' /proc/[0-9]*/status | head -n1 | cut -d/ -f3)/cmdline";
    let line = appliance::output(&context, Role::Relay, &["sh", "-c", script]).await?;
    if !line.starts_with("saslauthd ") {
        return broken(format!("no process of saslauthd is found, but {line:?}"));
    }
    let words: Vec<_> = line.split_whitespace().collect();
    require(
        words.contains(&"-r") && !words.contains(&"-c"),
        "saslauthd with -r and without -c",
        || line.clone(),
    )
}

/// What one saslauthd.conf says of the directory.
fn server_is_verified(text: &str) -> Judged {
    let servers = setting(text, "ldap_servers");
    let secure = servers
        .split_whitespace()
        .all(|s| s.starts_with("ldaps://"));
    let start_tls = setting(text, "ldap_start_tls") == "yes";
    require(
        !servers.is_empty() && (secure || start_tls),
        "ldaps:// or ldap_start_tls: yes",
        || format!("ldap_servers: {servers}"),
    )?;
    let verified = setting(text, "ldap_tls_check_peer");
    require(verified == "yes", "ldap_tls_check_peer: yes", || {
        format!("{verified:?}")
    })?;
    let method = setting(text, "ldap_auth_method");
    require(method == "bind", "ldap_auth_method: bind", || {
        method.to_owned()
    })?;
    // An alias could lead from a name to somebody else's entry.
    let aliases = setting(text, "ldap_deref");
    require(matches!(aliases, "never" | ""), "ldap_deref: never", || {
        format!("ldap_deref: {aliases}")
    })?;
    let scope = setting(text, "ldap_scope");
    require(matches!(scope, "sub" | ""), "ldap_scope: sub", || {
        format!("ldap_scope: {scope}")
    })?;
    for name in ["ldap_timeout", "ldap_time_limit"] {
        let seconds = setting(text, name);
        let soon = seconds.is_empty() || seconds.parse().is_ok_and(|s: u64| (1..=10).contains(&s));
        require(soon, &format!("{name} of at most 10 s"), || {
            format!("{name}: {seconds}")
        })?;
    }
    PASS
}
