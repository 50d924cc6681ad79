//! `Packages` files: deb822 paragraphs (deb-control(5)), one a package.

use std::collections::BTreeMap;
use std::io::BufRead;

use deb822_fast::{Deb822, Paragraph};

use super::release::Listed;
use super::version;

/// A package of the archive, as far as the bootstrap needs it.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Whether it must be on every system.
    pub(super) essential: bool,
    /// 0 for `required` to 4 for `extra`.
    pub(super) priority: u8,
    /// `Pre-Depends` and `Depends` in one list, as written.
    pub(super) depends: String,
    /// As written.
    pub(super) provides: String,
    /// The archive that it is in: an index into the list of archives.
    pub(super) archive: usize,
    /// Its `.deb`, below that archive's address.
    pub(super) file: Listed,
}

impl Package {
    /// The last part of the path of its `.deb`.
    pub(super) fn file_name(&self) -> &str {
        self.file.path.rsplit('/').next().unwrap_or(&self.file.path)
    }
}

/// The newest version of every package of some suites.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<String, Package>);

impl Index {
    /// Adds a `Packages` file of the archive numbered `archive`.
    pub(super) fn add(&mut self, text: impl BufRead, archive: usize) -> Result<(), String> {
        for paragraph in Deb822::iter_paragraphs_from_reader(text) {
            let paragraph = paragraph.map_err(|e| e.to_string())?;
            let package = read(&paragraph, archive)?;
            match self.0.get(&package.name) {
                Some(known) if version::compare(&known.version, &package.version).is_ge() => {}
                _ => drop(self.0.insert(package.name.clone(), package)),
            }
        }
        Ok(())
    }

    /// The package with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Package> {
        self.0.get(name)
    }

    /// All packages, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Package> {
        self.0.values()
    }
}

fn read(fields: &Paragraph, archive: usize) -> Result<Package, String> {
    let name = fields.get("Package").ok_or("a paragraph has no Package")?;
    let field = |field| {
        fields
            .get(field)
            .ok_or_else(|| format!("{name} has no {field}"))
    };
    let size = field("Size")?;
    let depends: Vec<_> = ["Pre-Depends", "Depends"]
        .iter()
        .filter_map(|field| fields.get(field))
        .collect();
    Ok(Package {
        name: name.to_owned(),
        version: field("Version")?.to_owned(),
        essential: fields.get("Essential") == Some("yes"),
        priority: match fields.get("Priority").unwrap_or_default() {
            "required" => 0,
            "important" => 1,
            "standard" => 2,
            "optional" => 3,
            _ => 4,
        },
        depends: depends.join(", "),
        provides: fields.get("Provides").unwrap_or_default().to_owned(),
        archive,
        file: Listed {
            path: field("Filename")?.to_owned(),
            sha256: field("SHA256")?.to_ascii_lowercase(),
            size: size
                .parse()
                .map_err(|_| format!("{name} has the size {size:?}"))?,
        },
    })
}
