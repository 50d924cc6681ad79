//! A setting of relay.yaml: all that is known of it stands in its declaration.

use super::decode::{Decoder, Field};
use super::shown::Shown;

/// A key of the section `P` of relay.yaml, declared once. From it come how a file is
/// read, what it may say, the schema, the reference, hints and the words of checks.
pub(super) struct Setting<P: 'static> {
    /// As it is written.
    pub(super) name: &'static str,
    /// What it may hold, where that goes, and how it is shown.
    pub(super) value: &'static dyn Value<P>,
    /// Whether it may be left out or be `null`.
    pub(super) need: Need,
    /// What it is for, in one line.
    pub(super) about: &'static str,
    /// What an operator should know of it: one paragraph.
    pub(super) doc: &'static str,
    /// Another value than the default, in YAML.
    pub(super) example: &'static str,
    /// What it follows: Postfix parameters, RFCs, manual pages, parted by `; `.
    pub(super) source: &'static str,
    /// Where it counts.
    pub(super) counts: Counts,
    /// Postfix parameters of `postfix.main` and `postfix.master` that would say the same
    /// in a second place. See `same`.
    pub(super) parameters: &'static [&'static str],
    /// What the setting promises and a second place would take back, in words that go on
    /// after a colon. Empty: a second place is unwise, and not refused.
    pub(super) promised: &'static str,
}

impl<P> Setting<P> {
    /// Of an ordinary setting.
    pub(super) const USUAL: Self = Self {
        name: "",
        value: &Nothing,
        need: Need::Optional,
        about: "",
        doc: "",
        example: "",
        source: "",
        counts: Counts::Everywhere,
        parameters: &[],
        promised: "",
    };

    /// What is known of it, whatever section it stands in.
    pub(super) fn key(&self) -> Key {
        Key {
            name: self.name,
            kind: self.value.kind(),
            need: self.need,
            about: self.about,
            doc: self.doc,
            example: self.example,
            source: self.source,
            counts: self.counts,
            parameters: self.parameters,
            promised: self.promised,
        }
    }
}

/// What is known of a [`Setting`], whatever section it stands in.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
    pub(super) about: &'static str,
    pub(super) doc: &'static str,
    pub(super) example: &'static str,
    pub(super) source: &'static str,
    pub(super) counts: Counts,
    pub(super) parameters: &'static [&'static str],
    pub(super) promised: &'static str,
}

impl Key {
    /// The keys of the mapping that it may hold, itself or in a list.
    pub(super) fn below(&self) -> &[Self] {
        match &self.kind {
            Kind::Section(keys) | Kind::WordOr(_, keys) => keys,
            Kind::List(item, _) | Kind::Several(item) => match item.as_ref() {
                Kind::Section(keys) => keys,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// What goes between its path and those of the keys below it.
    pub(super) fn items(&self) -> &'static str {
        if matches!(self.kind, Kind::List(..)) {
            "[]"
        } else {
            ""
        }
    }
}

/// What a setting of the section `P` holds.
pub(super) trait Value<P>: Sync {
    /// The shape, to which a file is held before anybody asks for its meaning.
    fn kind(&self) -> Kind;
    /// Puts what is written, which has the right shape, into its place.
    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P);
    /// What is there, as relay.yaml says it. It changes nothing.
    fn show(&self, place: &mut P) -> Shown;
    /// What is there at `path` below this setting.
    fn find(&self, place: &mut P, path: &str) -> Option<Shown> {
        self.show(place).at(path).cloned()
    }
}

/// What a value may be.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A mapping with these keys.
    Section(Vec<Key>),
    /// One of these words, or a mapping with these keys.
    WordOr(&'static [&'static str], Vec<Key>),
    /// One of these words.
    Word(Vec<&'static str>),
    /// One of these words; and words that people may look for, why they are none, and
    /// what to write.
    WordBut(
        Vec<&'static str>,
        &'static [(&'static str, &'static str, &'static str)],
    ),
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Number(u64, u64),
    /// A number of bytes with or without a unit.
    Size,
    /// Text on one line; what it is in words.
    Text(&'static str),
    /// Text that no message may show.
    Secret,
    /// A list of this kind, and whether it may be empty.
    List(Box<Kind>, bool),
    /// This kind, or a list of it.
    Several(Box<Kind>),
    /// A mapping from names that are not known beforehand to text (a number is taken as it is written).
    Open(&'static str),
}

/// Whether a key may be left out or be `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It must be there.
    Required,
    /// It has a default.
    Optional,
    /// It has a default, and `null` means: none.
    Nullable,
}

/// Where a setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// In labs and in production.
    Everywhere,
    /// In labs alone: an export has nothing of it.
    InLabs,
    /// In production; in a lab something of the lab's own stands in.
    InProduction,
}

/// No value at all.
struct Nothing;

impl<P> Value<P> for Nothing {
    fn kind(&self) -> Kind {
        Kind::Section(Vec::new())
    }

    fn read(&self, _: &mut Decoder<'_>, _: &Field<'_>, _: &mut P) {}

    fn show(&self, _: &mut P) -> Shown {
        Shown::Null
    }
}
