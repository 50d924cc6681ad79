//! Lines that are too long for mail (RFC 5322 section 2.1.1), and are refused when
//! they come.
//!
//! Next hops refuse them too (Exim as Debian has it: 550), and a report on that has
//! the line in it again, is refused as well, and ends there: nobody would be told.
//! Breaking the line (`smtp_line_length_limit`) spoils a signature instead. So the
//! client learns of it at the end of DATA, where it can still do something about it.
//!
//! cleanup gets a line of more than `line_length_limit` (2048) octets in pieces of that
//! length, so that the first of them tells; of a header it sees the whole field, with
//! its folds. With `body_checks_size_limit` as it is by default, it would look at the first
//! 50 KiB of each part alone.

use crate::config::Spec;
use crate::container::File;

use super::{main_override, public};

/// For header checks of every kind, and body checks (`header_checks(5)`).
pub(super) const TABLE: &str = "pcre:/etc/relaykit/postfix/long_lines";

/// Some line has more than 998 octets. Each line is read once.
pub(super) const EXPRESSION: &str = "(?:[^\\n]{0,998}\\n)*+[^\\n]{999}";

/// What the client is told, after `550`.
pub const REFUSAL: &str = "5.6.0 a line of this message has more than 998 octets \
    (RFC 5322 section 2.1.1): fold headers, and send text as quoted-printable or base64";

/// Octets of a header field that Postfix keeps (`header_size_limit`): it drops the
/// rest and says nothing.
const HEADER: usize = 102_400;

/// The table's file.
pub(super) fn file(spec: &Spec) -> File {
    let kept = main_override(spec, "header_size_limit").and_then(|limit| limit.parse().ok());
    // PCRE counts no further than 65535, and a table of nothing would refuse all mail.
    let thousands = (kept.unwrap_or(HEADER) / 1000).clamp(1, 1000);
    let text = format!(
        "# Header and body checks: a line of more than 998 octets is not mail. Another\n\
         # server may refuse it, and the report on that too, which has the line in it.\n\
         /^{EXPRESSION}/\n    \
         REJECT {REFUSAL}\n\
         \n\
         # The end of a longer header field would be lost (header_size_limit).\n\
         /^(?:.{{1000}}){{{thousands}}}/\n    \
         REJECT 5.6.0 a header field of this message is too long to be passed on whole\n"
    );
    public("postfix/long_lines", text)
}
