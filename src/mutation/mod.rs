//! Mutants: the files of a relay with one change each, made by operators that know
//! Postfix's documentation and nothing of the checks. Whoever runs the checks on them
//! learns which faults of those that nobody has thought of are seen.
//!
//! Pure: a [`Plan`] comes in, [`Mutant`]s come out, in an order that a seed decides.

mod daemons;
mod default;
mod harmless;
mod keyed;
mod main_cf;
mod master_cf;
mod modes;
mod random;
mod table;
mod text;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::container::{Container, Content, File, Role};
use crate::plan::Plan;
use crate::secret::Secret;

pub use harmless::{Harmless, all as harmless};
pub use random::Random;

/// What an operator does, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// A line goes.
    DropLine,
    /// A value becomes another that the documentation allows.
    FlipValue,
    /// An element of a list goes.
    DropElement,
    /// A list or the rules of a map stand in another order.
    Reorder,
    /// A list of restrictions begins with `permit`, or a list of those who may with everybody.
    AddPermit,
    /// An option of another service is set here, too.
    CopyOption,
    /// A map takes the place of another.
    SwapMap,
    /// A rule of a map goes.
    RemoveRule,
    /// A pattern fits more or else than before.
    WidenPattern,
    /// A rule does something else.
    ChangeAction,
    /// A service of master.cf runs under other terms, or another program does its work.
    ChangeService,
    /// A file can be read or written by more people.
    LoosenMode,
    /// A process is ended or held for good.
    Kill,
    /// A process is started through something else.
    Wrap,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 14] = [
        Self::DropLine,
        Self::FlipValue,
        Self::DropElement,
        Self::Reorder,
        Self::AddPermit,
        Self::CopyOption,
        Self::SwapMap,
        Self::RemoveRule,
        Self::WidenPattern,
        Self::ChangeAction,
        Self::ChangeService,
        Self::LoosenMode,
        Self::Kill,
        Self::Wrap,
    ];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DropLine => "drop a line",
            Self::FlipValue => "flip a value",
            Self::DropElement => "drop an element",
            Self::Reorder => "reorder",
            Self::AddPermit => "add a permit",
            Self::CopyOption => "copy an option",
            Self::SwapMap => "swap a map",
            Self::RemoveRule => "remove a rule",
            Self::WidenPattern => "widen a pattern",
            Self::ChangeAction => "change an action",
            Self::ChangeService => "change a service",
            Self::LoosenMode => "loosen a mode",
            Self::Kill => "kill a process",
            Self::Wrap => "wrap a process",
        }
    }
}

impl Operator {
    /// What it does, in a sentence.
    #[must_use]
    pub fn does(self) -> &'static str {
        match self {
            Self::DropLine => "A parameter, a service, an option or any other line goes.",
            Self::FlipValue => {
                "A value becomes another that the documentation allows: yes and no, the levels of TLS, \
                 versions and suites, a tenth and ten times of a number, nothing at all."
            }
            Self::DropElement => "An element of a list goes.",
            Self::Reorder => "A list is turned round, or two rules of a table change places.",
            Self::AddPermit => {
                "A list of restrictions begins with `permit`, or a list of those who may has everybody."
            }
            Self::CopyOption => {
                "An option of one service is set for another that runs the same program."
            }
            Self::SwapMap => "A table takes the place of another.",
            Self::RemoveRule => "A rule of a table goes.",
            Self::WidenPattern => {
                "A pattern loses an anchor, a class of characters or an assertion, a dot fits \
                 anything, a count is doubled or halved."
            }
            Self::ChangeAction => "A rule of a table does something else, or forgets a part.",
            Self::ChangeService => {
                "A column of master.cf says something else, or another program does the work."
            }
            Self::LoosenMode => "A file can be read or written by more people.",
            Self::Kill => "A service of the supervisor is ended, held, or killed once.",
            Self::Wrap => "A service is started through something else, or with more to say.",
        }
    }
}

/// A relay's configuration with one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// Eight hexadecimal digits that are the same as long as the change is: by it
    /// a mutant can be made again.
    pub id: String,
    /// What made it.
    pub operator: Operator,
    /// The file that is changed, or the service that a program is run for.
    pub file: String,
    /// Where in the file: a parameter, a service, the line of a rule.
    pub place: String,
    /// What stood there; empty where nothing did.
    pub before: String,
    /// What stands there now; empty where nothing does.
    pub after: String,
    /// Parameters, services and files that it is about.
    pub touches: Vec<String>,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Text(String),
    Mode(u32),
    Script(String),
}

/// A change before it has a name.
struct Draft {
    operator: Operator,
    place: String,
    before: String,
    after: String,
    touches: Vec<String>,
    change: Change,
}

impl Draft {
    fn named(self, file: &str) -> Mutant {
        let said = [
            self.operator.name(),
            file,
            &self.place,
            &self.before,
            &self.after,
        ];
        let digest = Sha256::digest(said.join("\n"));
        let id = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
        let base = file.rsplit('/').next().unwrap_or(file);
        let mut touches = self.touches;
        touches.push(base.to_owned());
        Mutant {
            id: id.collect(),
            operator: self.operator,
            file: file.to_owned(),
            place: self.place,
            before: self.before,
            after: self.after,
            touches,
            change: self.change,
        }
    }
}

