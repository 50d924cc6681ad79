//! A run as tables for people.

use std::fmt::Write as _;

use super::compare::{Ratio, Spread, Summary};
use super::report::{Point, Report, TargetFacts, pace};
use super::step::Step;

/// Processes of less than this part of a container's CPU are told together.
const LEAST_PART: f64 = 0.01;

/// One line for a point, as it is measured.
#[must_use]
pub fn line(point: &Point) -> String {
    let asked = asked(point);
    let p99 = asked.map_or_else(String::new, |p| format!(", p99 {}", ms(p.p99_ms)));
    let p50 = asked.map_or_else(String::new, |p| format!(", p50 {}", ms(p.p50_ms)));
    let failed = match point.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let rate = if point.accepted == 0 && point.logins > 0 {
        format!("{:.1} logins/s", point.logins_per_second)
    } else {
        format!("{:.1} accepted/s", point.accepted_per_second)
    };
    format!(
        "round {} {:<16} {:<12} {rate}{p50}{p99}{failed}",
        point.round,
        point.target,
        point.pace()
    )
}

fn asked(point: &Point) -> Option<&super::tally::Percentiles> {
    let message = point.latency.get(&Step::Message);
    message.or_else(|| point.latency.get(&Step::Login))
}

/// The whole run.
#[must_use]
pub fn human(report: &Report) -> String {
    let mut text = String::new();
    for target in &report.targets {
        text.push_str(&described(target));
    }
    text.push_str(&conditions(report));
    rates(&mut text, report);
    for target in &report.targets {
        steps(&mut text, report, &target.name);
        cpu(&mut text, report, &target.name);
    }
    errors(&mut text, report);
    if !report.ratios.is_empty() {
        ratios(&mut text, &report.ratios);
    }
    if !report.notes.is_empty() {
        text.push('\n');
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// A target in one line.
pub(super) fn described(target: &TargetFacts) -> String {
    let tls = match target.tls {
        "starttls" => "STARTTLS",
        "wrapped" => "TLS from the first byte",
        _ => "no TLS",
    };
    let login = if target.login { "a login" } else { "no login" };
    format!(
        "{} at {}: {tls}, {login}; next hop: {}\n",
        target.name, target.address, target.next_hop
    )
}

/// What each client did, in a sentence or two.
pub(super) fn conditions(report: &Report) -> String {
    let load = &report.load;
    let what = if load.logins_only {
        "logins only, a new connection for each".to_owned()
    } else {
        let recipients = match load.recipients {
            1 => "1 recipient".to_owned(),
            many => format!("{many} recipients"),
        };
        let kept = match load.messages_per_connection {
            1 => "a new connection for each".to_owned(),
            many => format!("{many} on a connection"),
        };
        format!("messages of {} bytes to {recipients}, {kept}", load.size)
    };
    let nagle = if load.nagle { "Nagle" } else { "TCP_NODELAY" };
    let most = match load.messages {
        None => String::new(),
        Some(most) => format!(" or {most} messages"),
    };
    format!(
        "{what}; {nagle}; {:.1} s{most} after {:.1} s of warm-up, {}; {} cores{}\n",
        seconds(load.time_ms),
        seconds(load.warm_up_ms),
        match load.rounds {
            1 => "1 round".to_owned(),
            many => format!("medians of {many} rounds"),
        },
        report.machine.cores,
        report
            .machine
            .load
            .map_or_else(String::new, |load| format!(", load {load:.2} before"))
    )
}

#[allow(clippy::cast_precision_loss, reason = "a run does not last for ages")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn rates(text: &mut String, report: &Report) {
    let logins = report.summary.iter().any(|s| s.logins_per_second.max > 0.0);
    let _ = write!(
        text,
        "\n{:<16} {:<14} {:>11} {:>12}",
        "", "", "accepted/s", "delivered/s"
    );
    if logins {
        let _ = write!(text, " {:>9}", "logins/s");
    }
    let what = if report.load.logins_only {
        "ms of a login"
    } else {
        "ms of a message"
    };
    let _ = writeln!(
        text,
        " {:>9} {:>9} {:>9} {:>9}  {:>8} {:>7}   ({what})",
        "p50", "p90", "p99", "max", "relay ms", "failed"
    );
    for summary in &report.summary {
        rate(text, summary, logins);
    }
}

fn rate(text: &mut String, summary: &Summary, logins: bool) {
    let pace = pace(summary.clients, summary.rate);
    let one = |spread: Option<Spread>| spread.map_or_else(|| "-".to_owned(), |s| short(s.median));
    let _ = write!(
        text,
        "{:<16} {pace:<14} {:>11} {:>12}",
        summary.target,
        short(summary.accepted_per_second.median),
        one(summary.delivered_per_second)
    );
    if logins {
        let _ = write!(text, " {:>9}", short(summary.logins_per_second.median));
    }
    let _ = writeln!(
        text,
        " {:>9} {:>9} {:>9} {:>9}  {:>8} {:>7}",
        one(summary.p50_ms),
        one(summary.p90_ms),
        one(summary.p99_ms),
        one(summary.max_ms),
        one(summary.relay_cpu_ms),
        summary.failed
    );
}

/// The last measurement of a target at its highest pace: where the time goes.
fn steps(text: &mut String, report: &Report, target: &str) {
    for point in shown(report, target) {
        let _ = writeln!(
            text,
            "\n{:<16} {:<14} {:>9} {:>9} {:>9} {:>9} {:>9}   (ms of each step)",
            target,
            point.pace(),
            "p50",
            "p90",
            "p99",
            "max",
            "count"
        );
        for (step, times) in &point.latency {
            let _ = writeln!(
                text,
                "  {:<29} {:>9} {:>9} {:>9} {:>9} {:>9}",
                step.name(),
                short(times.p50_ms),
                short(times.p90_ms),
                short(times.p99_ms),
                short(times.max_ms),
                times.count
            );
        }
    }
}

/// The last round of the first and of the last pace of a target.
pub(super) fn shown<'a>(report: &'a Report, target: &str) -> Vec<&'a Point> {
    let own = || report.points.iter().filter(|point| point.target == target);
    let last_round = own().map(|point| point.round).max();
    let last: Vec<&Point> = own().filter(|p| Some(p.round) == last_round).collect();
    match last.as_slice() {
        [] => Vec::new(),
        [one] => vec![one],
        [first, .., last] => vec![first, last],
    }
}

