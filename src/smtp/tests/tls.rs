//! Handshakes that succeed, fail and are tampered with.

use crate::smtp::script::{Authority, SERVER_NAME, play_with};
use crate::smtp::{Connect, Failure, TlsSettings, TlsVersion};

const STARTTLS: &str = "C: STARTTLS
    S: 220 go ahead
    -- TLS
    C: NOOP
    S: 250 Ok";

#[tokio::test]
async fn starttls_says_what_was_agreed_on() {
    let authority = Authority::new();
    for (version, suite) in [
        (TlsVersion::Tls13, "TLS_AES_256_GCM_SHA384"),
        (TlsVersion::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let tls = Some(authority.server.clone());
        let (session, server) = play_with(STARTTLS, tls, &Connect::default()).await;
        let mut session = session.unwrap();
        let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem).only(version);
        let facts = session.starttls(&settings).await.unwrap().clone();
        assert_eq!(
            (facts.version, facts.cipher_suite.as_str()),
            (version, suite)
        );
        assert_eq!(facts.group.as_deref(), Some("X25519"));
        assert_eq!((facts.certificates.len(), facts.resumed), (1, false));
        assert_eq!(
            (&facts.chain, &facts.name, facts.injected.len()),
            (&Ok(()), &Ok(()), 0)
        );
        session.command("NOOP").await.unwrap();
        let expected = format!("-- {version} {suite}");
        assert_eq!(session.transcript().lines()[3], expected);
        server.finished().await;
    }
}

#[tokio::test]
async fn a_suite_can_be_asked_for() {
    let authority = Authority::new();
    let suite = "TLS_CHACHA20_POLY1305_SHA256";
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem).only_suite(suite);
    let connect = Connect::wrapper(settings);
    let (session, _) = play_with("-- TLS", Some(authority.server), &connect).await;
    assert_eq!(session.unwrap().tls().unwrap().cipher_suite, suite);
}

