//! What a run says about each requirement: the outcomes of the checks that hold it,
//! together.

use std::collections::HashMap;

use super::{Outcome, RunReport};
use crate::requirements::{self, Answer, Named};

/// What a run has shown about a requirement. The first that is true of its checks counts,
/// in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A check saw it broken.
    Fail,
    /// A check could not be judged, or was selected and not run.
    Broken,
    /// All checks were skipped, or belong to none that this run selected.
    Skipped,
    /// What was judged holds; some of its checks were skipped, or they hold a part of it alone.
    Partly,
    /// All of its checks passed, and they hold all of it.
    Pass,
    /// No check can hold it.
    NotTestable,
    /// It is done otherwise on purpose.
    Departed,
    /// No check holds it yet.
    Open,
}

impl Verdict {
    /// All of them, gravest first, as summaries count them.
    pub const ALL: [Self; 8] = [
        Self::Fail,
        Self::Broken,
        Self::Skipped,
        Self::Partly,
        Self::Pass,
        Self::NotTestable,
        Self::Departed,
        Self::Open,
    ];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Broken => "broken",
            Self::Skipped => "skipped",
            Self::Partly => "partly",
            Self::Pass => "pass",
            Self::NotTestable => "not testable",
            Self::Departed => "departed from",
            Self::Open => "open",
        }
    }
}

/// A requirement in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What is asked for, by its name.
    pub named: Named,
    /// What the run says of it.
    pub verdict: Verdict,
    /// The checks that hold it, with the word for what became of each: an outcome, or
    /// `not run`, or `not selected`.
    pub checks: Vec<(&'static str, &'static str)>,
    /// What there is to say beside the checks; empty where they say it all.
    pub why: String,
}

impl RunReport {
    /// The requirements that this run says something of, source by source: those of its
    /// profile; without one all, if every check that holds one was selected, and otherwise
    /// those of the checks that were.
    #[must_use]
    pub fn requirements(&self) -> Vec<Judgement> {
        let ran = self.checks.iter().map(|c| (c.id, c.outcome.word()));
        let not_run = self.not_run.iter().map(|id| (*id, NOT_RUN));
        let words: HashMap<&str, &'static str> = ran.chain(not_run).collect();
        if let Some(profile) = self.profile {
            let own = profile.requirements().into_iter();
            return own.map(|named| judgement(named, &words)).collect();
        }
        let selected = |id: &&str| words.contains_key(*id);
        let all = requirements::all();
        let mut holding = all
            .iter()
            .flat_map(|named| named.requirement.answer.checks());
        let whole = holding.all(&selected);
        let wanted =
            |named: &Named| whole || named.requirement.answer.checks().iter().any(&selected);
        let wanted = all.into_iter().filter(wanted);
        wanted.map(|named| judgement(named, &words)).collect()
    }
}

const NOT_RUN: &str = "not run";
const NOT_SELECTED: &str = "not selected";

fn judgement(named: Named, words: &HashMap<&str, &'static str>) -> Judgement {
    let answer = &named.requirement.answer;
    let checks: Vec<(&'static str, &'static str)> = answer
        .checks()
        .iter()
        .map(|id| (*id, words.get(id).copied().unwrap_or(NOT_SELECTED)))
        .collect();
    Judgement {
        verdict: verdict(answer, &checks),
        why: answer.why(),
        named,
        checks,
    }
}

fn verdict(answer: &Answer, checks: &[(&str, &str)]) -> Verdict {
    let any = |word: &str| checks.iter().any(|(_, own)| *own == word);
    let passed = Outcome::Pass.word();
    match answer {
        Answer::Not(..) => Verdict::NotTestable,
        Answer::Departs(_) => Verdict::Departed,
        Answer::Open(_) => Verdict::Open,
        _ if any("fail") => Verdict::Fail,
        _ if any("broken") || any(NOT_RUN) => Verdict::Broken,
        _ if !any(passed) => Verdict::Skipped,
        Answer::Held(_) if checks.iter().all(|(_, word)| *word == passed) => Verdict::Pass,
        Answer::Partly(..) | Answer::Held(_) => Verdict::Partly,
    }
}

/// How many requirements have which verdict, gravest first, without those that none has.
#[must_use]
pub(super) fn counted(judgements: &[Judgement]) -> Vec<(Verdict, usize)> {
    let count = |verdict| judgements.iter().filter(|j| j.verdict == verdict).count();
    let counts = Verdict::ALL.map(|verdict| (verdict, count(verdict)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{fail, record, report};
    use super::*;

    const HELD: Answer = Answer::Held(&["a.a", "a.b"]);
    const PARTLY: Answer = Answer::Partly(&["a.a", "a.b"], "the rest");

    #[test]
    fn the_gravest_outcome_of_its_checks_is_what_counts() {
        let of = |answer: Answer, one, other| verdict(&answer, &[("a.a", one), ("a.b", other)]);
        assert_eq!(of(HELD, "pass", "pass"), Verdict::Pass);
        assert_eq!(of(HELD, "pass", "fail"), Verdict::Fail);
        assert_eq!(of(HELD, "broken", "fail"), Verdict::Fail);
        assert_eq!(of(HELD, "pass", "broken"), Verdict::Broken);
        assert_eq!(of(HELD, "pass", NOT_RUN), Verdict::Broken);
        assert_eq!(of(HELD, "skipped", NOT_SELECTED), Verdict::Skipped);
    }

    /// What was not looked at is not said to hold.
    #[test]
    fn a_part_is_no_whole() {
        let of = |answer: Answer, one, other| verdict(&answer, &[("a.a", one), ("a.b", other)]);
        assert_eq!(of(PARTLY, "pass", "pass"), Verdict::Partly);
        assert_eq!(of(HELD, "pass", "skipped"), Verdict::Partly);
        assert_eq!(of(HELD, "pass", NOT_SELECTED), Verdict::Partly);
        assert_eq!(verdict(&Answer::Open("x"), &[]), Verdict::Open);
    }

    #[test]
    fn a_run_of_few_checks_tells_of_their_requirements() {
        let run = report(vec![record("tls.weak_suites_are_refused", fail())]);
        let told = run.requirements();
        assert!(!told.is_empty() && told.len() < requirements::all().len());
        for judgement in &told {
            let checks = judgement.named.requirement.answer.checks();
            assert!(checks.contains(&"tls.weak_suites_are_refused"));
            assert_eq!(judgement.verdict, Verdict::Fail);
        }
    }

    #[test]
    fn a_run_of_all_checks_tells_of_all_requirements() {
        let mut run = report(vec![record("tls.weak_suites_are_refused", Outcome::Pass)]);
        let all = requirements::all();
        let holding = all.iter().flat_map(|n| n.requirement.answer.checks());
        run.not_run = holding.copied().collect();
        assert_eq!(run.requirements().len(), all.len());
    }

    #[test]
    fn a_profile_tells_of_its_own_requirements_alone() {
        let profile = requirements::profile("bsi-tr-03108").unwrap();
        let mut run = report(vec![record("tls.weak_suites_are_refused", Outcome::Pass)]);
        run.profile = Some(profile);
        let told = run.requirements();
        assert_eq!(told.len(), profile.requirements().len());
        assert!(counted(&told).iter().map(|(_, count)| count).sum::<usize>() == told.len());
        assert!(told.iter().all(|j| j.named.source == "BSI TR-03108"));
    }
}
