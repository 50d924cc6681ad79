//! What a receiver's filter reads in the trace header that is left of mail by login:
//! `SpamAssassin`'s own parser, where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use relaykit::secret::Secret;
use relaykit::smtp::{Connect, Message, Session, TlsSettings};
use serde_json::Value;

use crate::lab::{Lab, block_on, ca, endpoint};

/// A way to submit.
struct Form {
    listener: &'static str,
    verb: &'static str,
    mail: &'static str,
    recipients: &'static [&'static str],
    /// `auth=` of `SpamAssassin`, with the login shown and not.
    auth: [&'static str; 2],
}

const FORM: Form = Form {
    listener: "submissions",
    verb: "EHLO",
    mail: "<alice@relay.relaykit.test>",
    recipients: &["<bob@example.org>"],
    auth: ["ESMTPSA"; 2],
};

const FORMS: [Form; 6] = [
    FORM,
    Form {
        listener: "submission",
        ..FORM
    },
    Form {
        listener: "smtp",
        ..FORM
    },
    Form {
        recipients: &["<bob@example.org>", "<carol@example.org>"],
        ..FORM
    },
    Form {
        mail: "<alice@relay.relaykit.test> SMTPUTF8",
        recipients: &["<\"a b\"@ex\u{e4}mple.example>"],
        auth: ["UTF8SMTPSA"; 2],
        ..FORM
    },
    // No word of a login in the protocol: the comment alone tells.
    Form {
        verb: "HELO",
        auth: ["Postfix", ""],
        ..FORM
    },
];

#[test]
fn spamassassin_reads_an_authenticated_hop() {
    let is_there = Command::new("perl")
        .args(["-MMail::SpamAssassin", "-e", "1"])
        .stderr(Stdio::null())
        .status();
    if !is_there.is_ok_and(|status| status.success()) {
        // Past the test's captured output: what was not tested must be seen.
        #[allow(clippy::explicit_write, reason = "tests capture what eprintln! writes")]
        writeln!(
            std::io::stderr(),
            "\nNOT TESTED: what SpamAssassin reads in a trace header; install spamassassin for it"
        )
        .unwrap();
        return;
    }
    let lab = Lab::new("received");
    let everywhere = "auth: {listeners: [smtp, submission, submissions]}\n";
    for (column, shown) in ["true", "false"].iter().enumerate() {
        lab.configure(&format!("{everywhere}privacy: {{show_login: {shown}}}\n"));
        let up = lab.up();
        for form in FORMS {
            let read = read(&lab, &up, &form);
            let auth = format!(" auth={} ", form.auth[column]);
            let hop = read.lines().next().unwrap_or_default();
            for part in [" ip=127.0.0.1 ", " by=relay.relaykit.test ", &auth] {
                let form = (form.listener, form.verb, form.recipients);
                assert!(hop.contains(part), "{form:?}, {shown}: no{part}in {read}");
            }
            assert!(read.ends_with("\nunparseable: 0\n"), "{read}");
        }
    }
    // As the README has it.
    lab.configure("privacy: {received: hide}\n");
    assert_eq!(read(&lab, &lab.up(), &FORM), "unparseable: 0\n");
    lab.configure("privacy: {received: keep}\n");
    let kept = read(&lab, &lab.up(), &FORM);
    assert!(
        kept.contains(" helo=client.test ") && kept.contains(" auth=ESMTPSA "),
        "{kept}"
    );
    assert!(!kept.contains(" ip=127.0.0.1 "), "{kept}");
}

/// Submits in this form; what `SpamAssassin` reads in what the next hop got.
fn read(lab: &Lab, up: &Value, form: &Form) -> String {
    let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org").build();
    block_on(submit(up, form, &message));
    let subject = format!("relaykit {}", message.token());
    let wait = [
        "inbox",
        "wait",
        "--timeout",
        "2m",
        "--format",
        "json",
        "--subject",
        &subject,
    ];
    let entry = lab.relaykit(&wait).succeeded().json();
    let raw = std::fs::read(entry["raw_path"].as_str().unwrap());
    parsed(&raw.unwrap())
}

async fn submit(up: &Value, form: &Form, message: &Message) {
    let tls = TlsSettings::trusting(up["hostname"].as_str().unwrap(), ca(up));
    let wrapped = form.listener == "submissions";
    let options = Connect {
        wrapper: wrapped.then(|| tls.clone()),
        ..Connect::default()
    };
    let mut session = Session::connect(endpoint(up, form.listener), &options)
        .await
        .unwrap();
    session.greeting().await.unwrap();
    if !wrapped {
        session.ehlo("client.test").await.unwrap();
        session.starttls(&tls).await.unwrap();
    }
    let mut commands = vec![
        format!("{} client.test", form.verb),
        format!("MAIL FROM:{}", form.mail),
    ];
    commands.extend(form.recipients.iter().map(|to| format!("RCPT TO:{to}")));
    for (number, command) in commands.iter().enumerate() {
        if number == 1 {
            let password = Secret::new("wonderland");
            let reply = session.auth_plain("", "alice", &password).await.unwrap();
            assert_eq!(reply.code, 235, "{reply}");
        }
        let reply = session.command(command).await.unwrap();
        assert_eq!(reply.code, 250, "{command}: {reply}");
    }
    let reply = session.data(message.bytes()).await.unwrap();
    assert_eq!(reply.code, 250, "{reply}");
}

fn parsed(raw: &[u8]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lifecycle/received.pl");
    let mut perl = Command::new("perl")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    perl.stdin.take().unwrap().write_all(raw).unwrap();
    let output = perl.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
