//! What is agreed on in a handshake: cipher suites and groups.

use super::super::check::{Change, Check, Sabotage};
use super::super::probe::client_hello::{ClientHello, P256, Version, X25519};
use super::super::probe::rows;
use super::super::probe::server_hello::{group_of_key, offer};
use super::super::probe::session::{port, tls_listeners};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, nothing_wrong, require};
use super::TLS12;
use crate::config::Listener;
use crate::report::Severity;

/// Everything that OpenSSL still has, but what has no authentication.
const OLD_SUITES: Sabotage = Sabotage {
    name: "suites of all ages",
    changes: &[
        Change::Main("tls_high_cipherlist", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
        Change::Main("smtpd_tls_exclude_ciphers", ""),
    ],
    sees: "without encryption",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.weak_suites_are_refused",
        title: "No suite is agreed on that is broken or has no forward secrecy",
        citation: "row 11; RFC 9325 section 4.1; Postfix smtpd_tls_exclude_ciphers",
        severity: Severity::High,
        about: "Offers at once every suite without encryption, without authentication, of export \
                strength, with RC4, DES, 3DES, IDEA, SEED or MD5, and with a key exchange by RSA, \
                whose recorded sessions are open to whoever gets the key later. Where the server \
                takes one it is told, and the rest is offered again until all are refused. A \
                relay that relaykit did not build may have anonymous suites on port 25.",
        repair: "Set no ciphers under `postfix.main`. By hand: `smtpd_tls_ciphers = high`, \
                 `smtpd_tls_mandatory_ciphers = high` and `smtpd_tls_exclude_ciphers = aNULL, \
                 kRSA, MD5, RC4, 3DES`.",
        needs: &[TLS12],
        sabotages: &[OLD_SUITES],
        ..Check::by(&|context: Context| refused(context, WEAK))
    },
    Check {
        id: "tls.suites_are_authenticated_encryption",
        title: "Every suite agreed on encrypts and authenticates in one step (AEAD)",
        citation: "row 11; RFC 9325 section 4.2; Postfix smtpd_tls_exclude_ciphers",
        severity: Severity::Low,
        about: "Offers every suite of TLS 1.2 that encrypts with CBC and authenticates apart from \
                that, with forward secrecy: the kind that padding oracles (Lucky 13 and its kin) \
                are about. All must be refused; every client of the last ten years has better.",
        repair: "Set no ciphers under `postfix.main`. By hand: add `SHA1, SHA256, SHA384` to \
                 `smtpd_tls_exclude_ciphers`; these names mean the MAC, so that GCM and \
                 ChaCha20 stay.",
        needs: &[TLS12],
        sabotages: &[
            OLD_SUITES.seen_as("CBC"),
            Sabotage {
                name: "CBC with SHA-2 is good enough",
                changes: &[Change::Main(
                    "smtpd_tls_exclude_ciphers",
                    "aNULL, kRSA, SHA1, MD5",
                )],
                sees: "CBC_SHA384",
            },
        ],
        ..Check::by(&|context: Context| refused(context, CBC))
    },
    Check {
        id: "tls.strong_suites_are_spoken",
        title: "The suites that every client can rely on are spoken",
        citation: "RFC 8446 section 9.1; RFC 9325 section 4.2",
        severity: Severity::Medium,
        about: "Offers AES-128-GCM and AES-256-GCM with elliptic-curve key exchange under TLS 1.2, \
                and each suite of TLS 1.3 alone, on every port. The one must be there (RFC 8446) \
                or is recommended (RFC 9325); a relay without them drives clients to weaker ones \
                or away.",
        repair: "Set no ciphers under `postfix.main`. By hand: look for AES, AESGCM or CHACHA20 in \
                 `smtpd_tls_exclude_ciphers`, and at the file that `tls_config_file` names.",
        needs: &[TLS12],
        sabotages: &[Sabotage {
            name: "no AES with 128 bits",
            changes: &[Change::Main(
                "smtpd_tls_exclude_ciphers",
                "aNULL, kRSA, SHA1, SHA256, SHA384, AES128",
            )],
            sees: "handshake_failure",
        }],
        ..Check::by(&strong_suites_are_spoken)
    },
    Check {
        id: "tls.groups_are_strong",
        title: "Keys are exchanged over X25519 and P-256, and over no small group",
        citation: "RFC 8446 section 9.1; RFC 8422 section 5.1.1; Postfix tls_eecdh_auto_curves",
        severity: Severity::Medium,
        about: "Offers P-256, then X25519 alone, which must be taken; then only groups of less \
                than 250 bits or withdrawn ones, which must be refused. The group is what a \
                recorded session is broken by.",
        repair: "Set no groups under `postfix.main`. By hand: leave `tls_eecdh_auto_curves` and \
                 `smtpd_tls_eecdh_grade` at their defaults.",
        needs: &[TLS12],
        sabotages: &[Sabotage {
            name: "small curves",
            changes: &[
                Change::Main(
                    "tls_eecdh_auto_curves",
                    "X25519 prime256v1 secp224r1 secp192k1",
                ),
                Change::Main("tls_high_cipherlist", "ALL:@SECLEVEL=0"),
            ],
            sees: "a key of the small group",
        }],
        ..Check::by(&groups_are_strong)
    },
];

