//! The rows that citations name: what the document asks for that relaykit began with.

use std::fmt::Write as _;

use super::Entry;
use super::citation::sources;
use super::markdown::prose;

/// One thing that the document asks for.
struct Row {
    /// What a citation calls it, after `row `.
    number: u8,
    /// What is asked for, in relaykit's words.
    asks: &'static str,
    /// How it is done with what there is today.
    today: &'static str,
}

/// In the order of the document.
const ROWS: [Row; 19] = [
    Row {
        number: 1,
        asks: "People send mail through the relay once they have logged in. Nobody else does.",
        today: "smtpd_relay_restrictions and an empty mynetworks",
    },
    Row {
        number: 2,
        asks: "The library for plain passwords is installed: smtpd dies without it.",
        today: "Debian's libsasl2-modules, whose absence is found as the image is made",
    },
    Row {
        number: 3,
        asks: "smtpd runs outside of a chroot.",
        today: "every service in master.cf does, so that the container needs no capability for it",
    },
    Row {
        number: 4,
        asks: "Postfix may speak to saslauthd's socket, through a group.",
        today: "the folder of the socket is closed to everybody else",
    },
    Row {
        number: 5,
        asks: "Logins are on, never anonymous, under TLS alone, and in the form of old clients too.",
        today: "smtpd_sasl_auth_enable, smtpd_sasl_security_options, smtpd_tls_auth_only, \
                broken_sasl_auth_clients",
    },
    Row {
        number: 6,
        asks: "Passwords may be checked by PAM.",
        today: "saslauthd asks PAM: Cyrus SASL itself has no such method any more",
    },
    Row {
        number: 7,
        asks: "Passwords are checked by saslauthd, for the mechanisms PLAIN and LOGIN.",
        today: "the same, and no mechanism that saslauthd cannot serve",
    },
    Row {
        number: 8,
        asks: "saslauthd asks a directory: it looks for the entry of the login and binds as it.",
        today: "the same over LDAPS, with the directory's certificate verified",
    },
    Row {
        number: 9,
        asks: "saslauthd can do without root, and so has to.",
        today: "every service has a user of its own, and as few rights as it can",
    },
    Row {
        number: 10,
        asks: "As a client of the next hop, the relay speaks TLS: with CAs, a session cache, a \
               policy for each site, and a certificate of its own where that is wanted.",
        today: "smtp_tls_security_level and smtp_tls_policy_maps",
    },
    Row {
        number: 11,
        asks: "As a server, the relay has a certificate and a key, keeps sessions, may ask clients \
               for certificates, and says in the trace header which TLS was spoken.",
        today: "smtpd_tls_chain_files and what belongs to it",
    },
    Row {
        number: 12,
        asks: "Port 465 speaks TLS from the first byte.",
        today: "the service submissions, and submission with STARTTLS beside it",
    },
    Row {
        number: 13,
        asks: "A certificate has to be made.",
        today: "relaykit issues those of a lab; production brings its own",
    },
    Row {
        number: 14,
        asks: "The trace header of mail that came by login tells nothing of where its sender is.",
        today: "header_checks rewrite it, whole and valid, and leave everybody else's alone",
    },
    Row {
        number: 15,
        asks: "The rule for the trace header fits the relay's own names.",
        today: "relaykit writes it from hostname",
    },
    Row {
        number: 16,
        asks: "Without TLS the reply to EHLO offers no login.",
        today: "a check",
    },
    Row {
        number: 17,
        asks: "Under TLS the reply to EHLO offers the mechanisms, in both forms.",
        today: "a check",
    },
    Row {
        number: 18,
        asks: "The base64 of name, name and password is what PLAIN takes.",
        today: "a check, and a line that `relaykit up` prints to try by hand",
    },
    Row {
        number: 19,
        asks: "The relay answers that with 235.",
        today: "a check",
    },
];

/// The rows with the checks that hold each, as Markdown.
#[must_use]
pub fn rows(entries: &[Entry]) -> String {
    let mut text = "# The rows\n\n\
         relaykit began with a page headed \"Postfix and SASL\", in which riseup.net tells how its relay\n\
         takes mail from people who log in, and hides where they are. What the page asks for was counted\n\
         through, and checks cite it by number: `row 14`. Its words are not repeated here, and much of it is\n\
         done otherwise today.\n\n\
         This page is made from `src/report/rows.rs` and the registry in `src/checks`; to make it anew:\n\
         `RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports rows`\n"
        .to_owned();
    for row in &ROWS {
        let cited = format!("row {}", row.number);
        let holds = |entry: &&Entry| sources(entry.citation).any(|(source, _)| source == cited);
        let checks: Vec<String> = entries
            .iter()
            .filter(holds)
            .map(|entry| {
                format!(
                    "[`{0}`](CHECKS.md#{1})",
                    entry.id,
                    entry.id.replace('.', "")
                )
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## Row {}\n\n{}\n\n- today: {}\n- checks: {}\n",
            row.number,
            prose(row.asks),
            prose(row.today),
            if checks.is_empty() {
                "none yet".to_owned()
            } else {
                checks.join(", ")
            }
        );
    }
    text
}

/// Where a citation of a row leads to, beside the catalogue; `None`: it cites none.
pub(super) fn place(source: &str) -> Option<String> {
    let number: u8 = source.strip_prefix("row ")?.parse().ok()?;
    let known = ROWS.iter().any(|row| row.number == number);
    known.then(|| format!("ROWS.md#row-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_lead_to_rows_that_are_there() {
        assert_eq!(place("row 14").as_deref(), Some("ROWS.md#row-14"));
        assert_eq!(place("row 20"), None);
        assert_eq!(place("RFC 4954 section 4"), None);
        let numbers: Vec<u8> = ROWS.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (1..=19).collect::<Vec<u8>>());
    }
}
