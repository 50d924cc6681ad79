//! The JSON report: the shape that the contract fixes.

use serde::Serialize;

use super::{CheckRecord, Outcome, RunReport};

#[derive(Serialize)]
struct Document<'a> {
    relaykit: &'static str,
    started_at: String,
    elapsed_ms: u64,
    interrupted: bool,
    summary: Counts,
    checks: Vec<Line<'a>>,
    not_run: &'a [&'static str],
}

#[derive(Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
    broken: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    title: &'a str,
    citation: &'a str,
    outcome: &'static str,
    expected: &'a str,
    observed: &'a str,
    transcript: &'a [String],
    duration_ms: u64,
}

/// The report as one JSON object with a newline at its end. Every key is always
/// there: `expected` and `observed` are empty where a check passed, and
/// `observed` says why where one was skipped or broken.
#[must_use]
pub fn render(report: &RunReport) -> Vec<u8> {
    let counts = report.summary();
    let document = Document {
        relaykit: env!("CARGO_PKG_VERSION"),
        started_at: report.started_at.to_string(),
        elapsed_ms: millis(report.elapsed),
        interrupted: report.interrupted,
        summary: Counts {
            passed: counts.passed,
            failed: counts.failed,
            skipped: counts.skipped,
            broken: counts.broken,
        },
        checks: report.checks.iter().map(line).collect(),
        not_run: &report.not_run,
    };
    // Strings and numbers only: the one error serde_json knows here is a failing writer.
    let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn line(check: &CheckRecord) -> Line<'_> {
    let (expected, observed) = match &check.outcome {
        Outcome::Pass => ("", ""),
        Outcome::Fail { expected, observed } => (expected.as_str(), observed.as_str()),
        Outcome::Skipped { why } | Outcome::Broken { why } => ("", why.as_str()),
    };
    Line {
        id: check.id,
        title: check.title,
        citation: check.citation,
        outcome: check.outcome.word(),
        expected,
        observed,
        transcript: &check.transcript,
        duration_ms: millis(check.duration),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
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
                "outcome": "fail", "expected": "no AUTH", "observed": "AUTH PLAIN",
                "transcript": ["C: EHLO me", "S: 250-AUTH PLAIN"], "duration_ms": 12
            })
        );
        assert_eq!(json["checks"][1]["outcome"], "pass");
        assert_eq!(json["checks"][1]["observed"], "");
    }

    #[test]
    fn says_what_was_not_run() {
        let mut run = report(vec![]);
        run.interrupted = true;
        run.not_run = vec!["tls.a"];
        let json: serde_json::Value = serde_json::from_slice(&render(&run)).unwrap();
        assert_eq!(json["interrupted"], true);
        assert_eq!(json["not_run"], serde_json::json!(["tls.a"]));
    }
}
