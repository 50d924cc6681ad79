//! What the sink keeps, spoken to as a relay would, from inside of its container.

use serde_json::{Value, json};

use crate::lab::Lab;

/// Sends one message to the sink: each envelope command is an argument, the content comes
/// as hexadecimal digits. Prints the last reply. With `half` instead of content it waits in
/// the middle of a message until somebody ends the inbox, and then ends the message.
const CLIENT: &str = r#"
use IO::Socket::INET;
my ($content, @commands) = @ARGV;
my $sink = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 25, Timeout => 30) or die "$!\n";
sub reply { my $line; do { $line = <$sink> // die "it hung up\n" } until $line =~ /^\d+ /; $line }
reply();
for my $command ('EHLO client.test', @commands, 'DATA') {
    print $sink "$command\r\n";
    my $reply = reply();
    next if $reply =~ /^[23]/;
    print $reply;
    exit;
}
if ($content eq 'half') {
    print $sink "Subject: half\r\n\r\n", "x" x 70 . "\r\n" for 1 .. 2_000;
    $sink->flush;
    select undef, undef, undef, 0.01 until glob '/var/mail/inbox/tmp/*';
    my @inbox = `sh -c 'for p in /proc/[0-9]*; do read -r name <\$p/comm && [ "\$name" = inbox ] && echo \${p#/proc/}; done'`;
    chomp @inbox;
    kill KILL => (sort { $a <=> $b } @inbox)[-1];
} else {
    print $sink pack 'H*', $content;
}
print $sink ".\r\n";
print reply();
"#;

fn send(lab: &Lab, content: &[u8], commands: &[&str]) -> String {
    let digits: Vec<String> = content.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    say(lab, &digits, commands)
}

fn say(lab: &Lab, content: &str, commands: &[&str]) -> String {
    let argv = [&["perl", "-e", CLIENT, content], commands].concat();
    let said = lab.exec("sink", None, &argv);
    assert_eq!(said.exit_code, 0, "{said:?}");
    said.stdout
}

/// A message as it is said on the wire (RFC 5321 section 4.5.2).
fn with_dots(content: &[u8]) -> Vec<u8> {
    let mut said = Vec::new();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            said.push(b'.');
        }
        said.extend_from_slice(line);
    }
    said
}

fn raw(entry: &Value) -> Vec<u8> {
    std::fs::read(entry["raw_path"].as_str().unwrap()).unwrap()
}

const ENVELOPE: [&str; 2] = ["MAIL FROM:<a@example.test>", "RCPT TO:<b@example.test>"];

#[test]
fn what_is_said_is_kept_byte_for_byte() {
    let lab = Lab::new("bytes");
    lab.up();
    // An argument of a command has 128 KiB at the most.
    let long = [&b"Subject: long\r\n\r\n."[..], &vec![b'x'; 60_000], b"\r\n"].concat();
    let contents: [&[u8]; 6] = [
        b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n..b\r\n.\r\n",
        b"Subject: \xff\x00x\r\n\r\na\x00b\rc\r\n\xfe\x80\r\n.\x00\r\n\r.\r\n.\r.\r\n",
        b"Subject: no body\r\n\r\n",
        b"\r\nno header\r\n",
        b"",
        &long,
    ];
    for content in contents {
        let reply = send(&lab, &with_dots(content), &ENVELOPE);
        assert!(reply.starts_with("250 "), "{reply}");
        let list = lab.inbox();
        let kept = list.last().unwrap();
        assert_eq!(raw(kept), content, "{}", String::from_utf8_lossy(content));
        assert_eq!(kept["size"], content.len());
    }
    assert_eq!(lab.inbox().len(), contents.len());

    let cases = [
        (
            vec!["MAIL FROM:<>", "RCPT TO:<b@example.test>"],
            "",
            json!(["b@example.test"]),
        ),
        (
            vec![
                r#"MAIL FROM:<"a b>\"c"@example.test>"#,
                r#"RCPT TO:<"q q"@example.test>"#,
                "RCPT TO:<plain>",
            ],
            r#""a b>\"c"@example.test"#,
            json!([r#""q q"@example.test"#, "plain"]),
        ),
        (
            vec![
                "MAIL FROM:<jürgen@exämple.test> SMTPUTF8",
                "RCPT TO:<ü@example.test>",
            ],
            "jürgen@exämple.test",
            json!(["ü@example.test"]),
        ),
    ];
    for (commands, from, to) in cases {
        let reply = send(&lab, b"Subject: envelope\r\n\r\nx\r\n", &commands);
        assert!(reply.starts_with("250 2.0.0 Ok: stored "), "{reply}");
        let list = lab.inbox();
        let kept = list.last().unwrap();
        assert_eq!(
            (&kept["envelope_from"], &kept["envelope_to"]),
            (&json!(from), &to)
        );
    }
    let ids: Vec<Value> = lab
        .inbox()
        .iter()
        .map(|entry| entry["id"].clone())
        .collect();
    let last = lab.relaykit(&["inbox", "list", "--last", "2", "--format", "json"]);
    let last = last.succeeded().json();
    let last: Vec<Value> = last
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].clone())
        .collect();
    assert_eq!(last, ids[ids.len() - 2..]);
}

#[test]
fn an_inbox_that_dies_is_replaced_and_keeps_no_half() {
    let lab = Lab::new("dies");
    lab.up();
    let reply = say(&lab, "half", &ENVELOPE);
    assert!(reply.starts_with('4'), "{reply}");
    // The next one waits until there is an inbox again.
    let reply = send(&lab, b"Subject: after\r\n\r\nx\r\n", &ENVELOPE);
    assert!(reply.starts_with("250 "), "{reply}");
    let subjects: Vec<Value> = lab
        .inbox()
        .iter()
        .map(|entry| entry["subject"].clone())
        .collect();
    assert_eq!(subjects, ["after"]);
    let halves = lab.exec("sink", None, &["ls", "/var/mail/inbox/tmp"]);
    assert_eq!(halves.stdout, "");
    // Who waits is told by the new one.
    let mut waiting = lab.start(&["inbox", "wait", "--subject", "later", "--timeout", "1m"]);
    send(&lab, b"Subject: later\r\n\r\nx\r\n", &ENVELOPE);
    assert!(waiting.says("later"));
    waiting.end().succeeded();
}

#[test]
fn what_cannot_be_kept_is_put_off() {
    let lab = Lab::new("full");
    lab.up();
    let mode = |mode: &str| {
        let changed = lab.exec("sink", None, &["chmod", mode, "/var/mail/inbox/tmp"]);
        assert_eq!(changed.exit_code, 0, "{changed:?}");
    };
    mode("0500");
    let large = b".a line\r\n".repeat(5_000);
    for content in [&b"Subject: small\r\n\r\nx\r\n"[..], &large] {
        let reply = send(&lab, &with_dots(content), &ENVELOPE);
        assert!(
            reply.starts_with("452 4.3.1 the inbox cannot keep it: Permission denied"),
            "{reply}"
        );
    }
    assert_eq!(lab.inbox(), Vec::<Value>::new());
    mode("0700");
    let reply = send(&lab, b"Subject: small\r\n\r\nx\r\n", &ENVELOPE);
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(lab.inbox().len(), 1);
}
