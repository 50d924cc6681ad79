//! A report with everything in it, and with everything hostile that a relay can say.

use std::time::Duration;

use relaykit::report::{
    Accepted, Agreed, Certificate, CheckRecord, Contained, Exhibit, FORMATS, Fate, Identity,
    Listening, Mutation, Outcome, Package, Planted, RenderedFile, RunReport, Seen, Severity,
    Subject, SubjectKind, Tried, Unclaimed, Unplanted,
};

/// What would run, escape, or break a file if it were not escaped.
pub(crate) const HOSTILE: &str = "</pre></script><script>window.hacked = 1</script><img src=x onerror=hacked=1>\u{1b}[2J\0\u{ffff}]]>&amp;\"'";

/// The bytes of one format.
pub(crate) fn rendered(format: &str, report: &RunReport) -> Vec<u8> {
    let format = FORMATS.iter().find(|f| f.name == format).unwrap();
    (format.render)(report)
}

/// The text of one format.
pub(crate) fn text(format: &str, report: &RunReport) -> String {
    String::from_utf8(rendered(format, report)).unwrap()
}

fn check(id: &'static str, severity: Severity, outcome: Outcome) -> CheckRecord {
    CheckRecord {
        id,
        title: "AUTH is not offered before TLS",
        citation: "row 16; RFC 4954 section 4; Postfix smtpd_tls_auth_only",
        severity,
        about: "Says EHLO in the clear, and reads what is offered.",
        repair: "Leave auth.listeners at its default.",
        rows: match outcome {
            Outcome::Pass => vec![
                Seen {
                    row: "port 25".into(),
                    expected: "no AUTH".into(),
                    observed: format!("250-DSN {HOSTILE}"),
                },
                Seen {
                    row: "port 587".into(),
                    expected: "no AUTH".into(),
                    observed: "250 DSN".into(),
                },
            ],
            _ => Vec::new(),
        },
        outcome,
        transcript: vec![
            "-- connected to 127.0.0.1:2525".into(),
            "C: EHLO client.relaykit.test".into(),
            format!("S: 250 {HOSTILE}"),
        ],
        log: Vec::new(),
        exhibits: Vec::new(),
        duration: Duration::from_millis(130),
        sabotages: vec![Planted {
            name: "AUTH does not wait for TLS",
            laboratory: "as configured",
            detected: true,
            observed: "port 25: AUTH PLAIN".into(),
        }],
    }
}

fn why() -> String {
    format!("needs an inbox behind the relay {HOSTILE}")
}

/// One mutant for each fate.
fn mutation() -> Mutation {
    let fates = [
        Fate::Seen {
            by: "auth.wrong_password_is_refused",
            observed: format!("235 {HOSTILE}"),
        },
        Fate::Hindered {
            by: "privacy.bounces_tell_nothing",
            why: why(),
        },
        Fate::NoLab { why: why() },
        Fate::Harmless {
            why: "Nobody reads it.",
        },
        Fate::Survived,
        Fate::Unplanted { why: why() },
    ];
    let tried = |(at, fate): (usize, Fate)| Tried {
        number: at + 1,
        id: format!("{at:08x}"),
        operator: "drop a line",
        title: format!("drop a line: postfix/main.cf, {HOSTILE}"),
        diff: format!("-a = {HOSTILE}\n"),
        laboratory: "as configured",
        fate,
        took: Duration::from_millis(700),
    };
    Mutation {
        seed: 7,
        possible: 800,
        dropped: 90,
        elapsed: Duration::from_secs(9),
        tried: fates.into_iter().enumerate().map(tried).collect(),
    }
}

