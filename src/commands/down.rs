//! `relaykit down`.

use std::fmt::Write as _;

use super::Session;
use super::exit::Exit;
use crate::cli::Down;
use crate::lab::{self, Removed};
use crate::progress::Event;

pub(super) async fn run(session: &Session, arguments: Down) -> anyhow::Result<Exit> {
    let engine = session.engine().await?;
    let removed = if arguments.all {
        lab::remove_all(engine.as_ref()).await?
    } else {
        let store = session.store()?;
        let lock = store.lock(&arguments.lab, &session.progress).await?;
        let removed = lab::down(engine.as_ref(), &arguments.lab, arguments.volumes).await?;
        drop(lock);
        if arguments.volumes {
            store.forget(&arguments.lab)?;
        }
        removed
    };
    if removed.is_empty() {
        session.progress.report(Event::Warning {
            line: "there was nothing to take down".to_owned(),
        });
    }
    session.print(&removed, &human(&removed)?)?;
    Ok(Exit::Done)
}

fn human(removed: &Removed) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let kinds = [
        ("container", &removed.containers),
        ("network", &removed.networks),
        ("volume", &removed.volumes),
    ];
    for (kind, names) in kinds {
        for name in names {
            writeln!(text, "removed {kind} {name}")?;
        }
    }
    Ok(text)
}
