//! The catalogue as a page of the documentation.

use std::fmt::Write as _;

use super::Entry;
use super::citation::sources;
use super::markdown::prose;
use super::rows;

/// How to make the page anew.
const REGENERATE: &str = "RELAYKIT_UPDATE_SNAPSHOTS=1 cargo test --test reports catalogue";

/// Every entry, area by area, as Markdown.
#[must_use]
pub fn catalogue(entries: &[Entry]) -> String {
    let mut areas: Vec<&str> = entries.iter().map(area).collect();
    areas.dedup();
    let mut sabotages: Vec<&str> = names(entries).collect();
    sabotages.sort_unstable();
    sabotages.dedup();
    let mut text = format!(
        "# The checks\n\n\
         {} checks in {} areas, and {} sabotages under which they must fail. `relaykit test --explain ID`\n\
         prints the same for one of them, and `relaykit test --prove` plants the sabotages.\n\n\
         This page is made from the registry in `src/checks`; to make it anew:\n\
         `{REGENERATE}`\n\n\
         | area | checks | critical | high | medium | low |\n| --- | --- | --- | --- | --- | --- |\n",
        entries.len(),
        areas.len(),
        sabotages.len(),
    );
    for name in &areas {
        let of = |severity: &str| {
            let own = entries.iter().filter(|e| area(e) == *name);
            own.filter(|e| severity.is_empty() || e.severity == severity)
                .count()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| [{name}](#{name}) | {} | {} | {} | {} | {} |",
            of(""),
            of("critical"),
            of("high"),
            of("medium"),
            of("low")
        );
    }
    for name in areas {
        let _ = writeln!(text, "\n## {name}");
        for entry in entries.iter().filter(|e| area(e) == name) {
            section(&mut text, entry);
        }
    }
    text
}

fn section(text: &mut String, entry: &Entry) {
    let _ = writeln!(text, "\n### {}\n\n**{}**\n", entry.id, prose(entry.title));
    for paragraph in [entry.about, entry.repair].iter().filter(|p| !p.is_empty()) {
        let _ = writeln!(text, "{}\n", prose(paragraph));
    }
    let cited: Vec<String> = sources(entry.citation)
        .map(
            |(source, address)| match address.or_else(|| rows::place(source)) {
                Some(address) => format!("[{source}]({address})"),
                None => source.to_owned(),
            },
        )
        .collect();
    let _ = writeln!(text, "- severity: {}", entry.severity);
    let _ = writeln!(text, "- source: {}", cited.join("; "));
    if !entry.needs.is_empty() {
        let _ = writeln!(text, "- needs: {}", entry.needs.join("; "));
    }
    if entry.disturbs {
        text.push_str("- runs alone, on a lab of its own\n");
    }
    if !entry.sabotages.is_empty() {
        let names: Vec<String> = entry.sabotages.iter().map(|s| prose(s.name)).collect();
        let _ = writeln!(text, "- must fail under: {}", names.join("; "));
    }
}

fn area(entry: &Entry) -> &'static str {
    entry.id.split('.').next().unwrap_or_default()
}

fn names(entries: &[Entry]) -> impl Iterator<Item = &'static str> {
    entries
        .iter()
        .flat_map(|entry| entry.sabotages.iter().map(|sabotage| sabotage.name))
}
