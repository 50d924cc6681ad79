//! Where the time went: the spans of a command as a tree, each with when it began, how long
//! it took, and what the engine was asked for meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::fields::{keep, label_of};
use super::{COMMAND, ENGINE, is_step};
use crate::visible::visible_line;

/// How many spans of one name are shown below another; of more, those that took longest.
const ALIKE: usize = 6;

/// Columns of a name, with its indentation.
const WIDTH: usize = 44;

/// The spans so far.
#[derive(Default)]
pub(super) struct Times(Mutex<Tree>);

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    open: BTreeMap<u64, usize>,
    /// Requests under way: below which node, and since when.
    requests: BTreeMap<u64, (Option<usize>, Instant)>,
}

struct Node {
    name: &'static str,
    label: String,
    parent: Option<usize>,
    began: Instant,
    took: Option<Duration>,
    requests: usize,
    asked: Duration,
}

impl Times {
    /// Whether a span is a part of it.
    pub(super) fn wants(metadata: &Metadata<'_>) -> bool {
        is_step(metadata) || metadata.name() == ENGINE
    }

    /// The tree below the command, as lines of at most 80 columns.
    pub(super) fn summary(&self) -> Option<String> {
        let tree = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let command = tree.nodes.iter().position(|node| node.name == COMMAND)?;
        let mut text = format!(
            "{:<WIDTH$}{:>10}{:>10} {}\n",
            "Where the time went", "from", "took", "engine requests"
        );
        tree.tell(&mut text, command, 0, tree.nodes[command].began);
        Some(text.trim_end().to_owned())
    }
}

impl Tree {
    fn tell(&self, text: &mut String, at: usize, depth: usize, zero: Instant) {
        let node = &self.nodes[at];
        let label = visible_line(&node.label);
        let label = format!("{:indent$}{label}", "", indent = 2 * depth);
        let from = node.began.duration_since(zero).as_secs_f64();
        let took = node.took.map_or_else(
            || "open".to_owned(),
            |took| format!("{:.3} s", took.as_secs_f64()),
        );
        let asked = match node.requests {
            0 => String::new(),
            n => format!(" {n:>4} in {:.2} s", node.asked.as_secs_f64()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<WIDTH$}{from:>8.3} s{took:>10}{asked}",
            cut(&label)
        );
        let mut below: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (child, node) in self.nodes.iter().enumerate() {
            if node.parent == Some(at) {
                below.entry(node.name).or_default().push(child);
            }
        }
        // In the order in which they began, and what is left out after those shown.
        let mut groups: Vec<Vec<usize>> = below.into_values().collect();
        groups.sort_by_key(|group| self.nodes[group[0]].began);
        let mut shown = Vec::new();
        let mut left_out = Vec::new();
        for mut group in groups {
            group.sort_by_key(|child| std::cmp::Reverse(self.nodes[*child].took));
            left_out.push(group.split_off(group.len().min(ALIKE)));
            shown.append(&mut group);
        }
        shown.sort_by_key(|child| self.nodes[*child].began);
        for child in shown {
            self.tell(text, child, depth + 1, zero);
        }
        for group in left_out.iter().filter(|group| !group.is_empty()) {
            let took = group.iter().filter_map(|child| self.nodes[*child].took);
            let line = format!(
                "{:indent$}{} more of {}, none longer than these",
                "",
                group.len(),
                self.nodes[group[0]].name,
                indent = 2 * depth + 2
            );
            let all = took.sum::<Duration>().as_secs_f64();
            let _ = writeln!(text, "{:<WIDTH$}{:>10}{all:>8.3} s", cut(&line), "");
        }
    }
}

/// As much of a name as there is room for.
fn cut(label: &str) -> String {
    if label.chars().count() < WIDTH {
        return label.to_owned();
    }
    let kept: String = label.chars().take(WIDTH - 2).collect();
    format!("{kept}…")
}

/// The layer that fills it.
pub(super) struct Layer(pub(super) Arc<Times>);

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        keep(attributes, id, &context);
        let Some(span) = context.span(id) else { return };
        let label = label_of(&span);
        let parent = span.parent().map(|parent| parent.id().into_u64());
        let mut tree = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parent = parent.and_then(|parent| tree.open.get(&parent).copied());
        if span.name() == ENGINE {
            tree.requests
                .insert(id.into_u64(), (parent, Instant::now()));
            return;
        }
        let at = tree.nodes.len();
        tree.nodes.push(Node {
            name: span.name(),
            label,
            parent,
            began: Instant::now(),
            took: None,
            requests: 0,
            asked: Duration::ZERO,
        });
        tree.open.insert(id.into_u64(), at);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut tree = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = tree.open.remove(&id.into_u64()) {
            tree.nodes[at].took = Some(tree.nodes[at].began.elapsed());
        } else if let Some((mut around, began)) = tree.requests.remove(&id.into_u64()) {
            // Asked for by each of those around it.
            while let Some(outer) = around {
                let node = &mut tree.nodes[outer];
                node.requests += 1;
                node.asked += began.elapsed();
                around = node.parent;
            }
        }
    }
}
