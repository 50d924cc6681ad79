//! A users file: who may log in where no directory says so. A line is
//! `name:hash:addresses`: the hash is one of crypt(5), as `pam_pwdfile(8)` reads it, and
//! the addresses, with commas between, are those that the name may send from; `@domain`
//! is all of a domain. Lines that begin with `#` are for people.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use yescrypt::{PasswordHasher as _, Yescrypt};

use crate::secret::Secret;

/// Bytes of a name: what the guard takes from a client.
const LONGEST_NAME: usize = 255;

/// Bytes of a password: what saslauthd takes.
const LONGEST_PASSWORD: usize = 127;

/// What is written on top of a new file.
const HEAD: &str =
    "# The users of a mail relay, `relaykit users` changes them. name:hash:addresses\n";

/// Hashes that are slow to guess by, see crypt(5): yescrypt, gost-yescrypt, bcrypt and
/// SHA-512 crypt.
const STRONG: [&str; 6] = ["$y$", "$gy$", "$2b$", "$2a$", "$2y$", "$6$"];

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As it is typed; small and large letters are the same.
    pub name: String,
    /// The hash of the password.
    pub hash: String,
    /// What `relay.sender_login: own` lets it send from.
    pub addresses: Vec<String>,
}

/// A users file, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Words(String),
    Account(Account),
}

/// Why a users file, a name, an address or a password is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(String);

impl Accounts {
    /// Reads the text of a users file.
    ///
    /// # Errors
    /// All lines that are none, each with its number.
    pub fn parse(text: &str) -> Result<Self, Vec<Wrong>> {
        let mut accounts = Self::default();
        let mut wrong = Vec::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                accounts.lines.push(Line::Words(line.to_owned()));
                continue;
            }
            match account(line) {
                Ok(account) => {
                    let first = names.entry(account.name.to_ascii_lowercase());
                    let first = *first.or_insert(number);
                    if first != number {
                        let name = &account.name;
                        let why = format!("line {number}: {name} stands on line {first}, too");
                        wrong.push(Wrong(why));
                    }
                    accounts.lines.push(Line::Account(account));
                }
                Err(why) => wrong.push(Wrong(format!("line {number}: {why}"))),
            }
        }
        if wrong.is_empty() {
            Ok(accounts)
        } else {
            Err(wrong)
        }
    }

    /// Everybody in it, in its order.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.lines.iter().filter_map(|line| match line {
            Line::Account(account) => Some(account),
            Line::Words(_) => None,
        })
    }

    /// Whether somebody of that name is in it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|a| a.name.eq_ignore_ascii_case(name))
    }

    /// Puts somebody at its end.
    ///
    /// # Errors
    /// When somebody of that name is there, or it is no name.
    pub fn add(&mut self, account: Account) -> Result<(), Wrong> {
        check_name(&account.name)?;
        if self.has(&account.name) {
            return Err(Wrong(format!("{} is there already", account.name)));
        }
        self.lines.push(Line::Account(account));
        Ok(())
    }

    /// Puts somebody at its end, whose name need not be one that can be typed.
    pub(crate) fn put(&mut self, account: Account) {
        self.lines.push(Line::Account(account));
    }

    /// Removes somebody.
    ///
    /// # Errors
    /// When nobody of that name is there.
    pub fn remove(&mut self, name: &str) -> Result<(), Wrong> {
        let before = self.lines.len();
        self.lines
            .retain(|line| !matches!(line, Line::Account(a) if a.name.eq_ignore_ascii_case(name)));
        if self.lines.len() == before {
            return Err(nobody(name));
        }
        Ok(())
    }

    /// Gives somebody another hash.
    ///
    /// # Errors
    /// When nobody of that name is there.
    pub fn rehash(&mut self, name: &str, hash: String) -> Result<(), Wrong> {
        let mut accounts = self.lines.iter_mut().filter_map(|line| match line {
            Line::Account(account) => Some(account),
            Line::Words(_) => None,
        });
        let account = accounts.find(|a| a.name.eq_ignore_ascii_case(name));
        account.ok_or_else(|| nobody(name))?.hash = hash;
        Ok(())
    }
}

impl fmt::Display for Accounts {
    /// The text of the file: there are hashes in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.lines.iter().any(|l| matches!(l, Line::Words(_))) {
            f.write_str(HEAD)?;
        }
        for line in &self.lines {
            match line {
                Line::Words(words) => writeln!(f, "{words}")?,
                Line::Account(account) => {
                    write!(f, "{}:{}", account.name, account.hash)?;
                    if !account.addresses.is_empty() {
                        write!(f, ":{}", account.addresses.join(","))?;
                    }
                    f.write_char('\n')?;
                }
            }
        }
        Ok(())
    }
}

fn nobody(name: &str) -> Wrong {
    Wrong(format!("nobody of the name {name} is there"))
}

