use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument as _, debug, debug_span, info, info_span, trace_span, warn};

use super::*;

/// The module of the engine's client that logs requests. Its name in one piece is kept to `engine`.
const DOCKER: &str = concat!("bollard", "::docker");

/// What was told, line by line.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Without the time, which is another with each run.
    fn messages(&self) -> Vec<String> {
        let message = |line: &String| line.split_at(9).1.to_owned();
        self.lines().iter().map(message).collect()
    }

    fn objects(&self) -> Vec<Value> {
        let object = |line: &String| serde_json::from_str(line).unwrap();
        self.lines().iter().map(object).collect()
    }
}

/// Tells what is `wanted` from here on, on this thread.
fn listen(wanted: &Wanted) -> (Told, Diagnostics, DefaultGuard) {
    let told = Told::default();
    let write = told.clone();
    let write = move |line: &str| write.0.lock().unwrap().push(line.to_owned());
    let (subscriber, diagnostics, _) = subscriber(wanted, write).unwrap();
    (
        told,
        diagnostics,
        tracing::subscriber::set_default(subscriber),
    )
}

fn verbose(verbosity: u8) -> Wanted {
    Wanted {
        verbosity,
        ..Wanted::default()
    }
}

fn filtered(verbosity: u8, filter: &str) -> Wanted {
    Wanted {
        filter: Some(filter.to_owned()),
        ..verbose(verbosity)
    }
}

fn as_json(wanted: Wanted) -> Wanted {
    Wanted {
        form: Some(Form::Json),
        ..wanted
    }
}

/// A command with a step, a decision, a request, and somebody else's words.
fn tell_a_bit() {
    let _command = info_span!(COMMAND, command = "up").entered();
    let _lab = info_span!("lab", lab = "default").entered();
    info!(range = "198.19.0.0/28", "chose");
    debug_span!(ENGINE, request = "start", container = "relay").in_scope(|| debug!("refused"));
    trace_span!("smtp", what = "the greeting").in_scope(|| ());
    warn!(target: "somebody::else", "careful");
    debug!(target: "somebody::else", "chatter");
}

