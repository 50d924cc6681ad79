//! An entry of a lab's directory, and whether a filter finds it, as slapd would tell
//! (RFC 4511 section 4.5.1.7).

use super::dn::{self, Rdn};
use super::schema::{ALL_BITS, ANY_BIT, Attribute, Kind, Schema, base, is_one_of};
use crate::config::filter::{Compare, Filter, Login, Test, Text};

/// An entry without its password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entry {
    /// Its distinguished name.
    pub(super) dn: Vec<Rdn>,
    /// Its object classes and those that they are kinds of.
    pub(super) classes: Vec<String>,
    /// Attributes with their values, in the order in which they are written.
    pub(super) attributes: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// The values of an attribute, as it is written or with options beside that.
    pub(super) fn values(&self, attribute: &str) -> Vec<&str> {
        let is_it = |name: &str| {
            name.eq_ignore_ascii_case(attribute)
                || !attribute.contains(';') && base(name).eq_ignore_ascii_case(attribute)
        };
        let found = self.attributes.iter().filter(|(name, _)| is_it(name));
        found
            .flat_map(|(_, values)| values.iter().map(String::as_str))
            .collect()
    }

    /// Whether a filter finds it for a login; `None`: slapd cannot tell, so that neither
    /// the filter nor its opposite does.
    pub(super) fn passes(&self, filter: &Filter, login: &Login, schema: &Schema) -> Option<bool> {
        match filter {
            Filter::And(all) => {
                let verdicts: Vec<_> = all
                    .iter()
                    .map(|one| self.passes(one, login, schema))
                    .collect();
                if verdicts.contains(&Some(false)) {
                    return Some(false);
                }
                (!verdicts.contains(&None)).then_some(true)
            }
            Filter::Or(all) => {
                let verdicts: Vec<_> = all
                    .iter()
                    .map(|one| self.passes(one, login, schema))
                    .collect();
                if verdicts.contains(&Some(true)) {
                    return Some(true);
                }
                (!verdicts.contains(&None)).then_some(false)
            }
            Filter::Not(inner) => Some(!self.passes(inner, login, schema)?),
            Filter::Test(test) => self.passes_test(test, login, schema),
        }
    }

    /// The same for one term.
    pub(super) fn passes_test(&self, test: &Test, login: &Login, schema: &Schema) -> Option<bool> {
        if base(&test.attribute).eq_ignore_ascii_case("objectClass") {
            return self.is_of_class(test, login, schema);
        }
        let attribute = schema.attribute(base(&test.attribute))?;
        if attribute.kind == Kind::Kept {
            return None;
        }
        let name = match test.attribute.split_once(';') {
            Some((_, options)) => format!("{};{options}", attribute.name()),
            None => attribute.name().to_owned(),
        };
        let mut values = self.values(&name);
        if let Compare::Extensible { in_name: true, .. } = test.compare {
            let named = self.dn.iter().filter(|part| {
                let known = schema.attribute(&part.attribute);
                known.is_some_and(|known| known.name() == attribute.name())
            });
            values.extend(named.map(|part| part.value.as_str()));
        }
        let holds = assertion(test, attribute, login)?;
        Some(values.into_iter().any(holds))
    }

    fn is_of_class(&self, test: &Test, login: &Login, schema: &Schema) -> Option<bool> {
        match &test.compare {
            Compare::Present => Some(true),
            Compare::Equal(value) => {
                let wanted = value.for_login(login)?;
                let wanted = schema.class(&wanted)?.name();
                Some(self.classes.iter().any(|class| class == wanted))
            }
            _ => None,
        }
    }
}

/// Whether a value is one that a filter asks for.
type Assertion = Box<dyn Fn(&str) -> bool>;

/// What one value of an attribute is held to; `None`: slapd cannot compare like this.
pub(super) fn assertion(test: &Test, attribute: &Attribute, login: &Login) -> Option<Assertion> {
    let kind = attribute.kind;
    let asserted = |text: &Text| {
        let value = text.for_login(login)?;
        fault(kind, &value).is_none().then(|| folded(kind, &value))
    };
    Some(match &test.compare {
        Compare::Present => Box::new(|_| true),
        Compare::Equal(value)
        | Compare::Approximate(value)
        | Compare::Extensible {
            rule: None, value, ..
        } => equal(kind, asserted(value)?),
        Compare::AtLeast(value) if attribute.ordered => {
            let least = asserted(value)?;
            Box::new(move |value| order(kind, &folded(kind, value), &least).is_ge())
        }
        Compare::AtMost(value) if attribute.ordered => {
            let most = asserted(value)?;
            Box::new(move |value| order(kind, &folded(kind, value), &most).is_le())
        }
        Compare::Parts { initial, any, last } if attribute.parts => {
            // A part may begin or end with a blank that counts.
            let part = |text: &Text| Some(case(kind, &text.for_login(login)?));
            let whole = |texts: &[Text]| texts.iter().map(part).collect::<Option<Vec<_>>>();
            let initial = whole(initial.as_slice())?.pop().unwrap_or_default();
            let last = whole(last.as_slice())?.pop().unwrap_or_default();
            let any = whole(any)?;
            Box::new(move |value| has_parts(&folded(kind, value), &initial, &any, &last))
        }
        Compare::AtLeast(_) | Compare::AtMost(_) | Compare::Parts { .. } => return None,
        Compare::Extensible {
            rule: Some(rule),
            value,
            ..
        } => by_rule(rule, kind, &value.for_login(login)?)?,
    })
}

