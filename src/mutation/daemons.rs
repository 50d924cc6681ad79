//! Processes of the relay's supervisor, ended, held, or started through something else
//! (s6-svc(8)).

use super::{Change, Draft, Operator};
use crate::container::Container;

/// The services of the image, and the file without which it does not run one.
const SERVICES: [(&str, Option<&str>); 5] = [
    ("postfix", None),
    ("guard", Some("logins.conf")),
    ("saslauthd", Some("logins.conf")),
    ("limits", Some("limits.conf")),
    ("accounts", Some("pam")),
];

/// What is done to the script of a service, and what that is called.
const WRAPPED: [(&str, &str); 3] = [
    ("umask 000", "files that everybody may write"),
    (
        "ulimit -c unlimited",
        "memory is written to disk after a fault",
    ),
    ("exec 2>/dev/null", "what it has to say is thrown away"),
];

/// What can become of the services that `relay` runs.
pub(super) fn drafts(relay: &Container) -> Vec<(&'static str, Draft)> {
    let has = |name: &str| {
        relay
            .files
            .iter()
            .any(|f| f.path.ends_with(&format!("/{name}")))
    };
    let runs = SERVICES.iter().filter(|(_, file)| file.is_none_or(has));
    runs.flat_map(|(name, _)| of_service(name).into_iter().map(|draft| (*name, draft)))
        .collect()
}

fn of_service(name: &str) -> Vec<Draft> {
    let folder = format!("/run/service/{name}");
    let draft = |operator, after: &str, script| Draft {
        operator,
        place: "the supervised process".to_owned(),
        before: format!("{name} runs"),
        after: format!("{name}: {after}"),
        touches: Vec::new(),
        change: Change::Script(script),
    };
    let mut drafts = vec![
        draft(
            Operator::Kill,
            "it is ended and stays so",
            format!("s6-svc -wD -d {folder}"),
        ),
        draft(
            Operator::Kill,
            "it is stopped in mid-air (SIGSTOP)",
            format!("s6-svc -p {folder}"),
        ),
        draft(
            Operator::Kill,
            "it is killed once, and started again",
            format!("s6-svc -wR -rk {folder} || s6-svc -k {folder}"),
        ),
    ];
    drafts.extend(WRAPPED.iter().map(|(line, what)| {
        let script = format!("sed -i '2i {line}' {folder}/run && s6-svc -wR -r {folder}");
        draft(
            Operator::Wrap,
            &format!("`{line}` before it: {what}"),
            script,
        )
    }));
    drafts
}