#[test]
fn what_is_told_is_what_was_asked_for() {
    let of = |wanted: &Wanted| {
        let (told, _, _guard) = listen(wanted);
        tell_a_bit();
        let end = |line: String| line.split(" in ").next().unwrap_or_default().to_owned();
        told.messages().into_iter().map(end).collect::<Vec<_>>()
    };
    assert_eq!(of(&verbose(0)), [""; 0]);
    let one = [
        "INFO  lab default: chose range=198.19.0.0/28",
        "WARN  lab default: [somebody::else] careful",
        "INFO  lab default: done",
        "INFO  command up: done",
    ];
    assert_eq!(of(&verbose(1)), one);
    let two = of(&verbose(2));
    assert_eq!(two.len(), 6, "{two:#?}");
    assert_eq!(two[1], "DEBUG lab default > engine start relay: refused");
    assert_eq!(two[2], "DEBUG lab default > engine start relay: done");
    let three = of(&verbose(3));
    let more = [
        "TRACE lab default > smtp the greeting: done",
        "DEBUG lab default: [somebody::else] chatter",
    ];
    assert_eq!(
        three
            .iter()
            .filter(|line| !two.contains(line))
            .collect::<Vec<_>>(),
        more.iter().collect::<Vec<_>>()
    );
    // Whoever asks for a form wants lines.
    let form = Some(Form::Text);
    assert_eq!(of(&Wanted { form, ..verbose(0) }), one);
    // RUST_LOG wins, in both directions.
    assert_eq!(of(&filtered(2, "off")), [""; 0]);
    assert_eq!(of(&filtered(0, "relaykit=info")).len(), 3);
    let chatter = of(&filtered(1, "somebody=debug"));
    assert_eq!(
        chatter,
        [
            "WARN  [somebody::else] careful",
            "DEBUG [somebody::else] chatter"
        ]
    );
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_by_name() {
    let refused = subscriber(&filtered(0, "relaykit=loud"), |_| ())
        .err()
        .unwrap();
    assert!(
        refused
            .to_string()
            .starts_with("RUST_LOG=relaykit=loud cannot be read: "),
        "{refused}"
    );
}

#[test]
fn lines_as_objects_have_all_that_lines_for_people_have() {
    let (told, _, _guard) = listen(&as_json(verbose(2)));
    tell_a_bit();
    let objects = told.objects();
    let spans = |object: &Value| object["spans"].as_array().unwrap().clone();
    let chose = &objects[0];
    assert_eq!(chose["message"], "chose");
    assert_eq!(chose["level"], "INFO");
    assert_eq!(chose["fields"]["range"], "198.19.0.0/28");
    assert_eq!(spans(chose).len(), 2);
    assert_eq!(chose.get("elapsed_ms"), None);
    let ended = &objects[2];
    assert_eq!(spans(ended)[2]["name"], ENGINE);
    assert_eq!(spans(ended)[2]["fields"]["container"], "relay");
    assert!(ended["elapsed_ms"].as_f64().unwrap() >= 0.0, "{ended}");
    let else_s = objects.iter().find(|o| o["message"] == "careful").unwrap();
    assert_eq!(else_s["target"], "somebody::else");
}

#[test]
fn what_is_told_later_of_a_span_is_in_its_last_line() {
    let (told, _, _guard) = listen(&verbose(1));
    let check = info_span!("check", check = "auth.a", outcome = tracing::field::Empty);
    check.record("outcome", "pass");
    drop(check);
    assert!(
        told.messages()[0].starts_with("INFO  check auth.a pass: done in "),
        "{:?}",
        told.lines()
    );
}

#[test]
fn nothing_in_a_line_drives_a_terminal_or_makes_another_line() {
    for wanted in [verbose(1), as_json(verbose(1))] {
        let (told, _, _guard) = listen(&wanted);
        info!(said = "\x1b[2J\nINFO  forged", "a reply");
        let lines = told.lines();
        assert!(!lines[0].contains(['\x1b', '\n']), "{lines:?}");
        assert!(lines[0].contains("forged"), "{lines:?}");
    }
}

#[test]
fn what_users_of_log_say_comes_along() {
    // Another test may have been first: one is enough.
    drop(tracing_log::LogTracer::init());
    log::set_max_level(log::LevelFilter::Trace);
    let (told, _, _guard) = listen(&filtered(0, "trace"));
    let _lab = info_span!("lab", lab = "default").entered();
    log::info!(target: "rustls::client", "a handshake");
    assert_eq!(
        told.messages(),
        ["INFO  lab default: [rustls::client] a handshake"]
    );
}

#[test]
fn requests_of_the_engine_s_client_are_told_without_what_is_in_them() {
    drop(tracing_log::LogTracer::init());
    log::set_max_level(log::LevelFilter::Trace);
    let (told, _, _guard) = listen(&filtered(0, "trace"));
    let body = r#"{"Cmd":["testsaslauthd","-p","wonderland"]}"#;
    log::debug!(target: DOCKER, "{body}");
    log::trace!(target: DOCKER, "request: {:?}", body.as_bytes());
    log::trace!(target: DOCKER, "request: {body}");
    log::debug!(target: DOCKER, "Decoded into string: {body}");
    log::debug!(target: DOCKER, "unix://2f76/v1.41/build?buildargs=http://me:wonderland@proxy");
    assert_eq!(
        told.messages(),
        [format!("DEBUG [{DOCKER}] unix://2f76/v1.41/build")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_out_names_what_was_open_asked_for_or_not() {
    for wanted in [
        Wanted::default(),
        verbose(1),
        as_json(verbose(2)),
        filtered(0, "off"),
    ] {
        let (_told, _, _guard) = listen(&wanted);
        let work = async {
            async {}.instrument(info_span!("over")).await;
            let greeting = async {
                let greeting = trace_span!("smtp", what = "greeting");
                pending::<()>().instrument(greeting).await;
            };
            let listener = info_span!("listener", listener = "submission", port = 587);
            let greeting = greeting.instrument(listener);
            let sink = pending::<()>().instrument(info_span!("sink listens"));
            let log = pending::<()>().instrument(debug_span!(FOLLOW, request = "logs"));
            futures_util::join!(greeting, sink, log);
        };
        let waited = async {
            let late = Instant::now() + Duration::from_secs(60);
            within(late, work.instrument(info_span!("readiness"))).await
        };
        let beside = info_span!("lab", lab = "another");
        let lab = info_span!("lab", lab = "default");
        let open = waited
            .instrument(lab)
            .instrument(info_span!(COMMAND, command = "up"))
            .await;
        let open = open.unwrap_err();
        assert_eq!(
            open.to_string(),
            "\n  while waiting for: lab default > readiness > listener submission 587 > smtp greeting, \
             lab default > readiness > sink listens"
        );
        assert_eq!(everywhere().in_words().as_deref(), Some("lab another"));
        drop(beside);
        assert_eq!(everywhere().in_words(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_done_in_time_is_no_time_out() {
    let late = || Instant::now() + Duration::from_secs(60);
    assert_eq!(within(late(), async { 7 }).await, Ok(7));
    // Nobody listens: there is a time-out all the same.
    let open = within(late(), pending::<()>()).await;
    assert_eq!(open.unwrap_err().to_string(), "");
}

#[test]
fn the_times_fit_eighty_columns_and_leave_nothing_out() {
    let (_, diagnostics, _guard) = listen(&verbose(1));
    info_span!(COMMAND, command = "test").in_scope(|| {
        let lab = info_span!(
            "lab",
            lab = "test-17d2a1b2c3-1 of a very long name that nobody can read"
        );
        lab.in_scope(|| {
            debug_span!(ENGINE, request = "start").in_scope(|| ());
            debug_span!(ENGINE, request = "stop").in_scope(|| ());
        });
        for check in 0..20 {
            info_span!("check", check).in_scope(|| ());
        }
    });
    let summary = diagnostics.summary().unwrap();
    let wide = summary.lines().filter(|line| line.chars().count() > 80);
    assert_eq!(wide.count(), 0, "{summary}");
    assert!(summary.contains("14 more of check"), "{summary}");
    let lab = summary
        .lines()
        .find(|line| line.contains("  lab test-17d2"))
        .unwrap();
    assert!(lab.contains("  2 in 0.0"), "{summary}");
    assert_eq!(summary.lines().count(), 10, "{summary}");
    assert_eq!(Diagnostics::default().summary(), None);
}
