//! `relaykit export`: writes the bundle at once or not at all.

mod folder;

use serde_json::json;

use super::Session;
use super::exit::{Exit, Unsuitable, Unwritable};
use super::labs::{image_settings, spec};
use crate::cli::{self, Images};
use crate::config::Spec;
use crate::counterparts::{self, Purpose, Resolved};
use crate::export::deployment_name;
use crate::image;
use crate::plan::{Image, Plan};

pub(super) fn run(session: &Session, command: &cli::Export) -> anyhow::Result<Exit> {
    let cli::Export {
        target,
        which,
        output,
        base,
    } = command;
    let spec = spec(session, which)?;
    check(&spec)?;
    let name = deployment_name(&spec.hostname);
    let plan = Plan::new(Resolved::new(spec, Purpose::Production), &name);
    let images = Images {
        base: base.clone(),
        ..Images::default()
    };
    let reference = image::reference(Image::Relay, &image_settings(session, &images, false));
    let bundle = (target.bundle)(&plan, &reference)?;
    folder::write(&bundle, output).map_err(|source| Unwritable {
        to: output.clone(),
        source,
    })?;
    let files: Vec<&str> = bundle.files.iter().map(|f| f.path.as_str()).collect();
    let human = format!(
        "wrote {} files to {}; start with its README.md\n",
        files.len(),
        output.display()
    );
    let json = json!({
        "export": target.name,
        "output": std::path::absolute(output)?,
        "name": name,
        "image": reference,
        "files": files,
    });
    session.print(&json, &human)?;
    Ok(Exit::Done)
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
