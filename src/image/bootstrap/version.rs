//! Debian version numbers: deb-version(7).

use std::cmp::Ordering;

/// Orders two versions as dpkg does: epoch, upstream version, revision.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = epoch(left);
    let (right_epoch, right) = epoch(right);
    let (left_upstream, left_revision) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_upstream, right_revision) = right.rsplit_once('-').unwrap_or((right, ""));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

/// Whether `version` stands in `relation` (`<<`, `<=`, `=`, `>=`, `>>`) to
/// `bound`; an unknown relation holds for nothing.
pub(super) fn satisfies(version: &str, relation: &str, bound: &str) -> bool {
    let order = compare(version, bound);
    match relation {
        "<<" => order.is_lt(),
        "<=" => order.is_le(),
        "=" => order.is_eq(),
        ">=" => order.is_ge(),
        ">>" => order.is_gt(),
        _ => false,
    }
}

fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// Alternates between a run of non-digits and a number, as the manual says.
fn compare_part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = split(left, |c| !c.is_ascii_digit());
        let (right_text, right_rest) = split(right, |c| !c.is_ascii_digit());
        let (left_number, left_rest) = split(left_rest, |c| c.is_ascii_digit());
        let (right_number, right_rest) = split(right_rest, |c| c.is_ascii_digit());
        let order = compare_text(left_text, right_text)
            .then_with(|| compare_number(left_number, right_number));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !inside(c)).unwrap_or(text.len()))
}

/// A tilde sorts before the end, the end before letters, letters before the rest.
fn compare_text(left: &str, right: &str) -> Ordering {
    let weight = |character: Option<char>| match character {
        Some('~') => (0, '~'),
        None => (1, ' '),
        Some(letter) if letter.is_ascii_alphabetic() => (2, letter),
        Some(other) => (3, other),
    };
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        let order = weight(a).cmp(&weight(b));
        if order.is_ne() {
            return order;
        }
    }
}

/// By value, however long: without leading zeros the longer one is larger.
fn compare_number(left: &str, right: &str) -> Ordering {
    let left = left.trim_start_matches('0');
    let right = right.trim_start_matches('0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::{compare, satisfies};

    #[test]
    fn orders_versions_as_dpkg_does() {
        let ascending = [
            ["1.0~rc1", "1.0"],
            ["1.0~~", "1.0~"],
            ["1.0", "1.0a"],
            ["1.0a", "1.0+b"],
            ["1.9", "1.10"],
            ["9", "1:1"],
            ["1.0-1", "1.0-1+deb13u1"],
            ["1.0-1~bpo1", "1.0-1"],
            ["2.41-12", "2.41-12+deb13u3"],
            ["1.0-9", "1.0.1-1"],
        ];
        for [lower, higher] in ascending {
            assert!(compare(lower, higher).is_lt(), "{lower} < {higher}");
            assert!(compare(higher, lower).is_gt(), "{higher} > {lower}");
        }
        assert!(compare("1.002-1", "1.2-1").is_eq());
        assert!(compare("0:1-0", "1").is_eq());
    }

    #[test]
    fn relations_hold_at_their_bounds() {
        assert!(satisfies("1.2-1", ">=", "1.2-1"));
        assert!(!satisfies("1.2-1", ">>", "1.2-1"));
        assert!(satisfies("1.2~rc1", "<<", "1.2"));
        assert!(!satisfies("1.2", "?", "1.2"));
    }
}
