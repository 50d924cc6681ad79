//! What a handshake must not let through: old attacks, downgrades, a second
//! handshake inside of the first, and hellos that are none.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::probe::client_hello::{ClientHello, FALLBACK, SUITES_OF_TLS13, Version};
use super::super::probe::rows;
use super::super::probe::server_hello::{Answer, awaiting_hello, offer, say};
use super::super::probe::session::{answer, any_certificate, port, tls_listeners, under_tls};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, nothing_wrong, require, require_none, skip};
use super::{NO_TLS13, TLS_IS_OFF, TLS12};
use crate::config::Listener;
use crate::report::Severity;
use crate::smtp::Renegotiation;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.handshake_has_no_known_hole",
        title: "No compression, heartbeat or renegotiation; keys bound to their handshake",
        citation: "CVE-2012-4929; CVE-2014-0160; CVE-2009-3555; RFC 7627 section 5.1; \
                   Postfix tls_ssl_options",
        severity: Severity::Medium,
        about: "Offers compression (CRIME) and the heartbeat (Heartbleed) in TLS 1.2, which must \
                be left, and secure renegotiation (RFC 5746) and the extended master secret (RFC \
                7627), which must be taken: without these, an attacker in the middle can join \
                his session to a victim's. Then shakes hands and sends another ClientHello \
                inside: one connection that may do so starts thousands of handshakes, each of \
                which costs a server far more than the client.",
        repair: "By hand: `tls_ssl_options = NO_RENEGOTIATION`, without flags that turn off an \
                 extension; update OpenSSL.",
        needs: &[TLS12],
        sabotages: &[Sabotage {
            name: "no extended master secret",
            // SSL_OP_NO_EXTENDED_MASTER_SECRET, and what was there.
            changes: &[Change::Main("tls_ssl_options", "0x40000001")],
            sees: "no extended master secret",
        }],
        ..Check::by(&handshake_has_no_known_hole)
    },
    Check {
        id: "tls.downgrades_are_noticed",
        title: "A client that was pushed down from TLS 1.3 can tell",
        citation: "RFC 8446 section 4.1.3; RFC 7507 section 3",
        severity: Severity::Medium,
        about: "Offers TLS 1.2 as a client does whose better offer somebody has cut down: the \
                server's random must carry the mark of that. Offers it once more as a second \
                try (TLS_FALLBACK_SCSV), which a server that has TLS 1.3 must refuse.",
        repair: "Let the relay speak TLS 1.3: set nothing about protocols under `postfix.main`. By \
                 hand: `smtpd_tls_protocols = >=TLSv1.2` without an upper end.",
        needs: &[TLS12],
        sabotages: &[NO_TLS13.seen_as("no mark of a downgrade")],
        ..Check::by(&downgrades_are_noticed)
    },
    Check {
        id: "tls.unknown_extensions_are_passed_over",
        title: "Unknown names, protocols and extensions do not hinder a handshake",
        citation: "RFC 8701 section 1; RFC 6066 section 3; RFC 7301 section 3.2",
        severity: Severity::Medium,
        about: "Offers another server name, an unknown application protocol (ALPN) and values \
                that nobody has registered (GREASE) beside a right offer. Each must be answered: \
                clients reach a relay by alias, address or a balancer's name, and new versions \
                of TLS come with extensions that old servers have to pass over.",
        repair: "By hand: a table in `tls_server_sni_maps` must not answer for names that it does \
                 not have. A middlebox in front of the relay may be what refuses.",
        needs: &[TLS12],
        sabotages: &[Sabotage {
            name: "a certificate table that knows no name",
            changes: &[Change::Main("tls_server_sni_maps", "static:none")],
            sees: "another server name",
        }],
        ..Check::by(&unknown_extensions_are_passed_over)
    },
    Check {
        id: "tls.broken_hellos_do_no_harm",
        title: "Cut, endless and senseless hellos end a connection and nothing else",
        citation: "RFC 8446 section 5.1; RFC 8446 section 6.2; CVE-2011-4108",
        severity: Severity::High,
        about: "Sends a hello in one-byte records and one padded to 16 KB, which are right and must \
                be answered; and garbage, a cut hello, a record longer than any may be, a length \
                that lies, empty records and an early change of ciphers, none of which may be \
                answered by a handshake. After all of that, a right one must succeed.",
        repair: "Update Postfix and OpenSSL. A middlebox in front of the relay that reads \
                 ClientHellos may be what fails.",
        needs: &[TLS12],
        sabotages: &[TLS_IS_OFF.seen_as("502 ")],
        ..Check::by(&broken_hellos_do_no_harm)
    },
];

