//! What is looked through for canaries, and which of them belong there.

use std::collections::BTreeSet;

use super::super::super::probe::canaries::{Canary, Kind};
use super::super::super::probe::haystack::Haystack;
use crate::plan::Role;

/// Where the certificate's service puts the pair that smtpd reads (the image's service
/// `certificate`), and where the key comes into the container.
const IN_USE: &str = "/run/tls/relay.pem";
const KEYS: &str = "/etc/relaykit/tls/";

/// A text or several that are looked through.
pub(super) struct Ground {
    /// What it is.
    pub(super) name: String,
    /// What is expected of it.
    pub(super) expected: &'static str,
    /// Which canaries belong there.
    pub(super) place: Place,
    /// Each with where in it that is; empty for the whole.
    pub(super) parts: Vec<(String, String)>,
    /// Texts that were planned to have secrets in them, each with the file it is in.
    pub(super) planned: Vec<(String, String)>,
    /// Whether only secrets are looked for: what was planted is found elsewhere.
    pub(super) secrets_alone: bool,
}

/// What kind of ground it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A message as the next hop got it.
    Message,
    /// What the next hop was told beside it.
    Conversation,
    /// A report on a message that was not delivered.
    Bounce,
    /// What a container has logged.
    Log(Role),
    /// Files that a container has written or was given.
    Files(Role),
    /// Environment and command line of its processes.
    Processes(Role),
    /// What the engine tells everybody who may ask it.
    Engine,
    /// What this run writes down.
    Report,
}

impl Place {
    /// Whether a canary of this kind belongs there; `keeps`: the relay keeps its clients'
    /// trace.
    fn may_have(self, kind: Kind, keeps: bool) -> bool {
        use Kind::{Claim, Client, Content, Name, NextHopSecret, Recipient, Secret, Sender, Wish};
        match self {
            // The sink is the next hop: it has to know.
            Self::Log(Role::Sink) => {
                matches!(kind, NextHopSecret | Sender | Recipient | Wish | Name)
            }
            Self::Files(Role::Sink) | Self::Processes(Role::Sink) => kind == NextHopSecret,
            Self::Report => !matches!(kind, Secret | NextHopSecret),
            Self::Message => matches!(kind, Content | Name | Recipient) || keeps && kind == Client,
            Self::Bounce => {
                matches!(kind, Content | Name | Recipient | Sender | Wish)
                    || keeps && kind == Client
            }
            Self::Conversation => matches!(kind, Sender | Recipient | Wish),
            Self::Log(Role::Relay) => {
                matches!(kind, Sender | Recipient | Wish | Name | Client | Claim)
            }
            Self::Log(Role::Directory) => kind == Claim,
            Self::Files(_) | Self::Processes(_) | Self::Engine => false,
        }
    }
}

impl Ground {
    pub(super) fn new(
        name: impl Into<String>,
        place: Place,
        expected: &'static str,
        parts: Vec<(String, String)>,
    ) -> Self {
        Self {
            name: name.into(),
            expected,
            place,
            parts,
            planned: Vec::new(),
            secrets_alone: false,
        }
    }

    pub(super) fn of(
        name: impl Into<String>,
        place: Place,
        expected: &'static str,
        text: impl Into<String>,
    ) -> Self {
        Self::new(name, place, expected, vec![(String::new(), text.into())])
    }

    /// Whether canaries of this kind are looked for here.
    fn is_looked_through_for(&self, kind: Kind) -> bool {
        !self.secrets_alone || matches!(kind, Kind::Secret | Kind::NextHopSecret)
    }

    /// Whether `canary` was planned to be in this part: in the file, or in a copy of it that
    /// the relay's services have put where the program is that reads it.
    fn is_planned(&self, part: &str, canary: &Canary) -> bool {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let copied = part.starts_with("/run/saslauthd/") || part.starts_with("/run/accounts/");
        self.planned.iter().any(|(path, text)| {
            let same = path == part
                || copied && name(path) == name(part)
                || part == IN_USE && path.starts_with(KEYS);
            same && canary.is_in(text)
        })
    }

    /// Every one of `canaries` that is where it must not be, in words, and how many of them
    /// were found where they belong.
    pub(super) fn strays(&self, canaries: &[Canary], keeps: bool) -> (Vec<String>, usize) {
        let (mut strays, mut belonging) = (Vec::new(), BTreeSet::new());
        for (part, text) in &self.parts {
            let haystack = Haystack::new(text);
            for (number, canary) in canaries.iter().enumerate() {
                if !self.is_looked_through_for(canary.kind) {
                    continue;
                }
                let Some(form) = haystack.find(canary) else {
                    continue;
                };
                if self.place.may_have(canary.kind, keeps) || self.is_planned(part, canary) {
                    belonging.insert(number);
                    continue;
                }
                let at = if part.is_empty() {
                    String::new()
                } else {
                    format!(", in {part}")
                };
                strays.push(format!("{}{at}: {}, {form}", self.name, canary.place));
            }
        }
        (strays, belonging.len())
    }

    /// Whether what belongs here has to be here: where none of it is, nothing was read.
    pub(super) fn must_show(&self) -> bool {
        let read = matches!(
            self.place,
            Place::Message | Place::Bounce | Place::Conversation | Place::Log(Role::Relay)
        );
        read && !self.secrets_alone || self.place == Place::Files(Role::Relay)
    }

    /// How much was looked through, to go after "nothing else".
    pub(super) fn size(&self) -> String {
        let bytes: usize = self.parts.iter().map(|(_, text)| text.len()).sum();
        match self.parts.as_slice() {
            [(whole, _)] if whole.is_empty() => format!("in {bytes} bytes"),
            parts => format!("in {bytes} bytes of {} parts", parts.len()),
        }
    }
}
