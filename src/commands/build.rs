//! `relaykit build`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Session;
use super::exit::Exit;
use super::labs::{image_settings, images};
use crate::cli::Build;
use crate::image;
use crate::plan::Image;

pub(super) async fn run(session: &Session, arguments: Build) -> anyhow::Result<Exit> {
    let engine = session.engine().await?;
    let settings = image_settings(session, &arguments.images, arguments.no_cache);
    if arguments.remove {
        let removed = image::remove(engine.as_ref(), &settings.namespace).await?;
        let mut human = String::new();
        for reference in &removed {
            writeln!(human, "removed image {reference}")?;
        }
        session.print(&removed, &human)?;
        return Ok(Exit::Done);
    }
    if arguments.bootstrap {
        image::bootstrap(engine.as_ref(), &settings, &session.progress).await?;
    }
    let wanted = [Image::Relay, Image::Directory];
    let images = images(session, &engine, &wanted, &settings).await?;
    let images: BTreeMap<&str, String> = images
        .into_iter()
        .map(|(image, reference)| (image.name(), reference))
        .collect();
    let mut human = String::new();
    for (name, reference) in &images {
        writeln!(human, "{name:<10} {reference}")?;
    }
    session.print(&images, &human)?;
    Ok(Exit::Done)
}
