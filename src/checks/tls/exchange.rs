//! How the keys of a session are agreed on.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::target::Context;
use super::TLS12;
use super::suites::{Suite, refused};
use crate::certs::Flaw;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "tls.keys_are_exchanged_over_curves",
    title: "Keys are exchanged over elliptic curves alone, not over numbers",
    citation: "RFC 9325 section 4.1; RFC 9325 section 7.4; Postfix smtpd_tls_exclude_ciphers",
    severity: Severity::Low,
    about: "Offers every suite of TLS 1.2 that encrypts well and exchanges its keys by \
            Diffie-Hellman without curves (DHE). All must be refused: a client cannot say which \
            group it takes, so that it gets a weak one or none, and some servers use one key for \
            many sessions. It shows with an RSA certificate alone, since these suites need one.",
    repair: "Set no ciphers under `postfix.main`. By hand: add `kDHE` to \
             `smtpd_tls_exclude_ciphers`.",
    needs: &[TLS12, Need::Built],
    sabotages: &[Sabotage {
        name: "keys are exchanged over numbers",
        changes: &[
            Change::Certificate(Flaw::SmallKey),
            Change::Main("tls_high_cipherlist", "DEFAULT:@SECLEVEL=0"),
            Change::Main(
                "smtpd_tls_exclude_ciphers",
                "aNULL, kRSA, SHA1, SHA256, SHA384, MD5, ARIA, CAMELLIA, AESCCM",
            ),
        ],
        sees: "DHE_RSA_WITH_AES_256_GCM_SHA384",
    }],
    ..Check::by(&|context: Context| refused(context, WITHOUT_CURVES))
}];

/// Ephemeral Diffie-Hellman over numbers, with suites that are strong otherwise. Those with
/// CBC are refused for that.
const WITHOUT_CURVES: &[Suite] = &[
    (0x009e, "DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xccaa, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc09e, "DHE_RSA_WITH_AES_128_CCM"),
    (0xc09f, "DHE_RSA_WITH_AES_256_CCM"),
    (0x00a0, "DH_RSA_WITH_AES_128_GCM_SHA256, of a static key"),
    (0x00a1, "DH_RSA_WITH_AES_256_GCM_SHA384, of a static key"),
];
