//! Reads filters (RFC 4515 section 3). What libldap takes beyond the RFC, blanks between
//! the terms of a list, is taken here too: a filter of several lines in relay.yaml has them.

use super::{Compare, Filter, Piece, Test, Text, Token, Wrong};
use crate::config::problem::quoted;

/// Parentheses in each other; a filter that needs more is not for a login.
const DEPTH: usize = 20;
/// What saslauthd replaces (its `LDAP_SASLAUTHD` document).
const TOKENS: &str = "`%u`, `%U`, `%d`, `%1`-`%9`, `%s`, `%r`, `%R` and `%%`";

pub(super) fn filter(text: &str) -> Result<Filter, Wrong> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    if !reader.text.is_empty() && !reader.rest().starts_with('(') {
        let hint = format!("write `({})`", text.trim());
        return Err(reader.wrong("no parentheses around it").hint(hint));
    }
    let filter = reader.component(DEPTH)?;
    reader.blanks();
    if reader.rest().is_empty() {
        return Ok(filter);
    }
    Err(reader.wrong(format!("{} follows its end", quoted(reader.rest()))))
}

impl Wrong {
    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A text and how far it is read, in bytes.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What is wrong just here.
    fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong {
            at: self.text[..self.at].chars().count() + 1,
            what: what.into(),
            hint: None,
        }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, letter: char) -> bool {
        let is_there = self.rest().starts_with(letter);
        if is_there {
            self.at += letter.len_utf8();
        }
        is_there
    }

    /// One component with its parentheses.
    fn component(&mut self, depth: usize) -> Result<Filter, Wrong> {
        if depth == 0 {
            return Err(self.wrong(format!("more than {DEPTH} parentheses in each other")));
        }
        if !self.takes('(') {
            let what = format!("a `(` is missing before {}", quoted(self.rest()));
            return Err(self.wrong(what));
        }
        self.blanks();
        let filter = match self.rest().chars().next() {
            Some(operator @ ('&' | '|')) => {
                self.at += 1;
                let all = self.list(operator, depth)?;
                if operator == '&' {
                    Filter::And(all)
                } else {
                    Filter::Or(all)
                }
            }
            Some('!') => {
                self.at += 1;
                self.blanks();
                let inner = self.component(depth - 1)?;
                self.blanks();
                Filter::Not(Box::new(inner))
            }
            _ => Filter::Test(self.test()?),
        };
        if self.takes(')') {
            return Ok(filter);
        }
        let what = if self.rest().is_empty() {
            "a `)` is missing at the end".to_owned()
        } else {
            format!("a `)` is missing before {}", quoted(self.rest()))
        };
        Err(self.wrong(what))
    }

    /// What follows `&` or `|`, at least one component.
    fn list(&mut self, operator: char, depth: usize) -> Result<Vec<Filter>, Wrong> {
        let mut all = Vec::new();
        self.blanks();
        while self.rest().starts_with('(') {
            all.push(self.component(depth - 1)?);
            self.blanks();
        }
        if all.is_empty() {
            return Err(self.wrong(format!("nothing after `{operator}`")));
        }
        Ok(all)
    }

    /// `attribute=value` and its kin, up to the closing parenthesis.
    fn test(&mut self) -> Result<Test, Wrong> {
        let end = self.rest().find(['(', ')', '=']);
        let end = end.unwrap_or(self.rest().len());
        let name = &self.rest()[..end];
        if !self.rest()[end..].starts_with('=') {
            return Err(self.wrong(format!("{} has no `=`", quoted(name))));
        }
        let (name, operator) = match name.strip_suffix(['~', '>', '<', ':']) {
            Some(shorter) => (shorter, name.chars().last()),
            None => (name, None),
        };
        let named = self.named(name, operator == Some(':'))?;
        self.at += end + 1;
        let compare = match operator {
            None => self.equality()?,
            Some('~') => Compare::Approximate(self.value()?),
            Some('>') => Compare::AtLeast(self.value()?),
            Some('<') => Compare::AtMost(self.value()?),
            Some(_) => Compare::Extensible {
                in_name: named.in_name,
                rule: named.rule,
                value: self.value()?,
            },
        };
        Ok(Test {
            attribute: named.attribute,
            compare,
        })
    }

    /// What stands before the operator: an attribute, and for an extensible match more.
    fn named(&self, name: &str, extensible: bool) -> Result<Named, Wrong> {
        let mut parts = name.split(':');
        let attribute = parts.next().unwrap_or_default().trim();
        let mut named = Named {
            attribute: attribute.to_owned(),
            in_name: false,
            rule: None,
        };
        for part in parts {
            let is_dn = part.eq_ignore_ascii_case("dn");
            if extensible && is_dn && !named.in_name && named.rule.is_none() {
                named.in_name = true;
            } else if extensible && named.rule.is_none() && is_name(part) {
                named.rule = Some(part.to_owned());
            } else {
                return Err(self.wrong(format!("{} is no matching rule", quoted(part))));
            }
        }
        let options = attribute.split(';').skip(1);
        let base = attribute.split(';').next().unwrap_or_default();
        let no_attribute = attribute.is_empty() && named.rule.is_some();
        if no_attribute || (is_name(base) && options.into_iter().all(is_name)) {
            return Ok(named);
        }
        Err(self.wrong(format!("{} is no attribute", quoted(attribute))))
    }

    /// What follows `=`: a value, or parts of one around asterisks.
    fn equality(&mut self) -> Result<Compare, Wrong> {
        let mut parts = vec![self.part()?];
        while self.takes('*') {
            parts.push(self.part()?);
        }
        let some = |text: Text| (!text.0.is_empty()).then_some(text);
        let last = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            return Ok(Compare::Equal(last));
        }
        let initial = some(parts.remove(0));
        let any: Vec<Text> = parts.into_iter().filter_map(some).collect();
        let last = some(last);
        if initial.is_none() && any.is_empty() && last.is_none() {
            return Ok(Compare::Present);
        }
        Ok(Compare::Parts { initial, any, last })
    }

    /// A value without an asterisk of its own.
    fn value(&mut self) -> Result<Text, Wrong> {
        let text = self.part()?;
        if self.rest().starts_with('*') {
            let wrong = self.wrong("an `*` where a whole value is compared");
            return Err(wrong.hint("write it as \\2a, or compare with `=`"));
        }
        Ok(text)
    }

    /// Up to the next asterisk or parenthesis.
    fn part(&mut self) -> Result<Text, Wrong> {
        let mut pieces = Vec::new();
        let mut bytes = Vec::new();
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                '*' | ')' => break,
                '(' => return Err(self.wrong("a `(` inside a value (write it as \\28)")),
                '\\' => bytes.push(self.escaped()?),
                '%' => {
                    if let Some(token) = self.token()? {
                        if !bytes.is_empty() {
                            pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                        }
                        pieces.push(Piece::Token(token));
                    } else {
                        bytes.push(b'%');
                    }
                }
                _ => {
                    self.at += letter.len_utf8();
                    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        if !bytes.is_empty() {
            pieces.push(Piece::Bytes(bytes));
        }
        Ok(Text(pieces))
    }

    /// A backslash and two hexadecimal digits.
    fn escaped(&mut self) -> Result<u8, Wrong> {
        let digits = self.rest().get(1..3);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                self.at += 3;
                Ok(byte)
            }
            None => Err(self
                .wrong("a `\\` that two hexadecimal digits do not follow")
                .hint("a backslash itself is \\5c")),
        }
    }

    /// A token; `None`: `%%`, which is a percent sign.
    fn token(&mut self) -> Result<Option<Token>, Wrong> {
        let letter = self.rest().chars().nth(1);
        let token = letter.and_then(Token::of);
        if token.is_some() || letter == Some('%') {
            self.at += 2;
            return Ok(token);
        }
        let found = format!("%{}", letter.map(String::from).unwrap_or_default());
        let what = format!("{}, which saslauthd replaces by nothing", quoted(&found));
        Err(self.wrong(what).hint(format!("expected {TOKENS}")))
    }
}

/// What stands before the operator.
struct Named {
    attribute: String,
    in_name: bool,
    rule: Option<String>,
}

/// A short name or a number with dots (RFC 4512 section 1.4).
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !text.is_empty() && text.chars().all(plain)
}
