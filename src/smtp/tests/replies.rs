//! Commands and replies, good, broken and missing.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::smtp::script::play;
use crate::smtp::{Connect, Failure, Irregularity, Session};

#[tokio::test]
async fn a_conversation_is_written_down_as_it_was() {
    let (mut session, server) = play(
        "S: 220 relay.test ESMTP
         C: EHLO client.test
         S: 250-relay.test
         S: 250-PIPELINING
         S: 250 SIZE 1000
         C: MAIL FROM:<a@a.test>
         S: 250 2.1.0 Ok
         C: RCPT TO:<b@b.test>
         S: 554 5.7.1 no
         C: QUIT
         S: 221 2.0.0 Bye",
    )
    .await;
    assert_eq!(session.greeting().await.unwrap().code, 220);
    let offered = session.ehlo("client.test").await.unwrap();
    assert_eq!(offered.size(), Some(1000));
    session.mail_from("a@a.test").await.unwrap();
    assert!(session.rcpt_to("b@b.test").await.unwrap().is_permanent());
    let transcript = session.transcript();
    session.quit().await.unwrap();
    server.finished().await;
    let expected = [
        "-- connected to test",
        "S: 220 relay.test ESMTP",
        "C: EHLO client.test",
        "S: 250-relay.test",
        "S: 250-PIPELINING",
        "S: 250 SIZE 1000",
        "C: MAIL FROM:<a@a.test>",
        "S: 250 2.1.0 Ok",
        "C: RCPT TO:<b@b.test>",
        "S: 554 5.7.1 no",
        "C: QUIT",
        "S: 221 2.0.0 Bye",
    ];
    assert_eq!(transcript.lines(), expected);
}

#[tokio::test]
async fn replies_to_a_pipeline_are_told_apart() {
    let (mut session, server) = play(
        "S: 220 relay.test
         C: RSET
         C: EHLO client.test
         C: NOOP
         s: 250 one\\r\\n250-two\\r\\n250
         s:  TWO\\r\\n250 three\\r\\n",
    )
    .await;
    session.greeting().await.unwrap();
    let replies = session
        .pipeline(&["RSET", "EHLO client.test", "NOOP"])
        .await
        .unwrap();
    let texts: Vec<String> = replies.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["250 one", "250-two / 250 TWO", "250 three"]);
    assert_eq!(session.unread(), b"");
    server.finished().await;
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_and_says_what_was_awaited() {
    let (mut session, _server) = play(
        "S: 220 relay.test
         C: EHLO client.test
         S: 250-relay.test
         s: 250-PIP
         -- hold",
    )
    .await;
    session.greeting().await.unwrap();
    session.set_timeout(Duration::from_secs(300));
    let error = session.ehlo("client.test").await.unwrap_err();
    assert_eq!(error.doing, "the reply to EHLO client.test (test)");
    let Failure::Timeout { waited, read } = error.failure else {
        panic!("{error}")
    };
    assert_eq!(
        (waited, read.as_str()),
        (Duration::from_secs(300), "250-PIP")
    );
    let lines = error.transcript.lines();
    assert_eq!(lines[lines.len() - 2], "S: 250-relay.test");
}

/// Each line comes within the timeout, the whole reply never does.
#[tokio::test(start_paused = true)]
async fn a_reply_that_drips_has_one_deadline() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let drip = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        loop {
            if theirs.write_all(b"220-more\r\n").await.is_err() {
                break;
            }
            tokio::time::advance(Duration::from_secs(4)).await;
        }
    });
    let connect = Connect::default();
    let session = Session::over(Box::new(ours), "test", &connect).await;
    let error = session.unwrap().greeting().await.unwrap_err();
    assert!(matches!(error.failure, Failure::Timeout { .. }), "{error}");
    assert_eq!(error.doing, "the greeting (test)");
    drip.abort();
}

#[tokio::test]
async fn a_closed_connection_shows_what_was_read() {
    let (mut session, server) = play(
        "S: 220 relay.test
         C: NOOP
         s: 42",
    )
    .await;
    session.greeting().await.unwrap();
    let error = session.command("NOOP").await.unwrap_err();
    let Failure::Closed { read } = &error.failure else {
        panic!("{error}")
    };
    assert_eq!(read, "42");
    server.finished().await;
}

