//! The HTML report: one file that needs nothing else, for a screen, a phone and
//! paper. The verdict comes first, then what was tested, then every check.
//!
//! The page's own policy allows its one style and its one script, by their
//! digests, and nothing from anywhere else: what a hostile server says could not
//! run even if it were not escaped.

mod check;
mod facts;
mod markup;
mod mutants;
mod requirements;
mod table;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{CheckRecord, CutShort, Outcome, RunReport, Severity};
pub(crate) use markup::Markup;
pub(crate) use table::table;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The report as one HTML document.
pub(super) fn render(report: &RunReport) -> Vec<u8> {
    let mut page = Markup::default();
    let name = subject_name(report);
    head(&mut page, &name, "", Some(SCRIPT));
    page.raw("<body>\n<main>\n");
    verdict(&mut page, report, &name);
    facts::causes(&mut page, report);
    overview(&mut page, report);
    // Who asks for a profile reads its requirements first.
    if report.profile.is_some() {
        requirements::requirements(&mut page, report);
    }
    filter(&mut page);
    for area in areas(report) {
        page.open("section", &[("class", "area")]);
        page.element("h2", &[("id", &format!("area-{area}"))], area);
        for record in report.checks.iter().filter(|c| c.area() == area) {
            check::show(&mut page, record);
        }
        page.close("section");
    }
    if report.profile.is_none() {
        requirements::requirements(&mut page, report);
    }
    facts::sabotages(&mut page, report);
    mutants::mutants(&mut page, report);
    facts::subject(&mut page, report);
    page.raw("</main>\n<script>");
    page.raw(SCRIPT);
    page.raw("</script>\n</body>\n</html>\n");
    page.finish()
}

/// The beginning of a page that is one file: its policy allows this house's style, `more`
/// style, and one script.
pub(crate) fn head(page: &mut Markup, title: &str, more: &'static str, script: Option<&str>) {
    let script = script.map_or_else(
        || "'none'".to_owned(),
        |script| format!("'{}'", digest(script)),
    );
    let mut styles = format!("'{}'", digest(STYLE));
    if !more.is_empty() {
        styles = format!("{styles} '{}'", digest(more));
    }
    let policy = format!(
        "default-src 'none'; style-src {styles}; script-src {script}; base-uri 'none'; form-action 'none'"
    );
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.open(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", &policy),
        ],
    );
    page.raw("\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.element("title", &[], &format!("relaykit: {title}"));
    page.raw("\n<style>");
    page.raw(STYLE);
    page.raw("</style>\n");
    if !more.is_empty() {
        page.raw("<style>");
        page.raw(more);
        page.raw("</style>\n");
    }
    page.raw("</head>\n");
}

/// How a policy names an inline style or script.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn subject_name(report: &RunReport) -> String {
    let subject = report.subject.as_ref();
    subject.map_or_else(|| "a relay".to_owned(), |s| s.hostname.clone())
}

fn verdict(page: &mut Markup, report: &RunReport, name: &str) {
    let counts = report.summary();
    let unseen = report.undetected().count();
    let mutation = report.mutation.as_ref();
    let survived = mutation.is_some_and(|mutation| mutation.survivors().next().is_some());
    let (class, words) = if counts.failed > 0 {
        ("fail", format!("{name} fails {}", checks(counts.failed)))
    } else if unseen > 0 {
        (
            "fail",
            "The proof has a gap: a sabotage was not detected".to_owned(),
        )
    } else if survived {
        (
            "fail",
            "The checks have a gap: a change of the relay was not seen".to_owned(),
        )
    } else if counts.broken > 0 {
        (
            "broken",
            format!("{} could not be judged", checks(counts.broken)),
        )
    } else if let Some(cut_short) = report.cut_short {
        let why = match cut_short {
            CutShort::Interrupted => "The run was interrupted",
            CutShort::MaxFail => "Enough checks have failed",
            CutShort::NoLab => "A lab did not come up",
        };
        ("broken", why.to_owned())
    } else if counts.passed == 0 {
        ("broken", "Nothing was checked".to_owned())
    } else {
        ("pass", format!("{name} passes {}", checks(counts.passed)))
    };
    page.open("header", &[("class", &format!("verdict {class}"))]);
    page.element("h1", &[], &words);
    if let Some(worst) = worst(report) {
        let text = format!("The gravest failure is {}.", worst.word());
        page.element("p", &[], &text);
    }
    page.open("ul", &[("class", "counts")]);
    for (class, count, word) in [
        ("pass", counts.passed, "passed"),
        ("fail", counts.failed, "failed"),
        ("skipped", counts.skipped, "skipped"),
        ("broken", counts.broken, "broken"),
    ] {
        page.element("li", &[("class", class)], &format!("{count} {word}"));
    }
    if let Some(proof) = report.proof() {
        let text = format!(
            "{} of {} sabotages detected in {:.1} s",
            proof.detected,
            proof.planted,
            report.proving.as_secs_f64()
        );
        page.element("li", &[], &text);
        if proof.not_planted > 0 {
            page.element("li", &[], &format!("{} not planted", proof.not_planted));
        }
    }
    page.close("ul");
    let when = report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let line = format!(
        "relaykit {}, {when}, {:.1} s",
        env!("CARGO_PKG_VERSION"),
        report.elapsed.as_secs_f64()
    );
    page.element("p", &[("class", "quiet")], &line);
    page.close("header");
}

