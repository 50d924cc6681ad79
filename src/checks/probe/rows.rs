//! Tables: many rows of one check, side by side, with all wrong ones reported.

use std::ops::ControlFlow;

use futures_util::StreamExt;
use futures_util::stream;

use super::super::said::SILENT;
use super::super::{Context, Judged, Target, verdict};
use crate::report::Outcome;

/// How many rows of one table run at once.
const AT_ONCE: usize = 6;

/// How many tables may run at once, so that all of them together stay within
/// the relay's limit on the connections of one client.
pub(in super::super) fn tables_at_once(target: &Target) -> usize {
    (limit(target) / AT_ONCE).max(1)
}

/// What a client that smtpd does not limit opens at once: half of the processes
/// that Postfix's `default_process_limit` allows.
const UNLIMITED: usize = 50;

/// A limit of 0 is none (postconf(5), `smtpd_client_connection_count_limit`), and
/// smtpd limits no client that may use XCLIENT.
fn limit(target: &Target) -> usize {
    if target.xclient {
        return UNLIMITED;
    }
    match target.spec.limits.connections_per_client {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    }
}

/// Judges every row side by side. The check fails with all rows that fail, and its
/// evidence is then of these alone. `name` says what a row is.
pub(in super::super) async fn each<R, F>(
    context: &Context,
    rows: impl IntoIterator<Item = R>,
    name: impl Fn(R) -> String,
    judge: impl Fn(Context, R) -> F,
) -> Judged
where
    R: Clone,
    F: Future<Output = Judged>,
{
    let running = rows.into_iter().map(|row| {
        let name = name(row.clone());
        let (number, own) = context.open_row(&name);
        let said = own.said().clone();
        let judging = said.clone().around(judge(own, row));
        async move { (name, number, said, judging.await) }
    });
    let (mut wrong, mut undecided) = (Vec::new(), None);
    // Made before they run: whatever a row borrows must not depend on the stream.
    let running: Vec<_> = running.collect();
    let at_once = AT_ONCE.min(limit(context.target()));
    let judged: Vec<_> = stream::iter(running).buffered(at_once).collect().await;
    for (name, number, said, judged) in judged {
        let outcome = match judged {
            ControlFlow::Break(outcome) => outcome,
            ControlFlow::Continue(()) if said.rows().is_empty() => Outcome::Broken {
                why: format!("{name}: {SILENT}"),
            },
            ControlFlow::Continue(()) => {
                context.row_is_right(number);
                continue;
            }
        };
        match outcome {
            Outcome::Fail { expected, observed } => wrong.push((name, expected, observed)),
            Outcome::Pass => {}
            // What is seen to be wrong is so whatever cannot be told of other rows.
            other => {
                undecided.get_or_insert(other);
            }
        }
    }
    if wrong.is_empty() {
        return undecided.map_or(verdict::PASS, ControlFlow::Break);
    }
    let all = |of: fn(&(String, String, String)) -> &str| {
        let lines = wrong.iter().map(|row| format!("{}: {}", row.0, of(row)));
        lines.collect::<Vec<_>>().join("\n")
    };
    verdict::fail(all(|row| &row.1), all(|row| &row.2))
}

/// What every row gives, side by side: of a table that is judged afterwards. The first that
/// gives nothing ends it, with the evidence of that row.
pub(in super::super) async fn gathered<R, T, F>(
    context: &Context,
    rows: impl IntoIterator<Item = R>,
    name: impl Fn(R) -> String,
    gather: impl Fn(Context, R) -> F,
) -> Judged<Vec<T>>
where
    R: Clone,
    F: Future<Output = Judged<T>>,
{
    let running = rows.into_iter().map(|row| {
        let (number, own) = context.open_row(&name(row.clone()));
        let said = own.said().clone();
        let gathering = said.around(gather(own, row));
        async move { (number, gathering.await) }
    });
    let running: Vec<_> = running.collect();
    let at_once = AT_ONCE.min(limit(context.target()));
    let all: Vec<_> = stream::iter(running).buffered(at_once).collect().await;
    let mut gathered = Vec::new();
    for (number, judged) in all {
        gathered.push(judged?);
        context.row_is_right(number);
    }
    ControlFlow::Continue(gathered)
}

/// Every one of `firsts` with every one of `seconds`.
pub(in super::super) fn pairs<A: Clone, B: Clone>(
    firsts: impl IntoIterator<Item = A>,
    seconds: &[B],
) -> Vec<(A, B)> {
    let mut pairs = Vec::new();
    for first in firsts {
        pairs.extend(seconds.iter().map(|second| (first.clone(), second.clone())));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::testing::target;
    use super::super::super::verdict::{PASS, fail, held, skip};
    use super::*;

    async fn judge(rows: &[&'static str]) -> (Judged, Vec<String>) {
        let context = Context::new(Arc::new(target()));
        let judged = each(
            &context,
            rows.iter().copied(),
            str::to_owned,
            |context, row| async move {
                context.transcript().note(format!("asked {row}"));
                match row {
                    "wrong" | "worse" => fail("550", "250"),
                    "unfit" => skip("not here"),
                    "silent" => PASS,
                    _ => held("550", "550 5.7.1"),
                }
            },
        );
        let judged = judged.await;
        (judged, context.evidence())
    }

    #[tokio::test]
    async fn every_wrong_row_is_reported_and_no_right_one() {
        let (judged, transcript) = judge(&["right", "wrong", "right", "worse"]).await;
        let expected = Outcome::Fail {
            expected: "wrong: 550\nworse: 550".into(),
            observed: "wrong: 250\nworse: 250".into(),
        };
        assert_eq!(judged, ControlFlow::Break(expected));
        assert_eq!(
            transcript,
            ["-- wrong:", "-- asked wrong", "-- worse:", "-- asked worse"]
        );
    }

    #[tokio::test]
    async fn a_row_that_cannot_tell_is_not_a_pass() {
        let (judged, _) = judge(&["right", "unfit"]).await;
        let why = "not here".into();
        assert_eq!(judged, ControlFlow::Break(Outcome::Skipped { why }));
    }

    #[tokio::test]
    async fn a_row_that_is_wrong_is_so_beside_one_that_cannot_tell() {
        let (judged, _) = judge(&["unfit", "wrong"]).await;
        let failed = matches!(judged, ControlFlow::Break(Outcome::Fail { .. }));
        assert!(failed, "{judged:?}");
    }

    #[tokio::test]
    async fn right_rows_pass_with_what_they_saw() {
        let context = Context::new(Arc::new(target()));
        let row = |context: Context, _| async move {
            context.transcript().note("asked");
            held("550", "550 5.7.1")
        };
        let judged = each(&context, ["a", "b"], str::to_owned, row).await;
        assert_eq!(judged, PASS);
        assert!(context.evidence().is_empty());
        assert_eq!(
            context.whole_evidence(),
            ["-- a:", "-- asked", "-- b:", "-- asked"]
        );
        let seen = context.seen();
        assert_eq!(
            (seen.len(), &*seen[1].row, &*seen[1].observed),
            (2, "b", "550 5.7.1")
        );
    }

    #[tokio::test]
    async fn a_row_that_passes_without_a_word_is_broken() {
        let (judged, _) = judge(&["right", "silent"]).await;
        let why = matches!(&judged, ControlFlow::Break(Outcome::Broken { why }) if why.starts_with("silent: "));
        assert!(why, "{judged:?}");
    }
}