impl Mutant {
    /// Changes the relay of `plan`, which is the one that it was made from or has the same
    /// file.
    pub fn apply(&self, plan: &mut Plan) {
        let mut containers = plan.containers.iter_mut();
        let relay = containers.find(|c| c.role == Role::Relay);
        let files = relay.into_iter().flat_map(|relay| &mut relay.files);
        for file in files.filter(|file| file.path == self.file) {
            match &self.change {
                Change::Text(text) => {
                    file.content = match file.content {
                        Content::Secret(_) => Content::Secret(Secret::new(text.clone())),
                        _ => Content::Text(text.clone()),
                    }
                }
                Change::Mode(mode) => file.mode = *mode,
                Change::Script(_) => {}
            }
        }
    }

    /// What root's shell runs in the relay once its daemons have started.
    #[must_use]
    pub fn script(&self) -> Option<&str> {
        match &self.change {
            Change::Script(script) => Some(script),
            _ => None,
        }
    }

    /// The change as a diff has it.
    #[must_use]
    pub fn diff(&self) -> String {
        let marked = |mark: &'static str, text: &str| -> String {
            let lines = text.lines().flat_map(|line| [mark, line, "\n"]);
            lines.collect()
        };
        format!("{}{}", marked("-", &self.before), marked("+", &self.after))
    }

    /// Why nobody need see it, where somebody has judged so.
    #[must_use]
    pub fn harmless(&self) -> Option<&'static Harmless> {
        harmless::of(self)
    }

    /// Whether it changes the rules of a table.
    #[must_use]
    pub fn is_of_rules(&self) -> bool {
        self.place.starts_with(table::RULE)
    }

    /// In one line.
    #[must_use]
    pub fn title(&self) -> String {
        let base = self.file.strip_prefix(CONFIG).unwrap_or(&self.file);
        format!("{}: {base}, {}", self.operator.name(), self.place)
    }
}

/// Below this every injected file lies.
const CONFIG: &str = "/etc/relaykit/";

/// Every mutant of the relay of `plan`, and how many changes were dropped because they
/// change nothing that anybody could see: the file reads the same, or a parameter is set
/// to what is Postfix's default anyway. `shipped` is the plan of the same relay.yaml without
/// what a test adds for itself: what is not in there is not changed.
#[must_use]
pub fn mutants(plan: &Plan, shipped: &Plan) -> (Vec<Mutant>, usize) {
    let (Some(relay), Some(shipped)) =
        (plan.container(Role::Relay), shipped.container(Role::Relay))
    else {
        return (Vec::new(), 0);
    };
    let mut all = Vec::new();
    for file in &relay.files {
        let Some(other) = shipped.files.iter().find(|f| f.path == file.path) else {
            continue;
        };
        all.extend(of_file(file, other, relay));
    }
    all.extend(
        daemons::drafts(relay)
            .into_iter()
            .map(|(name, draft)| draft.named(name)),
    );
    let mut known = BTreeSet::new();
    let (mut kept, mut dropped) = (Vec::new(), 0);
    for mutant in all {
        let new = known.insert(mutant.id.clone());
        if new && is_observable(&mutant, relay) {
            kept.push(mutant);
        } else {
            dropped += 1;
        }
    }
    (kept, dropped)
}

fn text_of(file: &File) -> Option<&str> {
    match &file.content {
        Content::Text(text) => Some(text),
        Content::Secret(text) => Some(text.reveal()),
        _ => None,
    }
}

fn of_file(file: &File, shipped: &File, relay: &Container) -> Vec<Mutant> {
    let mut drafts = modes::drafts(file.mode);
    if let (Some(text), Some(shipped)) = (text_of(file), text_of(shipped)) {
        let of_text = match file.path.rsplit('/').next() {
            Some("main.cf") => main_cf::drafts(text, &tables(relay)),
            Some("master.cf") => master_cf::drafts(text, &tables(relay)),
            _ if is_table(file, relay) => table::drafts(text),
            _ => keyed::drafts(text),
        };
        let lines: BTreeSet<&str> = shipped.lines().collect();
        let ships = |draft: &Draft| draft.before.lines().all(|line| lines.contains(line));
        drafts.extend(of_text.into_iter().filter(ships));
    }
    let named = drafts.into_iter().map(|draft| draft.named(&file.path));
    named.collect()
}

/// Whether Postfix reads it as rules of regular expressions.
fn is_table(file: &File, relay: &Container) -> bool {
    let named = format!("pcre:{}", file.path);
    tables(relay).contains(&named)
}

/// The maps of regular expressions that Postfix's files name.
fn tables(relay: &Container) -> Vec<String> {
    let texts = relay.files.iter().filter_map(text_of);
    let words = texts.flat_map(|text| {
        text.split(|c: char| c.is_whitespace() || ",{}=".contains(c))
            .filter(|word| word.starts_with("pcre:"))
    });
    let named: BTreeSet<String> = words.map(str::to_owned).collect();
    named.into_iter().collect()
}

/// Whether anybody but a reader of the file's text could tell the difference.
fn is_observable(mutant: &Mutant, relay: &Container) -> bool {
    let Change::Text(after) = &mutant.change else {
        return true;
    };
    let file = relay.files.iter().find(|file| file.path == mutant.file);
    let before = file.and_then(text_of).unwrap_or_default();
    match mutant.file.rsplit('/').next() {
        Some("main.cf") => default::effective(before) != default::effective(after),
        Some("master.cf") => {
            let main = relay.files.iter().find(|f| f.path.ends_with("/main.cf"));
            let main = main.and_then(text_of).unwrap_or_default();
            default::services(before, main) != default::services(after, main)
        }
        _ => default::keyed(before) != default::keyed(after),
    }
}