async fn handshake_has_no_known_hole(context: Context) -> Judged {
    rows::each(
        &context,
        tls_listeners(&context)?,
        port,
        |context, listener| async move {
            let hello = ClientHello::of(Version::TLS12)
                .compression(&[1, 0])
                .extension(4, &[]) // truncated HMAC
                .extension(15, &[1]) // heartbeats are welcome
                .extension(23, &[]) // extended master secret
                .extension(0xff01, &[0]); // secure renegotiation
            let found = offer(&context, listener, &hello).await?;
            let Some(chosen) = found.hello() else {
                return fail("an answer to this offer", found.to_string());
            };
            let holes = [
                (chosen.compression != 0, "compression"),
                (chosen.extension(4).is_some(), "truncated HMAC"),
                (chosen.extension(15).is_some(), "heartbeats"),
                (chosen.extension(23).is_none(), "no extended master secret"),
                (
                    chosen.extension(0xff01).is_none(),
                    "no secure renegotiation",
                ),
            ];
            let open: Vec<String> = holes
                .into_iter()
                .filter(|(open, _)| *open)
                .map(|(_, name)| name.to_owned())
                .collect();
            require_none(&open, "none of these holes")?;
            let mut session = awaiting_hello(&context, listener).await?;
            let tls = any_certificate(&context);
            let answered = session.renegotiate(&tls).await;
            match answer(answered, "a handshake, and a refusal of another")? {
                Renegotiation::Refused => ControlFlow::Continue(()),
                Renegotiation::Begun => fail("a refusal", "renegotiation: a second handshake"),
            }
        },
    )
    .await
}

/// The last bytes of the random of a server that could have done better (RFC 8446
/// section 4.1.3).
const DOWNGRADED: &[u8] = b"DOWNGRD\x01";

async fn downgrades_are_noticed(context: Context) -> Judged {
    if context.target().lacks.tls13 {
        return skip("the relay does not speak TLS 1.3: there is nothing to push down from");
    }
    rows::each(
        &context,
        tls_listeners(&context)?,
        port,
        |context, listener| async move {
            let hello = ClientHello::of(Version::TLS12);
            let answer = offer(&context, listener, &hello).await?;
            let marked = answer
                .hello()
                .is_some_and(|hello| hello.random.ends_with(DOWNGRADED));
            require(marked, "a ServerHello with the mark of a downgrade", || {
                format!("{answer}, with no mark of a downgrade")
            })?;
            let answer = offer(&context, listener, &hello.also(FALLBACK)).await?;
            require(
                answer.hello().is_none(),
                "a refusal of the second try (inappropriate_fallback)",
                || answer.to_string(),
            )
        },
    )
    .await
}

/// A value that is kept free for this (RFC 8701).
const GREASE: u16 = 0x3a3a;

/// AES-GCM with elliptic curves, for a certificate of either kind.
const AEAD_OF_TLS12: [u16; 4] = [0xc02b, 0xc02f, 0xc02c, 0xc030];

