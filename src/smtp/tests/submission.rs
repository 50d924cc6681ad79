//! One message, from connection to queue id.

use crate::secret::Secret;
use crate::smtp::script::{Authority, SERVER_NAME, play_with};
use crate::smtp::{
    Connect, Error, Failure, Login, Message, Security, SubmitOptions, Submitted, TlsSettings,
};

fn options(security: Security) -> SubmitOptions {
    SubmitOptions {
        address: ([127, 0, 0, 1], 0).into(),
        security,
        login: Some(Login {
            user: "alice".to_owned(),
            password: Secret::new("wonderland"),
        }),
        client_name: "client.test".to_owned(),
        sender: "alice@a.test".to_owned(),
        recipients: vec!["b@b.test".to_owned(), "c@c.test".to_owned()],
        message: Message::exact("Subject: x\r\n\r\n.dot\r\n", "x"),
        connect: Connect::default(),
    }
}

async fn deliver(script: &str, options: SubmitOptions) -> Result<Submitted, Error> {
    let (session, server) = play_with(script, None, &options.connect).await;
    let submitted = session.unwrap().deliver(&options).await;
    server.finished().await;
    submitted
}

#[tokio::test]
async fn a_message_goes_out_in_few_round_trips() {
    let authority = Authority::new();
    let script = "S: 220 relay.test
        C: EHLO client.test
        S: 250-relay.test
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go
        -- TLS
        C: EHLO client.test
        S: 250-relay.test
        S: 250-PIPELINING
        S: 250 AUTH LOGIN PLAIN
        C: AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=
        S: 235 2.7.0 Ok
        C: MAIL FROM:<alice@a.test>
        C: RCPT TO:<b@b.test>
        C: RCPT TO:<c@c.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 go
        c: Subject: x\\r\\n\\r\\n..dot\\r\\n.\\r\\nQUIT\\r\\n
        S: 250 2.0.0 Ok: queued as 4XyZ01
        S: 221 Bye";
    let options = options(Security::StartTls(TlsSettings::trusting(
        SERVER_NAME,
        &authority.pem,
    )));
    let (session, server) = play_with(script, Some(authority.server), &options.connect).await;
    let submitted = session.unwrap().deliver(&options).await.unwrap();
    server.finished().await;
    assert_eq!(submitted.queue_id.as_deref(), Some("4XyZ01"));
    assert_eq!(submitted.tls.unwrap().name, Ok(()));
    let lines = submitted.transcript.lines();
    let end = ["C: <20 bytes of message>", "C: .", "C: QUIT"];
    assert!(lines.windows(3).any(|window| window == end), "{lines:#?}");
}

#[tokio::test]
async fn without_pipelining_each_command_waits() {
    let script = "S: 220 relay.test
        C: EHLO client.test
        S: 250-relay.test
        S: 250 AUTH LOGIN
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: YWxpY2U=
        S: 334 UGFzc3dvcmQ6
        C: d29uZGVybGFuZA==
        S: 235 2.7.0 Ok
        C: MAIL FROM:<alice@a.test>
        S: 250 Ok
        C: RCPT TO:<b@b.test>
        S: 250 Ok
        C: RCPT TO:<c@c.test>
        S: 250 Ok
        C: DATA
        S: 354 go
        c: Subject: x\\r\\n\\r\\n..dot\\r\\n.\\r\\nQUIT\\r\\n
        S: 250 Ok";
    let submitted = deliver(script, options(Security::Clear)).await.unwrap();
    assert_eq!((submitted.reply.code, submitted.queue_id), (250, None));
}

/// The end of data would deliver to the recipients that were accepted.
#[tokio::test]
async fn no_content_is_sent_after_a_refused_recipient() {
    let script = "S: 220 relay.test
        C: EHLO client.test
        S: 250-relay.test
        S: 250 PIPELINING
        C: MAIL FROM:<alice@a.test>
        C: RCPT TO:<b@b.test>
        C: RCPT TO:<c@c.test>
        C: DATA
        S: 250 Ok
        S: 250 Ok
        S: 554 5.7.1 Relay access denied
        S: 354 go
        -- hold";
    let without_login = SubmitOptions {
        login: None,
        ..options(Security::Clear)
    };
    let error = deliver(script, without_login).await.unwrap_err();
    assert_eq!(error.doing, "RCPT TO:<c@c.test> (test)");
    assert_eq!(error.failure.reply().unwrap().code, 554);
}

#[tokio::test]
async fn a_wrong_password_names_the_login_and_not_the_password() {
    let script = "S: 220 relay.test
        C: EHLO client.test
        S: 250-relay.test
        S: 250 AUTH PLAIN
        C: AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=
        S: 535 5.7.8 authentication failed";
    let error = deliver(script, options(Security::Clear)).await.unwrap_err();
    let expected = "the login of alice (test): the server refused: 535 5.7.8 authentication failed";
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("wonderland"));
}

#[tokio::test]
async fn what_is_not_offered_is_not_tried() {
    let tls = TlsSettings::recording(SERVER_NAME, None);
    for (security, missing) in [
        (Security::Clear, "AUTH"),
        (Security::StartTls(tls), "STARTTLS"),
    ] {
        let script = "S: 220 relay.test\nC: EHLO client.test\nS: 250 relay.test\n-- hold";
        let error = deliver(script, options(security)).await.unwrap_err();
        let Failure::NotOffered(what) = error.failure else {
            panic!("{error}")
        };
        assert!(what.starts_with(missing), "{what}");
    }
}
