//! Relays that mean harm, or do not care.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::lab::{Run, program};

/// A server that answers EHLO and QUIT as a relay does and every other line with `answer`.
fn server(greeting: &'static str, answer: Vec<u8>) -> SocketAddr {
    const EHLO: &[u8] = b"250-hostile.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // They end with the test program.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone()?);
                stream.write_all(greeting.as_bytes())?;
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line)? > 0 {
                    let said = line.to_ascii_uppercase();
                    stream.write_all(match said.get(..4) {
                        Some(b"EHLO") => EHLO,
                        Some(b"QUIT") => b"221 2.0.0 Bye\r\n",
                        _ => &answer,
                    })?;
                    line.clear();
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    address
}

fn check(address: SocketAddr, options: &[&str]) -> (Run, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let place = format!("{}:smtp={}", address.ip(), address.port());
    let all = [
        &["check", &place, "--per-minute", "6000", "--json"],
        options,
    ]
    .concat();
    let (command, rest) = all.split_at(5);
    let mut command = program(command);
    command.arg(&report).args(rest).current_dir(folder.path());
    let run = Run::of(command);
    let text = std::fs::read_to_string(&report).unwrap();
    let json = serde_json::from_str(&text).unwrap();
    (run, json)
}

#[test]
fn a_flood_of_replies_is_not_kept() {
    let line = format!("250-2.0.0 {}\u{1b}[2J\r\n", "A".repeat(380));
    let answer = format!("{}250 2.0.0 ok\r\n", line.repeat(249));
    let address = server(
        "220 hostile.example ESMTP \u{1b}]0;owned\u{7}\r\n",
        answer.into_bytes(),
    );
    let (run, report) = check(address, &[]);
    // The rest of a report has nothing of the server's.
    let kept = report["checks"].to_string().len();
    assert!(kept < 1_500_000, "{kept}");
    assert!(run.stdout.len() < 1_000_000, "{}", run.stdout.len());
    assert!(
        !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
        "{run}"
    );

    // What was not asked is told once, at the end.
    let (_, starting) = run.stdout.split_once("    Starting ").unwrap();
    let (number, _) = starting.split_once(" of ").unwrap();
    let number: usize = number.parse().unwrap();
    assert!(
        number < report["checks"].as_array().unwrap().len() / 2,
        "{number}"
    );
    assert!(
        run.stdout.matches("SKIP [").count() <= number,
        "{}",
        run.stdout
    );
    for id in ["tls.a_certificate_is_no_login", "runtime.stop_is_clean"] {
        assert_eq!(run.stdout.matches(id).count(), 1, "{id}: {}", run.stdout);
    }
}

#[test]
fn a_server_that_keeps_silent_is_given_up_in_time() {
    let address = server("220 silent.example ESMTP\r\n", Vec::new());
    let begun = Instant::now();
    let (run, report) = check(address, &["--timeout", "3s"]);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    assert!(run.stdout.contains("--timeout 3s"), "{run}");
    // What it did say is judged, what it did not is not.
    let outcome = |check: &serde_json::Value| check["outcome"].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let late = |check: &&serde_json::Value| {
        let observed = check["observed"].as_str().unwrap();
        observed.contains("--timeout 3s") || observed.contains("time for all checks")
    };
    assert!(checks.iter().filter(late).count() > 5, "{report}");
    assert!(
        checks
            .iter()
            .filter(late)
            .all(|check| outcome(check) != "fail"),
        "{report}"
    );
    assert_eq!(report["not_run"], serde_json::json!([]));
}

#[test]
fn enough_failures_end_a_run() {
    let address = server("220 open.example ESMTP\r\n", b"250 2.0.0 ok\r\n".to_vec());
    let (run, report) = check(address, &["--max-fail", "2"]);
    run.ended_with(10);
    assert_eq!(report["summary"]["failed"], 2);
    assert_eq!(report["cut_short"], "max fail");
    assert!(!report["not_run"].as_array().unwrap().is_empty());
}
