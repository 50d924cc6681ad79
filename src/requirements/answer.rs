//! What becomes of a requirement here.

/// Whether a requirement is held, by what, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// These checks fail where it is broken.
    Held(&'static [&'static str]),
    /// These checks hold a part of it; the words say what they leave out.
    Partly(&'static [&'static str], &'static str),
    /// No check can hold it for this reason; the words say more where there is more to say.
    Not(Reason, &'static str),
    /// relaykit does otherwise on purpose, for this reason.
    Departs(&'static str),
    /// It could be held and is not; the words say what is missing.
    Open(&'static str),
}

/// Why no check of a relay can hold a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is for whoever submits mail.
    Clients,
    /// It is for servers that have mailboxes, lists or aliases, or lead to other mail systems.
    Delivery,
    /// It is for the operator, beside the relay.
    Operator,
    /// It is about something that the relay does not offer or do.
    NotOffered,
    /// It is about how a program works within, and nobody outside can see whether it does.
    Inside,
    /// It is for those who write standards, registries or other documents.
    Authors,
}

impl Reason {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Clients,
        Self::Delivery,
        Self::Operator,
        Self::NotOffered,
        Self::Inside,
        Self::Authors,
    ];

    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Clients => "it is for mail programs and whoever else submits mail",
            Self::Delivery => {
                "it is for servers with mailboxes, lists or aliases, and for gateways to other systems"
            }
            Self::Operator => "it is for the operator, outside of the relay",
            Self::NotOffered => "it is about something that the relay does not offer or do",
            Self::Inside => "it is about how a program works within, which nobody outside can see",
            Self::Authors => "it is for those who write standards, registries or documents",
        }
    }
}

impl Answer {
    /// The ids of the checks that hold it or a part of it.
    #[must_use]
    pub fn checks(&self) -> &'static [&'static str] {
        match self {
            Self::Held(checks) | Self::Partly(checks, _) => checks,
            Self::Not(..) | Self::Departs(_) | Self::Open(_) => &[],
        }
    }

    /// The word for it: `held`, `partly held`, `not testable`, `departed from`, `open`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::Partly(..) => "partly held",
            Self::Not(..) => "not testable",
            Self::Departs(_) => "departed from",
            Self::Open(_) => "open",
        }
    }

    /// What there is to say beside the checks; empty where they say it all.
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::Held(_) => String::new(),
            Self::Partly(_, why) | Self::Departs(why) | Self::Open(why) => (*why).to_owned(),
            Self::Not(reason, "") => reason.words().to_owned(),
            Self::Not(reason, why) => format!("{}: {why}", reason.words()),
        }
    }
}

pub(super) const CLIENTS: Answer = Answer::Not(Reason::Clients, "");
pub(super) const DELIVERY: Answer = Answer::Not(Reason::Delivery, "");
pub(super) const INSIDE: Answer = Answer::Not(Reason::Inside, "");
pub(super) const AUTHORS: Answer = Answer::Not(Reason::Authors, "");

pub(super) const fn held(checks: &'static [&'static str]) -> Answer {
    Answer::Held(checks)
}

pub(super) const fn partly(checks: &'static [&'static str], lacks: &'static str) -> Answer {
    Answer::Partly(checks, lacks)
}

pub(super) const fn not_offered(why: &'static str) -> Answer {
    Answer::Not(Reason::NotOffered, why)
}

pub(super) const fn operator(why: &'static str) -> Answer {
    Answer::Not(Reason::Operator, why)
}

pub(super) const fn inside(why: &'static str) -> Answer {
    Answer::Not(Reason::Inside, why)
}

pub(super) const fn departs(why: &'static str) -> Answer {
    Answer::Departs(why)
}

pub(super) const fn open(lacks: &'static str) -> Answer {
    Answer::Open(lacks)
}
