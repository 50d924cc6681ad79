//! A tree of the right shape to a [`Spec`]: every value of the file goes over
//! the default that stands in its place.

mod auth;
mod lab;
mod mail;
mod postfix;
mod tls;

use std::path::{Path, PathBuf};

use super::defaults::built_in;
use super::files::{self, Pem};
use super::problem::{Refusal, Report};
use super::shape;
use super::spec::{Spec, TrustAnchor};
use super::syntax;
use super::tree::{Entry, Node, Value, join};
use crate::secret::Secret;

/// Fills a [`Spec`] from `root`. What has problems keeps its default, and `report` says so.
pub(super) fn spec(root: &Node, base: &Path, report: &mut Report) -> Spec {
    let mut spec = built_in();
    let mut decoder = Decoder { base, report };
    let root = Section {
        node: Some(root),
        path: String::new(),
    };
    decoder.set(&root, "hostname", syntax::hostname, &mut spec.hostname);
    decoder.listeners(&root.section("listeners"), &mut spec);
    decoder.relay(&root.section("relay"), &mut spec);
    decoder.auth(&root.section("auth"), &mut spec);
    decoder.tls(&root.section("tls"), &mut spec);
    decoder.privacy(&root.section("privacy"), &mut spec);
    decoder.outbound(&root.section("outbound"), &mut spec);
    decoder.limits(&root.section("limits"), &mut spec);
    decoder.postfix(&root.section("postfix"), &mut spec);
    decoder.lab(&root.section("lab"), &mut spec);
    spec
}

struct Decoder<'a> {
    base: &'a Path,
    report: &'a mut Report,
}

/// A mapping of the file, or one that was left out.
struct Section<'n> {
    node: Option<&'n Node>,
    path: String,
}

/// A value of the file, of the right shape.
#[derive(Clone)]
struct Field<'n> {
    node: &'n Node,
    path: String,
}

impl<'n> Section<'n> {
    fn section(&self, key: &str) -> Self {
        let node = self.written(key).map(|entry| &entry.value);
        Section {
            node,
            path: join(&self.path, key),
        }
    }

    fn written(&self, key: &str) -> Option<&'n Entry> {
        self.node?.entry(key)
    }

    /// The value of `key`, if there is one and its shape is right.
    fn field(&self, key: &str) -> Option<Field<'n>> {
        let node = &self.written(key)?.value;
        let usable = node.sound && !matches!(node.value, Value::Null | Value::Empty);
        usable.then(|| Field {
            node,
            path: join(&self.path, key),
        })
    }

    /// Whether `key` says `null`, in so many words or by saying nothing.
    fn is_null(&self, key: &str) -> bool {
        self.written(key)
            .is_some_and(|e| matches!(e.value.value, Value::Null | Value::Empty))
    }

    /// What is written below this key as a mapping of free names.
    fn entries(&self, key: &str) -> Vec<(&'n Entry, Field<'n>)> {
        let Some(field) = self.field(key) else {
            return Vec::new();
        };
        let Value::Mapping(entries) = &field.node.value else {
            return Vec::new();
        };
        entries
            .iter()
            .filter(|entry| entry.value.sound)
            .map(|entry| {
                let path = join(&field.path, &entry.key);
                (
                    entry,
                    Field {
                        node: &entry.value,
                        path,
                    },
                )
            })
            .collect()
    }
}

impl<'n> Field<'n> {
    /// The text of a scalar.
    fn text(&self) -> &'n str {
        match &self.node.value {
            Value::Scalar { text, .. } => text,
            _ => "",
        }
    }

    /// Whether the file has a list without items here.
    fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    /// The items of a list whose shape is right.
    fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .filter(|(_, node)| node.sound)
            .map(|(index, node)| Field {
                node,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    fn as_section(&self) -> Section<'n> {
        Section {
            node: Some(self.node),
            path: self.path.clone(),
        }
    }
}

