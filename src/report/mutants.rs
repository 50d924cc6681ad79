//! The page on mutants in the documentation.

use std::fmt::Write as _;

use crate::mutation::{Operator, harmless};

/// How to make the page anew.
const REGENERATE: &str = "RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports mutants";

/// What was tried, and what came of it.
const MEASURED: &str = include_str!("mutants/measured.md");

/// What is changed, what came of it, and which changes nobody need see, as Markdown.
#[must_use]
pub fn mutants() -> String {
    let mut text = format!(
        "# Mutants\n\n\
         Each check of relaykit has sabotages, and whoever writes a check thinks of its sabotages. So\n\
         `relaykit test --mutate N` makes faults that nobody has thought of: operators that know\n\
         Postfix's documentation, and nothing of the checks, change one line, value, rule, mode or process\n\
         of the relay. The checks run on each until the first one fails, or cannot be judged. What none\n\
         sees is listed with its change, and the run ends with 10. A change that nobody could see (the\n\
         file reads the same, or a parameter is set to Postfix's default) is left out and counted.\n\n\
         ```sh\n\
         relaykit test --mutate 40                  # forty of them; the seed is told\n\
         relaykit test --mutate 40 --seed 7         # the same forty again, in the same order\n\
         relaykit test --mutant 7d0c1555            # one of them, by its id\n\
         relaykit test --mutate 40 -f relay.yaml --json mutants.json --html mutants.html\n\
         ```\n\n\
         A mutant is one of the relay that relay.yaml describes; variants of it have no part. The checks\n\
         that compare files with what relay.yaml gives, word by word, would see every change, and are left\n\
         out: `drift.postfix_uses_what_was_rendered`, `drift.injected_files_are_unchanged`, and for rules of\n\
         tables `runtime.nothing_is_let_through_unaccepted`, which knows relaykit's own rules by their words.\n\n\
         This page is made from `src/mutation` and `src/report/mutants/measured.md`; to make it anew:\n\
         `{REGENERATE}`\n\n\
         ## The operators\n\n\
         | operator | what it does |\n| --- | --- |\n"
    );
    for operator in Operator::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {} |", operator.name(), operator.does());
    }
    let _ = write!(text, "\n{MEASURED}");
    text.push_str(
        "\n## What nobody need see\n\n\
         These changes were tried, no check saw them, and each was judged to harm nobody. A reason is for\n\
         the lines as they stand: where a file says something else, the mutant is another and survives\n\
         until somebody has judged it.\n",
    );
    for one in harmless() {
        let _ = write!(text, "\n**{}**: {}\n\n```diff\n", one.file, one.why);
        for (before, after) in one.changes {
            for (mark, side) in [('-', before), ('+', after)] {
                for line in side.lines() {
                    let _ = writeln!(text, "{mark}{line}");
                }
            }
        }
        text.push_str("```\n");
    }
    text
}