#[tokio::test]
async fn wrapper_mode_comes_before_the_greeting() {
    let authority = Authority::new();
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
    let script = "-- TLS\nS: 220 relay.test";
    let connect = Connect::wrapper(settings);
    let (session, server) = play_with(script, Some(authority.server), &connect).await;
    assert_eq!(session.unwrap().greeting().await.unwrap().code, 220);
    server.finished().await;
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_authority_end_a_strict_handshake() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (name, pem, reason) in [
        ("other.test", &authority.pem, "not valid for name"),
        (SERVER_NAME, &stranger.pem, "invalid peer certificate"),
    ] {
        let connect = Connect::wrapper(TlsSettings::trusting(name, pem));
        let (session, _) = play_with("-- TLS", Some(authority.server.clone()), &connect).await;
        let error = session.unwrap_err();
        assert!(matches!(error.failure, Failure::Tls(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_recording_handshake_says_what_was_wrong() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (name, pem, chain, right_name) in [
        (SERVER_NAME, Some(&authority.pem), true, true),
        ("other.test", Some(&authority.pem), true, false),
        (SERVER_NAME, Some(&stranger.pem), false, true),
        (SERVER_NAME, None, false, true),
    ] {
        let settings = TlsSettings::recording(name, pem.map(String::as_str));
        let connect = Connect::wrapper(settings);
        let (session, _) = play_with("-- TLS", Some(authority.server.clone()), &connect).await;
        let session = session.unwrap();
        let facts = session.tls().unwrap();
        assert_eq!(
            (facts.chain.is_ok(), facts.name.is_ok()),
            (chain, right_name),
            "{facts:?}"
        );
    }
}

#[tokio::test]
async fn a_reply_injected_before_the_handshake_is_found_and_thrown_away() {
    let authority = Authority::new();
    let script = "C: STARTTLS
        s: 220 go\\r\\n250 forged\\r\\n
        -- TLS
        C: NOOP
        S: 250 true";
    let (session, server) = play_with(script, Some(authority.server), &Connect::default()).await;
    let mut session = session.unwrap();
    assert_eq!(session.command("STARTTLS").await.unwrap().code, 220);
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
    let facts = session.handshake(&settings).await.unwrap();
    assert_eq!(facts.injected, b"250 forged\r\n");
    assert_eq!(
        session.command("NOOP").await.unwrap().to_string(),
        "250 true"
    );
    server.finished().await;
}

#[tokio::test]
async fn bytes_injected_into_the_handshake_break_it() {
    let authority = Authority::new();
    // It comes when the first record of the handshake has begun.
    let script = "C: STARTTLS\nS: 220 go\nc: \\x16\\x03\\x01\ns: 250 forged\\r\\n";
    let tls = Some(authority.server.clone());
    let (session, _server) = play_with(script, tls, &Connect::default()).await;
    let mut session = session.unwrap();
    session.command("STARTTLS").await.unwrap();
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
    let error = session.handshake(&settings).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Tls(_)), "{error}");
    let error = session.command("NOOP").await.unwrap_err();
    assert!(matches!(error.failure, Failure::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_starttls_is_an_error_with_the_reply() {
    let script = "C: STARTTLS\nS: 454 4.7.0 not available";
    let (session, server) = play_with(script, None, &Connect::default()).await;
    let settings = TlsSettings::recording(SERVER_NAME, None);
    let error = session.unwrap().starttls(&settings).await.unwrap_err();
    assert_eq!(error.failure.reply().unwrap().code, 454);
    server.finished().await;
}

#[tokio::test]
async fn a_session_is_resumed_only_where_asked_for() {
    let authority = Authority::new();
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
    for (settings, resumed) in [(settings.clone(), false), (settings.resuming(), true)] {
        let mut last = None;
        for _ in 0..2 {
            let connect = Connect::wrapper(settings.clone());
            let script = "-- TLS\nS: 220 relay.test\n-- hold";
            let tls = Some(authority.server.clone());
            let (session, _server) = play_with(script, tls, &connect).await;
            let mut session = session.unwrap();
            session.greeting().await.unwrap();
            last = session.tls().cloned();
        }
        let last = last.unwrap();
        assert_eq!(last.resumed, resumed);
        assert_eq!((last.certificates.len(), last.chain), (1, Ok(())));
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let authority = Authority::new();
    let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
    let script = "-- TLS\nS: 220 relay.test";
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let strict = Some(authority.strict_server.clone());
        let (chain, key) = authority.client.clone();
        let shown = settings
            .clone()
            .only(version)
            .client_certificate(chain, key);
        let (session, _) = play_with(script, strict.clone(), &Connect::wrapper(shown)).await;
        assert_eq!(session.unwrap().greeting().await.unwrap().code, 220);

        let hidden = Connect::wrapper(settings.clone().only(version));
        let (session, _) = play_with(script, strict, &hidden).await;
        // With TLS 1.3 the client is done before the server has seen that nothing came.
        let error = match session {
            Ok(mut session) => session.greeting().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error.failure, Failure::Tls(_)), "{error}");
        assert!(error.to_string().contains("alert"), "{error}");
    }
}

#[tokio::test]
async fn broken_settings_are_told() {
    let authority = Authority::new();
    let good = || TlsSettings::trusting(SERVER_NAME, &authority.pem);
    for (settings, reason) in [
        (
            TlsSettings::trusting("not a name", &authority.pem),
            "no server name",
        ),
        (
            TlsSettings::trusting(SERVER_NAME, "not PEM"),
            "no certificate",
        ),
        (good().only_suite("TLS_RSA_WITH_NULL_MD5"), "cipher suite"),
        (
            good().client_certificate(&authority.pem, authority.client.1.clone()),
            "client certificate",
        ),
    ] {
        let (session, _) = play_with("-- hold", None, &Connect::wrapper(settings)).await;
        let error = session.unwrap_err();
        assert!(matches!(error.failure, Failure::Settings(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn the_end_of_tls_is_told_from_a_cut() {
    let authority = Authority::new();
    for (script, told) in [
        ("-- TLS\nC: QUIT\nS: 221 bye", true),
        ("-- TLS\nC: QUIT\nS: 221 bye\n-- cut", false),
    ] {
        let settings = TlsSettings::trusting(SERVER_NAME, &authority.pem);
        let connect = Connect::wrapper(settings);
        let (session, server) = play_with(script, Some(authority.server.clone()), &connect).await;
        let mut session = session.unwrap();
        assert_eq!(session.command("QUIT").await.unwrap().code, 221);
        session.expect_closed().await.unwrap();
        assert_eq!(session.ended_by_server(), told, "{script}");
        server.finished().await;
    }
}
