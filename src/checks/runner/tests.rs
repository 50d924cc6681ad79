use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::need::Need;
use super::super::testing::{check, target};
use super::super::verdict::{fail, require};
use super::*;
use crate::diagnostics;
use crate::report::Summary;

fn leak(checks: Vec<Check>) -> Vec<&'static Check> {
    checks
        .into_iter()
        .map(|c| &*Box::leak(Box::new(c)))
        .collect()
}

async fn run_with(checks: Vec<Check>, options: Options) -> (RunReport, Vec<String>) {
    run_on(&[Arc::new(target())], checks, options).await
}

async fn run_on(
    targets: &[Arc<Target>],
    checks: Vec<Check>,
    options: Options,
) -> (RunReport, Vec<String>) {
    let mut story = Vec::new();
    let checks = leak(checks);
    let cancel = CancellationToken::new();
    let report = run(&checks, targets, options, &cancel, |event| {
        story.push(match &event.fact {
            Fact::RunStarted { selected, .. } => format!("run of {selected}"),
            Fact::CheckStarted { id } => format!("start {id}"),
            Fact::CheckFinished { record, .. } => {
                format!("{} {}", record.outcome.word(), record.id)
            }
            Fact::RunFinished { .. } => "end".to_owned(),
            other => format!("{other:?}"),
        });
    })
    .await;
    (report, story)
}

fn one_at_a_time() -> Options {
    Options {
        jobs: 1,
        ..Options::default()
    }
}

#[tokio::test]
async fn outcomes_come_as_events_and_in_the_order_of_the_registry() {
    let failing = Check {
        run: &|_: Context| Box::pin(async { fail("a", "b") }),
        ..check("a.fails")
    };
    let needy = Check {
        needs: &[Need::Inbox, Need::Xclient],
        ..check("a.needs")
    };
    let checks = vec![failing, check("a.passes"), needy];
    let (report, story) = run_with(checks, one_at_a_time()).await;
    assert_eq!(
        story,
        [
            "run of 3",
            "skipped a.needs",
            "start a.fails",
            "fail a.fails",
            "start a.passes",
            "pass a.passes",
            "end"
        ]
    );
    let ids: Vec<_> = report.checks.iter().map(|c| c.id).collect();
    assert_eq!(ids, ["a.fails", "a.passes", "a.needs"]);
    let why = "needs an inbox behind the relay, and XCLIENT (a lab of `relaykit test`)".into();
    assert_eq!(report.checks[2].outcome, Outcome::Skipped { why });
    assert!(report.not_run.is_empty() && report.cut_short.is_none());
}

#[tokio::test]
async fn a_panic_is_broken_with_its_words_and_the_transcript() {
    let checks = vec![Check {
        run: &|context: Context| {
            Box::pin(async move {
                context.transcript().note("EHLO me");
                panic!("index {}", 7)
            })
        },
        ..check("a.panics")
    }];
    let (report, _) = run_with(checks, Options::default()).await;
    let Outcome::Broken { why } = &report.checks[0].outcome else {
        panic!("{:?}", report.checks[0]);
    };
    assert!(why.contains("panicked: index 7"), "{why}");
    assert_eq!(report.checks[0].transcript, ["-- EHLO me"]);
}

#[tokio::test]
async fn a_check_that_hangs_is_broken_at_its_deadline_and_says_what_it_waited_for() {
    let _minded = diagnostics::mind();
    let checks = vec![
        Check {
            run: &|_: Context| {
                Box::pin(async {
                    let reply = std::future::pending();
                    reply.instrument(info_span!("smtp", what = "a reply")).await
                })
            },
            ..check("a.hangs")
        },
        check("a.passes"),
    ];
    let options = Options {
        jobs: 1,
        // Whatever is not done at its first poll is late: no clock is waited for.
        deadline: Duration::ZERO,
        ..Options::default()
    };
    let (report, _) = run_with(checks, options).await;
    let expected = Summary {
        passed: 1,
        broken: 1,
        ..Summary::default()
    };
    assert_eq!(report.summary(), expected);
    let Outcome::Broken { why } = &report.checks[0].outcome else {
        panic!("{:?}", report.checks[0]);
    };
    let waited_for = "\n  while waiting for: check a.hangs > smtp a reply";
    assert!(why.ends_with(waited_for), "{why}");
}

static STOP: OnceLock<CancellationToken> = OnceLock::new();
static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

async fn interrupted_while_it_waits() -> Judged {
    let _guard = OnDrop;
    STOP.get().unwrap().cancel();
    std::future::pending().await
}

