//! The run as an HTML page: one file that needs nothing else. The curves come first, then
//! every figure that they are drawn from.

use super::compare::{Ratio, Spread, Summary};
use super::curve::{Chart, Line, Scale};
use super::human::{conditions, described, short};
use super::report::{Point, Report, pace};
use super::step::Step;
use super::tally::{Percentiles, Refusal};
use crate::report::{Markup, head, table};

const STYLE: &str = include_str!("page.css");

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> Vec<u8> {
    let mut page = Markup::default();
    let names: Vec<&str> = report.targets.iter().map(|t| t.name.as_str()).collect();
    let title = format!("bench of {}", names.join(" and "));
    head(&mut page, &title, STYLE, None);
    page.raw("<body>\n<main>\n");
    beginning(&mut page, report, &title);
    curves(&mut page, report);
    rates(&mut page, report);
    ratios(&mut page, report);
    for point in &report.points {
        of_point(&mut page, point);
    }
    page.raw("</main>\n</body>\n</html>\n");
    page.finish()
}

fn beginning(page: &mut Markup, report: &Report, title: &str) {
    page.open("header", &[("class", "verdict")]);
    page.element("h1", &[], title);
    for target in &report.targets {
        page.element("p", &[], described(target).trim_end());
    }
    page.element("p", &[], conditions(report).trim_end());
    let when = report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let line = format!("relaykit {}, {when}", report.relaykit);
    page.element("p", &[("class", "quiet")], &line);
    page.close("header");
    if report.interrupted {
        page.element(
            "p",
            &[],
            "The run was interrupted: the figures are of what was done until then.",
        );
    }
    for note in &report.notes {
        page.open("p", &[]);
        page.element("b", &[], "Note: ");
        page.text(note);
        page.close("p");
    }
}

/// Where a pace stands on the axis.
#[allow(clippy::cast_precision_loss, reason = "nobody has 2^52 clients")]
fn across(summary: &Summary) -> f64 {
    summary.rate.unwrap_or(summary.clients as f64)
}

fn curves(page: &mut Markup, report: &Report) {
    let open = report.summary.iter().any(|s| s.rate.is_some());
    let axis = if open {
        ("messages a second that were to be sent", Scale::Linear)
    } else {
        ("clients at once", Scale::Log)
    };
    let mut marks: Vec<(f64, String)> = Vec::new();
    for summary in &report.summary {
        let value = across(summary);
        if !marks.iter().any(|(known, _)| (known - value).abs() < 1e-9) {
            marks.push((value, format!("{value}")));
        }
    }
    let mut lines = Vec::new();
    let mut add = |what: &str, dashed: bool, value: &dyn Fn(&Summary) -> Option<f64>| {
        for (look, target) in report.targets.iter().enumerate() {
            let own = report.summary.iter().filter(|s| s.target == target.name);
            let points: Vec<_> = own.filter_map(|s| Some((across(s), value(s)?))).collect();
            if points.iter().any(|(_, y)| *y > 0.0) {
                lines.push(Line {
                    name: format!("{}: {what}", target.name),
                    dashed,
                    look,
                    points,
                });
            }
        }
    };
    let what = if report.load.logins_only {
        add("logins", false, &|s| Some(s.logins_per_second.median));
        "logins"
    } else {
        add("accepted", false, &|s| Some(s.accepted_per_second.median));
        add("delivered", true, &|s| Some(s.delivered_per_second?.median));
        "messages"
    };
    let chart = |title: String, upwards, lines| Chart {
        title,
        across: axis,
        upwards,
        marks: marks.clone(),
        lines,
        dots: true,
    };
    chart(
        format!("Throughput, {what} a second"),
        ("a second", Scale::Linear),
        lines,
    )
    .show(page);
    chart(
        "How long it takes, ms".to_owned(),
        ("ms", Scale::Log),
        times(report),
    )
    .show(page);
    percentiles(report).show(page);
    in_time(report).show(page);
}

