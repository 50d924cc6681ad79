//! Texts in which canaries are looked for.

use super::canaries::Canary;

/// A text that is looked through, with what hides words taken out: line ends, folds and
/// blanks, as they are and as JSON and C write them.
pub(in super::super) struct Haystack {
    lines: String,
    small: String,
    exact: String,
    /// What dumps of bytes in it say.
    dumped: String,
}

impl Haystack {
    /// Of a text as it was read.
    pub(in super::super) fn new(text: &str) -> Self {
        let folded = text.replace("\\r", "").replace("\\n", "");
        let exact: String = folded.split_ascii_whitespace().collect();
        let soft = folded.replace("=\r\n", "").replace("=\n", "");
        let small: String = soft.split_ascii_whitespace().collect();
        Self {
            lines: text.to_lowercase(),
            dumped: dumped(text),
            small: small.to_lowercase(),
            exact,
        }
    }

    /// How `canary` stands in it, if it does.
    pub(in super::super) fn find(&self, canary: &Canary) -> Option<&'static str> {
        if canary.stands_in(&self.lines) || canary.stands_in(&self.small) {
            return Some("as it is");
        }
        if canary.stands_in(&self.dumped) {
            return Some("in a dump");
        }
        let of = |forms: &[(&'static str, String)], text: &str| {
            let mut forms = forms.iter();
            let found = forms.find(|(_, form)| !form.is_empty() && text.contains(form.as_str()));
            found.map(|(form, _)| *form)
        };
        of(&canary.small, &self.small).or_else(|| of(&canary.exact, &self.exact))
    }
}

/// What lines like `0010:  6f 6e 64 65 72  onder` say, in small letters: daemons that trace
/// their conversations write bytes so (slapd(8), `-d`; smtpd's `smtpd_tls_loglevel`).
fn dumped(text: &str) -> String {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let Some((before, rest)) = line.split_once(|c| [':', '-'].contains(&c)) else {
            continue;
        };
        let offset = before.split_whitespace().last().unwrap_or_default();
        if offset.len() != 4 || !offset.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            continue;
        }
        let pairs = rest
            .split([' ', '-'])
            .filter(|word| !word.is_empty())
            .take(16);
        let pairs = pairs.map_while(|pair| {
            let digits = pair.len() == 2;
            digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        });
        bytes.extend(pairs);
    }
    String::from_utf8_lossy(&bytes).to_lowercase()
}
