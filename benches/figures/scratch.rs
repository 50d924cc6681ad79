//! The whole way from an engine without any of our images.

use crate::figure::Figure;
use crate::lab::{Lab, Run};
use crate::time::timed;

/// `up` under a namespace of its own, and what `up` says that its stages took.
pub(crate) fn of_everything() -> Vec<Figure> {
    eprintln!("from nothing");
    let lab = Lab::without_images("nothing");
    let namespace = Namespace(format!("relaykit-figures-{}", std::process::id()), &lab);
    let (seconds, run) = timed(|| namespace.relaykit(&["up", "--lab", &lab.name]).succeeded());
    let mut figures = vec![Figure::new(
        "from nothing to a proved lab",
        "s",
        vec![seconds],
        Some(100.0),
    )];
    let stages = run.stderr.lines().filter_map(stage);
    figures.extend(
        stages.map(|(name, took)| Figure::new(&format!("  {name}"), "s", vec![took], None)),
    );
    lab.relaykit(&["down", "--volumes"]).succeeded();
    figures
}

/// The images of a namespace, removed with this value.
struct Namespace<'a>(String, &'a Lab);

impl Namespace<'_> {
    fn relaykit(&self, arguments: &[&str]) -> Run {
        let mut command = self.1.command(arguments);
        command.env("RELAYKIT_NAMESPACE", &self.0);
        Run::of(command)
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // A lab that did not come up may hold its images.
        self.1.relaykit(&["down", "--volumes"]);
        let removed = self.relaykit(&["build", "--remove"]);
        if removed.code != Some(0) {
            eprintln!("images of {} are left: {removed}", self.0);
        }
    }
}

/// `✓ image relay (56.89 s)`.
fn stage(line: &str) -> Option<(&str, f64)> {
    let (name, took) = line.strip_prefix("✓ ")?.rsplit_once(" (")?;
    Some((name, took.strip_suffix(" s)")?.parse().ok()?))
}
