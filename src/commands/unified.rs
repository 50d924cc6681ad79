//! The unified form of a difference, as diff(1) `-u` prints it.

use std::fmt::Write as _;

/// Lines that stay, around those that change.
const CONTEXT: usize = 3;

/// A line of both texts, or of one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// What turns `old` into `new`, under these names; empty where they are alike.
pub(super) fn unified(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    let lines = lines(old, new);
    let changed = |line: &Line<'_>| !matches!(line, Line::Same(_));
    if !lines.iter().any(changed) {
        return String::new();
    }
    let mut text = format!("--- {old_name}\n+++ {new_name}\n");
    let mut at = 0;
    while let Some(first) = lines[at..].iter().position(changed).map(|p| at + p) {
        let start = first.saturating_sub(CONTEXT).max(at);
        let mut end = first + 1;
        // Changes with little between them are told together.
        while let Some(next) = lines[end..].iter().position(changed) {
            if next > 2 * CONTEXT {
                break;
            }
            end += next + 1;
        }
        let end = (end + CONTEXT).min(lines.len());
        hunk(&mut text, &lines, start, end);
        at = end;
    }
    text
}

fn hunk(text: &mut String, lines: &[Line<'_>], start: usize, end: usize) {
    let count = |lines: &[Line<'_>], skipped: fn(&Line<'_>) -> bool| {
        lines.iter().filter(|line| !skipped(line)).count()
    };
    let new: fn(&Line<'_>) -> bool = |line| matches!(line, Line::New(_));
    let gone: fn(&Line<'_>) -> bool = |line| matches!(line, Line::Gone(_));
    let place = |skipped| {
        let (before, within) = (
            count(&lines[..start], skipped),
            count(&lines[start..end], skipped),
        );
        // Where nothing is, the line before it is named.
        let first = if within == 0 { before } else { before + 1 };
        format!("{first},{within}")
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "@@ -{} +{} @@", place(new), place(gone));
    for line in &lines[start..end] {
        let _ = match line {
            Line::Same(line) => writeln!(text, " {line}"),
            Line::Gone(line) => writeln!(text, "-{line}"),
            Line::New(line) => writeln!(text, "+{line}"),
        };
    }
}

/// By a longest common subsequence; files of configuration are short.
fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(same)
        .count();
    let (a, b) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] = if a[i] == b[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let mut lines: Vec<Line<'a>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push(Line::Same(a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || longest[i + 1][j] >= longest[i][j + 1]) {
            lines.push(Line::Gone(a[i]));
            i += 1;
        } else {
            lines.push(Line::New(b[j]));
            j += 1;
        }
    }
    let kept = old_rest[old_rest.len() - tail..].iter();
    lines.extend(kept.map(|line| Line::Same(line)));
    lines
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn what_is_alike_has_no_difference() {
        assert_eq!(unified("a", "b", "x\ny\n", "x\ny\n"), "");
    }

    #[test]
    fn changes_stand_in_hunks_with_their_places() {
        let old: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        let mut new = old.clone();
        new[1] = "two".to_owned();
        new.insert(18, "new".to_owned());
        let (old, new) = (old.join("\n"), new.join("\n"));
        assert_eq!(
            unified("o", "n", &old, &new),
            "--- o\n+++ n\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n\
             @@ -16,5 +16,6 @@\n 16\n 17\n 18\n+new\n 19\n 20\n"
        );
    }

    #[test]
    fn a_file_that_comes_or_goes_is_all_new_or_all_gone() {
        assert_eq!(
            unified("o", "n", "", "x\n"),
            "--- o\n+++ n\n@@ -0,0 +1,1 @@\n+x\n"
        );
        assert_eq!(
            unified("o", "n", "x\n", ""),
            "--- o\n+++ n\n@@ -1,1 +0,0 @@\n-x\n"
        );
    }
}