impl Decoder<'_> {
    fn refuse(&mut self, field: &Field<'_>, why: Refusal) {
        self.report.refuse(field.node.at, &field.path, why);
    }

    fn warn(&mut self, field: &Field<'_>, why: Refusal) {
        self.report.warn(field.node.at, &field.path, why);
    }

    /// The meaning of `field`, or its problem in the report.
    fn read<T>(
        &mut self,
        field: &Field<'_>,
        meaning: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        match meaning(field.text()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(field, why);
                None
            }
        }
    }

    /// Puts the meaning of `key`, if it is written, into `place`.
    fn set<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        meaning: impl FnOnce(&str) -> Result<T, Refusal>,
        place: &mut T,
    ) {
        if let Some(field) = section.field(key)
            && let Some(value) = self.read(&field, meaning)
        {
            *place = value;
        }
    }

    fn flag(section: &Section<'_>, key: &str, place: &mut bool) {
        if let Some(value) = section.field(key).and_then(|field| shape::flag(field.node)) {
            *place = value;
        }
    }

    /// A number that the key's table has already held to the range of `T`.
    fn number<T: TryFrom<u64>>(section: &Section<'_>, key: &str) -> Option<T> {
        T::try_from(section.field(key)?.node.number()?).ok()
    }

    /// The meaning of each item; an item that is there already (by `same`) is refused.
    fn list<T>(
        &mut self,
        field: &Field<'_>,
        mut meaning: impl FnMut(&str) -> Result<T, Refusal>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Vec<T> {
        let mut values: Vec<T> = Vec::new();
        for item in field.items() {
            let Some(value) = self.read(&item, &mut meaning) else {
                continue;
            };
            if values.iter().any(|other| same(other, &value)) {
                let shown = super::problem::quoted(item.text());
                self.refuse(
                    &item,
                    Refusal::new(format!("{shown} is in the list already")),
                );
            } else {
                values.push(value);
            }
        }
        values
    }

    fn path(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let base = self.base;
        self.read(field, |text| files::resolve(base, text))
    }

    /// The path of a PEM file, which is looked into if it exists.
    fn pem(&mut self, field: &Field<'_>, expected: Pem) -> Option<PathBuf> {
        let path = self.path(field)?;
        match files::look_at_pem(&path, expected) {
            Ok(None) => {}
            Ok(Some(warning)) => self.warn(field, warning),
            Err(why) => self.refuse(field, why),
        }
        Some(path)
    }

    /// `generated`, `system` or a PEM file.
    fn authority(&mut self, section: &Section<'_>, place: &mut TrustAnchor) {
        let Some(field) = section.field("ca") else {
            return;
        };
        match field.text() {
            "generated" => *place = TrustAnchor::Generated,
            "system" => *place = TrustAnchor::System,
            _ => {
                if let Some(path) = self.pem(&field, Pem::Certificate) {
                    *place = TrustAnchor::File(path);
                }
            }
        }
    }

    /// The password in a file, and the file.
    fn password_file(&mut self, field: &Field<'_>) -> Option<(Secret, PathBuf)> {
        let path = self.path(field)?;
        match files::read_password(&path) {
            Ok((password, warning)) => {
                if let Some(warning) = warning {
                    self.warn(field, warning);
                }
                Some((Secret::new(password), path))
            }
            Err(why) => {
                self.refuse(field, why);
                None
            }
        }
    }

    /// A key of the contract that a later version will have.
    fn not_yet(&mut self, field: &Field<'_>, hint: &str) {
        let why = Refusal::new("not supported by this version of relaykit").hint(hint);
        self.refuse(field, why);
    }
}

/// One of the words that the key's table allows; `T` has a `name` for each.
fn word<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, Refusal> {
    all.iter()
        .copied()
        .find(|value| name(*value) == text)
        .ok_or_else(|| Refusal::new(format!("unknown word {}", super::problem::quoted(text))))
}
