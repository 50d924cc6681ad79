//! The catalogue of checks and what runs it.
//!
//! A check is a value in the `CHECKS` of its area's file; [`AREAS`] lists the
//! areas, and everything that people see of the catalogue comes from there.
//! `probe` holds the steps that areas share.

mod auth;
mod directory;
mod outbound;
mod privacy;
mod probe;
mod relay;
mod runner;
mod runtime;
mod selection;
mod target;
mod tls;
mod verdict;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod testing;

use std::pin::Pin;

pub use runner::{Options, run};
pub use selection::{NoneSelected, select};
pub use target::{Context, Delivered, Inbox, Lab, Need, Target, Undelivered};
pub use verdict::Judged;

use crate::plan::Role;
use crate::report::Entry;

/// One end-to-end assertion about a relay.
pub struct Check {
    /// `area.what_holds`; the area is the name of the file or folder it stands in.
    pub id: &'static str,
    /// One line that is true of a right relay.
    pub title: &'static str,
    /// Where the claim comes from: `row 16`, `RFC 4954 section 4`, `CVE-2011-0411`,
    /// `Postfix smtpd_tls_auth_only`; several are parted by `; `.
    pub citation: &'static str,
    /// What the target must have for the check to be run.
    pub needs: &'static [Need],
    /// Whether it disturbs other checks and so runs alone.
    pub exclusive: bool,
    /// Changes under which it must fail.
    pub sabotages: &'static [Sabotage],
    /// Finds out.
    pub run: fn(Context) -> Judging,
}

/// A check under way.
pub type Judging = Pin<Box<dyn Future<Output = Judged> + Send>>;

/// A change of a relay under which a check must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sabotage {
    /// Short, unique among the sabotages of a check.
    pub name: &'static str,
    /// What is changed, all of it at once.
    pub changes: &'static [Change],
}

/// What a sabotage changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A parameter of main.cf and its value.
    Main(&'static str, &'static str),
    /// An `-o` option of a service in master.cf: service, parameter, value.
    Service(&'static str, &'static str, &'static str),
    /// A line added to an injected file: container, file name, line.
    File(Role, &'static str, &'static str),
    /// A command that root runs in the relay's container.
    Command(&'static [&'static str]),
}

/// Every file with checks and what is in it. An area is one file of this folder;
/// one that outgrows it has further files in a folder of its name.
static AREAS: &[(&str, &[Check])] = &[
    ("tls", tls::CHECKS),
    ("auth", auth::CHECKS),
    ("auth/refusals", auth::refusals::CHECKS),
    ("relay", relay::CHECKS),
    ("privacy", privacy::CHECKS),
    ("privacy/content", privacy::content::CHECKS),
    ("privacy/trace", privacy::trace::CHECKS),
    ("outbound", outbound::CHECKS),
    ("directory", directory::CHECKS),
    ("runtime", runtime::CHECKS),
    ("runtime/confinement", runtime::confinement::CHECKS),
];

/// Every registered check, area by area.
pub fn all() -> impl Iterator<Item = &'static Check> + Clone {
    AREAS.iter().flat_map(|(_, checks)| checks.iter())
}

/// The catalogue as `--list` shows it.
pub fn entries<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Vec<Entry> {
    checks.into_iter().map(Check::entry).collect()
}

impl Check {
    /// The part of the id before the dot.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split('.').next().unwrap_or_default()
    }

    fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            title: self.title,
            citation: self.citation,
            needs: self.needs.iter().map(|need| need.text()).collect(),
        }
    }
}