#[tokio::test]
async fn a_cancelled_run_drops_what_runs_and_names_what_did_not() {
    let cancel = STOP.get_or_init(CancellationToken::new);
    let hanging = Check {
        run: &|_: Context| Box::pin(interrupted_while_it_waits()),
        ..check("a.hangs")
    };
    let checks = leak(vec![check("a.passes"), hanging, check("a.never")]);
    let report = run(
        &checks,
        &[Arc::new(target())],
        one_at_a_time(),
        cancel,
        |_| (),
    )
    .await;
    assert_eq!(report.cut_short, Some(CutShort::Interrupted));
    assert_eq!(report.not_run, ["a.hangs", "a.never"]);
    assert_eq!(report.checks.len(), 1);
    assert_eq!(report.exit_code(), crate::report::exit::INTERRUPTED);
    assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
}

static NOW: AtomicUsize = AtomicUsize::new(0);

async fn counted(now: &AtomicUsize, limit: usize) -> Judged {
    let others = now.fetch_add(1, Ordering::SeqCst);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    now.fetch_sub(1, Ordering::SeqCst);
    require(others < limit, "fewer at once", || {
        format!("{others} others")
    })
}

#[tokio::test]
async fn jobs_are_limited() {
    for (jobs, shared) in [(2, 6), (6, 2)] {
        let crowd = ["a.one", "a.two", "a.three", "a.four"].map(|id| Check {
            run: &|_: Context| Box::pin(counted(&NOW, 2)),
            ..check(id)
        });
        let options = Options {
            jobs,
            shared,
            ..Options::default()
        };
        let (report, _) = run_with(crowd.into(), options).await;
        assert_eq!(report.summary().passed, 4, "{report:?}");
    }
}

static ALONE: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn checks_that_disturb_run_one_at_a_time_on_a_target_of_their_own() {
    let alone = ["a.one", "a.two", "a.three"].map(|id| Check {
        exclusive: true,
        run: &|context: Context| {
            Box::pin(async move {
                let disposable = context.target().disposable;
                require(disposable, "a target to disturb", || "another")?;
                counted(&ALONE, 1).await
            })
        },
        ..check(id)
    });
    let mut checks = vec![check("a.ordinary")];
    checks.extend(alone);
    let disposable = Target {
        disposable: true,
        ..target()
    };
    let targets = [Arc::new(target()), Arc::new(disposable)];
    let (report, _) = run_on(&targets, checks, Options::default()).await;
    assert_eq!(report.summary().passed, 4, "{report:?}");
}

#[tokio::test]
async fn a_check_that_disturbs_is_skipped_where_nothing_may_be_disturbed() {
    let alone = Check {
        exclusive: true,
        ..check("a.alone")
    };
    let (report, _) = run_with(vec![alone], Options::default()).await;
    let why = "needs a lab of its own to disturb (not with --lab)".into();
    assert_eq!(report.checks[0].outcome, Outcome::Skipped { why });
}

#[tokio::test]
async fn a_password_reaches_neither_transcript_nor_outcome() {
    let checks = vec![Check {
        run: &|context: Context| {
            Box::pin(async move {
                context.transcript().note("wonderland");
                fail("no password", "wonderland")
            })
        },
        ..check("a.leaks")
    }];
    let (report, _) = run_with(checks, Options::default()).await;
    assert!(!format!("{report:?}").contains("wonderland"));
    assert_eq!(report.checks[0].transcript, ["-- ***"]);
}

#[tokio::test]
async fn a_pass_has_what_was_expected_and_seen_and_its_transcript() {
    let checks = vec![Check {
        run: &|context: Context| {
            Box::pin(async move {
                context.transcript().note("wonderland");
                require(true, "no wonderland", || "a wonderland".to_owned())
            })
        },
        ..check("a.speaks")
    }];
    let (report, _) = run_with(checks, Options::default()).await;
    let record = &report.checks[0];
    assert_eq!(record.outcome, Outcome::Pass);
    assert_eq!(record.expected(), "no ***");
    assert_eq!(record.observed(), "a ***");
    assert_eq!(record.transcript, ["-- ***"]);
}

#[tokio::test]
async fn a_check_that_passes_without_a_word_is_broken() {
    let silent = Check {
        run: &|_: Context| Box::pin(async { Judged::Continue(()) }),
        ..check("a.silent")
    };
    // Words for a failure are nothing that was seen.
    let constant = Check {
        run: &|_: Context| Box::pin(async { require(true, "one", || "none") }),
        ..check("a.constant")
    };
    let (report, _) = run_with(vec![silent, constant], Options::default()).await;
    assert_eq!(report.summary().broken, 2, "{report:?}");
}
