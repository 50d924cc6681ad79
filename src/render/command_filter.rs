//! `smtpd_command_filter`, see postconf(5): how long a command may be, and what
//! `RCPT` may look like.
//!
//! smtpd checks no recipient that comes to a bare `postmaster`
//! (`smtpd_check_rcpt`), and its parser of addresses (RFC 822) comes to that from
//! more spellings than can be listed: groups, phrases, comments, commas, escapes.
//! So the plain form gets a domain, and of all others only those pass that RFC
//! 5321 knows.

use crate::config::Spec;

use super::main_override;

/// A local part without quotes.
const ATOMS: &str = r#"[^"<>()\s,;:\\@]++"#;
/// A local part.
const LOCAL_PART: &str = r#"(?:"(?:[^"\\]|\\.)*+"|[^"<>()\s,;:\\@]++)++"#;
/// A domain or an address literal.
const DOMAIN: &str = r#"@(?:\[[^"<>()\s\\\[\]]*+\]|[^"<>()\s,;:\\@\[\]]++)"#;
/// A source route.
const ROUTE: &str = r#"(?:@[^:<>"()\s\\;]++:)?"#;

/// The table.
pub(super) fn table(spec: &Spec) -> String {
    let hostname = main_override(spec, "myhostname").unwrap_or(&spec.hostname);
    format!(
        "# Postfix reads a longer line than 2048 octets in pieces, the second as a command\n\
         # of its own: whoever writes an address would write commands. CONNECT ends the\n\
         # session (smtpd_forbidden_commands). What is replaced is logged, so that no line\n\
         # with a password may be: not AUTH, and no response to it, which has no blank.\n\
         /^(?!AUTH\\s)(?=\\S+\\s).{{2000}}/\n    \
         CONNECT\n\
         \n\
         # An address goes into the trace header and into a report, on one line: with it,\n\
         # these would be too long for mail (see long_lines), and nobody told. An address\n\
         # has at most 256 octets, and with all parameters a command 944.\n\
         /^(MAIL\\s+FROM|RCPT\\s+TO):.{{940}}/\n    \
         $1:<> ADDRESS-TOO-LONG\n\
         \n\
         # Postfix takes `RCPT TO:<postmaster>` without a domain from anyone (RFC 5321\n\
         # 4.5.1). Nobody reads such mail here, so that it is an address like others.\n\
         /^RCPT\\s+TO:\\s*<?\\s*(?:@[^:>]*:)?\\s*\"?(postmaster)\"?\\s*>?(\\s.*)?$/\n    \
         RCPT TO:<$1@{hostname}>$2\n\
         \n\
         # Other spellings that come to the same: no address of RFC 5321 is refused.\n\
         if /^(?=.*\\s)\\W*R\\W*C\\W*P\\W*T\\W/\n\
         !/^RCPT\\s+TO:\\s*(?:<\\s*{ROUTE}(?:{ATOMS}|{LOCAL_PART}{DOMAIN})\\s*>|{ATOMS}|{LOCAL_PART}{DOMAIN})\
         (?:\\s++[-A-Z0-9]++(?:=\\S*+)?)*+\\s*+$/\n    \
         RCPT TO:<>\n\
         endif\n"
    )
}
