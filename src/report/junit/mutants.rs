//! Mutants in the `JUnit` report: a case for each, which fails where it survived.

use super::super::xml::Document;
use super::super::{Fate, RunReport};
use super::{Numbers, borrowed, seconds};

/// Cases and how they ended.
pub(super) fn counts(report: &RunReport) -> Numbers {
    let Some(mutation) = &report.mutation else {
        return Numbers::default();
    };
    let fates = mutation.fates();
    Numbers {
        tests: mutation.tried.len(),
        failures: fates.survived,
        skipped: fates.not_planted,
        ..Numbers::default()
    }
}

pub(super) fn suite(document: &mut Document, report: &RunReport) {
    let Some(mutation) = &report.mutation else {
        return;
    };
    let mut attributes = vec![("name", "mutants".to_owned())];
    attributes.extend(counts(report).attributes());
    attributes.push(("time", seconds(mutation.elapsed)));
    document.open("testsuite", &borrowed(&attributes));
    for tried in &mutation.tried {
        let name = format!("{} {}", tried.id, tried.title);
        let time = seconds(tried.took);
        let attributes = [
            ("name", name.as_str()),
            ("classname", "mutants"),
            ("time", &time),
        ];
        document.open("testcase", &attributes);
        match &tried.fate {
            Fate::Survived => {
                let attributes = [("message", "no check saw it"), ("type", "mutant")];
                document.element("failure", &attributes, &tried.diff);
            }
            Fate::Unplanted { why } => {
                document.element("skipped", &[("message", why)], "");
            }
            _ => {}
        }
        let (fate, by, why) = (tried.fate.word(), tried.fate.by(), tried.fate.why());
        let said = format!("{}\n{fate} {by}\n{why}\n", tried.diff);
        document.element("system-out", &[], &said);
        document.close();
    }
    document.close();
}
