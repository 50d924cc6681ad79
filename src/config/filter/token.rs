//! What saslauthd puts into a filter while it looks for a person (`LDAP_SASLAUTHD` of
//! Cyrus SASL).

/// A token of saslauthd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// `%u`: the login as it was typed.
    Typed,
    /// `%U`: its part before the first `@`.
    Before,
    /// `%d`: its part behind that.
    Domain,
    /// `%1` to `%9`: a label of the domain, the last one first.
    Label(u8),
    /// `%s`: the service, which is `smtp`.
    Service,
    /// `%r`: the realm, which is the part behind the last `@`.
    Realm,
    /// `%R`: the realm with its `@`.
    AtRealm,
}

impl Token {
    /// The token that this letter stands for behind a `%`.
    pub(super) fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'u' => Self::Typed,
            'U' => Self::Before,
            'd' => Self::Domain,
            's' => Self::Service,
            'r' => Self::Realm,
            'R' => Self::AtRealm,
            '1'..='9' => Self::Label(u8::try_from(letter.to_digit(10)?).ok()?),
            _ => return None,
        })
    }

    /// Its letter.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Typed => 'u',
            Self::Before => 'U',
            Self::Domain => 'd',
            Self::Service => 's',
            Self::Realm => 'r',
            Self::AtRealm => 'R',
            Self::Label(number) => char::from(b'0' + number),
        }
    }

    /// Whether it says something of who logs in.
    #[must_use]
    pub fn is_of_login(self) -> bool {
        self != Self::Service
    }

    /// Whether it is empty for a login without an `@`.
    #[must_use]
    pub fn needs_domain(self) -> bool {
        matches!(
            self,
            Self::Domain | Self::Label(_) | Self::Realm | Self::AtRealm
        )
    }
}

/// A login as it was typed, taken apart as the guard and saslauthd take it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    typed: String,
}

impl Login {
    /// Of these words.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        Self {
            typed: typed.to_owned(),
        }
    }

    /// What stands for a token.
    #[must_use]
    pub fn part(&self, token: Token) -> String {
        let (user, domain) = self.typed.split_once('@').unwrap_or((&self.typed, ""));
        let realm = match self.typed.rsplit_once('@') {
            Some((before, realm)) if !before.is_empty() => realm,
            _ => "",
        };
        match token {
            Token::Typed => self.typed.clone(),
            Token::Before => user.to_owned(),
            Token::Domain => domain.to_owned(),
            Token::Label(number) => {
                let labels = if domain.is_empty() { realm } else { domain };
                let mut labels = labels.rsplit('.').filter(|label| !label.is_empty());
                let label = labels.nth(usize::from(number).saturating_sub(1));
                label.unwrap_or_default().to_owned()
            }
            Token::Service => "smtp".to_owned(),
            Token::Realm => realm.to_owned(),
            Token::AtRealm if realm.is_empty() => String::new(),
            Token::AtRealm => format!("@{realm}"),
        }
    }
}
