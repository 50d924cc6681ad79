//! Relays that send everybody away.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::lab::Lab;

/// The port of a server that says this to everybody and hears nothing.
fn saying(words: &'static str) -> u16 {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = door.local_addr().unwrap().port();
    // It ends with the test program.
    std::thread::spawn(move || {
        for stream in door.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                drop(stream.write_all(words.as_bytes()));
                drop(stream.read_to_end(&mut Vec::new()));
            });
        }
    });
    port
}

#[test]
fn who_answers_421_to_all_is_told_so_at_once() {
    let lab = Lab::without_images("closed");
    let (smtp, submission) = (
        saying("421 4.3.2 closed\r\n"),
        saying("421 4.3.2 closed\r\n"),
    );
    let place = format!("127.0.0.1:smtp={smtp},submission={submission}");
    let began = Instant::now();
    let run = lab.run(&["check", &place]).ended_with(5);
    run.says(&[
        "no port of 127.0.0.1 answers",
        "it greets with 421 4.3.2 closed",
    ]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn who_says_nothing_at_all_is_told_by_what_was_waited_for() {
    let lab = Lab::without_images("mute");
    let place = format!("127.0.0.1:smtp={}", saying(""));
    let run = lab.run(&["check", &place, "--timeout", "1s"]).ended_with(5);
    run.says(&["no check was begun\n  while waiting for: survey 127.0.0.1 > smtp the greeting "]);
}