fn cpu(text: &mut String, report: &Report, target: &str) {
    for point in shown(report, target) {
        if point.cpu.is_empty() {
            continue;
        }
        let what = if report.load.logins_only {
            "a login"
        } else {
            "a message"
        };
        let pace = point.pace();
        let _ = writeln!(text, "\n{target:<16} {pace:<14} CPU of {what}, ms");
        // The relay first: it is what is measured.
        let (relay, others): (Vec<_>, Vec<_>) =
            point.cpu.iter().partition(|(role, _)| *role == "relay");
        for (role, cpu) in relay.into_iter().chain(others) {
            let least = cpu.total_ms * LEAST_PART;
            let groups = cpu.groups.iter().filter(|group| group.total_ms >= least);
            let groups: Vec<String> = groups
                .map(|group| format!("{} {}", group.name, each(group.per_message_ms)))
                .collect();
            let _ = writeln!(
                text,
                "  {role:<10} {:>8}   {}",
                each(cpu.per_message_ms),
                groups.join(", ")
            );
        }
        if let Some(own) = point.generator_cpu_ms {
            let units = point.accepted.max(point.logins);
            #[allow(clippy::cast_precision_loss, reason = "these are counts of seconds")]
            let each = (units > 0).then(|| own as f64 / units as f64);
            let _ = writeln!(
                text,
                "  {:<10} {:>8}   this program: {:.0} % of the machine",
                "bench",
                each.map_or_else(|| "-".to_owned(), short),
                part_of_machine(report, point).unwrap_or_default() * 100.0
            );
        }
    }
}

/// Which part of all processors this program took during a point.
#[allow(clippy::cast_precision_loss, reason = "milliseconds and processors")]
pub(super) fn part_of_machine(report: &Report, point: &Point) -> Option<f64> {
    let own = point.generator_cpu_ms? as f64;
    let all = point.window_ms * report.machine.cores as f64;
    (all > 0.0).then(|| own / all)
}

fn errors(text: &mut String, report: &Report) {
    let with_errors = report
        .points
        .iter()
        .filter(|point| !point.errors.is_empty());
    for point in with_errors {
        let _ = writeln!(
            text,
            "\n{} at {}, round {}: {} of {} did not end well",
            point.target,
            point.pace(),
            point.round,
            point.failed,
            point.begun
        );
        for error in &point.errors {
            let _ = writeln!(
                text,
                "  {:>7} x {}: {}",
                error.count,
                error.step.name(),
                error.reply
            );
        }
    }
}

fn ratios(text: &mut String, ratios: &[Ratio]) {
    let Some(first) = ratios.first() else { return };
    let _ = writeln!(
        text,
        "\n{} by {}, ratios of medians (of rates more is better, of times and CPU less)\n{:<31} {:>11} {:>12} {:>9} {:>9} {:>9} {:>9}",
        first.of, first.to, "", "accepted/s", "delivered/s", "logins/s", "p50", "p99", "relay ms"
    );
    let one =
        |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    for ratio in ratios {
        let _ = writeln!(
            text,
            "{:<31} {:>11} {:>12} {:>9} {:>9} {:>9} {:>9}",
            pace(ratio.clients, ratio.rate),
            one(ratio.accepted_per_second),
            one(ratio.delivered_per_second),
            one(ratio.logins_per_second),
            one(ratio.p50),
            one(ratio.p99),
            one(ratio.relay_cpu)
        );
    }
}

fn each(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"))
}

fn ms(value: f64) -> String {
    format!("{} ms", short(value))
}

/// Three digits that count, and no more behind the point than a person reads.
pub(super) fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
