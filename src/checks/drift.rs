//! What runs against what was planned: settings, files, processes and the terms under
//! which the engine runs a container. A relay can pass every other check today and be
//! something else than its relay.yaml says.

pub(super) mod files;
pub(super) mod processes;
pub(super) mod terms;

use std::collections::BTreeMap;

use super::check::{Change, Check, Compares, Sabotage};
use super::need::Need;
use super::probe::appliance;
use super::target::Context;
use super::verdict::{Judged, broken, held, unless_wrong};
use crate::config::Postfix;
use crate::counterparts::Resolved;
use crate::plan::{Container, Content, Plan, Role};
use crate::report::Severity;

pub(super) static CHECKS: &[Check] = &[Check {
    id: "drift.postfix_uses_what_was_rendered",
    title: "Postfix uses the parameters and services that were rendered from relay.yaml, and no other",
    citation: "Postfix postconf; Postfix master",
    severity: Severity::High,
    about: "Asks `postconf -n`, `postconf -M` and `postconf -P` in the containers of the relay and of \
            the lab's next hop, and compares each parameter, service and option with the files that \
            relay.yaml gives. Each line of postfix.main and postfix.master is shown as what it is, \
            with what relaykit would have set without it. A parameter that somebody has changed by \
            hand does what it does from the next start on, and no file of yours says so.",
    repair: "Say it in relay.yaml, or undo it: `relaykit up` makes the relay anew from relay.yaml, \
             and `relaykit config render --diff` shows the difference.",
    needs: &[Need::Lab],
    // It sees every change of a setting, and would stand by at all of them.
    long: true,
    compares: Compares::Files,
    sabotages: &[
        Sabotage {
            name: "a parameter that nobody would miss",
            changes: &[Change::Main("qmgr_message_active_limit", "19999")],
            sees: "qmgr_message_active_limit = 19999",
        },
        Sabotage {
            name: "a service beside the planned ones",
            changes: &[Change::File(
                Role::Relay,
                "postfix/master.cf",
                "spare unix - - n - - smtp -o syslog_name=spare",
            )],
            sees: "spare/unix",
        },
        Sabotage {
            name: "the next hop's Postfix in a mode of its own",
            changes: &[Change::File(
                Role::Sink,
                "postfix/main.cf",
                "soft_bounce = yes",
            )],
            sees: "the sink: soft_bounce = yes",
        },
    ],
    ..Check::by(&postfix_uses_what_was_rendered)
}];

/// Parameters and services, each by its name.
type Settings = BTreeMap<String, String>;

async fn postfix_uses_what_was_rendered(context: Context) -> Judged {
    const SCRIPT: &str = "postconf -n; echo; postconf -M; echo; postconf -P";
    let mut wrong = Vec::new();
    for role in appliance::roles(&context)? {
        let wanted = settings(&appliance::wanted(&context, role)?);
        if wanted.is_empty() {
            continue;
        }
        let text = appliance::output(&context, role, &["sh", "-c", SCRIPT]).await?;
        let mut parts = text.split("\n\n");
        let (main, master) = (parts.next(), parts.next());
        let mut seen = of_main(main.unwrap_or_default());
        seen.extend(of_master(master.unwrap_or_default()));
        if seen.is_empty() {
            return broken(format!("postconf shows nothing in the {}", role.name()));
        }
        let role = role.name();
        let differences = differences(&wanted, &seen);
        wrong.extend(differences.iter().map(|line| format!("the {role}: {line}")));
        let services = seen.keys().filter(|name| name.contains('/')).count();
        let counted = format!(
            "{} parameters and {services} services",
            seen.len() - services
        );
        if differences.is_empty() {
            held(
                format!("the {role}'s Postfix as rendered"),
                format!("{counted}, all of them as rendered"),
            )?;
        }
    }
    overrides(&context)?;
    unless_wrong(
        &wrong,
        "the parameters and services that relay.yaml gives, and no other",
    )
}