fn account(line: &str) -> Result<Account, Wrong> {
    let fields: Vec<&str> = line.split(':').collect();
    let (name, hash, addresses) = match fields[..] {
        [name, hash] => (name, hash, ""),
        [name, hash, addresses] => (name, hash, addresses),
        _ => {
            return Err(Wrong(
                "expected name:hash or name:hash:addresses".to_owned(),
            ));
        }
    };
    check_name(name)?;
    let strong = STRONG.iter().any(|kind| hash.starts_with(kind));
    if !strong || hash.len() < 30 || hash.contains(char::is_whitespace) {
        let why = format!(
            "the hash of {name} is none of crypt(5) that is slow to guess by ({})",
            STRONG.join(" ")
        );
        return Err(Wrong(why));
    }
    let addresses = addresses.split(',').filter(|a| !a.is_empty());
    let addresses: Vec<String> = addresses.map(str::to_owned).collect();
    addresses.iter().try_for_each(|a| check_address(a))?;
    Ok(Account {
        name: name.to_owned(),
        hash: hash.to_owned(),
        addresses,
    })
}

/// Refuses a name that would be none in a line of the file or in Postfix's lists.
///
/// # Errors
/// What a name must be.
pub fn check_name(name: &str) -> Result<(), Wrong> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == ':' || c == ',';
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(odd) || name.starts_with('#') {
        return Err(Wrong(format!(
            "{name:?} is no name: it has no blanks, colons and commas, does not begin with #, and has at most {LONGEST_NAME} bytes"
        )));
    }
    Ok(())
}

/// Refuses an address that would be none in a line of the file.
///
/// # Errors
/// What an address must be.
pub fn check_address(address: &str) -> Result<(), Wrong> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == ':' || c == ',';
    let whole = address
        .rsplit_once('@')
        .is_some_and(|(_, domain)| !domain.is_empty());
    if !whole || address.contains(odd) {
        return Err(Wrong(format!(
            "{address:?} is no address: write name@domain, or @domain for all of a domain"
        )));
    }
    Ok(())
}

/// Refuses a password that nobody could log in with.
///
/// # Errors
/// What a password must be.
pub fn check_password(password: &Secret) -> Result<(), Wrong> {
    let password = password.reveal();
    if password.is_empty() {
        return Err(Wrong("the password is empty".to_owned()));
    }
    if password.len() > LONGEST_PASSWORD {
        let why = format!("the password has more than {LONGEST_PASSWORD} bytes");
        return Err(Wrong(why));
    }
    if password.contains(char::is_control) {
        return Err(Wrong("the password has a control character".to_owned()));
    }
    Ok(())
}

/// The password as crypt(5) has it in yescrypt, with a salt of its own and at the cost
/// that Debian's own passwords have.
///
/// # Errors
/// When the system has no random numbers.
pub fn hash(password: &Secret) -> Result<String, Wrong> {
    check_password(password)?;
    let hash = Yescrypt::default().hash_password(password.reveal().as_bytes());
    hash.map(|hash| hash.as_str().to_owned())
        .map_err(|error| Wrong(format!("hashing the password failed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yescrypt::PasswordVerifier as _;

    const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuuTM16QyyuVxQweJuQ16bRRjapzLTQQka";

    #[test]
    fn a_file_is_read_and_written_as_it_is() {
        let text = format!("# ours\n\nalice:{BCRYPT}\nBob:{BCRYPT}:b@x.example,@y.example\n");
        let accounts = Accounts::parse(&text).unwrap();
        assert_eq!(accounts.to_string(), text);
        let names: Vec<&str> = accounts.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["alice", "Bob"]);
        let bob = accounts.iter().last().unwrap();
        assert_eq!(bob.addresses, ["b@x.example", "@y.example"]);
        assert!(accounts.has("ALICE"));
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_line() {
        let text = format!(
            "a b:{BCRYPT}\nx\nalice:$1$abcdefgh$abcdefghijklmnopqrstuv\nbob:{BCRYPT}\nBOB:{BCRYPT}\nc:{BCRYPT}:no\n"
        );
        let wrong = Accounts::parse(&text).unwrap_err();
        let lines: Vec<String> = wrong
            .iter()
            .map(|w| w.to_string()[..7].to_owned())
            .collect();
        assert_eq!(
            lines,
            ["line 1:", "line 2:", "line 3:", "line 5:", "line 6:"]
        );
    }

    #[test]
    fn people_come_change_and_go() {
        let mut accounts = Accounts::default();
        let alice = |hash: &str| Account {
            name: "alice".to_owned(),
            hash: hash.to_owned(),
            addresses: Vec::new(),
        };
        accounts.add(alice(BCRYPT)).unwrap();
        assert!(accounts.add(alice(BCRYPT)).is_err());
        accounts.rehash("Alice", "$6$other".to_owned()).unwrap();
        assert_eq!(accounts.iter().next().unwrap().hash, "$6$other");
        accounts.remove("alice").unwrap();
        assert!(accounts.remove("alice").is_err());
        assert_eq!(accounts.to_string(), HEAD);
    }

    /// At Debian's own cost, so that it is no easier to guess by.
    #[test]
    fn a_hash_is_yescrypt_and_its_passwords_own() {
        let password = Secret::new("wonderland");
        let one = hash(&password).unwrap();
        assert!(one.starts_with("$y$j9T$"), "{one}");
        assert_ne!(one, hash(&password).unwrap());
        let verify =
            |text: &str| Yescrypt::default().verify_password(text.as_bytes(), one.as_str());
        assert!(verify("wonderland").is_ok());
        assert!(verify("wonderlana").is_err());
        Accounts::parse(&format!("alice:{one}\n")).unwrap();
    }
}
