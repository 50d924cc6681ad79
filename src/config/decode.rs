//! What values read from: mappings and fields of the file, of the right shape, and the
//! report of what is wrong with them. How each is read stands on its setting.

use std::path::{Path, PathBuf};

use super::files;
use super::node::{Entry, Node, Value, join};
use super::pem::{self, Pem};
use super::problem::{Refusal, Report, quoted};
use crate::secret::Secret;

/// Reads values, and tells of each that means nothing.
pub(super) struct Decoder<'a> {
    /// Where relative paths start: a folder, absolute.
    pub(super) base: &'a Path,
    pub(super) report: &'a mut Report,
    /// Whether lists and mappings of free names keep what they have.
    pub(super) adding: bool,
}

/// A mapping of the file, or one that was left out.
pub(super) struct Section<'n> {
    node: Option<&'n Node>,
    path: String,
}

/// A value of the file, of the right shape.
#[derive(Clone)]
pub(super) struct Field<'n> {
    pub(super) node: &'n Node,
    path: String,
    /// The mapping that it stands in.
    above: Option<&'n Node>,
}

impl<'n> Section<'n> {
    pub(super) fn section(&self, key: &str) -> Self {
        let node = self.written(key).map(|entry| &entry.value);
        Section {
            node,
            path: join(&self.path, key),
        }
    }

    pub(super) fn written(&self, key: &str) -> Option<&'n Entry> {
        self.node?.entry(key)
    }

    /// What is written at `key`, `null` included, if its shape is right.
    pub(super) fn sound(&self, key: &str) -> Option<Field<'n>> {
        let node = &self.written(key)?.value;
        node.sound.then(|| Field {
            node,
            path: join(&self.path, key),
            above: self.node,
        })
    }

    /// The value of `key`, if there is one and its shape is right.
    pub(super) fn field(&self, key: &str) -> Option<Field<'n>> {
        self.sound(key).filter(|field| !field.is_null())
    }
}

impl<'n> Field<'n> {
    /// The whole file.
    pub(super) fn file(node: &'n Node) -> Self {
        Field {
            node,
            path: String::new(),
            above: None,
        }
    }

    /// Another key of the mapping that this one stands in, if it is written and its shape
    /// is right.
    pub(super) fn beside(&self, key: &str) -> Option<Self> {
        let section = Section {
            node: self.above,
            path: String::new(),
        };
        section.field(key)
    }

    /// What is written here as a mapping of free names.
    pub(super) fn entries(&self) -> Vec<(&'n Entry, Self)> {
        let Value::Mapping(entries) = &self.node.value else {
            return Vec::new();
        };
        let sound = entries.iter().filter(|entry| entry.value.sound);
        sound.map(|entry| (entry, self.entry(entry))).collect()
    }

    fn entry(&self, entry: &'n Entry) -> Self {
        Field {
            node: &entry.value,
            path: join(&self.path, &entry.key),
            above: Some(self.node),
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> &'n str {
        self.node.text()
    }

    /// Whether `null` is written here, in so many words or by saying nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null | Value::Empty)
    }

    /// A number that the shape has already held to the range of `T`.
    pub(super) fn number<T: TryFrom<u64>>(&self) -> Option<T> {
        T::try_from(self.node.number()?).ok()
    }

    /// Whether the file has a list here.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// Whether the file has a list without items here.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    /// The items of a list whose shape is right.
    pub(super) fn items(&self) -> Vec<Self> {
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
                above: Some(self.node),
            })
            .collect()
    }

    pub(super) fn as_section(&self) -> Section<'n> {
        Section {
            node: Some(self.node),
            path: self.path.clone(),
        }
    }
}

impl Decoder<'_> {
    pub(super) fn refuse(&mut self, field: &Field<'_>, why: Refusal) {
        self.report.refuse(field.node.at, &field.path, why);
    }

    /// As [`refuse`](Self::refuse), of the name of an entry.
    pub(super) fn refuse_name(&mut self, entry: &Entry, field: &Field<'_>, why: Refusal) {
        self.report.refuse(entry.at, &field.path, why);
    }

    pub(super) fn warn(&mut self, field: &Field<'_>, why: Refusal) {
        self.report.warn(field.node.at, &field.path, why);
    }

    /// The meaning of `field`, or its problem in the report.
    pub(super) fn read<T>(
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

    /// The meaning of each item, behind the `values` that are known already; an item that
    /// is in the list (by `same`) is refused.
    pub(super) fn list<T>(
        &mut self,
        field: &Field<'_>,
        mut values: Vec<T>,
        mut meaning: impl FnMut(&str) -> Result<T, Refusal>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Vec<T> {
        for item in field.items() {
            let Some(value) = self.read(&item, &mut meaning) else {
                continue;
            };
            if values.iter().any(|other| same(other, &value)) {
                let shown = quoted(item.text());
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

    /// Whether a list may be as it is: `none` tells why there must be an item, and what to
    /// write.
    pub(super) fn has_some(
        &mut self,
        field: &Field<'_>,
        none: Option<(&'static str, &'static str)>,
    ) -> bool {
        match none {
            Some((why, hint)) if field.is_empty_list() => {
                self.refuse(field, Refusal::new(why).hint(hint));
                false
            }
            _ => true,
        }
    }

    pub(super) fn path(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let base = self.base;
        self.read(field, |text| files::resolve(base, text))
    }

    /// The path of a PEM file, which is looked into if it exists.
    pub(super) fn pem(&mut self, field: &Field<'_>, expected: Pem) -> Option<PathBuf> {
        let path = self.path(field)?;
        match pem::look_at_pem(&path, expected) {
            Ok(None) => {}
            Ok(Some(warning)) => self.warn(field, warning),
            Err(why) => self.refuse(field, why),
        }
        Some(path)
    }

    /// The password in a file, and the file.
    pub(super) fn password_file(&mut self, field: &Field<'_>) -> Option<(Secret, PathBuf)> {
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
}
