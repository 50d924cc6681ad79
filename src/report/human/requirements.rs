//! The requirements of a profile, for people.

use std::fmt::Write as _;

use super::super::verdicts::counted;
use super::super::{Judgement, RunReport, Verdict};
use super::Colours;
use super::text::{GREEN, RED, YELLOW, painted};

/// Each requirement with its verdict, and how many have which. Empty without a profile.
pub(super) fn of_profile(report: &RunReport, colours: Colours) -> String {
    let Some(profile) = report.profile else {
        return String::new();
    };
    let judgements = report.requirements();
    let mut text = format!("Requirements of {}\n", profile.name);
    for judgement in &judgements {
        line(&mut text, judgement, colours);
    }
    let counts: Vec<String> = counted(&judgements)
        .into_iter()
        .map(|(verdict, count)| format!("{count} {}", verdict.word()))
        .collect();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} requirements: {}",
        judgements.len(),
        counts.join(", ")
    );
    text
}

fn line(text: &mut String, judgement: &Judgement, colours: Colours) {
    let colour = match judgement.verdict {
        Verdict::Fail => RED,
        Verdict::Pass => GREEN,
        _ => YELLOW,
    };
    let word = judgement.verdict.word().to_uppercase();
    let requirement = judgement.named.requirement;
    let _ = writeln!(
        text,
        "{} {} {}: {}",
        painted(&word, colour, colours),
        judgement.named.id,
        requirement.level.word(),
        requirement.asks
    );
    let passed = |(_, word): &&(&str, &str)| *word != "pass";
    for (id, word) in judgement.checks.iter().filter(passed) {
        let _ = writeln!(text, "{:>12} {id}: {word}", "");
    }
    if !judgement.why.is_empty() {
        let _ = writeln!(text, "{:>12} {}", "", judgement.why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::run::tests::{fail, record, report};
    use super::*;
    use crate::requirements::profile;

    #[test]
    fn each_requirement_has_its_verdict_and_what_speaks_against_it() {
        let mut run = report(vec![record("tls.weak_suites_are_refused", fail())]);
        assert_eq!(of_profile(&run, Colours::Off), "");
        run.profile = profile("rfc9325").ok();
        let text = of_profile(&run, Colours::Off);
        let first = "        FAIL RFC 9325 4.1 (1) MUST NOT: A suite without encryption is agreed on.\n\
                     \u{20}            tls.weak_suites_are_refused: fail\n";
        assert!(text.contains(first), "{text}");
        assert!(text.starts_with("Requirements of rfc9325\n"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(
            last.contains(" requirements: ") && last.contains(" fail"),
            "{last}"
        );
    }
}