fn equal(kind: Kind, wanted: String) -> Assertion {
    Box::new(move |value| kind != Kind::Other && folded(kind, value) == wanted)
}

/// By a matching rule that the filter names. slapd applies a rule to attributes of its own
/// syntax alone.
fn by_rule(rule: &str, kind: Kind, asserted: &str) -> Option<Assertion> {
    let bits = asserted.trim().parse::<i64>().ok();
    if kind == Kind::Integer && is_one_of(rule, &ALL_BITS) {
        let mask = bits?;
        return Some(Box::new(move |value| {
            value.parse::<i64>().is_ok_and(|bits| bits & mask == mask)
        }));
    }
    if kind == Kind::Integer && is_one_of(rule, &ANY_BIT) {
        let mask = bits?;
        return Some(Box::new(move |value| {
            value.parse::<i64>().is_ok_and(|bits| bits & mask != 0)
        }));
    }
    let compared = compared_by(rule, kind)?;
    if fault(kind, asserted).is_some() {
        return None;
    }
    let wanted = folded(compared, asserted);
    Some(Box::new(move |value| folded(compared, value) == wanted))
}

/// As what the values of an attribute are compared by this rule (RFC 4517 section 4.2).
pub(super) fn compared_by(rule: &str, kind: Kind) -> Option<Kind> {
    let all: &[(&str, &str, Kind, &[Kind])] = &[
        (
            "caseIgnoreMatch",
            "2.5.13.2",
            Kind::Text,
            &[Kind::Text, Kind::Exact],
        ),
        (
            "caseExactMatch",
            "2.5.13.5",
            Kind::Exact,
            &[Kind::Text, Kind::Exact],
        ),
        (
            "caseIgnoreIA5Match",
            "1.3.6.1.4.1.1466.109.114.2",
            Kind::Ascii,
            &[Kind::Ascii, Kind::AsciiExact],
        ),
        (
            "caseExactIA5Match",
            "1.3.6.1.4.1.1466.109.114.1",
            Kind::AsciiExact,
            &[Kind::Ascii, Kind::AsciiExact],
        ),
        ("integerMatch", "2.5.13.14", Kind::Integer, &[Kind::Integer]),
        (
            "distinguishedNameMatch",
            "2.5.13.1",
            Kind::Name,
            &[Kind::Name],
        ),
        ("booleanMatch", "2.5.13.13", Kind::Boolean, &[Kind::Boolean]),
        (
            "generalizedTimeMatch",
            "2.5.13.27",
            Kind::Time,
            &[Kind::Time],
        ),
    ];
    all.iter()
        .find(|(name, number, _, kinds)| is_one_of(rule, &[name, number]) && kinds.contains(&kind))
        .map(|(_, _, compared, _)| *compared)
}

/// Why a value cannot be one of this kind, in words that go after the value.
pub(super) fn fault(kind: Kind, value: &str) -> Option<&'static str> {
    let fits = match kind {
        _ if value.trim().is_empty() => return Some("is empty"),
        Kind::Ascii | Kind::AsciiExact if !value.is_ascii() => {
            return Some("is not in ASCII, which is all that the attribute takes");
        }
        Kind::Integer => value.trim().parse::<i64>().is_ok(),
        Kind::Name => {
            let parts = dn::parse(value);
            let whole = |part: &Rdn| !part.attribute.is_empty() && !part.value.is_empty();
            !parts.is_empty() && parts.iter().all(whole)
        }
        Kind::Boolean => ["TRUE", "FALSE"].contains(&value),
        Kind::Time => value.len() >= 11 && value.as_bytes()[..10].iter().all(u8::is_ascii_digit),
        Kind::Telephone => value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "'()+,-./:? ".contains(c)),
        Kind::Digits => value.chars().all(|c| c.is_ascii_digit() || c == ' '),
        Kind::Country => value.len() == 2 && value.is_ascii(),
        _ => true,
    };
    let why = match kind {
        Kind::Integer => "is no whole number",
        Kind::Name => "is no distinguished name",
        Kind::Boolean => "is neither TRUE nor FALSE",
        Kind::Time => "is no time such as 20260101000000Z",
        Kind::Telephone => "is no telephone number",
        Kind::Digits => "has other letters than digits and blanks",
        Kind::Country => "is no code of a country",
        _ => "",
    };
    (!fits).then_some(why)
}

/// A value as it is compared with others (RFC 4518 section 2), as far as it matters here.
pub(super) fn folded(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Integer => value
            .trim()
            .parse::<i64>()
            .map_or_else(|_| value.to_owned(), |number| number.to_string()),
        Kind::Name => dn::folded(value),
        Kind::Boolean | Kind::Time => value.to_owned(),
        Kind::Telephone => case(kind, &value.replace([' ', '-'], "")),
        Kind::Digits => value.replace(' ', ""),
        _ => {
            let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
            case(kind, &words.join(" "))
        }
    }
}

fn case(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Exact | Kind::AsciiExact => value.to_owned(),
        _ => value.to_lowercase(),
    }
}

fn order(kind: Kind, one: &str, other: &str) -> std::cmp::Ordering {
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    match kind {
        Kind::Integer => number(one).cmp(&number(other)),
        _ => one.cmp(other),
    }
}

fn has_parts(value: &str, initial: &str, any: &[String], last: &str) -> bool {
    let Some(mut rest) = value.strip_prefix(initial) else {
        return false;
    };
    for part in any {
        match rest.split_once(part.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
