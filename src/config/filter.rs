//! Search filters of LDAP (RFC 4515) with the login in them, as saslauthd takes them: its
//! tokens (`LDAP_SASLAUTHD` of Cyrus SASL) stand wherever a value may.

mod parse;
mod show;
#[cfg(test)]
mod tests;
mod token;

pub use token::{Login, Token};

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The character at which it was found, from 1.
    pub(super) at: usize,
    /// What was found there, in words that go on after a colon.
    pub(super) what: String,
    /// What to write.
    pub(super) hint: Option<String>,
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these.
    And(Vec<Self>),
    /// At least one of these.
    Or(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// A single term.
    Test(Test),
}

/// A term: what one attribute has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The attribute with its options, such as `cn;lang-de`; empty where an extensible
    /// match names a rule alone.
    pub attribute: String,
    /// How the attribute is compared.
    pub compare: Compare,
}

/// How an attribute is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// `=`.
    Equal(Text),
    /// `~=`.
    Approximate(Text),
    /// `>=`.
    AtLeast(Text),
    /// `<=`.
    AtMost(Text),
    /// `=*`.
    Present,
    /// `=initial*any*any*last`.
    Parts {
        /// What the value begins with.
        initial: Option<Text>,
        /// What follows, in this order.
        any: Vec<Text>,
        /// What it ends with.
        last: Option<Text>,
    },
    /// `:=`, by a matching rule of its own.
    Extensible {
        /// Whether the parts of the entry's name count as attributes (`:dn`).
        in_name: bool,
        /// The rule's name or number; without one, the attribute's own for equality.
        rule: Option<String>,
        /// What it is compared with.
        value: Text,
    },
}

/// A value, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Vec<Piece>);

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes, without their escapes.
    Bytes(Vec<u8>),
    /// What saslauthd puts in.
    Token(Token),
}

impl Text {
    /// These bytes and nothing else.
    #[must_use]
    pub fn of(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Self::default();
        }
        Self(vec![Piece::Bytes(bytes)])
    }

    /// The tokens in it.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Token(token) => Some(*token),
            Piece::Bytes(_) => None,
        })
    }

    /// What it is for somebody who logs in; `None`: it is no text in UTF-8.
    #[must_use]
    pub fn for_login(&self, login: &Login) -> Option<String> {
        let mut bytes = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Bytes(plain) => bytes.extend_from_slice(plain),
                Piece::Token(token) => bytes.extend_from_slice(login.part(*token).as_bytes()),
            }
        }
        String::from_utf8(bytes).ok()
    }

    /// Whether it is the login or its first half, and nothing beside that.
    fn is_login(&self) -> bool {
        matches!(
            self.0.as_slice(),
            [Piece::Token(Token::Typed | Token::Before)]
        )
    }
}

impl Test {
    /// Its values, in their order.
    #[must_use]
    pub fn texts(&self) -> Vec<&Text> {
        match &self.compare {
            Compare::Equal(text)
            | Compare::Approximate(text)
            | Compare::AtLeast(text)
            | Compare::AtMost(text)
            | Compare::Extensible { value: text, .. } => vec![text],
            Compare::Present => Vec::new(),
            Compare::Parts { initial, any, last } => {
                initial.iter().chain(any).chain(last).collect()
            }
        }
    }

    /// Whether it depends on who logs in.
    #[must_use]
    pub fn has_login(&self) -> bool {
        let mut tokens = self.texts().into_iter().flat_map(Text::tokens);
        tokens.any(Token::is_of_login)
    }

    /// Whether the whole value is the login.
    fn is_login(&self) -> bool {
        match &self.compare {
            Compare::Equal(text)
            | Compare::Approximate(text)
            | Compare::Extensible { value: text, .. } => text.is_login(),
            _ => false,
        }
    }

    /// Whether an entry that passes has the login in the attribute.
    fn compares_login(&self) -> bool {
        let with_login = |text: &&Text| {
            text.tokens()
                .any(|token| matches!(token, Token::Typed | Token::Before))
        };
        match &self.compare {
            Compare::AtLeast(_) | Compare::AtMost(_) | Compare::Present => false,
            // By another rule more than the login may be meant.
            Compare::Extensible { .. } => self.is_login(),
            _ => self.texts().iter().any(with_login),
        }
    }
}

impl Filter {
    /// Reads a filter. Blanks around the terms of a list are left out.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        parse::filter(text)
    }

    /// Its terms, from left to right, each with whether it stands for itself: `false` under
    /// an odd number of `!`.
    #[must_use]
    pub fn tests(&self) -> Vec<(&Test, bool)> {
        let mut tests = Vec::new();
        self.collect(true, &mut tests);
        tests
    }

    /// The same filter with other terms.
    #[must_use]
    pub fn map(&self, other: &impl Fn(&Test) -> Test) -> Self {
        let each = |all: &[Self]| all.iter().map(|one| one.map(other)).collect();
        match self {
            Self::And(all) => Self::And(each(all)),
            Self::Or(all) => Self::Or(each(all)),
            Self::Not(inner) => Self::Not(Box::new(inner.map(other))),
            Self::Test(test) => Self::Test(other(test)),
        }
    }

    fn collect<'a>(&'a self, stands: bool, tests: &mut Vec<(&'a Test, bool)>) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|f| f.collect(stands, tests)),
            Self::Not(inner) => inner.collect(!stands, tests),
            Self::Test(test) => tests.push((test, stands)),
        }
    }

    /// The attributes that hold logins: those that are compared with the login or its
    /// first half, such as `uid` in `(uid=%u)`; those that are nothing else come first.
    #[must_use]
    pub fn login_attributes(&self) -> Vec<String> {
        let tests = self.tests();
        let compared = tests
            .iter()
            .filter(|(test, stands)| *stands && !test.attribute.is_empty() && test.compares_login())
            .map(|(test, _)| test);
        let (whole, more): (Vec<&&Test>, Vec<&&Test>) = compared.partition(|test| test.is_login());
        let mut attributes: Vec<String> = Vec::new();
        for test in whole.into_iter().chain(more) {
            let attribute = test.attribute.split(';').next().unwrap_or_default();
            if !attributes.iter().any(|a| a.eq_ignore_ascii_case(attribute)) {
                attributes.push(attribute.to_owned());
            }
        }
        attributes
    }
}
