//! The requirements in the HTML report: what standards ask, with the run's verdict.

use super::super::verdicts::counted;
use super::super::{Judgement, RunReport};
use super::markup::Markup;
use super::table::table;

/// Every requirement that the run says something of, source by source.
pub(super) fn requirements(page: &mut Markup, report: &RunReport) {
    let judgements = report.requirements();
    if judgements.is_empty() {
        return;
    }
    page.raw("<section>\n<h2 id=\"requirements\">Requirements</h2>\n");
    let of = report.profile.map_or_else(String::new, |profile| {
        format!("The profile {} asks for these. ", profile.name)
    });
    let counts = words(&judgements);
    let text = format!("{of}{} requirements: {counts}.", judgements.len());
    page.element("p", &[], &text);
    let mut left = judgements.as_slice();
    while let Some(first) = left.first() {
        let source = first.named.source;
        let end = left.iter().position(|j| j.named.source != source);
        let (own, others) = left.split_at(end.unwrap_or(left.len()));
        left = others;
        let label = format!("{source}: {}", words(own));
        page.folded(&label, |page| rows(page, own));
    }
    page.close("section");
}

/// `2 fail, 40 pass`.
fn words(judgements: &[Judgement]) -> String {
    let counts = counted(judgements).into_iter();
    let counts = counts.map(|(verdict, count)| format!("{count} {}", verdict.word()));
    counts.collect::<Vec<_>>().join(", ")
}

fn rows(page: &mut Markup, judgements: &[Judgement]) {
    let rows: Vec<_> = judgements
        .iter()
        .map(|judgement| {
            let requirement = judgement.named.requirement;
            let checks = judgement.checks.iter();
            let checks: Vec<String> = checks.map(|(id, word)| format!("{id}: {word}")).collect();
            vec![
                format!("{}\n{}", judgement.named.id, requirement.level.word()),
                requirement.asks.to_owned(),
                judgement.verdict.word().to_owned(),
                checks.join("\n"),
                judgement.why.clone(),
            ]
        })
        .collect();
    let columns = [
        "requirement",
        "what is asked for",
        "verdict",
        "checks",
        "beside",
    ];
    table(page, &columns, &rows);
}
