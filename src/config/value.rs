//! The kinds of values that settings share: how each is read into its place and shown.
//! A place is a part of the `Spec`, which each finds in the section that it stands in.

use std::path::PathBuf;

use super::decode::{Decoder, Field};
use super::pem::Pem;
use super::problem::{Refusal, quoted};
use super::setting::{Kind, Setting, Value};
use super::shown::Shown;
use super::syntax;

/// A section: settings whose places are parts of one place.
pub(super) struct Group<P: 'static, S: 'static> {
    pub(super) at: fn(&mut P) -> &mut S,
    pub(super) keys: &'static [Setting<S>],
}

impl<P, S> Value<P> for Group<P, S> {
    fn kind(&self) -> Kind {
        Kind::Section(self.keys.iter().map(Setting::key).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let (section, place) = (field.as_section(), (self.at)(place));
        for setting in self.keys {
            if let Some(field) = section.sound(setting.name) {
                setting.value.read(decoder, &field, place);
            }
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        let place = (self.at)(place);
        let show = |setting: &Setting<S>| (setting.name.to_owned(), setting.value.show(place));
        Shown::Mapping(self.keys.iter().map(show).collect())
    }

    fn find(&self, place: &mut P, path: &str) -> Option<Shown> {
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        let setting = self.keys.iter().find(|setting| setting.name == name)?;
        setting.value.find((self.at)(place), rest)
    }
}

/// A key of a mapping that is read as a whole, by its own setting.
pub(super) struct Part(pub(super) fn() -> Kind);

impl<P> Value<P> for Part {
    fn kind(&self) -> Kind {
        (self.0)()
    }

    fn read(&self, _: &mut Decoder<'_>, _: &Field<'_>, _: &mut P) {}

    fn show(&self, _: &mut P) -> Shown {
        Shown::Null
    }
}

/// The path of a file, where a mapping is read as a whole.
pub(super) const FILE: Part = Part(|| Kind::Text("the path of a file"));

/// `true` or `false`.
pub(super) struct Flag<P>(pub(super) fn(&mut P) -> &mut bool);

impl<P> Value<P> for Flag<P> {
    fn kind(&self) -> Kind {
        Kind::Flag
    }

    fn read(&self, _: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if let Some(value) = field.node.flag() {
            *(self.0)(place) = value;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::Flag(*(self.0)(place))
    }
}

/// A whole number.
pub(super) struct Number<P, T> {
    pub(super) at: fn(&mut P) -> &mut T,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl<P, T: Copy + TryFrom<u64> + Into<u64>> Value<P> for Number<P, T> {
    fn kind(&self) -> Kind {
        Kind::Number(self.least, self.most)
    }

    fn read(&self, _: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if let Some(value) = field.number() {
            *(self.at)(place) = value;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::Number((*(self.at)(place)).into())
    }
}

/// A whole number, or `null` for none.
pub(super) struct NumberOrNone<P, T> {
    pub(super) at: fn(&mut P) -> &mut Option<T>,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl<P, T: Copy + TryFrom<u64> + Into<u64>> Value<P> for NumberOrNone<P, T> {
    fn kind(&self) -> Kind {
        Kind::Number(self.least, self.most)
    }

    fn read(&self, _: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let value = field.number();
        if value.is_some() || field.is_null() {
            *(self.at)(place) = value;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        (*(self.at)(place)).map_or(Shown::Null, |value| Shown::Number(value.into()))
    }
}

/// A number of bytes.
pub(super) struct Size<P>(pub(super) fn(&mut P) -> &mut u64);

impl<P> Value<P> for Size<P> {
    fn kind(&self) -> Kind {
        Kind::Size
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if let Some(bytes) = decoder.read(field, syntax::size) {
            *(self.0)(place) = bytes;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::Text(syntax::show_size(*(self.0)(place)))
    }
}

/// One of the words of a type.
pub(super) struct Word<P, T: 'static> {
    pub(super) at: fn(&mut P) -> &mut T,
    pub(super) all: &'static [T],
    pub(super) name: fn(T) -> &'static str,
}

impl<P, T: Copy + Sync> Value<P> for Word<P, T> {
    fn kind(&self) -> Kind {
        Kind::Word(self.all.iter().copied().map(self.name).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if let Some(value) = decoder.read(field, |text| word(text, self.all, self.name)) {
            *(self.at)(place) = value;
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::text((self.name)(*(self.at)(place)))
    }
}

/// Some of the words of a type, in their order.
pub(super) struct Words<P, T: 'static> {
    pub(super) get: fn(&P) -> Vec<T>,
    pub(super) put: fn(&mut P, Vec<T>),
    pub(super) all: &'static [T],
    pub(super) name: fn(T) -> &'static str,
    /// Why there must be one, and what to write.
    pub(super) none: Option<(&'static str, &'static str)>,
}

impl<P, T: Copy + PartialEq + Sync> Value<P> for Words<P, T> {
    fn kind(&self) -> Kind {
        let word = Kind::Word(self.all.iter().copied().map(self.name).collect());
        Kind::List(Box::new(word), self.none.is_none())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let known = if decoder.adding {
            (self.get)(place)
        } else {
            Vec::new()
        };
        let read = |text: &str| word(text, self.all, self.name);
        let words = decoder.list(field, known, read, PartialEq::eq);
        if decoder.has_some(field, self.none) {
            (self.put)(place, words);
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        let words = (self.get)(place).into_iter();
        Shown::List(words.map(|word| Shown::text((self.name)(word))).collect())
    }
}

/// Text that means a `T`.
pub(super) struct Text<P, T> {
    /// What it is, in words that go after `expected`.
    pub(super) what: &'static str,
    pub(super) at: fn(&mut P) -> &mut T,
    pub(super) read: fn(&str) -> Result<T, Refusal>,
    pub(super) show: fn(&T) -> Option<String>,
    /// What `null` means, where it may be written.
    pub(super) null: Option<fn() -> T>,
    /// What works and is unwise.
    pub(super) wary: Option<fn(&T) -> Option<Refusal>>,
}

impl<P, T> Value<P> for Text<P, T> {
    fn kind(&self) -> Kind {
        Kind::Text(self.what)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        if field.is_null() {
            if let Some(null) = self.null {
                *(self.at)(place) = null();
            }
            return;
        }
        let Some(value) = decoder.read(field, self.read) else {
            return;
        };
        if let Some(why) = self.wary.and_then(|wary| wary(&value)) {
            decoder.warn(field, why);
        }
        *(self.at)(place) = value;
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::or_null((self.show)((self.at)(place)))
    }
}

/// A list of texts.
pub(super) struct List<P> {
    /// What each is, in words that go after `expected`.
    pub(super) what: &'static str,
    pub(super) at: fn(&mut P) -> &mut Vec<String>,
    pub(super) read: fn(&str) -> Result<String, Refusal>,
    /// Whether two are the same.
    pub(super) same: fn(&str, &str) -> bool,
    /// What works and is unwise, of one.
    pub(super) wary: Option<fn(&str) -> Option<Refusal>>,
}

impl<P> Value<P> for List<P> {
    fn kind(&self) -> Kind {
        Kind::List(Box::new(Kind::Text(self.what)), true)
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let list = (self.at)(place);
        let known = if decoder.adding {
            std::mem::take(list)
        } else {
            Vec::new()
        };
        *list = decoder.list(field, known, self.read, |a, b| (self.same)(a, b));
        for item in field.items() {
            let Ok(value) = (self.read)(item.text()) else {
                continue;
            };
            if let Some(why) = self.wary.and_then(|wary| wary(&value)) {
                decoder.warn(&item, why);
            }
        }
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::List((self.at)(place).iter().map(Shown::text).collect())
    }
}

/// The same letter by letter.
pub(super) fn equal(one: &str, other: &str) -> bool {
    one == other
}

/// The same in any case of letters.
pub(super) fn equal_in_any_case(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The path of a PEM file; `null`: none.
pub(super) struct PemFile<P> {
    pub(super) at: fn(&mut P) -> &mut Option<PathBuf>,
    pub(super) holds: Pem,
}

impl<P> Value<P> for PemFile<P> {
    fn kind(&self) -> Kind {
        Kind::Text("the path of a file")
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        *(self.at)(place) = if field.is_null() {
            None
        } else {
            decoder.pem(field, self.holds)
        };
    }

    fn show(&self, place: &mut P) -> Shown {
        Shown::or_null((self.at)(place).as_ref().map(|path| path.display()))
    }
}

/// One of the words that the shape allows.
fn word<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, Refusal> {
    let found = all.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| Refusal::new(format!("unknown word {}", quoted(text))))
}
