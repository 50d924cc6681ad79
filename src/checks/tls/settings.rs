//! Settings whose effect depends on a certificate or a next hop that this lab has not.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::postconf::Postconf;
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::audit::words;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "tls.settings_hold_for_other_partners",
    title: "Weak suites are left out by name, and next hops with TLS 1.2 can be reached",
    citation: "RFC 9325 section 3.1.1; RFC 9325 section 4.1; Postfix smtpd_tls_exclude_ciphers; Postfix smtp_tls_protocols",
    severity: Severity::Medium,
    about: "Reads what Postfix uses. With the lab's certificate (ECDSA) no client could agree on a suite \
            that is bound to an RSA key, and the lab's next hop speaks TLS 1.3: with another \
            certificate, and another next hop, it is these settings that decide. Anonymous suites, \
            RSA key transport and finite-field Diffie-Hellman must be left out by name, and TLS \
            1.2 must be spoken to next hops: many have nothing newer, and would get mail in clear or \
            not at all.",
    repair: "Leave `smtpd_tls_exclude_ciphers`, `smtp_tls_protocols` and `smtp_tls_mandatory_protocols` alone.",
    needs: &[Need::Lab, Need::Built],
    sabotages: &[
        Sabotage {
            name: "key exchange over finite fields is not left out",
            changes: &[Change::Main(
                "smtpd_tls_exclude_ciphers",
                "aNULL, kRSA, SHA1, SHA256, SHA384, MD5, ARIA, CAMELLIA, AESCCM",
            )],
            sees: "kDHE is not left out",
        },
        Sabotage {
            name: "next hops with TLS 1.2 are not reached",
            changes: &[Change::Main("smtp_tls_protocols", ">=TLSv1.3")],
            sees: "smtp_tls_protocols = >=TLSv1.3",
        },
    ],
    ..Check::by(&settings_hold_for_other_partners)
}];

/// Groups of suites, by OpenSSL's names (openssl-ciphers(1)).
const LEFT_OUT: [&str; 3] = ["aNULL", "kRSA", "kDHE"];

async fn settings_hold_for_other_partners(context: Context) -> Judged {
    let settings = Postconf::read(&context).await?;
    let mut wrong = Vec::new();
    let excluded = settings.main("smtpd_tls_exclude_ciphers");
    for group in LEFT_OUT {
        if words(excluded).iter().any(|word| word == group) {
            held(format!("{group} is left out"), excluded)?;
        } else {
            wrong.push(format!("{group} is not left out: {excluded}"));
        }
    }
    for parameter in ["smtp_tls_protocols", "smtp_tls_mandatory_protocols"] {
        let value = settings.main(parameter);
        if value == ">=TLSv1.2" {
            held(format!("{parameter}: TLS 1.2 and newer"), value)?;
        } else {
            wrong.push(format!("{parameter} = {value}"));
        }
    }
    unless_wrong(
        &wrong,
        "suites that are left out by name, and TLS 1.2 to next hops",
    )
}
