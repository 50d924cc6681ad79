//! Mutants in the HTML report: what nobody saw, then what came of each operator's.

use super::super::{Fate, RunReport, Tried};
use super::markup::Markup;
use super::table::table;

pub(super) fn mutants(page: &mut Markup, report: &RunReport) {
    let Some(mutation) = &report.mutation else {
        return;
    };
    page.raw("<section>\n<h2 id=\"mutants\">Mutants</h2>\n");
    let text = format!(
        "Single changes of the rendered files, made without any knowledge of the checks: {}. \
         Of {} that there are, seed {}; {} more would change nothing that can be seen.",
        mutation.fates().in_words(),
        mutation.possible,
        mutation.seed,
        mutation.dropped,
    );
    page.element("p", &[], &text);
    let rows = mutation.by_operator().into_iter().map(|(operator, fates)| {
        let counts = [fates.tried, fates.seen, fates.harmless, fates.survived];
        let counts = counts.iter().map(ToString::to_string);
        std::iter::once(operator.to_owned()).chain(counts).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns = ["operator", "tried", "seen", "harmless", "survived"];
    table(page, &columns, &rows);
    let tried = &mutation.tried;
    let unseen = |fate: &Fate| matches!(fate, Fate::Survived | Fate::Harmless { .. });
    for (title, wanted) in [("Not seen", true), ("Seen", false)] {
        let rows = tried.iter().filter(|tried| unseen(&tried.fate) == wanted);
        let rows: Vec<Vec<String>> = rows.map(row).collect();
        if !rows.is_empty() {
            page.element("h3", &[], title);
            let columns = ["mutant", "change", "what came of it", "by", "why"];
            table(page, &columns, &rows);
        }
    }
    page.close("section");
}

fn row(tried: &Tried) -> Vec<String> {
    vec![
        format!("{} {}\n{}", tried.number, tried.id, tried.title),
        tried.diff.clone(),
        tried.fate.word().to_owned(),
        tried.fate.by().to_owned(),
        tried.fate.why().to_owned(),
    ]
}