/// Says of each line of the operator's own what it does.
fn overrides(context: &Context) -> Judged {
    let resolved = appliance::resolved(context)?;
    let own = resolved.spec.postfix.clone();
    if own.main.is_empty() && own.master.is_empty() {
        return Judged::Continue(());
    }
    let with = settings(&appliance::wanted(context, Role::Relay)?);
    let mut spec = resolved.spec;
    spec.postfix = Postfix::default();
    let plan = Plan::new(Resolved::new(spec, resolved.purpose), "other");
    let without = plan
        .container(Role::Relay)
        .map(settings)
        .unwrap_or_default();
    let named = own.main.keys().map(|name| ("postfix.main", name));
    for (key, name) in named.chain(own.master.keys().map(|name| ("postfix.master", name))) {
        let value = with.get(name).map_or("nothing", String::as_str);
        let before = match without.get(name) {
            Some(before) if before == value => "as relaykit has it".to_owned(),
            Some(before) => format!("in the place of relaykit's `{before}`"),
            None => "which relaykit leaves at Postfix's default".to_owned(),
        };
        held(
            format!("{key}.{name} of relay.yaml has the last word"),
            format!("`{name} = {value}`, {before}"),
        )?;
    }
    Judged::Continue(())
}

/// The settings in the files of a container that are Postfix's.
fn settings(container: &Container) -> Settings {
    let text = |name: &str| {
        let file = container
            .files
            .iter()
            .find(|file| file.path.ends_with(name));
        match file.map(|file| &file.content) {
            Some(Content::Text(text)) => text.clone(),
            _ => String::new(),
        }
    };
    let mut settings = of_main(&text("/postfix/main.cf"));
    settings.extend(of_master(&text("/postfix/master.cf")));
    settings
}

/// The lines of a file of Postfix's with those that go on put together (postconf(5)).
fn logical(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

fn of_main(text: &str) -> Settings {
    let settings = logical(text).into_iter().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), spaced(value)))
    });
    // Where postconf was started from; the file cannot say it.
    settings
        .filter(|(name, _)| name != "config_directory")
        .collect()
}

/// Services by name and type, each with what it is and its options.
fn of_master(text: &str) -> Settings {
    let services = logical(text).into_iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = format!("{}/{}", words.next()?, words.next()?);
        let rest: Vec<&str> = words.collect();
        Some((name, spaced(&braceless(&rest.join(" ")))))
    });
    services.collect()
}

/// `-o { name = value }` and `-o name=value` are the same option.
fn braceless(line: &str) -> String {
    let line = line.replace("-o {", "-o ").replace('}', " ");
    let mut parts = line.split(" -o ");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let option = match part.split_once('=') {
            Some((name, value)) => format!("{}={}", name.trim(), spaced(value)),
            None => part.trim().to_owned(),
        };
        said.push_str(" -o ");
        said.push_str(&option);
    }
    said
}

/// With one blank between words, as Postfix reads a value.
fn spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn differences(wanted: &Settings, seen: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in seen {
        match wanted.get(name) {
            Some(rendered) if rendered == value => {}
            Some(rendered) => lines.push(format!("{name} = {value}, rendered as `{rendered}`")),
            None => lines.push(format!("{name} = {value}, which nothing has rendered")),
        }
    }
    let missing = wanted.iter().filter(|(name, _)| !seen.contains_key(*name));
    lines.extend(
        missing.map(|(name, value)| format!("{name} = {value} was rendered and is not used")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_as_postconf_prints_it() {
        let file = "# why\nsmtpd_relay_restrictions =\n    permit_sasl_authenticated,\n# within\n  reject\nbiff=no\n";
        let printed = "biff = no\nconfig_directory = /x\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n";
        assert_eq!(of_main(file), of_main(printed));
        let file = "submission inet n - n - - smtpd\n    -o { smtpd_a = b,  c }\n    -o x=y\n";
        let printed = "submission inet  n       -       n       -       -       smtpd\n    -o { smtpd_a = b, c } -o x=y\n";
        assert_eq!(of_master(file), of_master(printed));
        assert_eq!(
            of_master(file)["submission/inet"],
            "n - n - - smtpd -o smtpd_a=b, c -o x=y"
        );
    }

    #[test]
    fn what_is_more_less_or_else_is_a_difference() {
        let wanted = of_main("a = 1\nb = 2\nc = 3\n");
        let seen = of_main("a = 1\nb = 4\nd = 5\n");
        assert_eq!(
            differences(&wanted, &seen),
            [
                "b = 4, rendered as `2`",
                "d = 5, which nothing has rendered",
                "c = 3 was rendered and is not used"
            ]
        );
        assert!(differences(&wanted, &wanted).is_empty());
    }
}
