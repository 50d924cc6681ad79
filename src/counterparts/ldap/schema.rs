//! What the lab's slapd knows of attributes and object classes, and what it has to be
//! told for the sake of a filter: Active Directory's attributes, and those that no
//! schema of `OpenLDAP` has.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::config::filter::{Compare, Filter, Test};

/// See the comment at its top; made from the subschema of slapd itself.
const KNOWN: &str = include_str!("schema.txt");

/// A number for what is made up here: below the arc for examples (ITU-T X.660).
const EXAMPLES: &str = "2.999";

/// Microsoft's own numbers, as `OpenLDAP`'s msuser.schema has them.
const ACTIVE_DIRECTORY: &[(&str, &str, Kind)] = &[
    ("accountExpires", "1.2.840.113556.1.4.159", Kind::Integer),
    ("company", "1.2.840.113556.1.2.146", Kind::Text),
    ("department", "1.2.840.113556.1.2.141", Kind::Text),
    ("groupType", "1.2.840.113556.1.4.750", Kind::Integer),
    ("legacyExchangeDN", "1.2.840.113556.1.4.655", Kind::Text),
    ("lockoutTime", "1.2.840.113556.1.4.662", Kind::Integer),
    ("memberOf", "1.2.840.113556.1.2.102", Kind::Name),
    // There it is a name, of which a filter may have the first value alone.
    ("objectCategory", "1.2.840.113556.1.4.782", Kind::Text),
    ("primaryGroupID", "1.2.840.113556.1.4.98", Kind::Integer),
    ("proxyAddresses", "1.2.840.113556.1.2.210", Kind::Text),
    ("pwdLastSet", "1.2.840.113556.1.4.96", Kind::Integer),
    ("sAMAccountName", "1.2.840.113556.1.4.221", Kind::Text),
    ("sAMAccountType", "1.2.840.113556.1.4.302", Kind::Integer),
    (USER_ACCOUNT_CONTROL, "1.2.840.113556.1.4.8", Kind::Integer),
    ("userPrincipalName", "1.2.840.113556.1.4.656", Kind::Text),
];

/// Bits that tell what an account may: 2 is a disabled one.
pub(super) const USER_ACCOUNT_CONTROL: &str = "userAccountControl";

/// Matching rules that compare the bits of whole numbers; slapd has them under their
/// numbers, and under names of its own.
pub(super) const ALL_BITS: [&str; 2] = ["1.2.840.113556.1.4.803", "integerBitAndMatch"];
/// The same where one bit is enough.
pub(super) const ANY_BIT: [&str; 2] = ["1.2.840.113556.1.4.804", "integerBitOrMatch"];
/// Active Directory's rule that follows groups within groups. slapd has none like it.
pub(super) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// What the values of an attribute are, as far as it matters to a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, compared without regard to case.
    Text,
    /// Text, compared letter by letter.
    Exact,
    /// As `Text`, in ASCII.
    Ascii,
    /// As `Exact`, in ASCII.
    AsciiExact,
    /// A whole number.
    Integer,
    /// A distinguished name.
    Name,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// A time such as `20260101000000Z`.
    Time,
    /// A telephone number.
    Telephone,
    /// Digits and blanks.
    Digits,
    /// Two letters.
    Country,
    /// Nothing that a filter could compare.
    Other,
    /// slapd's own, which nobody writes.
    Kept,
    /// Object classes and passwords, which stand on their own.
    Own,
}

impl Kind {
    fn named(word: &str) -> Self {
        match word {
            "text" => Self::Text,
            "exact" => Self::Exact,
            "ascii" => Self::Ascii,
            "ascii-exact" => Self::AsciiExact,
            "integer" => Self::Integer,
            "name" => Self::Name,
            "boolean" => Self::Boolean,
            "time" => Self::Time,
            "telephone" => Self::Telephone,
            "digits" => Self::Digits,
            "country" => Self::Country,
            "kept" => Self::Kept,
            "own" => Self::Own,
            _ => Self::Other,
        }
    }

