//! Lists as Postfix parts them: at blanks and commas, with braces that hold together.

/// The words of a list of postconf(5), parted at blanks and commas.
#[must_use]
pub fn words(list: &str) -> Vec<String> {
    parted(list, |c| c == ',' || c.is_whitespace())
}

/// Words that blanks alone part: arguments in master.cf (master(5)).
#[must_use]
pub fn arguments(text: &str) -> Vec<String> {
    parted(text, char::is_whitespace)
}

fn parted(text: &str, ends: impl Fn(char) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut depth) = (String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 0 || !ends(c) {
            word.push(c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What stands in braces, without them.
pub(super) fn unbraced(word: &str) -> &str {
    let inner = word.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
    inner.map_or(word, str::trim)
}

/// `yes`, in any case of letters.
#[must_use]
pub fn is_yes(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("yes")
}

/// A time of main.cf in seconds: a number and `s`, `m`, `h`, `d` or `w`, or the
/// parameter's own unit, in seconds.
pub(super) fn seconds(value: &str, unit: u64) -> Option<u64> {
    let value = value.trim();
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, suffix) = value.split_at(end);
    let unit = match suffix.trim() {
        "" => unit,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Seconds, as main.cf has them.
pub(super) fn shown(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    let fits = units
        .into_iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    match fits {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_hold_together() {
        assert_eq!(
            words("a, b {c, d} inline:{x = y z}"),
            ["a", "b", "{c, d}", "inline:{x = y z}"]
        );
        assert_eq!(arguments("-o a=b,c -v"), ["-o", "a=b,c", "-v"]);
        assert_eq!(unbraced("{ a = b }"), "a = b");
    }

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("5", 86_400), Some(432_000));
        assert_eq!(seconds("10s", 86_400), Some(10));
        assert_eq!(seconds("2w", 1), Some(1_209_600));
        assert_eq!(seconds("${stress?1:2}s", 1), None);
        assert_eq!(shown(345_600), "4d");
        assert_eq!(shown(90), "90s");
    }
}
