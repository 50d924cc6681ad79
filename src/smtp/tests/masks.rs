//! What the transcript must not show, and what it must.

use crate::secret::Secret;
use crate::smtp::script::play;

/// Plays `script`, lets `talk` speak and compares the transcript without its first line.
macro_rules! transcript_of {
    ($script:expr, $session:ident => $talk:block) => {{
        let (mut $session, server) = play($script).await;
        $talk
        let lines = $session.transcript().lines();
        drop($session);
        server.finished().await;
        lines[1..].to_vec()
    }};
}

#[tokio::test]
async fn the_responses_of_every_exchange_are_masked() {
    let password = Secret::new("wonderland");
    let lines = transcript_of!(
        "C: AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=
         S: 535 5.7.8 no
         C: AUTH PLAIN
         S: 334 
         C: cm9vdABhbGljZQB3b25kZXJsYW5k
         S: 535 5.7.8 no
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: YWxpY2U=
         S: 334 UGFzc3dvcmQ6
         C: d29uZGVybGFuZA==
         S: 235 2.7.0 Ok
         C: NOOP
         S: 250 Ok",
        session => {
            session.auth_plain("", "alice", &password).await.unwrap();
            session.auth_plain_without_initial_response("root", "alice", &password).await.unwrap();
            assert_eq!(session.auth_login("alice", &password).await.unwrap().code, 235);
            session.command("NOOP").await.unwrap();
        }
    );
    let expected = [
        "C: AUTH PLAIN ***",
        "S: 535 5.7.8 no",
        "C: AUTH PLAIN",
        "S: 334 ",
        "C: ***",
        "S: 535 5.7.8 no",
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "C: ***",
        "S: 334 UGFzc3dvcmQ6",
        "C: ***",
        "S: 235 2.7.0 Ok",
        "C: NOOP",
        "S: 250 Ok",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_refused_mechanism_is_not_answered() {
    let lines = transcript_of!(
        "C: AUTH LOGIN
         S: 503 5.5.1 not now
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: *
         S: 501 5.7.0 aborted
         C: AUTH PLAIN =
         S: 501 5.5.2 empty",
        session => {
            session.auth_login("alice", &Secret::new("wonderland")).await.unwrap();
            session.auth_cancelled("LOGIN").await.unwrap();
            session.auth_raw("PLAIN", Some("="), &[]).await.unwrap();
        }
    );
    assert_eq!(lines[0], "C: AUTH LOGIN");
    assert_eq!(lines[4], "C: *");
    assert_eq!(lines[6], "C: AUTH PLAIN =");
}

/// The client may be told to do anything: no way of writing it shows the secret.
#[tokio::test]
async fn raw_bytes_are_masked_by_where_they_stand() {
    let lines = transcript_of!(
        "c: auth\\x09plain\\x09AGFsaWNl\\r\\nNOOP\\r\\n
         S: 535 no
         c: RSET\\r\\nAUTH LOGIN\\r\\n
         S: 250 Ok
         c: YWxpY2U=\\r\\nd29uZGVybGFuZA==\\r\\n
         S: 334 VXNlcm5hbWU6
         S: 334 UGFzc3dvcmQ6
         S: 235 Ok
         c: AUTH=PLAIN AGFsaWNl\\r\\n
         S: 502 what",
        session => {
            session.write_raw(b"auth\tplain\tAGFs").await.unwrap();
            session.write_raw(b"aWNl\r\nNOOP\r\n").await.unwrap();
            session.read_reply().await.unwrap();
            session.write_raw(b"RSET\r\nAUTH LOGIN\r\n").await.unwrap();
            session.read_reply().await.unwrap();
            session.write_raw(b"YWxpY2U=\r\nd29uZGVybGFuZA==\r\n").await.unwrap();
            for _ in 0..3 {
                session.read_reply().await.unwrap();
            }
            session.command("AUTH=PLAIN AGFsaWNl").await.unwrap();
        }
    );
    let said: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("C: "))
        .collect();
    let expected = [
        "auth plain ***",
        "***",
        "RSET",
        "AUTH LOGIN",
        "***",
        "***",
        "AUTH ***",
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_server_that_repeats_the_secret_is_not_quoted() {
    let lines = transcript_of!(
        "C: AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=
         S: 502 5.5.2 AGFsaWNlAHdvbmRlcmxhbmQ= means wonderland",
        session => {
            let reply = session.auth_plain("", "alice", &Secret::new("wonderland")).await.unwrap();
            assert!(reply.text().ends_with("wonderland"), "a check can see it");
        }
    );
    assert_eq!(lines[1], "S: 502 5.5.2 *** means ***");
}

#[tokio::test]
async fn message_content_is_counted_and_an_odd_end_is_shown() {
    let lines = transcript_of!(
        "C: DATA
         S: 354 go on
         c: Subject: x\\r\\n\\r\\n..hidden\\r\\n.\\r\\n
         S: 250 Ok
         C: DATA
         S: 354 go on
         c: Subject: x\\r\\n\\r\\nhidden\\r\\nthe end\\n.\\r\\nMAIL\\r\\n
         S: 521 no
         C: BDAT 6 LAST
         c: hidden
         S: 250 Ok
         C: NOOP
         S: 250 Ok",
        session => {
            session.data(b"Subject: x\r\n\r\n.hidden\r\n").await.unwrap();
            session.data_raw(b"Subject: x\r\n\r\nhidden\r\nthe end\n.\r\nMAIL\r\n").await.unwrap();
            session.bdat(b"hidden", true).await.unwrap();
            session.command("NOOP").await.unwrap();
        }
    );
    let expected = [
        "C: DATA",
        "S: 354 go on",
        "C: <23 bytes of message>",
        "C: .",
        "S: 250 Ok",
        "C: DATA",
        "S: 354 go on",
        "C: <39 bytes of message, ending \"idden\\r\\nthe end\\n.\\r\\nMAIL\\r\\n\">",
        "S: 521 no",
        "C: BDAT 6 LAST",
        "C: <6 bytes of message>",
        "S: 250 Ok",
        "C: NOOP",
        "S: 250 Ok",
    ];
    assert_eq!(lines, expected);
}

/// A server that does not take LF.LF for the end says nothing until the true end comes.
#[tokio::test(start_paused = true)]
async fn content_goes_on_after_an_end_that_was_none() {
    let lines = transcript_of!(
        "C: DATA
         S: 354 go on
         c: a\\n.\\nAUTH PLAIN x\\r\\n\\r\\n.\\r\\n
         S: 250 Ok",
        session => {
            let error = session.data_raw(b"a\n.\n").await.unwrap_err();
            assert_eq!(error.doing, "the reply to the message (test)");
            session.write_raw(b"AUTH PLAIN x\r\n\r\n.\r\n").await.unwrap();
            session.read_reply().await.unwrap();
        }
    );
    assert_eq!(lines[2], "C: <4 bytes of message, ending \"a\\n.\\n\">");
    assert_eq!(
        lines[4..],
        ["C: <16 bytes of message>", "C: .", "S: 250 Ok"]
    );
}

#[tokio::test]
async fn odd_bytes_and_missing_line_ends_are_visible() {
    let lines = transcript_of!(
        "c: NOOP\\nNO\\x00OP\\rx
         s: 500 \\x1b[2J\\n",
        session => {
            session.write_raw(b"NOOP\nNO\0OP\rx").await.unwrap();
            session.read_reply().await.unwrap();
        }
    );
    let expected = [
        "C: NOOP\\n",
        "C: NO\\x00OP\\rx (no line end)",
        "S: 500 \\x1b[2J\\n",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn xclient_values_are_xtext() {
    let lines = transcript_of!(
        "C: XCLIENT ADDR=IPV6:2001:db8::1 HELO=a+20b
         S: 220 relay.test ESMTP",
        session => {
            let attributes = [("ADDR", "IPV6:2001:db8::1"), ("HELO", "a b")];
            assert_eq!(session.xclient(&attributes).await.unwrap().code, 220);
        }
    );
    assert_eq!(lines.len(), 2);
}