    /// Whether it is compared as letters.
    pub(super) fn is_letters(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Exact | Self::Ascii | Self::AsciiExact
        )
    }
}

/// An attribute type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// All its names; the first is the one that is written.
    names: Vec<String>,
    pub(super) kind: Kind,
    /// Whether it has one value at most.
    pub(super) single: bool,
    /// Whether values have an order.
    pub(super) ordered: bool,
    /// Whether parts of a value can be looked for.
    pub(super) parts: bool,
    origin: Origin,
}

impl Attribute {
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// An object class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    names: Vec<String>,
    /// Whether it may be the one that an entry is.
    pub(super) structural: bool,
    superior: Option<String>,
    /// The attributes that it demands.
    pub(super) demands: Vec<String>,
    origin: Origin,
}

impl Class {
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// Where a definition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// In slapd, or in a file that every lab reads.
    Always,
    /// In this file of `OpenLDAP`'s, which is read where something of it is needed.
    File(&'static str),
    /// Nowhere: it is made for the filter and has this number.
    Made(String),
}

impl Origin {
    fn of(file: &'static str) -> Self {
        match file {
            "nis" | "misc" => Self::File(file),
            _ => Self::Always,
        }
    }
}

/// The definitions of slapd's own and of its files.
static SLAPD: LazyLock<(Vec<Attribute>, Vec<Class>)> = LazyLock::new(|| {
    let (mut attributes, mut classes) = (Vec::new(), Vec::new());
    for line in KNOWN.lines() {
        let words: Vec<&'static str> = line.split(' ').collect();
        match words.as_slice() {
            ["attribute", file, kind, count, rules, names @ ..] => attributes.push(Attribute {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                kind: Kind::named(kind),
                single: *count == "one",
                ordered: rules.contains('<'),
                parts: rules.contains('*'),
                origin: Origin::of(file),
            }),
            ["class", file, kind, superior, names, demands @ ..] => classes.push(Class {
                names: names.split(',').map(str::to_owned).collect(),
                structural: *kind == "structural",
                superior: (*superior != "-").then(|| (*superior).to_owned()),
                demands: demands.iter().map(|name| (*name).to_owned()).collect(),
                origin: Origin::of(file),
            }),
            _ => {}
        }
    }
    (attributes, classes)
});

/// What a lab's slapd knows: its own, and what one filter needs beside that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Schema {
    attributes: Vec<Attribute>,
    classes: Vec<Class>,
    /// Files of `OpenLDAP`'s that have what is needed.
    files: Vec<&'static str>,
}

fn named<'a>(names: &'a [String], name: &str) -> Option<&'a String> {
    names.iter().find(|known| known.eq_ignore_ascii_case(name))
}

impl Schema {
    /// With all that these filters name.
    pub(super) fn of(filters: &[&Filter]) -> Self {
        let mut schema = Self::default();
        let tests = filters.iter().flat_map(|filter| filter.tests());
        for (test, _) in tests {
            let attribute = base(&test.attribute);
            if attribute.eq_ignore_ascii_case("objectClass") {
                if let Compare::Equal(text) = &test.compare {
                    schema.need_class(&text.to_string());
                }
            } else if !attribute.is_empty() {
                schema.need_attribute(test);
            }
        }
        schema
    }

    fn need_attribute(&mut self, test: &Test) {
        let name = base(&test.attribute);
        match self.attribute(name) {
            Some(known) => self.need_file(&known.origin.clone()),
            // A number that slapd does not know has no name to write down.
            None if name.contains('.') => {}
            None => {
                let number = self.attributes.len() + 1;
                self.attributes.push(made(name, number, test));
            }
        }
    }

    fn need_class(&mut self, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match self.class(name) {
            Some(known) => self.need_file(&known.origin.clone()),
            None if name.is_empty() || !name.chars().all(plain) => {}
            None => self.classes.push(Class {
                names: vec![name.to_owned()],
                structural: false,
                superior: Some("top".to_owned()),
                demands: Vec::new(),
                origin: Origin::Made(format!("{EXAMPLES}.2.{}", self.classes.len() + 1)),
            }),
        }
    }

