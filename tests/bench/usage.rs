//! What is refused before anything is measured.

use crate::lab::Lab;

#[test]
fn nobodys_server_gets_a_load_without_an_end_or_without_a_recipient() {
    let lab = Lab::without_images("benchhost");
    for (arguments, words) in [
        (&["bench", "127.0.0.1:25"][..], "--messages N and --time T"),
        (
            &["bench", "127.0.0.1:25", "--messages", "5"],
            "--messages N and --time T",
        ),
        (
            &["bench", "127.0.0.1:25", "--time", "5s"],
            "--messages N and --time T",
        ),
        (
            &["bench", "127.0.0.1:25", "--messages", "5", "--time", "5s"],
            "--recipient ADDR",
        ),
        (
            &["bench", "--versus", "mail.example.org"],
            "--messages N and --time T",
        ),
        (
            &["bench", "--listener", "smtp", "--logins-only"],
            "listener with logins",
        ),
        (
            &["bench", "--rate", "5", "--clients", "1,2"],
            "--clients is one number",
        ),
        (
            &["bench", "--json", "/nowhere/b.json"],
            "writing /nowhere/b.json",
        ),
    ] {
        let code = if words.starts_with("writing") { 6 } else { 2 };
        lab.run(arguments).ended_with(code).says(&[words]);
    }
}

#[test]
fn a_server_that_is_away_is_told_and_nothing_is_measured() {
    let lab = Lab::without_images("benchaway");
    let arguments = [
        "bench",
        "127.0.0.1:smtp=1",
        "--messages",
        "5",
        "--time",
        "5s",
        "--recipient",
        "bob@example.org",
        "--sender",
        "alice@example.org",
    ];
    lab.run(&arguments).ended_with(12).says(&[
        "127.0.0.1:1 cannot be measured",
        "connect",
        "up to 5 messages to bob@example.org",
    ]);
}
