use std::sync::{Arc, Mutex};

use super::super::run::tests::{fail, record, report};
use super::super::{CutShort, Outcome, Planted, RunReport, Unclaimed, Unplanted};
use super::*;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn view(run: &RunReport, colours: Colours) -> String {
    let so_far = Arc::new(run.clone());
    let mut facts = vec![Fact::RunStarted {
        selected: run.checks.len() + run.not_run.len(),
        able: run.checks.len() + run.not_run.len(),
        registered: 9,
        jobs: 8,
    }];
    for record in &run.checks {
        facts.push(Fact::CheckStarted { id: record.id });
        facts.push(Fact::CheckFinished {
            record: record.clone(),
            so_far: so_far.clone(),
        });
    }
    facts.push(Fact::RunFinished { report: so_far });
    told(facts, colours)
}

fn told(facts: Vec<Fact>, colours: Colours) -> String {
    let paper = Paper::default();
    let mut human = Human::new(Box::new(paper.clone()), colours, Progress::Silent);
    for fact in facts {
        human.show(&Event::now(fact)).unwrap();
    }
    let bytes = paper.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_in_a_pipe_reads_like_this() {
    let skipped = Outcome::Skipped {
        why: "the target names no user".into(),
    };
    let mut failed = record("tls.c", fail());
    failed.log = vec!["postfix/smtpd[9]: connect".into()];
    let run = report(vec![
        record("auth.a", Outcome::Pass),
        record("auth.b", skipped),
        failed,
    ]);
    let expected = "    Starting 3 of 9 checks, up to 8 at once
        PASS [   0.012s] auth.a
        SKIP [   0.012s] auth.b  the target names no user
        FAIL [   0.012s] tls.c  high
             expected   no AUTH
             observed   AUTH PLAIN
────────────
        FAIL tls.c
             check      AUTH waits for TLS
             severity   high
             citation   row 16
             expected   no AUTH
             observed   AUTH PLAIN
             transcript C: EHLO me
                        S: 250-AUTH PLAIN
             relay log  postfix/smtpd[9]: connect
             repair     Set smtpd_tls_auth_only.

     Summary [   1.234s] 3 of 3 checks: 1 passed, 1 failed, 1 skipped, 0 broken
             skipped 1: the target names no user
";
    assert_eq!(view(&run, Colours::Off), expected);
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let run = report(vec![record("auth.a", Outcome::Pass)]);
    assert!(view(&run, Colours::On).contains("\u{1b}[1;32m        PASS\u{1b}[0m"));
    assert!(!view(&run, Colours::Off).contains('\u{1b}'));
}

#[test]
fn an_interrupted_run_names_what_was_not_run() {
    let mut run = report(vec![record("auth.a", Outcome::Pass)]);
    run.cut_short = Some(CutShort::Interrupted);
    run.not_run = vec!["tls.c"];
    let text = view(&run, Colours::Off);
    assert!(text.contains("1 of 2 checks"), "{text}");
    assert!(
        text.ends_with("interrupted; not run:\n               tls.c\n"),
        "{text}"
    );
    run.cut_short = Some(CutShort::NoLab);
    let text = view(&run, Colours::Off);
    assert!(
        text.ends_with("             a lab did not come up; checks not run: 1\n"),
        "{text}"
    );
}

#[test]
fn a_proof_tells_what_was_seen_and_what_was_not() {
    let planted = |detected| Planted {
        name: "logins in clear",
        laboratory: "as configured",
        detected,
        observed: "it passed".into(),
    };
    let judged = |laboratory, detected| Fact::SabotageJudged {
        name: "logins in clear",
        laboratory,
        claims: vec![("auth.a", planted(true)), ("auth.b", planted(detected))],
        unclaimed: vec![Unclaimed {
            sabotage: "logins in clear",
            check: "tls.c",
            observed: "AUTH PLAIN".into(),
        }],
    };
    let mut failed = record("auth.b", Outcome::Pass);
    failed.sabotages = vec![planted(false)];
    let mut run = report(vec![failed, record("tls.d", Outcome::Pass)]);
    let unplanted = |sabotage, check| Unplanted {
        sabotage,
        check,
        why: "needs the listener smtp".into(),
    };
    run.unplanted = vec![
        unplanted("logins in clear", "tls.d"),
        unplanted("open relay", "tls.d"),
        unplanted("open relay", "auth.b"),
    ];
    let facts = vec![
        Fact::ProofStarted { sabotages: 2 },
        judged("as configured", true),
        judged("mixed", false),
        Fact::RunFinished {
            report: Arc::new(run),
        },
    ];
    let expected = "     Proving 2 sabotages
    DETECTED [   0.000s] logins in clear  by auth.a, auth.b
             also by    tls.c
  UNDETECTED [   0.000s] logins in clear (mixed)  by auth.a
             not by     auth.b: it passed
             also by    tls.c
────────────
  UNDETECTED logins in clear
             by         auth.b
             because    it passed

     Summary [   1.234s] 2 of 0 checks: 2 passed, 0 failed, 0 skipped, 0 broken
             sabotages: 1 planted, 0 detected, 1 not planted [0.000s]
             not planted: logins in clear; open relay (needs the listener smtp)
             no sabotage for: tls.d
";
    assert_eq!(told(facts, Colours::Off), expected);
}

#[test]
fn what_a_server_says_does_not_drive_the_terminal() {
    let mut run = report(vec![record("auth.a", fail())]);
    run.checks[0].outcome = Outcome::Fail {
        expected: "\u{1b}[2J".into(),
        observed: "\u{1b}]0;\u{7}".into(),
    };
    run.checks[0].log = vec!["\u{1b}[2J".into()];
    assert!(!view(&run, Colours::Off).contains('\u{1b}'));
}
