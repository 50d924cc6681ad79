//! Text as Markdown.

/// `text` as it reads: what stands between backticks, and every name with an underscore
/// or an option's hyphens in it, is code; nothing else means anything to Markdown.
pub(super) fn prose(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            written.push_str(&code(part));
        } else {
            words(part, &mut written);
        }
    }
    written
}

/// `text` as code, whatever it holds.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn words(text: &str, written: &mut String) {
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        let start = word.len() - word.trim_start_matches(['(', '"', '\'']).len();
        let end = word
            .trim_end_matches(['.', ',', ':', ';', ')', '?', '"', '\''])
            .len();
        let name = word.get(start..end).unwrap_or_default();
        let is_name = name.contains('_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
        if is_name {
            written.push_str(&escaped(&word[..start]));
            written.push_str(&code(name));
            written.push_str(&escaped(&word[end..]));
        } else {
            written.push_str(&escaped(word));
        }
        written.push_str(&piece[word.len()..]);
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '_' | '<' | '[' | '\\' | '|') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_code_and_nothing_else_is_marked() {
        assert_eq!(
            prose("Set `tls.minimum`. By hand, smtpd_tls_mandatory_protocols."),
            "Set `tls.minimum`. By hand, `smtpd_tls_mandatory_protocols`."
        );
        assert_eq!(
            prose("(limits.shared_addresses), a*b"),
            "(`limits.shared_addresses`), a\\*b"
        );
        assert_eq!(prose("MAIL FROM:<a_b@c>"), "MAIL FROM:\\<a\\_b@c>");
        assert_eq!(prose("`a|b` a|b"), "`a\\|b` a\\|b");
        assert_eq!(prose(""), "");
    }
}