    fn need_file(&mut self, origin: &Origin) {
        if let Origin::File(file) = origin
            && !self.files.contains(file)
        {
            self.files.push(file);
        }
    }

    /// The attribute of this name.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        let mut all = self.attributes.iter().chain(&SLAPD.0);
        all.find(|attribute| named(&attribute.names, name).is_some())
    }

    /// The class of this name.
    pub(super) fn class(&self, name: &str) -> Option<&Class> {
        let mut all = self.classes.iter().chain(&SLAPD.1);
        all.find(|class| named(&class.names, name).is_some())
    }

    /// A class and those that it is a kind of, itself first.
    pub(super) fn kinds_of(&self, name: &str) -> Vec<&Class> {
        let mut all = Vec::new();
        let mut next = self.class(name);
        while let Some(class) = next {
            all.push(class);
            next = class.superior.as_deref().and_then(|name| self.class(name));
        }
        all
    }

    /// What slapd.conf says of it: the files that have a part of it, and the definitions
    /// that none has (RFC 4512 section 4.1).
    pub(super) fn definitions(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "include /etc/ldap/schema/{file}.schema");
        }
        if !(self.attributes.is_empty() && self.classes.is_empty()) {
            text.push_str("\n# What auth.ldap.filter asks for, and no schema of OpenLDAP has.\n");
        }
        for attribute in &self.attributes {
            if let Origin::Made(number) = &attribute.origin {
                let name = attribute.name();
                let rules = rules(attribute.kind);
                let _ = writeln!(text, "attributetype ( {number} NAME '{name}' {rules} )");
            }
        }
        for class in &self.classes {
            if let Origin::Made(number) = &class.origin {
                let name = class.name();
                let _ = writeln!(
                    text,
                    "objectclass ( {number} NAME '{name}' SUP top AUXILIARY )"
                );
            }
        }
        text
    }
}

/// An attribute's name without its options.
pub(super) fn base(attribute: &str) -> &str {
    attribute.split(';').next().unwrap_or_default()
}

/// An attribute that slapd has to be told of, as `test` needs it.
fn made(name: &str, number: usize, test: &Test) -> Attribute {
    let known = ACTIVE_DIRECTORY
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name));
    let (name, number, kind) = match known {
        Some((name, number, kind)) => (*name, (*number).to_owned(), *kind),
        None => (name, format!("{EXAMPLES}.1.{number}"), kind_for(test)),
    };
    Attribute {
        names: vec![name.to_owned()],
        kind,
        single: kind == Kind::Integer,
        ordered: kind != Kind::Name,
        parts: kind == Kind::Text,
        origin: Origin::Made(number),
    }
}

/// What an unknown attribute's values are: what the term can be compared with.
fn kind_for(test: &Test) -> Kind {
    let is_number = |text: String| text.parse::<i64>().is_ok();
    match &test.compare {
        Compare::AtLeast(value) | Compare::AtMost(value) if is_number(value.to_string()) => {
            Kind::Integer
        }
        Compare::Extensible {
            rule: Some(rule), ..
        } if is_one_of(rule, &ALL_BITS) || is_one_of(rule, &ANY_BIT) => Kind::Integer,
        Compare::Extensible {
            rule: Some(rule), ..
        } if rule == IN_CHAIN => Kind::Name,
        _ => Kind::Text,
    }
}

/// Whether a rule goes by one of these names.
pub(super) fn is_one_of(rule: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(rule))
}

fn rules(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => {
            "EQUALITY integerMatch ORDERING integerOrderingMatch \
             SYNTAX 1.3.6.1.4.1.1466.115.121.1.27"
        }
        Kind::Name => "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12",
        _ => {
            "EQUALITY caseIgnoreMatch ORDERING caseIgnoreOrderingMatch \
             SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
        }
    }
}
