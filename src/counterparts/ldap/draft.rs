//! An entry in the making: what everybody has, then what a way through the filter demands
//! and denies, then what slapd itself wants of it.

use super::dn::{self, Rdn};
use super::entry::{Entry, assertion, fault};
use super::making::{Impossible, Maker, Person};
use super::schema::{ALL_BITS, ANY_BIT, Attribute, Kind, USER_ACCOUNT_CONTROL, base, is_one_of};
use super::ways::Demand;
use crate::config::filter::{Compare, Login, Test, Text, Token};

/// What an account of Active Directory is that is in use: a normal one, and nothing else.
const NORMAL_ACCOUNT: i64 = 512;

/// What slapd takes any attribute in.
const ANYTHING: &str = "extensibleObject";

/// The classes that a person is made of, the first that the filter allows.
const PERSONS: [&str; 2] = ["inetOrgPerson", "account"];

/// An entry in the making.
pub(super) struct Draft<'a> {
    maker: &'a Maker<'a>,
    login: Login,
    way: &'a [Demand<'a>],
    entry: Entry,
}

impl<'a> Draft<'a> {
    /// An entry that is made as a way demands, as far as it can be.
    ///
    /// # Errors
    /// What slapd would not take.
    pub(super) fn entry(
        maker: &'a Maker<'a>,
        way: &'a [Demand<'a>],
        login: &Login,
        person: &Person,
    ) -> Result<Entry, Impossible> {
        let mut draft = Self {
            maker,
            login: login.clone(),
            way,
            entry: Entry::default(),
        };
        draft.usual(person);
        draft.classes()?;
        for demand in way.iter().filter(|demand| demand.holds) {
            draft.fulfil(demand.test)?;
        }
        for demand in way.iter().filter(|demand| !demand.holds) {
            draft.refuse(demand.test);
        }
        draft.demanded_by_classes(person)?;
        draft.name(person);
        Ok(draft.entry)
    }

    /// What everybody has who is not denied it.
    fn usual(&mut self, person: &Person) {
        let name = || vec![person.name.clone()];
        self.entry.attributes = vec![
            ("uid".to_owned(), name()),
            ("cn".to_owned(), name()),
            ("sn".to_owned(), name()),
            ("mail".to_owned(), person.addresses.clone()),
        ];
        self.entry
            .attributes
            .retain(|(_, values)| !values.is_empty());
        let control = |demand: &Demand<'_>| {
            base(&demand.test.attribute).eq_ignore_ascii_case(USER_ACCOUNT_CONTROL)
        };
        if self.way.iter().any(control) {
            self.put(USER_ACCOUNT_CONTROL, NORMAL_ACCOUNT.to_string());
        }
    }

    /// Puts a value beside those that an attribute has, or in their place where it takes
    /// one alone.
    fn put(&mut self, attribute: &str, value: String) {
        let known = self.maker.schema.attribute(base(attribute));
        let single = known.is_some_and(|known| known.single);
        let attributes = &mut self.entry.attributes;
        match attributes
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
        {
            None => attributes.push((attribute.to_owned(), vec![value])),
            Some((_, values)) if single => *values = vec![value],
            Some((_, values)) => {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
    }

    /// The object classes: a structural one with all that it is a kind of, and those beside.
    fn classes(&mut self) -> Result<(), Impossible> {
        let schema = self.maker.schema;
        let demands = self.way.iter().filter_map(|demand| {
            let named = base(&demand.test.attribute).eq_ignore_ascii_case("objectClass");
            match &demand.test.compare {
                Compare::Equal(text) if named => Some((*demand, text.for_login(&self.login)?)),
                _ => None,
            }
        });
        let demands: Vec<(Demand<'_>, String)> = demands.collect();
        let denied = |name: &str| {
            demands.iter().any(|(demand, denied)| {
                !demand.holds
                    && schema
                        .class(denied)
                        .is_some_and(|class| class.name() == name)
            })
        };
        let wanted = demands.iter().filter(|(demand, _)| demand.holds);
        let mut structural: Option<&str> = None;
        let mut beside: Vec<&str> = Vec::new();
        for (demand, name) in wanted {
            let Some(class) = schema.class(name) else {
                let why = "that is no name of an object class".to_owned();
                let term = demand.test.to_string();
                return Err(Impossible { term, why });
            };
            let is_kind_of = |one: &str, other: &str| {
                let kinds = schema.kinds_of(one);
                kinds.iter().any(|kind| kind.name() == other)
            };
            match structural {
                _ if !class.structural => beside.push(class.name()),
                Some(other) if is_kind_of(other, class.name()) => {}
                Some(other) if !is_kind_of(class.name(), other) => {
                    let why = format!("an entry is one kind of thing, and not {other} as well");
                    let term = demand.test.to_string();
                    return Err(Impossible { term, why });
                }
                _ => structural = Some(class.name()),
            }
        }
        let usable = |class: &&str| {
            let kinds = schema.kinds_of(class);
            let is_wanted =
                structural.is_none_or(|wanted| kinds.iter().any(|k| k.name() == wanted));
            is_wanted && !kinds.iter().any(|kind| denied(kind.name()))
        };
        let person = PERSONS.into_iter().find(usable).or(structural);
        // Where no kind is allowed, the entry will not pass, and tells which term it was.
        let person = person.unwrap_or(PERSONS[0]);
        let chain = schema.kinds_of(person).into_iter().rev();
        let mut classes: Vec<String> = chain.map(|class| class.name().to_owned()).collect();
        classes.extend(beside.into_iter().map(str::to_owned));
        self.entry.classes = classes;
        Ok(())
    }

    /// Makes a term true.
    fn fulfil(&mut self, test: &Test) -> Result<(), Impossible> {
        if base(&test.attribute).eq_ignore_ascii_case("objectClass") {
            return Ok(());
        }
        let demand = Demand { test, holds: true };
        let Some(attribute) = self.maker.schema.attribute(base(&test.attribute)) else {
            return Err(self.maker.impossible(demand, &self.login));
        };
        let name = match test.attribute.split_once(';') {
            Some((_, options)) => format!("{};{options}", attribute.name()),
            None => attribute.name().to_owned(),
        };
        let value = match &test.compare {
            Compare::Present if !self.entry.values(&name).is_empty() => return Ok(()),
            Compare::Present => self.anything(attribute),
            Compare::Extensible {
                in_name: true,
                rule: None,
                ..
            } if self.is_in_base(test) => return Ok(()),
            Compare::Extensible {
                rule: Some(rule),
                value,
                ..
            } if is_one_of(rule, &ALL_BITS) || is_one_of(rule, &ANY_BIT) => {
                let mask = self.text(value).and_then(|text| text.trim().parse().ok());
                mask.map(|mask: i64| {
                    let any = is_one_of(rule, &ANY_BIT);
                    let wanted = if any {
                        mask & mask.wrapping_neg()
                    } else {
                        mask
                    };
                    let bits = self.bits(&name);
                    let values = self.entry.attributes.iter_mut();
                    values
                        .filter(|(known, _)| known.eq_ignore_ascii_case(&name))
                        .for_each(|(_, values)| values.clear());
                    (bits | wanted).to_string()
                })
            }
            Compare::Equal(value)
            | Compare::Approximate(value)
            | Compare::AtLeast(value)
            | Compare::AtMost(value)
            | Compare::Extensible { value, .. } => self.text(value),
            Compare::Parts { .. } => {
                let texts = test.texts().into_iter().map(|text| self.text(text));
                let texts: Option<Vec<String>> = texts.collect();
                texts.map(|texts| texts.concat())
            }
        };
        let Some(value) = value else {
            return Err(self.maker.impossible(demand, &self.login));
        };
        if let Some(fault) = fault(attribute.kind, &value) {
            let why = if value.is_empty() && test.has_login() {
                format!(
                    "it is empty for the login {}, which has no @ and nothing behind it",
                    self.login.part(Token::Typed)
                )
            } else {
                format!("{value} {fault}")
            };
            let term = test.to_string();
            return Err(Impossible { term, why });
        }
        self.put(&name, value);
        Ok(())
    }

    fn text(&self, text: &Text) -> Option<String> {
        text.for_login(&self.login)
    }

    fn is_in_base(&self, test: &Test) -> bool {
        let entry = Entry {
            dn: self.maker.base.to_vec(),
            ..Entry::default()
        };
        entry.passes_test(test, &self.login, self.maker.schema) == Some(true)
    }

    /// The bits of a whole number that the entry has.
    fn bits(&self, attribute: &str) -> i64 {
        let value = self.entry.values(attribute).first().copied();
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Makes a term false. What another term asks for stays, and is then told of.
    fn refuse(&mut self, test: &Test) {
        let Some(attribute) = self.maker.schema.attribute(base(&test.attribute)) else {
            return;
        };
        let name = attribute.name().to_owned();
        let Some(matches) = assertion(test, attribute, &self.login) else {
            return;
        };
        if let Compare::Extensible {
            rule: Some(rule),
            value,
            ..
        } = &test.compare
            && (is_one_of(rule, &ALL_BITS) || is_one_of(rule, &ANY_BIT))
        {
            let mask = self.text(value).and_then(|text| text.trim().parse().ok());
            return self.clear(&name, mask.unwrap_or(0), is_one_of(rule, &ALL_BITS));
        }
        let opposite = match &test.compare {
            Compare::Equal(value) => match self.text(value).unwrap_or_default().as_str() {
                "TRUE" => Some("FALSE"),
                "FALSE" => Some("TRUE"),
                _ => None,
            },
            _ => None,
        };
        let mut removed = false;
        for (known, values) in &mut self.entry.attributes {
            if base(known).eq_ignore_ascii_case(&name) {
                let before = values.len();
                values.retain(|value| !matches(value));
                removed |= values.len() < before;
            }
        }
        self.entry
            .attributes
            .retain(|(_, values)| !values.is_empty());
        if let Some(opposite) = opposite
            && !removed
            && self.entry.values(&name).is_empty()
        {
            self.put(&name, opposite.to_owned());
        }
    }

    /// Takes bits away: all of them, or of several that are asked for together the first
    /// that no other term needs.
    fn clear(&mut self, attribute: &str, mask: i64, one_is_enough: bool) {
        if self.entry.values(attribute).is_empty() {
            return;
        }
        let needed = self.way.iter().filter(|demand| demand.holds);
        let needed = needed.filter_map(|demand| match &demand.test.compare {
            Compare::Extensible {
                rule: Some(rule),
                value,
                ..
            } if is_one_of(rule, &ALL_BITS) => self.text(value)?.trim().parse::<i64>().ok(),
            _ => None,
        });
        let free = mask & !needed.fold(0, |all, bits| all | bits);
        let bits = self.bits(attribute);
        let taken = if one_is_enough {
            free & free.wrapping_neg()
        } else {
            free
        };
        for (name, values) in &mut self.entry.attributes {
            if name.eq_ignore_ascii_case(attribute) {
                *values = vec![(bits & !taken).to_string()];
            }
        }
    }

    /// A value for an attribute of which any will do.
    fn anything(&self, attribute: &Attribute) -> Option<String> {
        let name = self.login.part(Token::Before);
        Some(match attribute.kind {
            Kind::Text | Kind::Exact => name,
            Kind::Ascii | Kind::AsciiExact if name.is_ascii() => name,
            Kind::Ascii | Kind::AsciiExact => "somebody".to_owned(),
            Kind::Integer | Kind::Digits => "1".to_owned(),
            Kind::Name => dn::join(self.maker.base),
            Kind::Boolean => "TRUE".to_owned(),
            Kind::Time => "20260101000000Z".to_owned(),
            Kind::Telephone => "+1 202 555 0100".to_owned(),
            Kind::Country => "de".to_owned(),
            Kind::Other | Kind::Kept | Kind::Own => return None,
        })
    }

    /// What its classes demand (RFC 4512 section 2.4), and whether it needs one that
    /// allows what no class of it has.
    fn demanded_by_classes(&mut self, person: &Person) -> Result<(), Impossible> {
        let schema = self.maker.schema;
        for class in self.entry.classes.clone() {
            let demands = schema.class(&class).map(|class| class.demands.clone());
            for demanded in demands.unwrap_or_default() {
                let Some(attribute) = schema.attribute(&demanded) else {
                    continue;
                };
                let name = attribute.name();
                if attribute.kind == Kind::Own || !self.entry.values(name).is_empty() {
                    continue;
                }
                let value = match name {
                    "uidNumber" => Some((10_000 + person.number).to_string()),
                    "gidNumber" => Some("10000".to_owned()),
                    "homeDirectory" => Some(format!("/home/{}", person.number)),
                    _ => self.anything(attribute),
                };
                let Some(value) = value else {
                    return Err(Impossible {
                        term: format!("(objectClass={class})"),
                        why: format!("it demands {name}, which a lab has no value for"),
                    });
                };
                self.put(name, value);
            }
        }
        let plain = ["uid", "cn", "sn", "mail"];
        let is_plain = |(name, _): &(String, Vec<String>)| plain.contains(&name.as_str());
        let is_person = self.entry.classes.iter().any(|class| class == PERSONS[0]);
        if !is_person || !self.entry.attributes.iter().all(is_plain) {
            self.entry.classes.push(ANYTHING.to_owned());
        }
        Ok(())
    }

    /// Names the entry by the attribute that the person goes by, if it can.
    fn name(&mut self, person: &Person) {
        let schema = self.maker.schema;
        let logins = self.maker.filter.login_attributes();
        let by = logins.iter().find_map(|name| {
            let attribute = schema.attribute(name)?;
            let fits = attribute.kind.is_letters()
                && (!attribute.single
                    || self
                        .entry
                        .values(attribute.name())
                        .contains(&person.name.as_str()))
                && fault(attribute.kind, &person.name).is_none();
            fits.then(|| attribute.name().to_owned())
        });
        let by = by.unwrap_or_else(|| "uid".to_owned());
        self.put(&by, person.name.clone());
        let name = Rdn::new(&by, &person.name);
        self.entry.dn = [&[name], self.maker.base].concat();
    }
}
