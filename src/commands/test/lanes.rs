//! Which labs a run has, and what each is one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::certs::Names;
use crate::checks::{self, Laboratory, Target};
use crate::counterparts::{Purpose, Resolved};
use crate::lab;
use crate::plan::{Container, Plan, Role};

/// What a lab is for some of the checks.
pub(super) struct Stage {
    pub(super) laboratory: Laboratory,
    /// Told when the lab is that.
    pub(super) arrive: oneshot::Sender<Arc<Target>>,
    /// Tells when no check needs it any more.
    pub(super) departure: oneshot::Receiver<()>,
}

/// Which labs there are, and what each is first and then. All variants of relay.yaml
/// are one lab after the other: it becomes another variant in less time than a new one
/// comes up. Checks that disturb have another such lab, and labs of their own beside
/// the relay that relay.yaml describes. Those that take turns for the longest begin first;
/// the many checks that share one relay fill what time the others leave. Labs that
/// are kept stay what they are.
pub(super) fn share_out(stages: Vec<Stage>, keep: bool) -> Vec<Vec<Stage>> {
    if keep {
        return stages.into_iter().map(|stage| vec![stage]).collect();
    }
    let (own, variants): (Vec<_>, Vec<_>) = stages
        .into_iter()
        .partition(|stage| stage.laboratory.name == checks::AS_CONFIGURED);
    let (disturbed, shared): (Vec<_>, Vec<_>) = variants
        .into_iter()
        .partition(|stage| stage.laboratory.disposable);
    let mut own: Vec<_> = own.into_iter().map(|stage| vec![stage]).collect();
    own.sort_by_key(|lab| !lab[0].laboratory.disposable);
    let variants = [shared, disturbed].into_iter();
    let variants = variants.filter(|stages| !stages.is_empty());
    variants.chain(own).collect()
}

/// What the lab `name` is for each of these, in an order in which little is made anew. Its
/// sink is the same for all of them.
pub(super) fn plan(name: &str, stages: Vec<Stage>) -> Vec<(Stage, Plan)> {
    let spec = |stage: &Stage| stage.laboratory.spec.clone();
    let resolve = |stage: &Stage| Resolved::new(spec(stage), Purpose::Proof);
    let all: Vec<Resolved> = stages.iter().map(resolve).collect();
    let plan = |resolved: &Resolved| Plan::new(resolved.clone().beside(&all), name);
    let mut waiting: Vec<(Stage, Plan)> = stages.into_iter().zip(all.iter().map(plan)).collect();
    let mut planned: Vec<(Stage, Plan)> = Vec::new();
    while !waiting.is_empty() {
        let cost =
            |(_, plan): &(Stage, Plan)| planned.last().map(|(_, last)| made_anew(last, plan));
        let costs = waiting.iter().map(cost).enumerate();
        let next = costs.min_by_key(|(_, cost)| *cost).map_or(0, |(at, _)| at);
        planned.push(waiting.remove(next));
    }
    planned
}

/// How many containers differ, but for the files of a relay: these it gets where it is.
fn made_anew(last: &Plan, next: &Plan) -> usize {
    let without_files = |container: &Container| Container {
        files: Vec::new(),
        ..container.clone()
    };
    let container = |plan: &Plan, role: Role| match role {
        Role::Relay => plan.container(role).map(without_files),
        Role::Directory | Role::Sink => plan.container(role).cloned(),
    };
    let containers = last.containers.iter().chain(&next.containers);
    let roles: BTreeSet<Role> = containers.map(|container| container.role).collect();
    let differ = |role: &Role| container(last, *role) != container(next, *role);
    roles.into_iter().filter(differ).count()
}

/// The names that a lab needs which is one of these plans after the other.
pub(super) fn names(planned: &[(Stage, Plan)]) -> BTreeMap<Role, Names> {
    let mut all: BTreeMap<Role, Names> = BTreeMap::new();
    for (role, names) in planned
        .iter()
        .flat_map(|(_, plan)| lab::certificate_names(plan))
    {
        all.entry(role).or_default().join(names);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn of(laboratory: Laboratory) -> Stage {
        Stage {
            laboratory,
            arrive: oneshot::channel().0,
            departure: oneshot::channel().1,
        }
    }

    fn stage(name: &'static str, disposable: bool, checks: usize) -> Stage {
        of(Laboratory {
            name,
            spec: config::built_in(),
            disposable,
            checks,
        })
    }

    fn named(keep: bool) -> Vec<Vec<(&'static str, bool)>> {
        let stages = vec![
            stage("as configured", false, 90),
            stage("as configured", true, 4),
            stage("mixed", false, 8),
            stage("strict", false, 9),
            stage("strict", true, 3),
            stage("ask", true, 1),
            stage("ask", false, 2),
        ];
        let name = |stage: Stage| (stage.laboratory.name, stage.laboratory.disposable);
        let labs = share_out(stages, keep).into_iter();
        labs.map(|lab| lab.into_iter().map(name).collect())
            .collect()
    }

    #[test]
    fn variants_share_a_lab_and_those_that_are_disturbed_another() {
        assert_eq!(
            named(false),
            [
                vec![("mixed", false), ("strict", false), ("ask", false)],
                vec![("strict", true), ("ask", true)],
                vec![("as configured", true)],
                vec![("as configured", false)],
            ]
        );
    }

    #[test]
    fn one_lab_after_the_other_keeps_its_sink_and_mostly_its_directory() {
        let all: Vec<_> = checks::all().collect();
        let laboratories = checks::laboratories(&config::built_in(), &all);
        let variants = laboratories
            .iter()
            .filter(|l| l.name != checks::AS_CONFIGURED && !l.disposable);
        let planned = plan("t", variants.cloned().map(of).collect());
        assert!(planned.len() > 3);
        let changes = |role: Role| {
            let pairs = planned.windows(2);
            let changes = pairs.filter(|pair| {
                let now = pair[1].1.container(role);
                now.is_some() && pair[0].1.container(role) != now
            });
            changes.count()
        };
        assert_eq!(changes(Role::Sink), 0);
        // For those who send as themselves alone, and for a filter that wants more of them.
        assert_eq!(changes(Role::Directory), 2);
    }

    #[test]
    fn labs_that_are_kept_stay_what_they_are() {
        assert_eq!(named(true).len(), 7);
    }
}