fn times(report: &Report) -> Vec<Line> {
    type Value = fn(&Summary) -> Option<Spread>;
    let values: [(&str, bool, Value); 2] =
        [("p50", false, |s| s.p50_ms), ("p99", true, |s| s.p99_ms)];
    let mut lines = Vec::new();
    for (what, dashed, value) in values {
        for (look, target) in report.targets.iter().enumerate() {
            let own = report.summary.iter().filter(|s| s.target == target.name);
            lines.push(Line {
                name: format!("{}: {what}", target.name),
                dashed,
                look,
                points: own
                    .filter_map(|s| Some((across(s), value(s)?.median)))
                    .collect(),
            });
        }
    }
    lines
}

/// The last round of every pace, target by target, each with what its line looks like: a
/// colour for each pace, or for each target where there is one pace.
fn last_round(report: &Report) -> Vec<(usize, bool, &Point)> {
    let last = report.points.iter().map(|point| point.round).max();
    let mut found = Vec::new();
    for (target, facts) in report.targets.iter().enumerate() {
        let own = report.points.iter().filter(|p| p.target == facts.name);
        let own: Vec<&Point> = own.filter(|p| Some(p.round) == last).collect();
        for (pace, point) in own.iter().enumerate() {
            let look = if own.len() == 1 { target } else { pace };
            found.push((look, target > 0, *point));
        }
    }
    found
}

fn name(report: &Report, point: &Point) -> String {
    if report.targets.len() > 1 {
        format!("{}: {}", point.target, point.pace())
    } else {
        point.pace()
    }
}

fn percentiles(report: &Report) -> Chart {
    let points = last_round(report).into_iter();
    let lines = points.map(|(look, dashed, point)| Line {
        name: name(report, point),
        dashed,
        look,
        points: point.curve.clone(),
    });
    let marks = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999];
    let words = ["0", "50", "90", "99", "99.9", "99.99"];
    Chart {
        title: "All percentiles of the last round, ms".to_owned(),
        across: ("per cent took no longer", Scale::Tail),
        upwards: ("ms", Scale::Log),
        marks: marks.into_iter().zip(words.map(str::to_owned)).collect(),
        lines: lines.collect(),
        dots: false,
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds and messages of a run")]
fn in_time(report: &Report) -> Chart {
    let points = last_round(report);
    let whole = |point: &Point| {
        // The last second is seldom whole, and would look like a fall.
        let end = point.per_second.len().saturating_sub(1);
        let seconds = point.per_second[..end].iter().enumerate();
        seconds
            .map(|(at, count)| (at as f64, *count as f64))
            .collect()
    };
    let lines = points.into_iter().map(|(look, dashed, point)| Line {
        name: name(report, point),
        dashed,
        look,
        points: whole(point),
    });
    let lines: Vec<Line> = lines.filter(|line| line.points.len() > 1).collect();
    let longest = lines
        .iter()
        .map(|line| line.points.len())
        .max()
        .unwrap_or(0);
    let step = (longest / 8).max(1);
    let marks = (0..longest).step_by(step);
    Chart {
        title: "Second by second, the last round".to_owned(),
        across: ("seconds", Scale::Linear),
        upwards: ("in this second", Scale::Linear),
        marks: marks
            .map(|second| (second as f64, second.to_string()))
            .collect(),
        lines,
        dots: false,
    }
}

/// A median, with its range where there is one.
fn range(spread: Option<Spread>) -> String {
    match spread {
        None => "-".to_owned(),
        Some(s) if (s.max - s.min).abs() < 1e-9 => short(s.median),
        Some(s) => format!("{} ({} - {})", short(s.median), short(s.min), short(s.max)),
    }
}

fn rates(page: &mut Markup, report: &Report) {
    page.raw("<h2>Figures</h2>\n");
    let words = if report.load.rounds > 1 {
        "Medians over the rounds, with the least and the most; times in ms."
    } else {
        "Times in ms."
    };
    page.element("p", &[("class", "quiet")], words);
    let row = |s: &Summary| {
        vec![
            format!("{}, {}", s.target, pace(s.clients, s.rate)),
            range(Some(s.accepted_per_second)),
            range(s.delivered_per_second),
            range(Some(s.logins_per_second)),
            range(s.p50_ms),
            range(s.p90_ms),
            range(s.p99_ms),
            range(s.max_ms),
            range(s.relay_cpu_ms),
            s.failed.to_string(),
        ]
    };
    let rows: Vec<_> = report.summary.iter().map(row).collect();
    let columns = [
        "",
        "accepted/s",
        "delivered/s",
        "logins/s",
        "p50",
        "p90",
        "p99",
        "max",
        "CPU of the relay",
        "failed",
    ];
    table(page, &columns, &rows);
}

fn ratios(page: &mut Markup, report: &Report) {
    let Some(first) = report.ratios.first() else {
        return;
    };
    page.element("h2", &[], &format!("{} by {}", first.of, first.to));
    let words = "Ratios of medians: of rates more than 1 is better, of times and CPU less.";
    page.element("p", &[("class", "quiet")], words);
    let one = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.2}"));
    let row = |r: &Ratio| {
        vec![
            pace(r.clients, r.rate),
            one(r.accepted_per_second),
            one(r.delivered_per_second),
            one(r.logins_per_second),
            one(r.p50),
            one(r.p99),
            one(r.relay_cpu),
        ]
    };
    let rows: Vec<_> = report.ratios.iter().map(row).collect();
    let columns = [
        "",
        "accepted/s",
        "delivered/s",
        "logins/s",
        "p50",
        "p99",
        "CPU of the relay",
    ];
    table(page, &columns, &rows);
}

