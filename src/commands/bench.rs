//! `relaykit bench`: makes or finds what is to be measured, measures, and tells.

mod asked;
mod files;
mod host;
mod labs;

use std::time::Instant;

use jiff::Timestamp;

use super::Session;
use super::exit::Exit;
use crate::bench::{self, LoadFacts, Machine, Point, Report, Series, Subject, TargetFacts};
use crate::cli::Bench;
use asked::Asked;
use files::Files;

pub(super) async fn run(session: &Session, arguments: Bench) -> anyhow::Result<Exit> {
    let asked = Asked::of(&arguments)?;
    let files = Files::open(&arguments)?;
    let began = (Timestamp::now(), Instant::now());
    let machine = Machine::now();
    let mut made = labs::Made::default();
    let measured = measure(session, &arguments, &asked, &mut made).await;
    // Whatever came of it, nothing is left behind.
    let removed = made.take_down().await;
    let (subjects, points) = measured?;
    removed?;
    let report = report(session, &asked, &subjects, points, began, machine);
    files.write(&report)?;
    session.print(&report, &bench::human(&report))?;
    Ok(if report.interrupted {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

async fn measure(
    session: &Session,
    arguments: &Bench,
    asked: &Asked,
    made: &mut labs::Made,
) -> anyhow::Result<(Vec<Subject>, Vec<Point>)> {
    let mut subjects = vec![made.first(session, arguments, asked).await?];
    if let Some(other) = &arguments.versus {
        subjects.push(made.second(session, arguments, asked, other).await?);
    }
    for line in asked.plan(&subjects) {
        session.display.line(&line);
    }
    let tell = |point: &Point| session.display.line(&bench::line(point));
    let points = asked.series.run(&subjects, &session.cancel, tell).await?;
    Ok((subjects, points))
}

fn report(
    session: &Session,
    asked: &Asked,
    subjects: &[Subject],
    points: Vec<Point>,
    (started_at, began): (Timestamp, Instant),
    machine: Machine,
) -> Report {
    let Series {
        load,
        bounds,
        warm_up,
        rounds,
        ..
    } = &asked.series;
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let summary = bench::summaries(&points);
    let names: Vec<&str> = subjects.iter().map(|s| s.target.name.as_str()).collect();
    let mut report = Report {
        relaykit: env!("CARGO_PKG_VERSION"),
        started_at,
        elapsed_ms: millis(began.elapsed()),
        interrupted: session.cancel.is_cancelled(),
        machine,
        load: LoadFacts {
            logins_only: load.logins_only,
            messages_per_connection: load.per_connection,
            size: load.size,
            recipients: subjects.first().map_or(0, |s| s.target.recipients.len()),
            nagle: load.nagle,
            time_ms: millis(bounds.time),
            messages: bounds.messages,
            warm_up_ms: millis(*warm_up),
            rounds: *rounds,
        },
        targets: subjects.iter().map(TargetFacts::of).collect(),
        ratios: match names.as_slice() {
            [of, to] => bench::ratios(&summary, of, to),
            _ => Vec::new(),
        },
        points,
        summary,
        notes: Vec::new(),
    };
    report.notes = bench::notes(&report);
    report
}