/// One check for each outcome, in two areas, after a proof.
pub(crate) fn report() -> RunReport {
    let failed = Outcome::Fail {
        expected: "no AUTH".into(),
        observed: format!("port 25: AUTH PLAIN\nport 587: {HOSTILE}"),
    };
    let mut fails = check(
        "auth.plaintext_is_never_offered",
        Severity::Critical,
        failed,
    );
    fails.log = vec![format!("postfix/smtpd[9]: connect from {HOSTILE}")];
    fails.sabotages = Vec::new();
    let mut passes = check(
        "privacy.login_hides_this_client",
        Severity::Critical,
        Outcome::Pass,
    );
    passes.exhibits = vec![Exhibit {
        title: "a client with a name".into(),
        before: format!("EHLO canary.example\r\nSubject: {HOSTILE}\r\n\r\nhello\r\n"),
        after: "Received: by relay; from CANARY.example\r\n\r\nhello\r\n".into(),
        hidden: vec!["canary.example".into()],
    }];
    let skipped = Outcome::Skipped { why: why() };
    let broken = Outcome::Broken { why: why() };
    RunReport {
        started_at: "2026-11-25T10:00:00Z".parse().unwrap(),
        elapsed: Duration::from_millis(3100),
        profile: None,
        subject: Some(subject()),
        checks: vec![
            fails,
            check(
                "auth.wrong_password_is_refused",
                Severity::High,
                Outcome::Pass,
            ),
            check("privacy.body_is_untouched", Severity::Medium, skipped),
            check("privacy.bounces_tell_nothing", Severity::Low, broken),
            passes,
        ],
        not_run: vec!["relay.nobody_relays_without_login"],
        cut_short: None,
        proving: std::time::Duration::from_millis(4200),
        down: Vec::new(),
        unclaimed: vec![Unclaimed {
            sabotage: "AUTH does not wait for TLS",
            check: "auth.wrong_password_is_refused",
            observed: "it broke off".into(),
        }],
        unplanted: vec![Unplanted {
            sabotage: "no header checks",
            check: "auth.wrong_password_is_refused",
            why: "needs privacy.received: rewrite".into(),
        }],
        mutation: Some(mutation()),
    }
}

/// The same without a proof, and about nothing in particular.
pub(crate) fn plain() -> RunReport {
    let mut plain = report();
    plain.subject = None;
    plain.unclaimed.clear();
    plain.unplanted.clear();
    plain.mutation = None;
    for check in &mut plain.checks {
        check.sabotages.clear();
    }
    plain
}

fn subject() -> Subject {
    let agreed = Agreed {
        protocol: "TLS 1.3".into(),
        cipher_suite: "TLS_AES_256_GCM_SHA384".into(),
        group: Some("X25519".into()),
        certificate: Some(Certificate {
            subject: format!("CN={HOSTILE}"),
            issuer: "CN=relaykit lab".into(),
            names: vec!["relay.relaykit.test".into()],
            not_before: "2026-11-25T09:00:00Z".into(),
            not_after: "2027-12-27T10:00:00Z".into(),
            fingerprint: ["5F"; 32].join(":"),
        }),
        objections: vec![],
    };
    let listening = |name: &str, tls| Listening {
        name: name.into(),
        address: "127.0.0.1:2525".into(),
        no_tls: None,
        tls,
    };
    let mut clear = listening("smtp", None);
    clear.no_tls = Some(format!("502 {HOSTILE}"));
    Subject {
        kind: SubjectKind::Lab,
        hostname: "relay.relaykit.test".into(),
        engine: Some("Docker Engine 26.1.5, amd64".into()),
        identity: Some(Identity {
            configuration: format!("version: 1\n# {HOSTILE}\n"),
            configuration_sha256: "cd".repeat(32),
            checks_sha256: "ef".repeat(32),
            files: vec![RenderedFile {
                role: "relay".into(),
                path: "/etc/relaykit/postfix/main.cf".into(),
                rights: "644 0 0".into(),
                sha256: Some("01".repeat(32)),
            }],
        }),
        listeners: vec![clear, listening("submission", Some(agreed))],
        containers: vec![Contained {
            role: "relay".into(),
            image: "relaykit/relay:1a13e3c06b0c".into(),
            image_id: "sha256:78e33c4e2a9a1507fa6eae76ef633cf986018fa0993a5f585d29ea1da931a941"
                .into(),
            image_content: "sha256:5f".into(),
            packages_sha256: "ab".repeat(32),
            packages: vec![Package {
                name: "postfix".into(),
                version: "3.10.13-0+deb13u1".into(),
            }],
        }],
        accepted: vec![Accepted {
            rule: "copied",
            severity: "critical",
            place: "main.cf, always_bcc".into(),
            does: format!("every message is copied to {HOSTILE}"),
        }],
    }
}
