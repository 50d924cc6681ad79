//! The rules of the lint as a page of the documentation.

use std::fmt::Write as _;

use super::citation::sources;
use crate::audit::Rule;

/// How to make the page anew.
const REGENERATE: &str = "RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports reference";

/// Every rule, as Markdown.
#[must_use]
pub fn lint<'a>(rules: impl Iterator<Item = &'a Rule> + Clone) -> String {
    let mut text = format!(
        "# The rules of `relaykit config lint`\n\n\
         {} rules. The lint reads what `postfix.main` and `postfix.master` change: every access, alias,\n\
         canonical, bcc, generic, policy, transport, next hop, milter and restriction list that is in effect,\n\
         inline or in a file that can be read from here. It says in one sentence what each entry does, and\n\
         these rules say which of them are faults. What relaykit sets itself is none.\n\n\
         A finding that is meant is named in relay.yaml, by the id of its rule:\n\n\
         ```yaml\n\
         postfix:\n  main: {{always_bcc: archive@example.org}}\n  accept: [copied]\n\
         ```\n\n\
         `relaykit config lint` ends with 10 where a finding is not accepted. The check\n\
         [runtime.nothing_is_let_through_unaccepted](CHECKS.md#runtimenothing_is_let_through_unaccepted)\n\
         holds the relay that runs to the same rules, and every report of `relaykit test` names what was\n\
         accepted. `--format json` prints what [output.schema.json](output.schema.json) has as `config_lint`.\n\n\
         This page is made from the rules in `src/audit/rules`; to make it anew:\n\
         `{REGENERATE}`\n\n\
         | rule | fault | severity |\n| --- | --- | --- |\n",
        rules.clone().count()
    );
    // Writing to a String cannot fail.
    for rule in rules.clone() {
        let Rule { id, title, .. } = rule;
        let severity = rule.severity.word();
        let _ = writeln!(text, "| [{id}](#{id}) | {title} | {severity} |");
    }
    for rule in rules {
        section(&mut text, rule);
    }
    text
}

fn section(text: &mut String, rule: &Rule) {
    let Rule {
        id,
        title,
        consequence,
        repair,
        example,
        ..
    } = rule;
    let cited: Vec<String> = sources(rule.source)
        .map(|(source, address)| match address {
            Some(address) => format!("[{source}]({address})"),
            None => source.to_owned(),
        })
        .collect();
    let _ = write!(
        text,
        "\n## {id}\n\n**{title}**\n\n{consequence}\n\nThe fault, for example:\n\n\
         ```yaml\npostfix: {{{example}}}\n```\n\n\
         The repair: {repair}\n\n- severity: {}\n- source: {}\n",
        rule.severity.word(),
        cited.join("; ")
    );
}
