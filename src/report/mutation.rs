//! What mutants showed of the checks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// The mutants of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What decided which were tried, and in which order.
    pub seed: u64,
    /// How many there are.
    pub possible: usize,
    /// How many changes were dropped because they change nothing that can be seen.
    pub dropped: usize,
    /// How long it took after the checks.
    pub elapsed: Duration,
    /// Those that were tried, by number.
    pub tried: Vec<Tried>,
}

/// A mutant that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its number in this run, from 1.
    pub number: usize,
    /// By this it can be tried again: `--mutant ID`.
    pub id: String,
    /// What made it.
    pub operator: &'static str,
    /// In one line: operator, file, place.
    pub title: String,
    /// The change, as a diff has it.
    pub diff: String,
    /// The lab that it was tried in.
    pub laboratory: &'static str,
    /// What came of it.
    pub fate: Fate,
    /// How long that took.
    pub took: Duration,
}

/// What came of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A check failed.
    Seen {
        /// Its id.
        by: &'static str,
        /// What it observed.
        observed: String,
    },
    /// A check could not be judged: somebody is told, if not of what.
    Hindered {
        /// Its id.
        by: &'static str,
        /// What stood in its way.
        why: String,
    },
    /// There is no relay with it: it does not start.
    NoLab {
        /// How far it came.
        why: String,
    },
    /// No check saw it, and somebody has judged that this is right.
    Harmless {
        /// The reason.
        why: &'static str,
    },
    /// No check saw it.
    Survived,
    /// It could not be planted, and counts for nothing.
    Unplanted {
        /// Why.
        why: String,
    },
}

impl Fate {
    /// The word in reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Seen { .. } => "seen",
            Self::Hindered { .. } => "hindered",
            Self::NoLab { .. } => "no lab",
            Self::Harmless { .. } => "harmless",
            Self::Survived => "survived",
            Self::Unplanted { .. } => "not planted",
        }
    }

    /// The check that saw it, or what is said of it.
    #[must_use]
    pub fn by(&self) -> &str {
        match self {
            Self::Seen { by, .. } | Self::Hindered { by, .. } => by,
            Self::NoLab { .. }
            | Self::Harmless { .. }
            | Self::Survived
            | Self::Unplanted { .. } => "",
        }
    }

    /// What was observed, or why.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Seen { observed, .. } => observed,
            Self::Hindered { why, .. } | Self::NoLab { why } | Self::Unplanted { why } => why,
            Self::Harmless { why } => why,
            Self::Survived => "",
        }
    }
}

/// How many mutants came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Fates {
    /// Tried.
    pub tried: usize,
    /// Seen by a check that failed, or that could not be judged, or not coming up at all.
    pub seen: usize,
    /// Of these: no relay came up.
    pub no_lab: usize,
    /// Of these: the check that ended it could not be judged.
    pub hindered: usize,
    /// Not seen, with a reason.
    pub harmless: usize,
    /// Not seen.
    pub survived: usize,
    /// Not planted, and not among those tried.
    pub not_planted: usize,
}

impl Fates {
    fn add(&mut self, fate: &Fate) {
        self.tried += 1;
        match fate {
            Fate::Seen { .. } => self.seen += 1,
            Fate::Hindered { .. } => {
                self.seen += 1;
                self.hindered += 1;
            }
            Fate::NoLab { .. } => {
                self.seen += 1;
                self.no_lab += 1;
            }
            Fate::Harmless { .. } => self.harmless += 1,
            Fate::Survived => self.survived += 1,
            Fate::Unplanted { .. } => {
                self.tried -= 1;
                self.not_planted += 1;
            }
        }
    }

    /// `40 tried, 37 seen, 2 harmless, 1 survived`, as far as there are any.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!("{} tried, {} seen", self.tried, self.seen);
        for (count, word) in [
            (self.no_lab, "of these did not come up"),
            (self.hindered, "of these hindered a check"),
            (self.harmless, "harmless"),
            (self.survived, "survived"),
            (self.not_planted, "not planted"),
        ] {
            if count > 0 {
                text = format!("{text}, {count} {word}");
            }
        }
        text
    }
}

impl Mutation {
    /// Those that nobody saw and that nobody has a reason for.
    pub fn survivors(&self) -> impl Iterator<Item = &Tried> {
        let survived = |tried: &&Tried| tried.fate == Fate::Survived;
        self.tried.iter().filter(survived)
    }

    /// How many came to what.
    #[must_use]
    pub fn fates(&self) -> Fates {
        let mut fates = Fates::default();
        self.tried.iter().for_each(|tried| fates.add(&tried.fate));
        fates
    }

    /// The same for each operator.
    #[must_use]
    pub fn by_operator(&self) -> BTreeMap<&'static str, Fates> {
        let mut all: BTreeMap<&'static str, Fates> = BTreeMap::new();
        for tried in &self.tried {
            all.entry(tried.operator).or_default().add(&tried.fate);
        }
        all
    }
}