/// A suite: its number, and its name in IANA's registry or what it lacks.
pub(super) type Suite = (u16, &'static str);

/// How the names of anonymous suites end.
const ANONYMOUS: &str = "without authentication";

/// RFC 9325 section 4.1, and what was forbidden before it.
const WEAK: &[Suite] = &[
    (0x0001, "RSA_WITH_NULL_MD5, without encryption"),
    (0x0002, "RSA_WITH_NULL_SHA, without encryption"),
    (0x003b, "RSA_WITH_NULL_SHA256, without encryption"),
    (0xc006, "ECDHE_ECDSA_WITH_NULL_SHA, without encryption"),
    (0xc010, "ECDHE_RSA_WITH_NULL_SHA, without encryption"),
    (0xc015, "ECDH_anon_WITH_NULL_SHA, without encryption"),
    (0x0018, "DH_anon_WITH_RC4_128_MD5, without authentication"),
    (
        0x001b,
        "DH_anon_WITH_3DES_EDE_CBC_SHA, without authentication",
    ),
    (
        0x0034,
        "DH_anon_WITH_AES_128_CBC_SHA, without authentication",
    ),
    (
        0x003a,
        "DH_anon_WITH_AES_256_CBC_SHA, without authentication",
    ),
    (
        0x006c,
        "DH_anon_WITH_AES_128_CBC_SHA256, without authentication",
    ),
    (
        0x006d,
        "DH_anon_WITH_AES_256_CBC_SHA256, without authentication",
    ),
    (
        0x00a6,
        "DH_anon_WITH_AES_128_GCM_SHA256, without authentication",
    ),
    (
        0x00a7,
        "DH_anon_WITH_AES_256_GCM_SHA384, without authentication",
    ),
    (0xc016, "ECDH_anon_WITH_RC4_128_SHA, without authentication"),
    (
        0xc017,
        "ECDH_anon_WITH_3DES_EDE_CBC_SHA, without authentication",
    ),
    (
        0xc018,
        "ECDH_anon_WITH_AES_128_CBC_SHA, without authentication",
    ),
    (
        0xc019,
        "ECDH_anon_WITH_AES_256_CBC_SHA, without authentication",
    ),
    (0x0003, "RSA_EXPORT_WITH_RC4_40_MD5, of 40 bits"),
    (0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5, of 40 bits"),
    (0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA, of 40 bits"),
    (0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA, of 40 bits"),
    (0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5, of 40 bits"),
    (0x0019, "DH_anon_EXPORT_WITH_DES40_CBC_SHA, of 40 bits"),
    (0x0004, "RSA_WITH_RC4_128_MD5"),
    (0x0005, "RSA_WITH_RC4_128_SHA"),
    (0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xc011, "ECDHE_RSA_WITH_RC4_128_SHA"),
    (0x0007, "RSA_WITH_IDEA_CBC_SHA"),
    (0x0009, "RSA_WITH_DES_CBC_SHA"),
    (0x000a, "RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0015, "DHE_RSA_WITH_DES_CBC_SHA"),
    (0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0096, "RSA_WITH_SEED_CBC_SHA"),
    (0x009a, "DHE_RSA_WITH_SEED_CBC_SHA"),
    (0x002f, "RSA_WITH_AES_128_CBC_SHA, without forward secrecy"),
    (0x0035, "RSA_WITH_AES_256_CBC_SHA, without forward secrecy"),
    (
        0x003c,
        "RSA_WITH_AES_128_CBC_SHA256, without forward secrecy",
    ),
    (
        0x003d,
        "RSA_WITH_AES_256_CBC_SHA256, without forward secrecy",
    ),
    (
        0x0041,
        "RSA_WITH_CAMELLIA_128_CBC_SHA, without forward secrecy",
    ),
    (
        0x0084,
        "RSA_WITH_CAMELLIA_256_CBC_SHA, without forward secrecy",
    ),
    (
        0x009c,
        "RSA_WITH_AES_128_GCM_SHA256, without forward secrecy",
    ),
    (
        0x009d,
        "RSA_WITH_AES_256_GCM_SHA384, without forward secrecy",
    ),
    (0xc09c, "RSA_WITH_AES_128_CCM, without forward secrecy"),
    (0xc09d, "RSA_WITH_AES_256_CCM, without forward secrecy"),
    (
        0xc002,
        "ECDH_ECDSA_WITH_RC4_128_SHA, without forward secrecy",
    ),
    (
        0xc004,
        "ECDH_ECDSA_WITH_AES_128_CBC_SHA, without forward secrecy",
    ),
    (
        0xc005,
        "ECDH_ECDSA_WITH_AES_256_CBC_SHA, without forward secrecy",
    ),
    (
        0xc00e,
        "ECDH_RSA_WITH_AES_128_CBC_SHA, without forward secrecy",
    ),
    (
        0xc00f,
        "ECDH_RSA_WITH_AES_256_CBC_SHA, without forward secrecy",
    ),
];

/// Encryption with CBC, and a MAC beside it.
const CBC: &[Suite] = &[
    (0xc009, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc013, "ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, "DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0045, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0088, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0xc023, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, "ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0x0067, "DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0xc072, "ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc073, "ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xc076, "ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc077, "ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
];

/// One offer where all is well; one more for each suite that is taken.
pub(super) async fn refused(context: Context, suites: &'static [Suite]) -> Judged {
    rows::each(
        &context,
        tls_listeners(&context)?,
        port,
        |context, listener| async move {
            // Anonymous suites on port 25 are for clients that ask for no name: it is the
            // client who decides (RFC 7435 section 3). No relay of ours has them.
            let opportunistic = context.target().is_stranger() && listener == Listener::Smtp;
            let counts = |name: &str| !opportunistic || !name.ends_with(ANONYMOUS);
            let counting = suites.iter().filter(|(_, name)| counts(name));
            let mut left: Vec<u16> = counting.map(|(number, _)| *number).collect();
            let mut taken = Vec::new();
            while !left.is_empty() {
                let hello = ClientHello::of(Version::TLS12).suites(&left);
                let answer = offer(&context, listener, &hello).await?;
                let Some(hello) = answer.hello() else { break };
                let known = suites.iter().find(|(number, _)| *number == hello.suite);
                let Some((number, name)) = known.filter(|_| left.contains(&hello.suite)) else {
                    let observed = format!("{:#06x}, which was not offered", hello.suite);
                    return fail("a suite that was offered", observed);
                };
                left.retain(|other| other != number);
                taken.push(*name);
            }
            require(taken.is_empty(), "a refusal of all of them", || {
                taken.join("; ")
            })
        },
    )
    .await
}

/// What must be taken, for a certificate of either kind.
const STRONG: [(&str, Option<[u16; 2]>, u16); 5] = [
    ("AES-128-GCM under TLS 1.2", Some([0xc02b, 0xc02f]), 0),
    ("AES-256-GCM under TLS 1.2", Some([0xc02c, 0xc030]), 0),
    ("AES-128-GCM under TLS 1.3", None, 0x1301),
    ("AES-256-GCM under TLS 1.3", None, 0x1302),
    ("ChaCha20-Poly1305 under TLS 1.3", None, 0x1303),
];

async fn strong_suites_are_spoken(context: Context) -> Judged {
    let spoken =
        |(_, older, _): &(_, Option<_>, _)| older.is_some() || !context.target().lacks.tls13;
    let strong: Vec<_> = STRONG.into_iter().filter(spoken).collect();
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, &strong),
        |(listener, (name, ..))| format!("{name} on {}", port(listener)),
        |context, (listener, (_, older, newer))| async move {
            let hello = match older {
                Some(suites) => ClientHello::of(Version::TLS12).suites(&suites),
                None => ClientHello::of_tls13().suites(&[newer]),
            };
            let answer = offer(&context, listener, &hello).await?;
            require(answer.hello().is_some(), "an answer to this offer", || {
                answer.to_string()
            })
        },
    )
    .await
}

/// Of less than 250 bits, or withdrawn (RFC 8422 section 5.1.1): sect163k1 to
/// sect239k1, secp160k1 to secp224r1, and curves that the server describes itself.
const SMALL: [u16; 17] = [
    1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20, 21, 0xff01, 0xff02,
];

async fn groups_are_strong(context: Context) -> Judged {
    // What is wanted of a client is said in TLS 1.3 alone.
    let wanted: &[u16] = if context.target().lacks.tls13 {
        &[]
    } else {
        &[P256, X25519]
    };
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, wanted),
        |(listener, group)| {
            let name = if group == P256 { "P-256" } else { "X25519" };
            format!("{name} on {}", port(listener))
        },
        |context, (listener, group)| async move { is_spoken(&context, listener, group).await },
    )
    .await?;
    rows::each(
        &context,
        rows::pairs(tls_listeners(&context)?, &[false, true]),
        |(listener, better)| {
            let with = if better { " before P-256" } else { "" };
            format!("small groups{with} on {}", port(listener))
        },
        |context, (listener, better)| async move { small(&context, listener, better).await },
    )
    .await
}

/// Whether the server wants a key of this group when no other is offered.
async fn is_spoken(context: &Context, listener: Listener, group: u16) -> Judged {
    let hello = ClientHello::of_tls13().groups(&[group]);
    let answer = offer(context, listener, &hello).await?;
    let chosen = answer.hello().and_then(|hello| hello.extension(51));
    match chosen {
        Some([high, low]) if group == u16::from_be_bytes([*high, *low]) => {
            held("a wish for a key of this group", answer.to_string())
        }
        _ => fail("a wish for a key of this group", answer.to_string()),
    }
}

/// Offers small groups alone, which tells nothing where the certificate's own key
/// needs P-256, or all of them before P-256.
async fn small(context: &Context, listener: Listener, before_better: bool) -> Judged {
    let mut groups = SMALL.to_vec();
    groups.extend(before_better.then_some(P256));
    let hello = ClientHello::of(Version::TLS12)
        .suites(&[0xc02b, 0xc02f, 0xc02c, 0xc030])
        .groups(&groups);
    match group_of_key(context, listener, &hello).await? {
        Ok(Some(group)) if SMALL.contains(&group) => fail(
            "no small group",
            format!("a key of the small group {group}"),
        ),
        _ => nothing_wrong("no small group"),
    }
}
