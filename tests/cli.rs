//! The command line, where it needs no engine: help, exit codes, configuration,
//! completions, and what goes to stdout and what to stderr.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "only a part of it is used here")]
#[path = "lab/program.rs"]
mod program;
#[path = "lab/schema.rs"]
mod schema;

use std::path::Path;
use std::process::Command;

use program::{Run, program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An empty folder to run relaykit in, far from any engine, state and relay.yaml.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with this relay.yaml.
    fn with(yaml: &str) -> Self {
        let place = Self::new();
        std::fs::write(place.0.path().join("relay.yaml"), yaml).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command
            .current_dir(self.path())
            .env("DOCKER_HOST", "unix:///nowhere/engine.sock")
            .env("RELAYKIT_STATE", self.path().join("state"));
        command
    }

    fn relaykit(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }
}

/// A lab with it would wait for a login that never comes.
#[test]
fn a_filter_that_a_lab_cannot_serve_is_told_at_once() {
    let place = Place::with(
        "version: 1\nauth: {ldap: {filter: '(&(uid=%u)(createTimestamp>=20260101000000Z))'}}\n",
    );
    for command in ["up", "test"] {
        place.relaykit(&[command]).ended_with(3).says(&[
            "auth.ldap.filter: (createTimestamp>=20260101000000Z) lets nobody of a lab log in",
            "write a filter without that term",
        ]);
    }
}

