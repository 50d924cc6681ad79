//! A sabotage in a plan: the same lab, wrong in one respect.

use super::edit;
use super::plants::Plant;
use crate::certs::Flaw;
use crate::checks::{Change, MARK};
use crate::config::{self, Shown, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::plan::{Content, File, Plan, Role};
use crate::secret::Secret;

/// Below this every injected file lies.
const CONFIG: &str = "/etc/relaykit/";

/// A sabotaged plan.
#[derive(Clone)]
pub(super) struct Sabotaged {
    /// What to bring up.
    pub(super) plan: Plan,
    /// What checks are to believe of it.
    pub(super) spec: Spec,
    /// What shells do once the daemons have started.
    pub(super) scripts: Vec<(Role, String)>,
    /// What the relay's image is made worse by.
    pub(super) instructions: Vec<&'static str>,
    /// What is wrong with the relay's certificate.
    pub(super) flaw: Option<Flaw>,
}

/// The plan of the lab `lab` for a plant, which is that of `others` too. Its relay is
/// always made anew, with an empty queue.
///
/// # Errors
/// In words, when a change finds nothing to change: a sabotage that changes
/// nothing would prove nothing.
pub(super) fn sabotaged(
    plant: &Plant,
    lab: &str,
    others: &[Resolved],
) -> Result<Sabotaged, String> {
    let mut spec = plant.spec.clone();
    for change in plant.changes {
        say(change, &mut spec)?;
    }
    let mut plan = Plan::new(Resolved::new(spec, Purpose::Proof).beside(others), lab);
    let mut scripts = Vec::new();
    let mut instructions = Vec::new();
    let mut flaw = None;
    for change in plant.changes {
        match change {
            Change::Script(role, script) => scripts.push((*role, (*script).to_owned())),
            Change::Certificate(wanted) => flaw = Some(*wanted),
            Change::Image(lines) => instructions.extend(*lines),
            _ => {}
        }
        carry_out(change, &mut plan)?;
    }
    mark(&mut plan, plant.name);
    Ok(Sabotaged {
        plan,
        spec: plant.spec.clone(),
        scripts,
        instructions,
        flaw,
    })
}

/// Changes what relay.yaml says.
fn say(change: &Change, spec: &mut Spec) -> Result<(), String> {
    let (key, value) = match *change {
        Change::Setting(key, value) => (key, value.to_owned()),
        Change::Turned(key) => match config::value(spec, key) {
            Some(Shown::Flag(set)) => (key, (!set).to_string()),
            _ => return Err(format!("{key} is not true or false")),
        },
        _ => return Ok(()),
    };
    let before = spec.clone();
    config::set(spec, key, &value).map_err(|problems| problems.to_string())?;
    if *spec == before {
        return Err(format!("{key} is {value} already"));
    }
    Ok(())
}

fn carry_out(change: &Change, plan: &mut Plan) -> Result<(), String> {
    match *change {
        Change::Main(parameter, value) => alter(plan, Role::Relay, "postfix/main.cf", |text| {
            Some(edit::parameter(text, parameter, value))
        }),
        Change::Service(..) if is_off(change, plan) => Ok(()),
        Change::Service(service, parameter, value) => {
            alter(plan, Role::Relay, "postfix/master.cf", |text| {
                edit::option(text, service, parameter, value)
            })
        }
        Change::File(role, name, line) => {
            let directory = plan.resolved.backend.directory();
            let base = directory.map_or("", |d| d.settings.search_base.as_str());
            let line = line.replace("SEARCH_BASE", base);
            alter(plan, role, name, |text| Some(format!("{text}{line}\n")))
        }
        Change::Replace(role, name, old, new) => alter(plan, role, name, |text| {
            text.contains(old).then(|| text.replace(old, new))
        }),
        Change::Plan(alter) => {
            alter(plan);
            Ok(())
        }
        Change::Given(_)
        | Change::Setting(..)
        | Change::Turned(_)
        | Change::Script(..)
        | Change::Image(_)
        | Change::Certificate(_) => Ok(()),
    }
}

/// Whether it is about a listener that relay.yaml turns off: nobody can be wronged
/// there, and the others have their own changes.
fn is_off(change: &Change, plan: &Plan) -> bool {
    let listener = change.listener();
    listener.is_some_and(|listener| plan.resolved.spec.listeners.port(listener).is_none())
}

/// Changes the text of the injected file `name`, which is a path below the
/// container's configuration folder.
fn alter(
    plan: &mut Plan,
    role: Role,
    name: &str,
    change: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let path = format!("{CONFIG}{name}");
    let container = plan.containers.iter_mut().find(|c| c.role == role);
    let file = container.and_then(|c| c.files.iter_mut().find(|f| f.path == path));
    let Some(file) = file else {
        return Err(format!("the {} has no file {path}", role.name()));
    };
    let changed = match &file.content {
        Content::Text(text) => change(text).map(Content::Text),
        Content::Secret(text) => change(text.reveal()).map(|t| Content::Secret(Secret::new(t))),
        _ => None,
    };
    match changed {
        Some(content) => {
            file.content = content;
            Ok(())
        }
        None => Err(format!(
            "{path} of the {} has nothing to change",
            role.name()
        )),
    }
}

/// Gives the relay a file that no other plan has, so that it is made anew, and
/// nothing of its queue outlives it.
pub(super) fn mark(plan: &mut Plan, name: &str) {
    for container in &mut plan.containers {
        if container.role == Role::Relay {
            container.files.push(File {
                path: format!("{CONFIG}{MARK}"),
                mode: 0o644,
                owner: (0, 0),
                content: Content::Text(format!("{name}\n")),
            });
        }
    }
    for volume in &mut plan.volumes {
        volume.keep = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn planted(changes: &'static [Change]) -> Result<Sabotaged, String> {
        let plant = Plant {
            name: "a mistake",
            changes,
            spec: config::built_in(),
            laboratory: "as configured",
            claims: Vec::new(),
        };
        sabotaged(&plant, "t", &[])
    }

    fn text<'a>(plan: &'a Plan, role: Role, name: &str) -> &'a str {
        let files = &plan.container(role).unwrap().files;
        let file = files.iter().find(|f| f.path.ends_with(name)).unwrap();
        match &file.content {
            Content::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_change_reaches_the_plan() {
        let sabotaged = planted(&[
            Change::Main("mynetworks", "0.0.0.0/0"),
            Change::Service("submission/inet", "smtpd_tls_security_level", "may"),
            Change::File(Role::Relay, "logins.conf", "a line below SEARCH_BASE"),
            Change::Replace(Role::Relay, "logins.conf", "plain login", "plain"),
            Change::Setting("auth.outlook_compatible", "false"),
            Change::Plan(|plan| plan.containers[0].capabilities.push("SYS_ADMIN")),
            Change::Script(Role::Relay, "true"),
            Change::Certificate(Flaw::OtherName),
        ])
        .unwrap();
        let plan = &sabotaged.plan;
        let main = text(plan, Role::Relay, "main.cf");
        assert!(main.contains("\nmynetworks = 0.0.0.0/0\n"), "{main}");
        assert!(!main.contains("mynetworks =\n"), "{main}");
        assert!(main.contains("broken_sasl_auth_clients = no"), "{main}");
        let master = text(plan, Role::Relay, "master.cf");
        assert!(master.contains("-o { smtpd_tls_security_level = may }"));
        let sasl = text(plan, Role::Relay, "logins.conf");
        assert!(sasl.contains("mechanisms: plain\n"), "{sasl}");
        let line = "\na line below ou=People,dc=relaykit,dc=test\n";
        assert!(sasl.ends_with(line), "{sasl}");
        assert!(plan.containers[0].capabilities.contains(&"SYS_ADMIN"));
        assert_eq!(sabotaged.scripts.len(), 1);
        assert_eq!(sabotaged.flaw, Some(Flaw::OtherName));
        // What checks believe is not sabotaged.
        assert!(sabotaged.spec.auth.outlook_compatible);
        assert!(plan.volumes.iter().all(|v| !v.keep));
    }

    #[test]
    fn a_change_that_finds_nothing_is_an_error() {
        for changes in [
            &[Change::Service("local/unix", "a", "b")] as &[_],
            &[Change::Replace(
                Role::Relay,
                "logins.conf",
                "not there",
                "x",
            )],
            &[Change::File(Role::Sink, "saslauthd.conf", "x")],
        ] {
            assert!(planted(changes).is_err());
        }
    }
}
