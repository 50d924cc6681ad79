//! The states of containers, in the words of every engine.

use bollard::errors::Error as Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer about a container or a list of them, also where it has a state that the
/// API of Docker has not: bollard refuses the whole answer then.
pub(super) fn understood<T: DeserializeOwned>(answer: Result<T, Fault>) -> Result<T, Fault> {
    match answer {
        Err(Fault::JsonDataError {
            message,
            contents,
            column,
        }) => translated(&contents).ok_or(Fault::JsonDataError {
            message,
            contents,
            column,
        }),
        other => other,
    }
}

fn translated<T: DeserializeOwned>(contents: &str) -> Option<T> {
    let mut answer: Value = serde_json::from_str(contents).ok()?;
    match &mut answer {
        Value::Array(containers) => {
            for state in containers.iter_mut().filter_map(|c| c.get_mut("State")) {
                translate(state);
            }
        }
        container => translate(container.pointer_mut("/State/Status")?),
    }
    serde_json::from_value(answer).ok()
}

/// Podman has a state between the end of a process and the end of what it cleans up
/// then, and one between making a container and starting it.
fn translate(state: &mut Value) {
    let word = match state.as_str().unwrap_or_default() {
        "stopped" => "exited",
        "initialized" | "configured" => "created",
        known @ ("created" | "running" | "paused" | "restarting" | "removing" | "exited"
        | "dead" | "stopping") => known,
        // Whatever it is, what else the engine says is worth having.
        _ => "",
    };
    *state = Value::from(word.to_owned());
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerInspectResponse, ContainerSummary};

    use super::*;

    fn asked<T: DeserializeOwned>(contents: &str) -> Result<T, Fault> {
        let read = serde_json::from_str(contents);
        understood(read.map_err(|error| Fault::JsonDataError {
            message: error.to_string(),
            contents: contents.to_owned(),
            column: error.column(),
        }))
    }

    #[test]
    fn every_engines_word_for_a_state_is_understood() {
        for (theirs, ours) in [
            ("running", "running"),
            ("exited", "exited"),
            ("stopped", "exited"),
            ("stopping", "stopping"),
            ("initialized", "created"),
            ("of 2031", ""),
        ] {
            let one = format!(r#"{{"Id":"a","State":{{"Status":"{theirs}","ExitCode":7}}}}"#);
            let one: ContainerInspectResponse = asked(&one).unwrap();
            let state = one.state.unwrap();
            assert_eq!(state.status.unwrap().to_string(), ours, "{theirs}");
            assert_eq!((one.id.as_deref(), state.exit_code), (Some("a"), Some(7)));

            let list =
                format!(r#"[{{"Id":"b","State":"running"}},{{"Id":"a","State":"{theirs}"}}]"#);
            let list: Vec<ContainerSummary> = asked(&list).unwrap();
            let states: Vec<String> = list
                .into_iter()
                .map(|container| container.state.unwrap().to_string())
                .collect();
            assert_eq!(states, ["running", ours], "{theirs}");
        }
    }

    #[test]
    fn what_is_wrong_for_another_reason_stays_wrong() {
        let list = r#"[{"Id":1,"State":"stopped"}]"#;
        let error = asked::<Vec<ContainerSummary>>(list).unwrap_err();
        assert!(error.to_string().contains("integer `1`"), "{error}");
    }
}
