//! Text from the wire, made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with its control characters written out as `\x1b`, all but line ends
/// and tabs: what a server says must neither drive a terminal nor break a file.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let hostile = |c: char| is_hostile(c);
    if !text.contains(hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hostile(character) {
            // Writing to a String cannot fail.
            let _ = match u32::from(character) {
                code @ ..=0xff => write!(shown, "\\x{code:02x}"),
                code => write!(shown, "\\u{{{code:x}}}"),
            };
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, those that turn the direction of writing, and those that
/// no XML document may have.
fn is_hostile(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fffe}'
        | '\u{ffff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(
            visible("a\x1b[2J\r\nb\0\u{9b}"),
            "a\\x1b[2J\\x0d\nb\\x00\\x9b"
        );
        assert_eq!(visible("\u{202e}evil\u{ffff}"), "\\u{202e}evil\\u{ffff}");
    }

    #[test]
    fn what_people_write_stays() {
        assert!(matches!(visible("grüße\t<b>\n"), Cow::Borrowed(_)));
    }
}