fn checks(count: usize) -> String {
    match count {
        1 => "1 check".to_owned(),
        many => format!("{many} checks"),
    }
}

fn worst(report: &RunReport) -> Option<Severity> {
    let failed = report
        .checks
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Fail { .. }));
    failed.map(|check| check.severity).max()
}

/// What needs a look, worst first, and the way to each area. What could not be judged for
/// a port that is down stands with that port.
fn overview(page: &mut Markup, report: &RunReport) {
    let mut bad: Vec<&CheckRecord> = report
        .checks
        .iter()
        .filter(|c| matches!(c.outcome, Outcome::Fail { .. } | Outcome::Broken { .. }))
        .filter(|c| report.down_for(&c.outcome).is_none())
        .collect();
    bad.sort_by_key(|check| {
        (
            check.outcome.word() != "fail",
            std::cmp::Reverse(check.severity),
        )
    });
    if !bad.is_empty() {
        page.raw("<h2>What needs a look</h2>\n<ul class=\"bad\">\n");
        for check in bad {
            page.raw("<li>");
            page.element("a", &[("href", &format!("#{}", check.id))], check.title);
            let word = match check.outcome {
                Outcome::Fail { .. } => check.severity.word(),
                _ => "broken",
            };
            page.element("span", &[("class", "quiet")], &format!(" ({word})"));
            page.close("li");
        }
        page.close("ul");
    }
    if !report.not_run.is_empty() {
        page.raw("<h2>Not run</h2>\n");
        page.element("p", &[], &report.not_run.join(", "));
    }
    page.raw("<nav aria-label=\"Areas\">\n<ul class=\"areas\">\n");
    for area in areas(report) {
        let own = || report.checks.iter().filter(|c| c.area() == area);
        let passed = own().filter(|c| c.outcome == Outcome::Pass).count();
        let failed = own()
            .filter(|c| matches!(c.outcome, Outcome::Fail { .. }))
            .count();
        page.raw("<li>");
        page.element("a", &[("href", &format!("#area-{area}"))], area);
        page.text(&format!(" {passed} of {} passed", own().count()));
        if failed > 0 {
            page.element("b", &[], &format!(", {failed} failed"));
        }
        page.close("li");
    }
    page.raw("</ul>\n</nav>\n");
}

/// Shown by the script only: without it there is nothing to filter with.
fn filter(page: &mut Markup) {
    page.raw(
        "<div class=\"filter\" id=\"filter\" role=\"search\" hidden>\n\
         <input id=\"text\" type=\"search\" placeholder=\"Words: an id, a citation, a reply\" aria-label=\"Words\">\n\
         <select id=\"outcome\" aria-label=\"Outcome\"><option value=\"\">every outcome</option>\
         <option>fail</option><option>broken</option><option>skipped</option><option>pass</option></select>\n\
         <select id=\"severity\" aria-label=\"Severity\"><option value=\"\">every severity</option>\
         <option>critical</option><option>high</option><option>medium</option><option>low</option></select>\n\
         <button id=\"unfold\" type=\"button\" aria-pressed=\"false\">Unfold all</button>\n\
         <output id=\"shown\" class=\"quiet\"></output>\n</div>\n",
    );
}

/// In the order of the report.
fn areas(report: &RunReport) -> Vec<&'static str> {
    let mut areas: Vec<&str> = Vec::new();
    for check in &report.checks {
        if !areas.contains(&check.area()) {
            areas.push(check.area());
        }
    }
    areas
}
