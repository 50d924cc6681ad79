//! The JSON report: the shape that the contract fixes.

mod mutants;

use serde::Serialize;

use super::{
    CheckRecord, CutShort, Down, Exhibit, Judgement, Planted, RunReport, Seen, Subject, Unclaimed,
    Unplanted,
};
use crate::visible::visible_json;

#[derive(Serialize)]
struct Document<'a> {
    relaykit: &'static str,
    started_at: String,
    elapsed_ms: u64,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_short: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    summary: Counts,
    checks: Vec<Line<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<Asked>,
    not_run: &'a [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gave_up: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    down: &'a [Down],
    #[serde(skip_serializing_if = "Option::is_none")]
    unclaimed: Option<&'a [Unclaimed]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_planted: Option<&'a [Unplanted]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutation: Option<mutants::Mutants<'a>>,
}

/// A requirement with the run's verdict.
#[derive(Serialize)]
struct Asked {
    id: String,
    source: &'static str,
    section: &'static str,
    level: &'static str,
    asks: &'static str,
    verdict: &'static str,
    checks: Vec<Holding>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

#[derive(Serialize)]
struct Holding {
    id: &'static str,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
    broken: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sabotages: Option<Proof>,
}

#[derive(Serialize)]
struct Proof {
    planted: usize,
    detected: usize,
    not_planted: usize,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    title: &'a str,
    citation: &'a str,
    severity: &'static str,
    about: &'a str,
    repair: &'a str,
    outcome: &'static str,
    expected: String,
    observed: String,
    rows: &'a [Seen],
    transcript: &'a [String],
    log: &'a [String],
    #[serde(skip_serializing_if = "<[Exhibit]>::is_empty")]
    exhibits: &'a [Exhibit],
    #[serde(skip_serializing_if = "Option::is_none")]
    sabotages: Option<&'a [Planted]>,
    duration_ms: u64,
}

/// The report as one JSON object with a newline at its end, in the shape of
/// `docs/report.schema.json`. `expected` and `observed` are one line
/// where a check passed, made from `rows`; `observed` says why where one was skipped or broken. Only a run
/// with `--prove` has `sabotages`, `unclaimed` and `not_planted`.
#[must_use]
pub fn render(report: &RunReport) -> Vec<u8> {
    let counts = report.summary();
    let proof = report.proof();
    let document = Document {
        relaykit: env!("CARGO_PKG_VERSION"),
        started_at: report.started_at.to_string(),
        elapsed_ms: millis(report.elapsed),
        interrupted: report.cut_short == Some(CutShort::Interrupted),
        cut_short: report.cut_short.map(|cut_short| match cut_short {
            CutShort::Interrupted => "interrupted",
            CutShort::MaxFail => "max fail",
            CutShort::NoLab => "no lab",
        }),
        subject: report.subject.as_ref(),
        summary: Counts {
            passed: counts.passed,
            failed: counts.failed,
            skipped: counts.skipped,
            broken: counts.broken,
            sabotages: proof.map(|proof| Proof {
                planted: proof.planted,
                detected: proof.detected,
                not_planted: proof.not_planted,
                elapsed_ms: millis(report.proving),
            }),
        },
        checks: report
            .checks
            .iter()
            .map(|check| line(check, proof.is_some()))
            .collect(),
        profile: report.profile.map(|profile| profile.name),
        requirements: report.requirements().into_iter().map(asked).collect(),
        not_run: &report.not_run,
        gave_up: report.gave_up(),
        down: &report.down,
        unclaimed: proof.map(|_| report.unclaimed.as_slice()),
        not_planted: proof.map(|_| report.unplanted.as_slice()),
        mutation: report.mutation.as_ref().map(mutants::mutants),
    };
    // Strings and numbers only: the one error serde_json knows here is a failing writer.
    let json = serde_json::to_string_pretty(&document).unwrap_or_default();
    format!("{}\n", visible_json(&json)).into_bytes()
}

fn asked(judgement: Judgement) -> Asked {
    let requirement = judgement.named.requirement;
    let checks = judgement.checks.into_iter();
    Asked {
        id: judgement.named.id,
        source: judgement.named.source,
        section: requirement.section,
        level: requirement.level.word(),
        asks: requirement.asks,
        verdict: judgement.verdict.word(),
        checks: checks
            .map(|(id, outcome)| Holding { id, outcome })
            .collect(),
        why: judgement.why,
    }
}

fn line(check: &CheckRecord, proved: bool) -> Line<'_> {
    Line {
        id: check.id,
        title: check.title,
        citation: check.citation,
        severity: check.severity.word(),
        about: check.about,
        repair: check.repair,
        outcome: check.outcome.word(),
        expected: check.expected(),
        observed: check.observed(),
        rows: &check.rows,
        transcript: &check.transcript,
        log: &check.log,
        exhibits: &check.exhibits,
        sabotages: proved.then_some(&*check.sabotages),
        duration_ms: millis(check.duration),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::run::tests::{fail, record, report};
    use super::*;

    #[test]
    fn has_the_shape_of_the_contract() {
        let bytes = render(&report(vec![
            record("auth.a", fail()),
            record("auth.b", Outcome::Pass),
        ]));
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["relaykit"], env!("CARGO_PKG_VERSION"));
        assert_eq!(json["started_at"], "1970-01-01T00:00:00Z");
        assert_eq!(json["elapsed_ms"], 1234);
        assert_eq!(
            json["summary"],
            serde_json::json!({"passed": 1, "failed": 1, "skipped": 0, "broken": 0})
        );
        assert_eq!(
            json["checks"][0],
            serde_json::json!({
                "id": "auth.a", "title": "AUTH waits for TLS", "citation": "row 16",
                "severity": "high", "about": "Says EHLO.", "repair": "Set smtpd_tls_auth_only.",
                "outcome": "fail", "expected": "no AUTH", "observed": "AUTH PLAIN", "rows": [],
                "transcript": ["C: EHLO me", "S: 250-AUTH PLAIN"], "log": [], "duration_ms": 12
            })
        );
        assert_eq!(json["checks"][1]["outcome"], "pass");
        assert_eq!(json["checks"][1]["expected"], "no AUTH");
        assert_eq!(json["checks"][1]["observed"], "port 25: 250 DSN");
        assert_eq!(json["checks"][1]["rows"][0]["row"], "port 25");
    }

