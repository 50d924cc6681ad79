//! One check of the HTML report.

use super::super::citation::sources;
use super::super::{CheckRecord, Exhibit, Outcome, Seen, Severity};
use super::markup::Markup;

pub(super) fn show(page: &mut Markup, check: &CheckRecord) {
    let word = check.outcome.word();
    page.open(
        "article",
        &[
            ("class", &format!("check {word}")),
            ("id", check.id),
            ("data-outcome", word),
            ("data-severity", check.severity.word()),
        ],
    );
    page.open("div", &[("class", &format!("head {word}"))]);
    page.element("span", &[("class", "word")], word);
    page.element("span", &[("class", "title")], check.title);
    page.element("span", &[("class", "severity")], check.severity.word());
    page.close("div");
    page.raw("<div class=\"body\">\n");
    sources_of(page, check);
    verdict(page, check);
    for exhibit in &check.exhibits {
        page.folded(&exhibit.title, |page| show_exhibit(page, exhibit));
    }
    if check.shows_rows() {
        let label = format!("Rows, {}: what was expected and seen", check.rows.len());
        // Paper has the summary of all, and the rows of those that count most.
        if check.severity == Severity::Critical {
            page.folded(&label, |page| rows(page, &check.rows));
        } else {
            page.folded_on_screen(&label, |page| rows(page, &check.rows));
        }
    }
    if !check.about.is_empty() {
        page.folded("What it does, and why", |page| {
            page.element("p", &[], check.about);
        });
    }
    if !check.transcript.is_empty() {
        let label = format!("Transcript, {} lines", check.transcript.len());
        if check.outcome == Outcome::Pass {
            // Paper has the rows; a screen has what was said as well.
            page.folded_on_screen(&label, |page| transcript(page, &check.transcript));
        } else {
            page.folded(&label, |page| transcript(page, &check.transcript));
        }
    }
    if !check.log.is_empty() {
        page.folded("The relay's log", |page| {
            page.element("pre", &[], &check.log.join("\n"));
        });
    }
    sabotages(page, check);
    page.raw("</div>\n");
    page.close("article");
}

/// Id and time, and where the claim comes from.
fn sources_of(page: &mut Markup, check: &CheckRecord) {
    page.raw("<p class=\"quiet\">");
    page.element(
        "a",
        &[("class", "id"), ("href", &format!("#{}", check.id))],
        check.id,
    );
    for (source, address) in sources(check.citation) {
        page.raw(" · ");
        match address {
            Some(address) => {
                page.element("a", &[("href", &address), ("rel", "noreferrer")], source);
            }
            None => page.text(source),
        }
    }
    if !check.duration.is_zero() {
        page.text(&format!(" · {:.3} s", check.duration.as_secs_f64()));
    }
    page.close("p");
}

fn verdict(page: &mut Markup, check: &CheckRecord) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    match &check.outcome {
        Outcome::Pass | Outcome::Fail { .. } => {
            rows.extend([
                ("expected", check.expected()),
                ("observed", check.observed()),
            ]);
        }
        Outcome::Skipped { why } | Outcome::Broken { why } => rows.push(("because", why.clone())),
    }
    if matches!(check.outcome, Outcome::Fail { .. }) && !check.repair.is_empty() {
        rows.push(("to repair", check.repair.to_owned()));
    }
    page.raw("<dl>\n");
    for (term, words) in rows {
        page.element("dt", &[], term);
        page.element("dd", &[], &words);
    }
    page.close("dl");
}

fn rows(page: &mut Markup, rows: &[Seen]) {
    page.raw("<div class=\"wide\"><table class=\"stack rows\">\n<thead><tr><th>Row</th><th>Expected</th><th>Observed</th></tr></thead>\n<tbody>\n");
    for seen in rows {
        page.raw("<tr>");
        for (label, text) in [
            ("Row", &seen.row),
            ("Expected", &seen.expected),
            ("Observed", &seen.observed),
        ] {
            page.element("td", &[("data-label", label)], text);
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

fn transcript(page: &mut Markup, lines: &[String]) {
    page.raw("<pre>");
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            page.raw("\n");
        }
        if line.starts_with("C: ") {
            page.element("span", &[("class", "c")], line);
        } else if line.starts_with("-- ") {
            page.element("span", &[("class", "n")], line);
        } else {
            page.text(line);
        }
    }
    page.close("pre");
}

fn show_exhibit(page: &mut Markup, exhibit: &Exhibit) {
    page.raw("<div class=\"exhibit\">\n<div class=\"pair\">\n");
    for (title, text, class) in [
        ("Before: what the client told", &exhibit.before, ""),
        ("After: what the next hop got", &exhibit.after, "leak"),
    ] {
        page.raw("<div>");
        page.element("h4", &[], title);
        page.raw("<pre>");
        // A mail's lines end in CR LF; a report's do not.
        let text = text.replace("\r\n", "\n");
        for piece in exhibit.pieces(&text) {
            if piece.marked {
                page.element("mark", &[("class", class)], piece.text);
            } else {
                page.text(piece.text);
            }
        }
        page.raw("</pre>\n</div>\n");
    }
    page.raw("</div>\n<p class=\"quiet\">Marked: what must not get through.</p>\n</div>\n");
}

fn sabotages(page: &mut Markup, check: &CheckRecord) {
    if check.sabotages.is_empty() {
        return;
    }
    let detected = check
        .sabotages
        .iter()
        .filter(|planted| planted.detected)
        .count();
    let label = format!(
        "Sabotages: {detected} of {} detected",
        check.sabotages.len()
    );
    page.folded(&label, |page| {
        page.raw("<dl>\n");
        for planted in &check.sabotages {
            page.element("dt", &[], planted.name);
            let word = if planted.detected {
                "detected"
            } else {
                "NOT detected"
            };
            page.element("dd", &[], &format!("{word}: {}", planted.observed));
        }
        page.close("dl");
    });
}
