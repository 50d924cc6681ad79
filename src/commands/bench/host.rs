//! A server that the user named.

use super::super::Session;
use super::super::check::{authorities, login, resolved};
use super::super::exit::Usage;
use super::asked::Asked;
use crate::bench::{Kind, Subject, Target, security};
use crate::cli::{Bench, Place};
use crate::config::Listener;
use crate::progress::Event;
use crate::smtp::{Login, TlsSettings};

/// `place` as a target, and a warning of what it will get.
pub(super) async fn subject(
    session: &Session,
    arguments: &Bench,
    asked: &Asked,
    place: &Place,
) -> anyhow::Result<Subject> {
    let ports: Vec<_> = place.ports.iter().collect();
    let (listener, port) = if let [(listener, port)] = ports.as_slice() {
        // Who names one port means that one.
        (**listener, **port)
    } else {
        let port = place.ports.get(&asked.listener);
        let name = asked.listener.name();
        let missing = || Usage(format!("no port of {} is named for {name}", place.host));
        (asked.listener, *port.ok_or_else(missing)?)
    };
    let access = &arguments.access;
    if access.user.is_some() && listener == Listener::Smtp {
        let text = "a password is not sent in the clear: use port 587 or 465, or leave --user out";
        return Err(Usage(text.to_owned()).into());
    }
    let login = login(access)?.map(|(user, password)| Login { user, password });
    let authorities = authorities(access)?;
    let name = access.name.clone().unwrap_or_else(|| place.host.clone());
    let user = access.user.clone().filter(|user| user.contains('@'));
    let sender = arguments.sender.clone().or(user);
    let sender = match sender {
        Some(sender) => sender,
        None if arguments.logins_only => String::new(),
        None => {
            let text = "whom are the messages from? --sender ADDR";
            return Err(Usage(text.to_owned()).into());
        }
    };
    let bounds = asked.series.bounds;
    let points = asked.series.paces.len() * asked.series.rounds;
    let line = format!(
        "{}:{port} gets up to {} {} at {points} points{}: only where you may do that",
        place.host,
        bounds.messages.unwrap_or_default(),
        if arguments.logins_only {
            "logins".to_owned()
        } else {
            format!("messages to {}", arguments.recipient.join(" and "))
        },
        match asked.clients() {
            1 => String::new(),
            many => format!(", {many} connections at once"),
        }
    );
    session.progress.report(Event::Warning { line });
    Ok(Subject {
        target: Target {
            name: place.host.clone(),
            address: resolved(&place.host, port).await?,
            security: security(listener, TlsSettings::trusting(name, authorities)),
            login,
            sender,
            recipients: arguments.recipient.clone(),
        },
        kind: Kind::Host,
        next_hop: "not known".to_owned(),
        containers: Vec::new(),
        engine: None,
    })
}
