//! `relaykit export`: writes the bundle at once or not at all.

mod folder;
mod image;

use std::path::Path;

use serde_json::json;

use folder::{IMAGE, Renewed};

use super::Session;
use super::exit::{Exit, Unsuitable, Unwritable};
use super::labs::{image_settings, spec};
use crate::cli::{self, Images};
use crate::config::{Spec, read_authorities};
use crate::counterparts::{self, Purpose, Resolved};
use crate::engine::ByteStream;
use crate::export::deployment_name;
use crate::plan::{Content, Image, Plan};

pub(super) async fn run(session: &Session, command: &cli::Export) -> anyhow::Result<Exit> {
    let cli::Export {
        target,
        which,
        output,
        base,
        save,
    } = command;
    let spec = spec(session, which)?;
    check(&spec)?;
    let name = deployment_name(&spec.hostname);
    let mut plan = Plan::new(Resolved::new(spec, Purpose::Production), &name);
    take_along(&mut plan)?;
    let images = Images {
        base: base.clone(),
        ..Images::default()
    };
    let settings = image_settings(session, &images, false);
    let reference = crate::image::reference(Image::Relay, &settings);
    let bundle = (target.bundle)(&plan, &reference)?;
    let archive = if *save {
        Some(archive(session, &reference).await?)
    } else {
        None
    };
    let unwritable = |source| Unwritable {
        to: output.clone(),
        source,
    };
    let renewed = folder::write(&bundle, output).map_err(unwritable)?;
    let saved = match archive {
        Some(archive) => {
            let size = image::save(archive, output).await.map_err(unwritable)?;
            Some(size)
        }
        None => None,
    };
    let files: Vec<&str> = bundle.files.iter().map(|f| f.path.as_str()).collect();
    let changes: Option<Vec<_>> = renewed.as_ref().map(|renewed| {
        let change =
            |one: &Renewed| json!({"path": one.path, "change": one.change, "diff": one.diff});
        renewed.iter().map(change).collect()
    });
    let json = json!({
        "export": target.name,
        "output": std::path::absolute(output)?,
        "name": name,
        "image": reference,
        "files": files,
        "changes": changes,
        "saved": saved.map(|_| IMAGE),
    });
    let mut human = match &renewed {
        None => format!(
            "wrote {} files to {}; start with its README.md\n",
            files.len(),
            output.display()
        ),
        Some(renewed) => told(renewed, output),
    };
    if let Some(size) = saved {
        let (path, megabytes) = (output.join(IMAGE), size / 1_000_000);
        human += &[
            format!("saved {reference} as {} ({megabytes} MB); ", path.display()),
            format!("`docker load -i {IMAGE}` there\n"),
        ]
        .concat();
    }
    session.print(&json, &human)?;
    Ok(Exit::Done)
}

/// What became of a bundle that was there.
fn told(renewed: &[Renewed], output: &Path) -> String {
    if renewed.is_empty() {
        return format!("{} is up to date; nothing was written\n", output.display());
    }
    let mut text = String::new();
    for one in renewed {
        if let Some(diff) = &one.diff {
            text.push_str(diff);
        } else {
            let what = [one.path.as_str(), ": ", one.change];
            text.push_str(&what.concat());
            text.push_str("; it holds a secret, not shown\n");
        }
    }
    let count = renewed.len();
    text + &format!(
        "wrote {count} of the files in {} anew; `docker compose up -d --force-recreate` there \
         takes them up\n",
        output.display()
    )
}

/// Puts what anybody may see of the operator's into the plan itself: the certificates of
/// authorities go along, so that no path of this machine is needed elsewhere.
fn take_along(plan: &mut Plan) -> Result<(), Unsuitable> {
    let files = plan.containers.iter_mut().flat_map(|c| &mut c.files);
    for file in files {
        if let Content::OperatorAuthority(path) = &file.content {
            let text = read_authorities(path).map_err(|error| {
                let (path, needs) = (path.display(), &file.path);
                Unsuitable(format!(
                    "reading {path} failed: {error}\n  it is an authority's certificate, which goes \
                     into the bundle ({needs} in the container): bring it to this machine first"
                ))
            })?;
            file.content = Content::Text(text);
        }
    }
    Ok(())
}

/// The image, as the engine hands it out.
async fn archive(session: &Session, reference: &str) -> anyhow::Result<ByteStream> {
    let engine = session.engine().await?;
    if engine.image(reference).await?.is_none() {
        let text = format!("there is no image {reference} to save; `relaykit build` makes it");
        return Err(Unsuitable(text).into());
    }
    Ok(engine.save(reference).await?)
}

/// Refuses a configuration that cannot leave the lab, with everything that it lacks.
fn check(spec: &Spec) -> Result<(), Unsuitable> {
    let missing = counterparts::missing_for_production(spec);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(Unsuitable(format!(
        "this configuration is a lab's, so nothing was written; for production it still needs:\n  {}",
        list.join("\n  ")
    )))
}