    #[test]
    fn says_what_was_not_run() {
        let mut run = report(vec![]);
        run.cut_short = Some(CutShort::Interrupted);
        run.not_run = vec!["tls.a"];
        let json: serde_json::Value = serde_json::from_slice(&render(&run)).unwrap();
        assert_eq!(json["interrupted"], true);
        assert_eq!(json["cut_short"], "interrupted");
        assert_eq!(json["not_run"], serde_json::json!(["tls.a"]));
        run.cut_short = Some(CutShort::NoLab);
        let json: serde_json::Value = serde_json::from_slice(&render(&run)).unwrap();
        assert_eq!(json["interrupted"], false);
        assert_eq!(json["cut_short"], "no lab");
    }

    #[test]
    fn only_a_proof_has_sabotages() {
        let plain = render(&report(vec![record("auth.a", Outcome::Pass)]));
        assert!(!String::from_utf8(plain).unwrap().contains("sabotages"));
        let mut proved = record("auth.a", Outcome::Pass);
        proved.sabotages = vec![Planted {
            name: "open relay",
            laboratory: "as configured",
            detected: false,
            observed: "it passed".into(),
        }];
        let run = report(vec![proved, record("auth.b", Outcome::Pass)]);
        let json: serde_json::Value = serde_json::from_slice(&render(&run)).unwrap();
        let planted = serde_json::json!([{"name": "open relay", "laboratory": "as configured", "detected": false, "observed": "it passed"}]);
        assert_eq!(json["checks"][0]["sabotages"], planted);
        assert_eq!(json["checks"][1]["sabotages"], serde_json::json!([]));
        assert_eq!(json["unclaimed"], serde_json::json!([]));
        assert_eq!(json["not_planted"], serde_json::json!([]));
        assert_eq!(
            json["summary"]["sabotages"],
            serde_json::json!({"planted": 1, "detected": 0, "not_planted": 0, "elapsed_ms": 0})
        );
    }
}
