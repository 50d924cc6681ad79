//! What the standards and guidelines ask of a submission relay, sentence by sentence in
//! relaykit's own words, and what becomes of it here: the checks that hold it, or why none
//! does. One file a source; what they ask is data, and nothing here knows a check but by
//! its id.
//!
//! A row stands for one requirement, or for several sentences of one section that ask for
//! the same. Words like "relay" mean what is built here: a submission server towards
//! clients, a client towards its next hop, and no home of mailboxes.

mod answer;
mod guideline;
mod id;
mod profile;
mod rfc2920;
mod rfc3207;
mod rfc3461;
mod rfc4616;
mod rfc4954;
mod rfc5321;
mod rfc5322;
mod rfc6152;
mod rfc6409;
mod rfc6531;
mod rfc8314;
mod rfc8996;
mod rfc9325;

pub use answer::{Answer, Reason};
pub use id::{Named, all, find, named, of_check};
pub use profile::{PROFILES, Profile, UnknownProfile, profile};

/// How much weight a source gives to a requirement (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Without it there is no conformance.
    Must,
    /// With it there is no conformance.
    MustNot,
    /// There may be good reasons to do otherwise.
    Should,
    /// There may be good reasons to do so all the same.
    ShouldNot,
}

impl Level {
    /// The word of the source: `MUST`, `MUST NOT`, `SHOULD`, `SHOULD NOT`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
        }
    }
}

/// One thing that a source asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The section that asks for it, such as `4.1.1.4`, or an appendix, such as `F.2`.
    pub section: &'static str,
    /// How strongly.
    pub level: Level,
    /// What is asked for, in relaykit's words, as a whole sentence.
    pub asks: &'static str,
    /// What becomes of it here.
    pub answer: Answer,
}

/// A document that asks for something.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// As citations have it: `RFC 5321`.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it asks for, in its own order, in parts.
    pub parts: &'static [&'static [Requirement]],
    /// Sections with requirements of which none is for a relay, and whom they are for.
    pub beside: &'static [(&'static str, &'static str)],
}

impl Source {
    /// What it asks for, in its own order.
    pub fn requirements(&self) -> impl Iterator<Item = &'static Requirement> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

/// Every source, the ones about mail first.
pub static SOURCES: &[Source] = &[
    rfc5321::SOURCE,
    rfc5322::SOURCE,
    rfc6409::SOURCE,
    rfc4954::SOURCE,
    rfc4616::SOURCE,
    rfc3207::SOURCE,
    rfc8314::SOURCE,
    rfc8996::SOURCE,
    rfc9325::SOURCE,
    rfc3461::SOURCE,
    rfc6152::SOURCE,
    rfc6531::SOURCE,
    rfc2920::SOURCE,
    guideline::SOURCE,
];

const fn row(
    section: &'static str,
    level: Level,
    asks: &'static str,
    answer: Answer,
) -> Requirement {
    Requirement {
        section,
        level,
        asks,
        answer,
    }
}

const fn must(section: &'static str, asks: &'static str, answer: Answer) -> Requirement {
    row(section, Level::Must, asks, answer)
}

const fn must_not(section: &'static str, asks: &'static str, answer: Answer) -> Requirement {
    row(section, Level::MustNot, asks, answer)
}

const fn should(section: &'static str, asks: &'static str, answer: Answer) -> Requirement {
    row(section, Level::Should, asks, answer)
}

const fn should_not(section: &'static str, asks: &'static str, answer: Answer) -> Requirement {
    row(section, Level::ShouldNot, asks, answer)
}
