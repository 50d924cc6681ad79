//! `relaykit users`: a users file is changed as a whole, or not at all.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Session;
use super::exit::{Exit, Unsuitable, Unwritable, Usage};
use super::labs::configured;
use crate::accounts::{self, Account, Accounts, Wrong};
use crate::cli::{Users, UsersPlace};
use crate::secret::Secret;

pub(super) fn run(session: &Session, command: Users) -> anyhow::Result<Exit> {
    match command {
        Users::Add {
            name,
            addresses,
            password_file,
            place,
        } => {
            check(&name, &addresses)?;
            let path = file(session, &place)?;
            add(&path, &name, addresses, password_file.as_deref())?;
            told(session, &path, &name, "can log in")
        }
        Users::Passwd {
            name,
            password_file,
            place,
        } => {
            let path = file(session, &place)?;
            if !read(&path)?.has(&name) {
                return Err(Unsuitable(format!(
                    "nobody of the name {name} is in {}",
                    path.display()
                ))
                .into());
            }
            let hash = hash(&name, password_file.as_deref())?;
            change(&path, |accounts| accounts.rehash(&name, hash))?;
            told(session, &path, &name, "has another password")
        }
        Users::Remove { name, place } => {
            let path = file(session, &place)?;
            change(&path, |accounts| accounts.remove(&name))?;
            told(session, &path, &name, "cannot log in any more")
        }
        Users::List { place } => list(session, &file(session, &place)?),
    }
}

fn check(name: &str, addresses: &[String]) -> Result<(), Usage> {
    accounts::check_name(name).map_err(|why| usage(&why))?;
    let mut addresses = addresses.iter();
    addresses
        .try_for_each(|a| accounts::check_address(a))
        .map_err(|why| usage(&why))
}

/// Makes the users file, if it is not there, with somebody in it whose password is read
/// from `password_file` or asked for; `None`: with nobody.
pub(super) fn begin(
    path: &Path,
    name: Option<&str>,
    password_file: Option<&Path>,
) -> anyhow::Result<()> {
    match name {
        Some(name) => add(path, name, Vec::new(), password_file),
        None if path.exists() => Ok(()),
        None => change(path, |_| Ok(())),
    }
}

fn add(
    path: &Path,
    name: &str,
    addresses: Vec<String>,
    password_file: Option<&Path>,
) -> anyhow::Result<()> {
    check(name, &addresses)?;
    if read(path)?.has(name) {
        return Err(Unsuitable(format!("{name} is in {} already", path.display())).into());
    }
    let hash = hash(name, password_file)?;
    change(path, |accounts| {
        accounts.add(Account {
            name: name.to_owned(),
            hash,
            addresses,
        })
    })
}

fn list(session: &Session, path: &Path) -> anyhow::Result<Exit> {
    let accounts = read(path)?;
    let mut human = String::new();
    let mut users = Vec::new();
    for Account {
        name, addresses, ..
    } in accounts.iter()
    {
        writeln!(human, "{name:<24} {}", addresses.join(" "))?;
        users.push(json!({"name": name, "addresses": addresses}));
    }
    session.print(&users, &human)?;
    Ok(Exit::Done)
}

fn told(session: &Session, path: &Path, name: &str, what: &str) -> anyhow::Result<Exit> {
    let human = format!("{name} {what}: {}\n", path.display());
    session.print(&json!({"users": path, "name": name}), &human)?;
    Ok(Exit::Done)
}

fn usage(why: &Wrong) -> Usage {
    Usage(why.to_string())
}

/// The users file: of `--users`, else the one that relay.yaml names.
fn file(session: &Session, place: &UsersPlace) -> anyhow::Result<PathBuf> {
    if let Some(path) = &place.users {
        return Ok(std::path::absolute(path)?);
    }
    let spec = configured(session, &place.which)?;
    let users = spec.and_then(|spec| spec.auth.users);
    let users = users.ok_or_else(|| {
        let text = "relay.yaml names no users file\n  write `auth: {pam: {users_file: users/accounts}}` into it, or give --users FILE";
        Unsuitable(text.to_owned())
    })?;
    Ok(users.file)
}

/// What is in the file; one that is not there has nobody in it.
fn read(path: &Path) -> anyhow::Result<Accounts> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Accounts::default()),
        Err(error) => {
            return Err(Unsuitable(format!("reading {} failed: {error}", path.display())).into());
        }
    };
    Accounts::parse(&text).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Unsuitable(format!("{}: {}", path.display(), lines.join("\n  "))).into()
    })
}

/// Puts another file in its place: whoever reads it meanwhile sees the old one whole, or
/// the new one. Two who change it at once take turns.
fn change(
    path: &Path,
    change: impl FnOnce(&mut Accounts) -> Result<(), Wrong>,
) -> anyhow::Result<()> {
    // The file itself, where a link leads to it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    let unwritable = |source| Unwritable {
        to: path.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    let turn = File::open(folder).map_err(unwritable)?;
    turn.lock().map_err(unwritable)?;
    let mut accounts = read(&path)?;
    change(&mut accounts).map_err(|why| Unsuitable(format!("{}: {why}", path.display())))?;
    // Its owner's alone, as files with a random name are made.
    let mut new = tempfile::Builder::new()
        .prefix(".accounts-")
        .tempfile_in(folder)
        .map_err(unwritable)?;
    new.write_all(accounts.to_string().as_bytes())
        .map_err(unwritable)?;
    new.as_file().sync_all().map_err(unwritable)?;
    new.persist(&path)
        .map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// The hash of a password from a file, or typed twice.
fn hash(name: &str, password_file: Option<&Path>) -> anyhow::Result<String> {
    let password = match password_file {
        Some(path) => from_file(path)?,
        None => typed(name)?,
    };
    Ok(accounts::hash(&password).map_err(|why| Unsuitable(why.to_string()))?)
}

fn from_file(path: &Path) -> anyhow::Result<Secret> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Unsuitable(format!("reading {} failed: {error}", path.display())))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

fn typed(name: &str) -> anyhow::Result<Secret> {
    if !std::io::stdin().is_terminal() {
        let text = "there is no terminal to ask for the password at; give --password-file FILE, or `-` for standard input";
        return Err(Usage(text.to_owned()).into());
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Secret::new);
    let first = ask(format!("password of {name}: "))?;
    accounts::check_password(&first).map_err(|why| Unsuitable(why.to_string()))?;
    let second = ask("the same again: ".to_owned())?;
    if first.reveal() != second.reveal() {
        return Err(Unsuitable("these are two passwords; nothing was changed".to_owned()).into());
    }
    Ok(first)
}