#[tokio::test]
async fn what_is_no_reply_is_shown_and_the_session_can_go_on() {
    let (mut session, server) = play(
        "s: 220-relay.test\\r\\n221 relay.test\\r\\n
         s: \\x16\\x03\\x03\\r\\n
         s: 250 fine\\n",
    )
    .await;
    for expected in [
        "different codes: \"221 relay.test\\r\\n\"",
        "\"\\x16\\x03\\x03\\r\\n\"",
    ] {
        let error = session.read_reply().await.unwrap_err();
        assert!(
            matches!(error.failure, Failure::Malformed { .. }),
            "{error}"
        );
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    let reply = session.read_reply().await.unwrap();
    assert_eq!(reply.irregularities, [Irregularity::BareNewline]);
    server.finished().await;
}

#[tokio::test]
async fn an_endless_line_and_an_endless_reply_are_cut() {
    let endless_line = format!("s: 250 {}\n-- hold", "x".repeat(9000));
    let endless_reply = format!("{}-- hold", "S: 250-x\n".repeat(300));
    for script in [endless_line, endless_reply] {
        let (mut session, _server) = play(&script).await;
        let error = session.read_reply().await.unwrap_err();
        assert!(
            matches!(error.failure, Failure::Malformed { .. }),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_can_be_expected() {
    let (mut session, server) = play("S: 421 4.7.0 too many errors").await;
    assert_eq!(
        session.expect_closed().await.unwrap(),
        "421 4.7.0 too many errors\\r\\n"
    );
    server.finished().await;
    let (mut session, _server) = play("-- hold").await;
    let error = session.expect_closed().await.unwrap_err();
    assert!(matches!(error.failure, Failure::Timeout { .. }), "{error}");
}

/// Both sides have more to say than the line between them holds.
#[tokio::test]
async fn a_server_that_answers_while_it_is_talked_to_stops_nothing() {
    let lines = "C: NOOP\nS: 250 2.0.0 Ok, and here is some text to fill the line\n".repeat(200);
    let (mut session, server) = play(&lines).await;
    let replies = session.pipeline(&["NOOP"; 200]).await.unwrap();
    assert_eq!(replies.len(), 200);
    server.finished().await;
}

#[tokio::test]
async fn a_refusal_before_all_is_sent_is_still_read() {
    let (mut session, server) = play(
        "S: 220 relay.test
         c: MAIL
         S: 421 4.3.2 going down",
    )
    .await;
    session.greeting().await.unwrap();
    let reply = session
        .command(&format!("MAIL FROM:<{}>", "a".repeat(5000)))
        .await
        .unwrap();
    assert_eq!(reply.code, 421);
    server.finished().await;
}

#[tokio::test]
async fn an_error_in_a_pipeline_names_the_command_without_an_answer() {
    let (mut session, server) = play("C: NOOP\nC: RSET\nC: VRFY a\nS: 250 Ok").await;
    let error = session
        .pipeline(&["NOOP", "RSET", "VRFY a"])
        .await
        .unwrap_err();
    assert_eq!(error.doing, "the reply to RSET (test)");
    server.finished().await;
}

#[tokio::test]
async fn a_connection_comes_from_the_address_asked_for() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = Some([127, 0, 0, if cfg!(target_os = "linux") { 2 } else { 1 }].into());
    let connect = Connect {
        source,
        ..Connect::default()
    };
    let _session = Session::connect(address, &connect).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    assert_eq!(Some(peer.ip()), source);
    drop((stream, listener));
    let error = Session::connect(address, &connect.fresh())
        .await
        .unwrap_err();
    assert!(matches!(error.failure, Failure::Connect(_)), "{error}");
    assert_eq!(error.doing, format!("connecting to {address}"));
    assert_eq!(
        error.transcript.lines(),
        [format!("-- no connection to {address}")]
    );
}

#[tokio::test]
async fn a_server_can_answer_a_client_that_has_closed_its_side() {
    let (mut session, server) = play(
        "S: 220 relay.test
         C: NOOP
         -- hold
         S: 250 late",
    )
    .await;
    session.greeting().await.unwrap();
    session.write_raw(b"NOOP\r\n").await.unwrap();
    session.half_close().await.unwrap();
    assert_eq!(session.read_reply().await.unwrap().code, 250);
    server.finished().await;
    let lines = session.transcript().lines();
    assert!(
        lines.contains(&"-- our side of the connection is closed".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_error_names_a_long_command_by_its_start() {
    let (mut session, server) = play("S: 220 relay.test").await;
    session.greeting().await.unwrap();
    let error = session.command(&"x".repeat(5000)).await.unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
    drop(server);
}