fn of_point(page: &mut Markup, point: &Point) {
    let title = format!("{}, {}, round {}", point.target, point.pace(), point.round);
    page.folded(&title, |page| {
        let delivered = point.delivered.map(|count| count.to_string());
        let line = format!(
            "{} begun, {} taken over, {} delivered, {} logins on {} connections, {} failed, {} never begun, in {} ms",
            point.begun,
            point.accepted,
            delivered.as_deref().unwrap_or("an unknown number"),
            point.logins,
            point.connections,
            point.failed,
            point.unstarted,
            point.window_ms
        );
        page.element("p", &[], &line);
        steps(page, point);
        cpu(page, point);
        let row = |e: &Refusal| vec![e.step.name().to_owned(), e.count.to_string(), e.reply.clone()];
        let rows: Vec<_> = point.errors.iter().map(row).collect();
        if !rows.is_empty() {
            table(page, &["error at", "count", "reply"], &rows);
        }
    });
}

fn steps(page: &mut Markup, point: &Point) {
    let row = |(step, times): (&Step, &Percentiles)| {
        let shown = [
            times.mean_ms,
            times.p50_ms,
            times.p90_ms,
            times.p99_ms,
            times.p999_ms,
            times.max_ms,
        ];
        let mut row = vec![step.name().to_owned(), times.count.to_string()];
        row.extend(shown.map(short));
        row
    };
    let rows: Vec<_> = point.latency.iter().map(row).collect();
    let columns = [
        "step, ms", "count", "mean", "p50", "p90", "p99", "p99.9", "max",
    ];
    table(page, &columns, &rows);
}

fn cpu(page: &mut Markup, point: &Point) {
    let each = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3}"));
    let mut rows = Vec::new();
    for (role, cpu) in &point.cpu {
        let mut row = |name: &str, per_message, total: f64| {
            rows.push(vec![
                format!("{role}: {name}"),
                each(per_message),
                short(total),
            ]);
        };
        row("all", cpu.per_message_ms, cpu.total_ms);
        for group in &cpu.groups {
            row(&group.name, group.per_message_ms, group.total_ms);
        }
    }
    if !rows.is_empty() {
        table(page, &["CPU", "of one, ms", "of all, ms"], &rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::testing;

    #[test]
    fn a_page_is_whole_and_shows_nothing_of_a_server_as_markup() {
        let mut report = testing::report();
        report.targets[0].name = "<script>alert(1)</script>".to_owned();
        let page = String::from_utf8(html(&report)).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(!page.contains("<script>"), "{page}");
        // Its two styles, and no script.
        assert_eq!(page.matches("sha256-").count(), 2);
        // Throughput, times, percentiles.
        assert!(page.matches("role=\"img\"").count() >= 3, "{page}");
        assert!(page.contains("reverse lookup"), "{page}");
    }
}
