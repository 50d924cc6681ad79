//! What the next hop learns of a client: header checks (`pcre_table(5)`,
//! `header_checks(5)`) on the trace header that our own smtpd writes.
//!
//! smtpd on a listener with logins calls itself by a mark instead of `Postfix`
//! in `by HOST (MARK)`, and hands its messages to a cleanup of its own. So these
//! rules tell our own header from any other whatever is written in either, and
//! see to it that none passes unread: what carries the mark is rewritten if its
//! structure is known, and hidden if it is not. The mark itself never leaves.
//!
//! The structure (smtpd.c of Postfix 3.10, `common_pre_message_handling`):
//!
//! ```text
//! Received: from HELO (NAME [ADDRESS])
//!         (using PROTOCOL with cipher NAME (BITS/BITS bits)      only with TLS
//!          key-exchange ... server-signature ... server-digest ...
//!          client-signature ... client-digest ...)
//!         (Client CN "...", Issuer "..." (verified OK))          or one of three others
//!         (Authenticated sender: LOGIN)                          only with a login
//!         by HOST (MARK) with PROTOCOL id QUEUE-ID
//!         for <RECIPIENT>; DATE                                  or `;` and the date
//! ```
//!
//! A line of it begins with a newline and a tab. No client can put a newline
//! into its HELO, name, certificate, login or recipient (smtpd replaces what is
//! not printable), so `\n\t` is an anchor that cannot be forged. After the date
//! it can: smtpd writes a first chunk (BDAT, RFC 3030) that begins with white
//! space right behind our header, as further lines of it. So each rule counts
//! lines from the top, up to the first `by`, and takes what follows the date for
//! the sender's own words: they stay, unless they carry the mark.
//!
//! What leaves has a client all the same, since a stamp without one is none (RFC 5321
//! section 4.4) and filters skip it. It is the relay's own loopback address, which
//! nobody takes for a place; an address for documents would cost points:
//!
//! ```text
//! Received: from [127.0.0.1] (localhost [127.0.0.1])
//!         (Authenticated sender: LOGIN)                          privacy.show_login
//!         by HOST (Postfix) with PROTOCOL id QUEUE-ID
//!         for <RECIPIENT>; DATE                                  or `;` and the date
//! ```
//!
//! The expressions are linear in the header's length: a PCRE match limit makes
//! a rule silent. Case does not matter to Postfix's tables, `.` matches newlines.

use std::fmt::Write as _;

use crate::config::{EarlierReceived, Listener, Received, Spec};
use crate::container::File;

use super::{long_lines, main_override, public};

/// What login listeners' smtpd calls itself, between `Received: ... by HOST (`
/// and `)`. Not a secret: an earlier header that carries it loses by it, since
/// it is taken for ours.
pub const MARK: &str = "relaykit-own-trace";

/// The rest of the first line and the lines after it, up to the login or, where
/// there is none, the first `by`. smtpd writes six at most.
const TO_LOGIN: &str = "[^\\n]*+(?:\\n\\t(?!by |\\(Authenticated sender: )[^\\n]*+){0,8}+";
/// The same, up to the first `by`.
const TO_BY: &str = "[^\\n]*+(?:\\n\\t(?!by )[^\\n]*+){0,8}+";

/// The client that the header of a login names: From-domain in RFC 5321 section 4.4.
pub const NO_CLIENT: &str = "from [127.0.0.1] (localhost [127.0.0.1])";

/// The longest login that is shown: a line has at most 998 octets.
const LONGEST_LOGIN: usize = 960;

/// For messages of listeners where everybody has logged in.
pub(super) const LOGIN: &str = "login_header_checks";
/// For messages of port 25 where clients may log in and need not.
pub(super) const MIXED: &str = "mixed_header_checks";
/// For all that leaves.
pub(super) const DEPARTING: &str = "departing_header_checks";

/// The tables that the relay's main.cf and master.cf name.
pub(super) fn files(spec: &Spec) -> Vec<File> {
    let mut files = Vec::new();
    let listeners = &spec.auth.listeners;
    if needs_tables(spec) {
        if listeners.iter().any(|l| *l != Listener::Smtp) {
            files.push(table(LOGIN, login(spec)));
        }
        if listeners.contains(&Listener::Smtp) {
            files.push(table(MIXED, mixed(spec)));
        }
    }
    if marks(spec) {
        files.push(table(DEPARTING, departing(spec)));
    }
    files
}

