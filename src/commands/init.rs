//! `relaykit init`: a relay.yaml to begin with.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::exit::{Exit, Unwritable, Usage};
use super::{Session, users};
use crate::cli::{Backend, Init};
use crate::config::{self, Draft, Spec, scalar};
use crate::counterparts;

/// Where the users file is, from the folder of relay.yaml.
const USERS_FILE: &str = "users/accounts";

/// What is otherwise in production than in a lab, and needs nobody's answer.
const PRODUCTION: &[(&str, &str)] = &[
    (
        "listeners",
        "{smtp: 25, submission: 587, submissions: 465, bind: 0.0.0.0}",
    ),
    ("auth.ldap.ca", "system"),
    ("tls.outbound.level", "secure"),
];

/// The lab's people, whose passwords are no secrets: they stand in its relay.yaml.
const PEOPLE: &str = "lab.users";

pub(super) fn run(session: &Session, arguments: &Init) -> anyhow::Result<Exit> {
    if arguments.user.is_some() && arguments.auth != Backend::Users {
        let text = "--user is somebody of a users file; write --auth users, too";
        return Err(Usage(text.to_owned()).into());
    }
    let output = std::path::absolute(&arguments.output)?;
    let there = output.exists() && !arguments.force;
    if there {
        return Err(there_already(&output).into());
    }
    let spec = spec(arguments)?;
    let missing = counterparts::missing_for_production(&spec);
    let missing: Vec<&str> = missing
        .iter()
        .map(|missing| missing.path.as_str())
        .collect();
    let marked = if arguments.production {
        missing
    } else {
        Vec::new()
    };
    let text = text(arguments, &spec, &marked);
    let users_file = output.parent().unwrap_or(Path::new(".")).join(USERS_FILE);
    let users_file = (arguments.auth == Backend::Users).then_some(users_file);
    if let Some(path) = &users_file {
        users::begin(
            path,
            arguments.user.as_deref(),
            arguments.password_file.as_deref(),
        )?;
    }
    write(&output, &text, arguments.force)?;
    let human = human(arguments, users_file.as_deref(), &marked)?;
    let json =
        json!({"configuration": output, "users_file": users_file, "fill_in": fields(&marked)});
    session.print(&json, &human)?;
    Ok(Exit::Done)
}

/// Who is in the users file is no line of relay.yaml.
fn fields<'a>(marked: &'a [&'a str]) -> Vec<&'a str> {
    let written = |key: &&&str| **key != "auth.pam.users_file";
    marked.iter().filter(written).copied().collect()
}

/// What the file is to say, but for what is to be filled in.
fn spec(arguments: &Init) -> anyhow::Result<Spec> {
    let mut spec = config::built_in();
    if arguments.auth == Backend::Users {
        config::set(&mut spec, "auth.pam.users_file", USERS_FILE)?;
    }
    if arguments.production {
        for (key, value) in PRODUCTION {
            config::set(&mut spec, key, value)?;
        }
    }
    Ok(spec)
}

fn text(arguments: &Init, spec: &Spec, marked: &[&str]) -> String {
    let head = if arguments.production {
        "A mail relay for production, written by `relaykit init`. Write what is right in the place of\n\
         each FILL-IN: `relaykit config validate` names those that are left. The comments say what a\n\
         setting is for; docs/SETTINGS.md tells all of it. What is not written has its default."
    } else {
        "A mail relay in a lab, written by `relaykit init`: `relaykit up` brings it up as it stands. The\n\
         comments say what a setting is for; docs/SETTINGS.md tells all of it. What is not written has\n\
         its default."
    };
    let users = arguments.auth == Backend::Users;
    let of_directories = vec!["auth.ldap", "lab.ldaps"];
    let without = if users {
        of_directories
    } else {
        vec!["auth.pam"]
    };
    let people = spec.lab.users.iter().map(|user| {
        let (name, password) = (scalar(&user.name), scalar(user.password.reveal()));
        format!("{{name: {name}, password: {password}}}")
    });
    let people: Vec<String> = people.collect();
    Draft {
        head,
        said: vec![
            (PEOPLE, format!("[{}]", people.join(", "))),
            ("auth.pam.users_file", USERS_FILE.to_owned()),
        ],
        marked: fields(marked),
        without,
        production: arguments.production,
    }
    .of(spec)
}

fn there_already(output: &Path) -> Unwritable {
    let why = "it is there already; --force replaces it, --output FILE writes another";
    Unwritable {
        to: output.to_owned(),
        source: std::io::Error::new(ErrorKind::AlreadyExists, why),
    }
}

/// Whole, or not at all: nobody reads half of it, and none that came meanwhile is lost.
fn write(output: &Path, text: &str, force: bool) -> Result<(), Unwritable> {
    let unwritable = |source| Unwritable {
        to: output.to_owned(),
        source,
    };
    let folder = output.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new()
        .prefix(".relay-")
        // Less what the person's umask takes off.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(unwritable)?;
    new.write_all(text.as_bytes()).map_err(unwritable)?;
    let written = if force {
        new.persist(output)
    } else {
        new.persist_noclobber(output)
    };
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(there_already(output)),
        Err(error) => Err(unwritable(error.error)),
    }
}

fn human(
    arguments: &Init,
    users_file: Option<&Path>,
    marked: &[&str],
) -> Result<String, std::fmt::Error> {
    let file = arguments.output.display();
    let default = arguments.output == Path::new("relay.yaml");
    let of_file = if default {
        String::new()
    } else {
        format!(" -f {file}")
    };
    let mut text = format!("wrote {file}\n");
    if let Some(path) = users_file {
        writeln!(text, "the users file is {}", path.display())?;
    }
    text.push_str("\nNext:\n");
    let mut step = |command: String, about: &str| writeln!(text, "  {command:<44}  # {about}");
    if !fields(marked).is_empty() {
        step(
            format!("relaykit config validate{of_file}"),
            "what is still to be filled in",
        )?;
    }
    if users_file.is_some() && arguments.user.is_none() {
        step(
            format!("relaykit users add NAME{of_file}"),
            "who may log in; it asks for the password",
        )?;
    }
    step(
        format!("relaykit up{of_file}"),
        "the relay in a lab, with people of the lab's own",
    )?;
    step(format!("relaykit test{of_file}"), "the proof")?;
    if arguments.production {
        step(
            format!("relaykit export compose{of_file} --output DIR"),
            "the relay for production",
        )?;
    }
    Ok(text)
}
