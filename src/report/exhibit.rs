//! Evidence to look at: a message as it was handed in and as it came out.

use serde::Serialize;

/// A text before and after, with what had to be hidden.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exhibit {
    /// What is shown, one line.
    pub title: String,
    /// What a client told and handed in.
    pub before: String,
    /// What the next hop got.
    pub after: String,
    /// What must not get through: reports mark each occurrence, in any case of
    /// letters; what was hidden in `before`, what leaked in `after`.
    pub hidden: Vec<String>,
}

/// A piece of a text and whether it is one of the things to hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its words.
    pub text: &'a str,
    /// Whether it is to be hidden.
    pub marked: bool,
}

impl Exhibit {
    /// `text`, one of the two, cut at each occurrence of what is hidden. Put
    /// together again the pieces are `text`.
    #[must_use]
    pub fn pieces<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((start, end)) = self.next_hidden(rest) {
            push(&mut pieces, &rest[..start], false);
            push(&mut pieces, &rest[start..end], true);
            rest = &rest[end..];
        }
        push(&mut pieces, rest, false);
        pieces
    }

    /// Where the first thing to hide stands in `text`; of those that begin there, the longest.
    fn next_hidden(&self, text: &str) -> Option<(usize, usize)> {
        // ASCII only: the places of the others must stay what they are.
        let folded = text.to_ascii_lowercase();
        let found = self.hidden.iter().filter(|word| !word.is_empty());
        found
            .filter_map(|word| {
                let start = folded.find(&word.to_ascii_lowercase())?;
                Some((start, start + word.len()))
            })
            .min_by_key(|(start, end)| (*start, usize::MAX - end))
    }
}

fn push<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str, marked: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text, marked });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(hidden: &[&str], text: &str) -> String {
        let exhibit = Exhibit {
            title: "one".into(),
            before: text.into(),
            after: String::new(),
            hidden: hidden.iter().map(|word| (*word).to_owned()).collect(),
        };
        let pieces = exhibit.pieces(text);
        let whole: String = pieces.iter().map(|piece| piece.text).collect();
        assert_eq!(whole, text);
        let shown = pieces.iter().map(|piece| {
            if piece.marked {
                format!("[{}]", piece.text)
            } else {
                piece.text.to_owned()
            }
        });
        shown.collect()
    }

    #[test]
    fn every_occurrence_is_marked_in_any_case() {
        assert_eq!(
            marked(&["Canary", "192.0.2.7"], "a CANARY b canary"),
            "a [CANARY] b [canary]"
        );
        assert_eq!(marked(&["grüße"], "ÄÖ grüße"), "ÄÖ [grüße]");
    }

    #[test]
    fn the_longest_of_those_at_one_place_is_marked() {
        assert_eq!(
            marked(&["192.0.2.7", "192.0.2.77"], "[192.0.2.77]"),
            "[[192.0.2.77]]"
        );
    }

    #[test]
    fn nothing_to_hide_marks_nothing() {
        assert_eq!(marked(&["", "x"], "abc"), "abc");
        assert_eq!(marked(&[], ""), "");
    }
}