/// Whether login listeners hand their messages to a cleanup of their own.
pub(super) fn needs_tables(spec: &Spec) -> bool {
    marks(spec) || !spec.privacy.strip_headers.is_empty()
}

/// Whether login listeners write the mark: their own trace header has to be told from
/// others, to rewrite it or to take off the others.
pub(super) fn marks(spec: &Spec) -> bool {
    rewrites(spec) || removes_earlier(spec)
}

/// Whether a login's own trace header is rewritten.
pub(super) fn rewrites(spec: &Spec) -> bool {
    spec.privacy.received == Received::Rewrite
}

fn removes_earlier(spec: &Spec) -> bool {
    spec.privacy.earlier_received == EarlierReceived::Remove
}

fn table(name: &str, text: String) -> File {
    public(&format!("postfix/{name}"), text)
}

/// Everything here came by login.
fn login(spec: &Spec) -> String {
    let mut text = String::from(
        "# Header checks on messages of listeners where every client has logged in.\n",
    );
    if rewrites(spec) {
        text.push_str(&with_login(spec));
        text.push_str(&anything_else(spec));
    }
    if removes_earlier(spec) {
        if !rewrites(spec) {
            text.push_str(&as_it_is(spec));
        }
        text.push_str(
            "\n# privacy.earlier_received: remove. What is left of trace headers is not ours.\n\
             /^Received[ \\t]*:/ IGNORE\n",
        );
    }
    text.push_str(&stripped(spec));
    text
}

/// Some here came by login, some did not.
fn mixed(spec: &Spec) -> String {
    let mut text = String::from(
        "# Header checks on messages of port 25, where a client may have logged in or not.\n",
    );
    if rewrites(spec) {
        text.push_str(&without_login(spec));
        text.push_str(&with_login(spec));
        text.push_str(&anything_else(spec));
    }
    text.push_str(&stripped(spec));
    text
}

/// The second net, at the SMTP client.
fn departing(spec: &Spec) -> String {
    format!(
        "# Header checks of the SMTP client: a trace header that still carries the mark\n\
         # of a login listener does not leave. Only its first `by` is ours.\n\
         /^Received:(?: from {TO_BY}\\n\\t| )by {host} \\({mark}\\)/\n    \
         IGNORE\n",
        host = host_pattern(spec),
        mark = escape(MARK),
    )
}

/// Our own header of a client that did not log in: its trace stays whole. The
/// structure is exact, so that a header with a login line cannot pass for it,
/// nor one whose protocol says that there was a login (RFC 3848: `ESMTPSA`).
fn without_login(spec: &Spec) -> String {
    let own = format!(
        "(Received: from [^\\n]*+(?:\\n\\t\\(using [^\\n]*+(?:\\n\\t [^\\n]*+){{0,3}}\
         \\n\\t\\((?:Client|No client) [^\\n]*+)?\\n\\tby {host}) \\({mark}\\)\
         ( with [A-Z0-9]*[PS](?: id [0-9A-Z]+)?(?:\\n\\tfor <[^\\n]*>; |;\\n\\t)[^\\n]++){rest}",
        host = host_pattern(spec),
        mark = escape(MARK),
        rest = rest(),
    );
    format!(
        "\n# No login: the whole trace stays, under Postfix's own name; with a greeting\n\
         # that makes a line too long, nothing is taken.\n\
         /^(?={long}){own}/\n    \
         REJECT {refusal}\n\
         /^{own}/\n    \
         REPLACE $1 ({name})$2$3\n",
        long = long_lines::EXPRESSION,
        refusal = long_lines::REFUSAL,
        name = mail_name(spec),
    )
}