#[test]
fn the_readmes_relay_yaml_is_one() {
    let readme = include_str!("../README.md");
    let (_, reference) = readme.split_once("### relay.yaml").unwrap();
    let (_, yaml) = reference.split_once("```yaml\n").unwrap();
    let (yaml, _) = yaml.split_once("```").unwrap();
    let place = Place::with(yaml);
    for name in ["ldap.password", "next-hop.password"] {
        std::fs::write(place.path().join(name), "secret\n").unwrap();
    }
    let run = place.relaykit(&["config", "validate", "--format", "json"]);
    assert_eq!(run.succeeded().json()["hostname"], "relay.example.org");
    let bundle = place.path().join("bundle");
    let bundle = bundle.to_str().unwrap();
    place
        .relaykit(&["export", "compose", "--output", bundle])
        .succeeded();
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let help = Place::new().relaykit(&["--help"]).succeeded();
    assert_eq!(help.stderr, "");
    for command in [
        "up",
        "test",
        "status",
        "logs",
        "down",
        "inbox",
        "build",
        "config",
        "export",
        "completions",
    ] {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
    let text = help.stdout.replace('\n', " ");
    for code in [
        "0 done",
        "1 internal error",
        "2 usage",
        "3 the configuration is wrong",
        "4 the engine cannot be used",
        "5 not ready in time",
        "6 an output could not be written",
        "10 a check failed",
        "11 no check selected",
        "12 a check could not be judged",
        "130 interrupted (after cleaning up)",
    ] {
        assert!(text.contains(code), "{code}: {help}");
    }
    assert!(
        !help.stdout.contains("watch"),
        "what is not for people is hidden: {help}"
    );
}

#[test]
fn every_command_has_help() {
    let place = Place::new();
    for command in [
        &["up"][..],
        &["test"],
        &["bench"],
        &["status"],
        &["logs"],
        &["down"],
        &["build"],
        &["completions"],
        &["inbox", "list"],
        &["inbox", "show"],
        &["inbox", "wait"],
        &["inbox", "clear"],
        &["config", "validate"],
        &["config", "render"],
        &["config", "schema"],
        &["export"],
    ] {
        let help = place.relaykit(&[command, &["--help"]].concat()).succeeded();
        assert!(
            help.stdout
                .contains(&format!("Usage: relaykit {}", command.join(" "))),
            "{help}"
        );
        assert!(help.stdout.contains("--format"), "{help}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let version = Place::new().relaykit(&["--version"]).succeeded().stdout;
    assert_eq!(version, format!("relaykit {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let place = Place::new();
    for (arguments, words) in [
        (&[][..], "Usage: relaykit"),
        (&["upp"], "'up'"),
        (&["up", "--lap", "x"], "--lab"),
        (&["up", "--lab", "Upper"], "lower-case letters"),
        (&["up", "--lab", "-x"], "'-x'"),
        (&["down", "--lab", "../x"], "no lab name"),
        (&["logs", "--lab", "a/b"], "no lab name"),
        (&["inbox", "list", "--lab", "."], "no lab name"),
        (&["test", "--lab", ""], "--lab"),
        (&["watch", "../../x"], "no lab name"),
        (&["down", "--all", "--lab", "x"], "cannot be used with"),
        (&["logs", "postfix"], "relay, directory, sink"),
        (&["inbox", "wait", "--timeout", "soon"], "10s, 500ms or 2m"),
        (
            &["inbox", "wait", "--since", "yesterday"],
            "how long ago: 5m",
        ),
        (&["inbox", "wait", "--count", "0"], "--count"),
        (
            &["test", "--jobs", "0"],
            "a number from 1 upwards is expected",
        ),
        (
            &["test", "--max-fail", "0"],
            "a number from 1 upwards is expected",
        ),
        (&["test", "--explain", "tls"], "takes the id of one check"),
        (&["test", "--keep", "--lab", "x"], "cannot be used with"),
        (
            &["test", "--profile", "rfc9352"],
            "there is no profile rfc9352; did you mean rfc",
        ),
        (
            &["test", "--list", "--profile", "mine"],
            "known are: bsi-tr-03108, rfc9325, rfc5321",
        ),
        (&["status", "--format", "xml"], "human"),
    ] {
        let run = place.relaykit(arguments).ended_with(2).says(&[words]);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
    assert!(!place.path().join("state").exists());
}

#[test]
fn every_problem_of_a_configuration_is_told_at_its_place() {
    let yaml =
        "version: 1\nhostnam: a.example\nlisteners: {smtp: 70000}\nauth:\n  mechanisms: [plan]\n";
    let place = Place::with(yaml);
    for command in [
        &["config", "validate"][..],
        &["config", "render"],
        &["up"],
        &["up", "--dry-run"],
        &["test"],
        &["export", "compose", "--output", "out"],
    ] {
        let run = place.relaykit(command).ended_with(3).says(&[
            "relay.yaml:2:1: hostnam: unknown key `hostnam`; did you mean `hostname`?",
            "relay.yaml:3:19: listeners.smtp: ",
            "relay.yaml:5:16: auth.mechanisms[0]: ",
            "did you mean `plain`?",
            "3 problems",
        ]);
        assert_eq!(run.stdout, "", "{command:?}");
    }
    assert!(!place.path().join("out").exists() && !place.path().join("state").exists());
}

#[test]
fn a_configuration_is_found_or_told_to_be_missing() {
    let place = Place::with("version: 1\nhostname: one.example.test\n");
    std::fs::write(
        place.path().join("two.yaml"),
        "version: 1\nhostname: two.example.test\n",
    )
    .unwrap();
    let hostname = |arguments: &[&str]| {
        let all = [&["config", "validate", "--format", "json"], arguments].concat();
        place.relaykit(&all).succeeded().json()["hostname"].clone()
    };
    assert_eq!(hostname(&[]), "one.example.test");
    assert_eq!(hostname(&["-f", "two.yaml"]), "two.example.test");
    place
        .relaykit(&["config", "validate", "-f", "no.yaml"])
        .ended_with(3)
        .says(&["no.yaml"]);
    let built_in = Place::new().relaykit(&["config", "validate", "--format", "json"]);
    assert_eq!(
        built_in.succeeded().json()["hostname"],
        "relay.relaykit.test"
    );
}

#[test]
fn validate_prints_all_that_would_be_used_and_no_password() {
    let place = Place::with("version: 1\nlab: {users: [{name: alice, password: looking-glass}]}\n");
    let yaml = place.relaykit(&["config", "validate"]).succeeded().stdout;
    assert!(
        yaml.starts_with("version: 1\nhostname: relay.relaykit.test\n"),
        "{yaml}"
    );
    assert!(
        yaml.contains("message_size_limit: 25MiB") && yaml.contains("***"),
        "{yaml}"
    );
    assert!(!yaml.contains("looking-glass"), "{yaml}");
    let json = place
        .relaykit(&["config", "validate", "--format", "json"])
        .succeeded()
        .json();
    assert_eq!(
        json["auth"]["listeners"],
        json!(["submission", "submissions"])
    );
    assert!(!json.to_string().contains("looking-glass"), "{json}");
}

#[test]
fn render_prints_the_files_and_no_secret() {
    let place = Place::with("version: 1\nlab: {users: [{name: alice, password: looking-glass}]}\n");
    let all = place.relaykit(&["config", "render"]).succeeded().stdout;
    for file in [
        "==> relay:/etc/relaykit/postfix/main.cf (mode 0644) <==",
        "==> relay:/etc/relaykit/postfix/master.cf (mode 0644) <==",
        "==> relay:/etc/relaykit/saslauthd.conf (mode 0600) <==",
        "==> relay:/etc/relaykit/tls/relay.key (mode 0600) <==\n(the key of the relay)",
        "==> sink:/etc/relaykit/postfix/main.cf (mode 0644) <==",
    ] {
        assert!(all.contains(file), "{file}");
    }
    assert!(
        !all.contains("looking-glass") && !all.contains("{CRYPT}"),
        "{all}"
    );

    let one = place
        .relaykit(&["config", "render", "main.cf", "--format", "json"])
        .succeeded()
        .json();
    let files = one.as_array().unwrap();
    let roles: Vec<&Value> = files.iter().map(|file| &file["role"]).collect();
    assert_eq!(roles, ["relay", "sink"]);
    for file in files {
        assert_eq!(file["path"], "/etc/relaykit/postfix/main.cf");
        assert_eq!(file["mode"], "0644");
    }
    assert!(
        files[0]["text"]
            .as_str()
            .unwrap()
            .contains("smtpd_tls_auth_only = yes"),
        "{one}"
    );
}

#[test]
fn tests_are_listed_and_selected() {
    let place = Place::new();
    let human = place.relaykit(&["test", "--list"]).succeeded();
    assert_eq!(human.stderr, "");
    let json = place
        .relaykit(&["test", "--list", "--format", "json"])
        .succeeded()
        .json();
    let checks = json.as_array().unwrap();
    assert_eq!(human.stdout.lines().count(), checks.len());
    assert!(checks.len() >= 40, "{}", checks.len());
    for check in checks {
        for key in ["id", "title", "citation"] {
            assert!(
                check[key].as_str().is_some_and(|text| !text.is_empty()),
                "{check}"
            );
        }
    }
    let some = place
        .relaykit(&["test", "--list", "auth.", "--format", "json"])
        .succeeded()
        .json();
    let ids: Vec<&str> = some
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"auth.plaintext_is_never_offered"), "{ids:?}");
    assert!(
        ids.len() < checks.len() && ids.iter().all(|id| id.contains("auth.")),
        "{ids:?}"
    );
    for command in [&["test", "--list", "no-such"][..], &["test", "no-such"]] {
        let run = place
            .relaykit(command)
            .ended_with(11)
            .says(&["no-such", "--list"]);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_check_is_explained() {
    let place = Place::new();
    let id = "auth.plaintext_is_never_offered";
    let human = place.relaykit(&["test", "--explain", id]).succeeded();
    assert!(
        human.stdout.starts_with(&format!("{id}\n  AUTH ")),
        "{human}"
    );
    for part in ["Severity\n  ", "Source\n  row 16", "Must fail under\n  "] {
        assert!(human.stdout.contains(part), "{part}: {human}");
    }
    let json = place.relaykit(&["test", "--explain", id, "--format", "json"]);
    let json = json.succeeded().json();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["id"], id);
    assert!(json[0]["sabotages"][0]["changes"][0].is_string(), "{json}");
    place
        .relaykit(&["test", "--explain", "auth.plaintext_is_never_ofered"])
        .ended_with(11)
        .says(&["did you mean auth.plaintext_is_never_offered?"]);
}

#[test]
fn a_profile_selects_its_checks_and_shows_its_requirements() {
    let place = Place::new();
    let profile = ["test", "--list", "--profile", "rfc9325"];
    let human = place.relaykit(&profile).succeeded();
    for line in [
        "RFC 9325 4.1 (1)  MUST NOT: A suite without encryption is agreed on.\n    tls.weak_suites_are_refused\n",
        "RFC 8996 4 (1)  MUST NOT: TLS 1.0 is used.\n",
        "    not testable: it is ",
    ] {
        assert!(human.stdout.contains(line), "{line}: {human}");
    }
    let ids = |arguments: &[&str]| {
        let json = place.relaykit(&[arguments, &["--format", "json"]].concat());
        let json = json.succeeded().json();
        let checks = json.as_array().unwrap().iter();
        let ids = checks.map(|c| c["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    let all = ids(&profile);
    assert!(all.contains(&"tls.weak_suites_are_refused".to_owned()));
    assert!(!all.contains(&"privacy.login_is_shown".to_owned()));
    let some = ids(&["test", "--list", "outbound", "--profile", "rfc9325"]);
    assert!(!some.is_empty() && some.len() < all.len());
    assert!(
        some.iter().all(|id| id.starts_with("outbound.")),
        "{some:?}"
    );
    place
        .relaykit(&["test", "directory", "--profile", "rfc9325"])
        .ended_with(11)
        .says(&["no check is selected by directory --profile rfc9325"]);
}

#[test]
fn a_requirement_is_explained_and_a_check_names_its_own() {
    let place = Place::new();
    let human = place
        .relaykit(&["test", "--explain", "rfc 5321 4.4 (1)"])
        .succeeded();
    for part in [
        "RFC 5321 4.4 (1)\n  MUST: A trace header goes to the top",
        "Here\n  held\n",
        "  privacy.trace_left_is_whole\n",
        "https://www.rfc-editor.org/rfc/rfc5321#section-4.4",
    ] {
        assert!(human.stdout.contains(part), "{part}: {human}");
    }
    let id = "tls.weak_suites_are_refused";
    let check = place.relaykit(&["test", "--explain", id]).succeeded();
    assert!(check.stdout.contains("\n  RFC 9325 4.1 (1)\n"), "{check}");
}

#[test]
fn a_lab_is_not_exported() {
    let place = Place::new();
    let run = place
        .relaykit(&["export", "compose", "--output", "out"])
        .ended_with(3);
    run.says(&["tls.certificate", "auth.ldap.servers", "outbound.next_hop"]);
    assert!(!place.path().join("out").exists());
}

#[test]
fn what_is_printed_as_json_has_its_published_shape() {
    let place = Place::with("version: 1\n");
    for (shape, command) in [
        ("config_validate", &["config", "validate"][..]),
        ("config_render", &["config", "render"]),
        ("config_schema", &["config", "schema"]),
        ("checks", &["test", "--list"]),
        (
            "checks",
            &["test", "--explain", "auth.plaintext_is_never_offered"],
        ),
        ("checks", &["check", "--list", "127.0.0.1"]),
        ("checks", &["test", "--list", "--profile", "bsi-tr-03108"]),
        ("requirement", &["test", "--explain", "RFC 5321 4.4 (2)"]),
    ] {
        let run = place.relaykit(&[command, &["--format", "json"]].concat());
        schema::is_a(shape, &run.succeeded().json());
    }
}

#[test]
fn an_error_is_json_for_whoever_asks_for_that() {
    let place = Place::with("version: 1\nhostnam: a.example\n");
    for (code, kind, command) in [
        (2, "usage", &["upp"][..]),
        (2, "usage", &["inbox", "wait", "--timeout", "soon"]),
        (2, "usage", &["inbox", "show", "1", "--raw"]),
        (3, "configuration", &["config", "validate"]),
        (3, "configuration", &["up", "-f", "missing.yaml"]),
        (4, "engine", &["status"]),
        (11, "no_check", &["test", "no-such-check"]),
    ] {
        for format in [&["--format", "json"][..], &["--format=json"]] {
            let run = place.relaykit(&[command, format].concat()).ended_with(code);
            assert_eq!(run.stdout, "", "{command:?}");
            let last = run.stderr.lines().last().unwrap_or_default();
            let error: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {run}"));
            schema::is_a("error", &error);
            assert_eq!(error["error"]["exit_code"], code, "{run}");
            assert_eq!(error["error"]["kind"], kind, "{run}");
        }
    }
    let run = place.relaykit(&["config", "validate", "--format", "json"]);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["error"]["problems"][0]["path"], "hostnam");
    assert_eq!(error["error"]["problems"][0]["line"], 2);
}

#[test]
fn a_configuration_can_come_on_standard_input() {
    let place = Place::new();
    std::fs::write(place.path().join("p"), "\u{feff}s3cret\r\n").unwrap();
    let yaml = "version: 1\nhostname: piped.example.test\nauth: {ldap: {bind: {dn: 'cn=a,dc=b', password_file: p}}}\n";
    let mut command = place.command(&["config", "validate", "-f", "-", "--format", "json"]);
    std::fs::write(place.path().join("input"), yaml).unwrap();
    let input = || std::fs::File::open(place.path().join("input")).unwrap();
    command.stdin(input());
    let run = Run::of(command).succeeded();
    assert_eq!(run.json()["hostname"], "piped.example.test");
    // A warning says once that it is one.
    assert!(
        run.stderr.starts_with("warning: standard input:3:"),
        "{run}"
    );
    assert_eq!(run.stderr.matches("warning").count(), 1, "{run}");

    std::fs::write(place.path().join("input"), "- version: 1\n").unwrap();
    let mut command = place.command(&["up", "-f", "-"]);
    command.stdin(input());
    let run = Run::of(command).ended_with(3);
    run.says(&["standard input:1:1: found a list, expected a mapping"]);
}

#[test]
fn a_report_is_not_emptied_by_a_run_that_does_not_begin() {
    let place = Place::with("version: 1\nhostnam: x\n");
    std::fs::write(place.path().join("old.json"), "{}").unwrap();
    for name in ["old.json", "new.json"] {
        place.relaykit(&["test", "--json", name]).ended_with(3);
    }
    let read = |name: &str| std::fs::read_to_string(place.path().join(name));
    assert_eq!(read("old.json").unwrap(), "{}");
    assert!(read("new.json").is_err());
}

#[test]
fn completions_name_checks_and_labs() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join("state/labs/my-lab")).unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.relaykit(&["completions", shell]).succeeded().stdout;
        let wanted: &[&str] = match shell {
            // These complete no values.
            "elvish" | "powershell" => &["inbox"],
            // Nor this one those of arguments without an option.
            "fish" => &["my-lab"],
            _ => &["my-lab", "auth.plaintext_is_never_offered"],
        };
        for words in wanted {
            assert!(script.contains(words), "{shell}: {words}");
        }
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let place = Place::new();
    for (shell, words) in [
        ("bash", "complete -F _relaykit"),
        ("zsh", "#compdef relaykit"),
        ("fish", "complete -c relaykit"),
    ] {
        let script = place.relaykit(&["completions", shell]).succeeded().stdout;
        assert!(script.contains(words), "{shell}: {script}");
        assert!(script.contains("inbox"), "{shell}");
    }
    place
        .relaykit(&["completions", "tcsh"])
        .ended_with(2)
        .says(&["bash"]);
}

#[test]
fn no_colour_and_nothing_live_in_a_pipe() {
    let place = Place::with("nothing: 1\n");
    let run = place.relaykit(&["up"]).ended_with(3);
    assert!(run.stderr.starts_with("error: relay.yaml:"), "{run}");
    assert!(!run.stderr.contains('\x1b'), "{run}");
}
