//! Text that a stranger wrote, made fit for a terminal. A subject, a server's reply
//! or a line of a log must neither drive a terminal nor look like another line.
//!
//! All that relaykit shows goes through here once, where it leaves: results and
//! progress in `commands`, the view of a run and its files in `report`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with its control characters written out as `\x1b`, all but line ends
/// and tabs.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, is_hostile)
}

/// [`visible`], and in one line: for a text that stands beside others. Line ends and
/// tabs are written out too.
#[must_use]
pub fn visible_line(text: &str) -> Cow<'_, str> {
    written_out(text, |c| matches!(c, '\n' | '\t') || is_hostile(c))
}

/// JSON with the same characters as escapes of JSON's own (RFC 8259 section 7): the same
/// value to every reader. A serialiser writes out those below U+0020 and no others.
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hostile) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hostile(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn written_out(text: &str, hostile: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hostile(character) {
            // Writing to a String cannot fail.
            let _ = match character {
                '\n' => write!(shown, "\\n"),
                '\t' => write!(shown, "\\t"),
                '\r' => write!(shown, "\\r"),
                c if u32::from(c) <= 0xff => write!(shown, "\\x{:02x}", u32::from(c)),
                c => write!(shown, "\\u{{{:x}}}", u32::from(c)),
            };
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, C1, DEL), those that turn the direction of writing (Unicode
/// UAX 9), further line ends, what shows as nothing at all, and those that no XML
/// document may have.
fn is_hostile(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\x1b[2J\u{9b}31m\u{7f}\u{202e}b\u{2028}c\u{e0041}";

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(
            visible("a\x1b[2J\r\nb\0\u{9b}"),
            "a\\x1b[2J\\r\nb\\x00\\x9b"
        );
        assert_eq!(visible("\u{202e}evil\u{ffff}"), "\\u{202e}evil\\u{ffff}");
        assert_eq!(visible_line("one\r\ntwo\t"), "one\\r\\ntwo\\t");
    }

    #[test]
    fn json_keeps_its_value_and_shows_nothing_hostile() {
        let json = serde_json::to_string(HOSTILE).unwrap();
        let shown = visible_json(&json);
        assert!(!shown.contains(is_hostile), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), HOSTILE);
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["grüße\t<b>\n", "שלום", "👩‍👩‍👧", "日本語"] {
            assert!(matches!(visible(text), Cow::Borrowed(_)), "{text}");
            assert!(matches!(visible_json(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