/// Our own header of a client that logged in: by, with, id, for and date are
/// kept, and the login where it is wanted.
fn with_login(spec: &Spec) -> String {
    let host = host_pattern(spec);
    let mark = escape(MARK);
    let login = if spec.privacy.show_login {
        "${1}(Authenticated sender: $2)"
    } else {
        ""
    };
    format!(
        "\n# A login: what the client told or showed of itself is left out.\n\
         /^Received: from {TO_LOGIN}(\\n\\t)\\(Authenticated sender: ([^\\n]{{0,{LONGEST_LOGIN}}})\\)\
         \\n\\tby {host} \\({mark}\\)( with [A-Z0-9]+)((?: id [0-9A-Z]+)?)\
         (\\n\\tfor <[^\\n]*>; |;\\n\\t)([^\\n]++){rest}/\n    \
         REPLACE Received: {NO_CLIENT}{login}${{1}}by {hostname} ({name})$3$4$5$6$7\n",
        hostname = hostname(spec),
        name = mail_name(spec),
        rest = rest(),
    )
}

/// Our own header where it is not rewritten: it gets Postfix's own name again, and what a
/// sender's first chunk added stays up to a mark.
fn as_it_is(spec: &Spec) -> String {
    let mark = escape(MARK);
    let own = format!(
        "(Received:(?: from {TO_BY}\\n\\t| )by {host}) \\({mark}\\)((?:(?!\\({mark}\\)).)*+)",
        host = host_pattern(spec),
    );
    format!(
        "\n# The relay's own trace header stays, under Postfix's own name; with a greeting\n\
         # that makes a line too long, nothing is taken.\n\
         /^(?={long}){own}/\n    \
         REJECT {refusal}\n\
         /^{own}/\n    \
         REPLACE $1 ({name})$2\n",
        long = long_lines::EXPRESSION,
        refusal = long_lines::REFUSAL,
        name = mail_name(spec),
    )
}

/// A form that nobody thought of, or another's header that imitates ours: first
/// with nothing kept but the date at its end, then nothing at all.
fn anything_else(spec: &Spec) -> String {
    let mark = escape(MARK);
    format!(
        "\n# Anything else with the mark hides more.\n\
         /^Received:(?=.*\\({mark}\\))(?>.*;)\\s+([A-Z]{{3}}, [ 0-9]{{1,2}} [A-Z]{{3}} [0-9]{{4}} [0-9:]{{8}} \
         [-+][0-9]{{4}} \\([-+A-Z0-9]{{1,9}}\\))\\z/\n    \
         REPLACE Received: {NO_CLIENT} by {hostname} ({name}) with ESMTPSA; $1\n\
         /^Received:.*\\({mark}\\)/\n    \
         IGNORE\n",
        hostname = hostname(spec),
        name = mail_name(spec),
    )
}

/// What a sender's first chunk added to our header: captured, unless it carries
/// the mark, and then left out.
fn rest() -> String {
    format!(
        "((?:(?!.*\\({mark}\\))\\n.*)?)(?:\\n.*)?\\z",
        mark = escape(MARK)
    )
}

/// `privacy.strip_headers`.
fn stripped(spec: &Spec) -> String {
    let mut text = String::new();
    if spec.privacy.strip_headers.is_empty() {
        return text;
    }
    text.push_str("\n# privacy.strip_headers in relay.yaml.\n");
    for name in &spec.privacy.strip_headers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "/^{}[ \\t]*:/ IGNORE", escape(name));
    }
    text
}

/// The name that smtpd writes after `by`.
fn hostname(spec: &Spec) -> &str {
    main_override(spec, "myhostname").unwrap_or(&spec.hostname)
}

fn host_pattern(spec: &Spec) -> String {
    escape(hostname(spec))
}

/// The name in parentheses that a trace header of Postfix has.
fn mail_name(spec: &Spec) -> String {
    main_override(spec, "mail_name")
        .unwrap_or("Postfix")
        .replace('$', "$$")
}

/// `text` as a regular expression that matches nothing else: everything but
/// letters and digits as a code point, so that no delimiter, blank or
/// metacharacter of PCRE or of the table is left.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(char::from(byte)),
            b'.' => escaped.push_str("\\."),
            _ => {
                let _ = write!(escaped, "\\x{byte:02x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_in_a_name_is_a_metacharacter() {
        assert_eq!(escape("relay.example"), "relay\\.example");
        assert_eq!(escape("X-A/b c$"), "X-A\\x2fb\\x20c\\x24");
    }
}