async fn unknown_extensions_are_passed_over(context: Context) -> Judged {
    let table = [
        "unknown values",
        "another server name",
        "an unknown protocol",
    ];
    // Servers may refuse a name (RFC 6066 section 3) or a protocol (RFC 7301 section
    // 3.2) that they do not know; no relay of ours does.
    let ours = !context.target().is_stranger();
    let table = if ours { &table[..] } else { &table[..1] };
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, table),
        |(listener, name)| format!("{name} on {}", port(listener)),
        |context, (listener, name)| async move {
            let (hello, suites) = if context.target().lacks.tls13 {
                (ClientHello::of(Version::TLS12), &AEAD_OF_TLS12[..])
            } else {
                (ClientHello::of_tls13(), &SUITES_OF_TLS13[..])
            };
            let hello = match name {
                "another server name" => hello.extension(0, &server_name(b"another.invalid")),
                "an unknown protocol" => hello.extension(16, b"\0\x08\x07unknown"),
                _ => hello
                    .suites(&[&[GREASE], suites].concat())
                    .groups(&[GREASE, 29, 23])
                    .extension(GREASE, b"anything"),
            };
            let answer = offer(&context, listener, &hello).await?;
            require(answer.hello().is_some(), "an answer to this offer", || {
                format!("{answer} to {name}")
            })
        },
    )
    .await
}

/// RFC 6066 section 3, for one host name.
fn server_name(name: &[u8]) -> Vec<u8> {
    let length = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes();
    [&length(name.len() + 3)[..], &[0], &length(name.len()), name].concat()
}

/// The broken kinds, and two that are only odd.
const HELLOS: [&str; 8] = [
    "one byte a record",
    "16 KB long",
    "garbage",
    "cut short",
    "a record too long",
    "a length that lies",
    "empty records",
    "an early change of ciphers",
];

fn hello_of(name: &str) -> Vec<u8> {
    let right = ClientHello::of(Version::TLS12);
    match name {
        "one byte a record" => right.records_of(1),
        "16 KB long" => right.extension(21, &[0; 15_000]).records_of(4000),
        "garbage" => b"\x16\x03\x01\x00\x40"
            .iter()
            .copied()
            .chain(64..128)
            .collect(),
        "cut short" => right.record()[..40].to_vec(),
        "a record too long" => [&[22, 3, 1, 0xff, 0xff][..], &vec![0; 20_000]].concat(),
        "a length that lies" => {
            let mut bytes = right.record();
            // The list of suites says that it goes beyond the end.
            bytes[44] = 0xff;
            bytes
        }
        "empty records" => [22, 3, 1, 0, 0].repeat(100),
        _ => [&[20, 3, 1, 0, 1, 1][..], &right.record()].concat(),
    }
}

async fn broken_hellos_do_no_harm(context: Context) -> Judged {
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, &HELLOS),
        |(listener, name)| format!("{name} on {}", port(listener)),
        |context, (listener, name)| async move { broken_hello(&context, listener, name).await },
    )
    .await?;
    rows::each(
        &context,
        tls_listeners(&context)?,
        |listener| format!("a right handshake afterwards on {}", port(listener)),
        |context, listener| async move {
            let tls = any_certificate(&context);
            under_tls(&context, listener, tls).await?;
            nothing_wrong("a right handshake afterwards")
        },
    )
    .await
}

async fn broken_hello(context: &Context, listener: Listener, name: &str) -> Judged {
    let mut session = awaiting_hello(context, listener).await?;
    let hello = hello_of(name);
    if name == "cut short" {
        // The server waits for the rest; that it is not coming is for its own time.
        let sent = session.write_raw(&hello).await;
        answer(sent, "a server that reads")?;
        return held(
            "a server that waits for the rest",
            "half of a hello was read",
        );
    }
    let found = say(&mut session, &hello).await?;
    let odd = matches!(name, "one byte a record" | "16 KB long");
    let right = match &found {
        Answer::Hello(_) => odd,
        Answer::Alert(_) | Answer::Closed => !odd,
        Answer::Other(_) => false,
    };
    let expected = if odd { "a ServerHello" } else { "a refusal" };
    require(right, expected, || found.to_string())
}
