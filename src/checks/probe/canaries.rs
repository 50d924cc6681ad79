//! Canaries: words that are told from all others, one for each place where something lies
//! that not everybody may see. Where one is found again, its place is where it came from.

use std::net::Ipv6Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::target::{Context, Target};
use super::haystack::Haystack;
use super::secrets::{in_base64, in_digits, is_telling};
use crate::certs::Issued;
use crate::counterparts::Resolved;
use crate::secret::Secret;
use crate::smtp::Message;

/// What a canary stands for: that decides where it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// What people write: for the next hop's eyes, and in reports of what was not delivered.
    Content,
    /// From whom a message comes: told to the next hop beside the message.
    Sender,
    /// To whom it goes: in the trace header as well.
    Recipient,
    /// What a client asks for delivery reports (RFC 3461): told beside the message.
    Wish,
    /// The name of a message (RFC 5322 section 3.6.4), which is logged to find it again.
    Name,
    /// Who the client is, and where: for the relay's log.
    Client,
    /// Whom a client says that it is: for the relay's log, and for the directory's.
    Claim,
    /// For nobody.
    Secret,
    /// For nobody but the relay and its next hop.
    NextHopSecret,
}

/// A word that is looked for.
#[derive(Debug, Clone)]
pub(in super::super) struct Canary {
    /// Where it was put, to go after "found: ".
    pub(in super::super) place: String,
    /// What it stands for.
    pub(in super::super) kind: Kind,
    /// As it is, in small letters; empty for what is no text, and for a word that stands in
    /// texts for reasons of its own.
    plain: String,
    /// Words that it is a part of, in small letters: within one of these it is not found.
    longer: Vec<String>,
    /// Further spellings: what each is called, as it is looked for.
    pub(super) small: Vec<(&'static str, String)>,
    /// Spellings in which large and small letters differ.
    pub(super) exact: Vec<(&'static str, String)>,
}

impl Canary {
    /// `word`, which was put at `place`.
    pub(in super::super) fn new(place: impl Into<String>, kind: Kind, word: &str) -> Self {
        let mut canary = Self::of_bytes(place, kind, word.to_lowercase().as_bytes());
        canary.plain = word.to_lowercase();
        canary.add_base64(word.as_bytes());
        canary.add_base64(word.to_lowercase().as_bytes());
        if let Ok(address) = word.parse::<Ipv6Addr>() {
            let digits = in_digits(&address.octets(), "");
            let nibbles: Vec<String> = digits.chars().rev().map(String::from).collect();
            canary
                .small
                .push(("as its name in reverse DNS", nibbles.join(".")));
        }
        canary
    }

    /// A password. A plain word stands in texts for reasons of its own, and so does one
    /// that stands in `open`: such a one is looked for encoded alone.
    fn password(place: impl Into<String>, kind: Kind, password: &Secret, open: &str) -> Self {
        let word = password.reveal();
        let mut canary = Self::new(place, kind, word);
        let small = word.to_lowercase();
        if !is_telling(word) || open.contains(&small) {
            canary.plain.clear();
        }
        if small.len() < 4 {
            canary.small.clear();
        }
        canary
    }

    /// A private key: bytes of it that its certificate does not have, as such and as its
    /// file has them (RFC 7468), which may be encoded once more.
    fn key(place: impl Into<String>, issued: &Issued) -> Option<Self> {
        const ENOUGH: usize = 24;
        let key = der(issued.key.reveal())?;
        let certificate = der(&issued.certificate)?;
        let is_own = |bytes: &[u8]| {
            let mut parts = bytes.windows(8);
            !parts.any(|part| certificate.windows(8).any(|public| public == part))
        };
        // The beginning says of which kind the key is, as all of that kind do.
        let own = key.windows(ENOUGH).skip(30).find(|bytes| is_own(bytes))?;
        let mut canary = Self::of_bytes(place, Kind::Secret, own);
        canary.add_base64(own);
        let lines = issued.key.reveal().lines();
        let line = lines
            .skip(2)
            .filter_map(|line| line.get(..ENOUGH))
            .find(|line| {
                let bytes = STANDARD.decode(line);
                bytes.is_ok_and(|bytes| is_own(&bytes))
            })?;
        canary.add_base64(line.as_bytes());
        Some(canary)
    }

    fn of_bytes(place: impl Into<String>, kind: Kind, bytes: &[u8]) -> Self {
        let forms = [
            ("quoted-printable", "="),
            ("percent-encoded", "%"),
            ("in hexadecimal", ""),
            ("in hexadecimal", ":"),
            ("in hexadecimal", "\\x"),
        ];
        Self {
            place: place.into(),
            kind,
            plain: String::new(),
            longer: Vec::new(),
            small: forms
                .into_iter()
                .map(|(form, before)| {
                    let digits = in_digits(bytes, before);
                    (form, digits.trim_start_matches(':').to_owned())
                })
                .collect(),
            exact: Vec::new(),
        }
    }

    fn add_base64(&mut self, bytes: &[u8]) {
        // Of short words, three letters are left: they stand anywhere.
        if bytes.len() >= 6 {
            let forms = in_base64(bytes).map(|form| ("in base64", form));
            self.exact.extend(forms);
        }
    }

    /// Of `words` that are longer, it may be a part.
    fn is_part_of<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let longer = words
            .map(str::to_lowercase)
            .filter(|word| word.len() > self.plain.len() && word.contains(&self.plain));
        self.longer = longer.collect();
    }

    /// Whether `text`, which is in small letters, has it as it is.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        if self.plain.is_empty() || !text.contains(&self.plain) {
            return false;
        }
        if self.longer.is_empty() {
            return true;
        }
        let without = |text: String, word: &String| text.replace(word, "");
        let rest = self.longer.iter().fold(text.to_owned(), without);
        rest.contains(&self.plain)
    }

    /// Whether it is there in any spelling.
    pub(in super::super) fn is_in(&self, text: &str) -> bool {
        Haystack::new(text).find(self).is_some()
    }
}

/// The bytes of the first object of a PEM text (RFC 7468).
fn der(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----"));
    let base64: String = lines
        .skip(1)
        .take_while(|line| !line.starts_with('-'))
        .collect();
    STANDARD.decode(base64).ok()
}

/// The secrets of a target: of everybody who logs in, of the relay towards its next hops
/// and its directory, and the private keys of a lab. Each is a canary by itself.
pub(in super::super) fn secrets(context: &Context) -> Vec<Canary> {
    let target = context.target();
    let (passwords, open) = (passwords(target), openly(target));
    let mut all = Vec::new();
    for (place, kind, password) in &passwords {
        let mut canary = Canary::password(place, *kind, password, &open);
        let others = passwords.iter().map(|(.., other)| other.reveal());
        canary.is_part_of(others);
        all.push(canary);
    }
    let Some(lab) = &target.lab else {
        return all;
    };
    let keys = lab.certificates.servers.iter();
    let keys = keys.filter_map(|(role, issued)| {
        Canary::key(format!("the {}'s private key", role.name()), issued)
    });
    all.extend(keys);
    let authority = &lab.certificates.authority;
    all.extend(Canary::key("the authority's private key", authority));
    all
}

/// Each with what it is for, as relay.yaml has them, whatever was made of it.
fn passwords(target: &Target) -> Vec<(String, Kind, Secret)> {
    let users = target.users.iter().map(|user| {
        let place = format!("the password of the login {}", user.name);
        (place, Kind::Secret, user.password.clone())
    });
    let mut all: Vec<_> = users.collect();
    let Some(lab) = &target.lab else {
        return all;
    };
    let resolved = Resolved::new(target.spec.clone(), lab.plan.resolved.purpose);
    let logins = resolved.next_hop.all_hops().filter_map(|hop| {
        let login = hop.login.as_ref()?;
        let place = format!("the relay's password at {}", hop.address);
        Some((place, Kind::NextHopSecret, login.password.clone()))
    });
    all.extend(logins);
    let directory = resolved.backend.directory();
    let bind = directory.and_then(|directory| directory.settings.bind.as_ref());
    all.extend(bind.map(|bind| {
        let place = "the relay's password at the directory".to_owned();
        (place, Kind::Secret, bind.password.clone())
    }));
    all
}

/// What anybody may read of a target, in small letters: names that it was given.
fn openly(target: &Target) -> String {
    let mut open = target.hostname.to_lowercase();
    for user in &target.users {
        open.push_str(&user.name.to_lowercase());
        open.push('\n');
    }
    let containers = target.lab.iter().flat_map(|lab| &lab.plan.containers);
    for container in containers {
        open.push_str(&container.name.to_lowercase());
        open.push('\n');
    }
    open
}

/// A word that nobody else has, in hexadecimal.
pub(in super::super) fn token() -> String {
    Message::from_to("", "").token().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::certs::{Certificates, Names, issue};
    use crate::plan::Role;

    fn found(text: &str, word: &str) -> Option<&'static str> {
        Haystack::new(text).find(&Canary::new("here", Kind::Content, word))
    }

    #[test]
    fn a_word_is_found_in_every_spelling() {
        let word = "Body-4f1c9a";
        let base64 = STANDARD.encode(format!("xy{word} and more"));
        let digits = in_digits(word.as_bytes(), "");
        let colons = in_digits(word.as_bytes(), ":").to_uppercase();
        for (text, form) in [
            (format!("a {word} b"), "as it is"),
            ("a BODY-4F1C9A b".to_owned(), "as it is"),
            ("bo\r\n\tdy-4f1c9a".to_owned(), "as it is"),
            (r"bo\r\ndy-4f1c9a".to_owned(), "as it is"),
            (format!("{}\n {}", &base64[..6], &base64[6..]), "in base64"),
            (in_digits(b"body-4f1c9a", "%"), "percent-encoded"),
            (in_digits(b"body-4f1c9a", "="), "quoted-printable"),
            (in_digits(b"body-4f1c9a", "\\x"), "in hexadecimal"),
            (in_digits(b"body-4f1c9a", ""), "in hexadecimal"),
        ] {
            assert_eq!(found(&text, word), Some(form), "{text}");
        }
        // Large letters are other bytes.
        assert_eq!(found(&digits, "Body-4f1c9b"), None);
        assert_eq!(found(&colons, "other"), None);
        assert_eq!(found("", word), None);
    }

    #[test]
    fn a_dump_is_read_as_bytes() {
        let dump = "65b ldap_read: want=8\n  0000:  30 1f 02 01 77 6f 6e 64  0...wond\n\
                    x  0008:  65 72 6c 61 6e 64            erland\n";
        assert_eq!(found(dump, "wonderland"), Some("in a dump"));
        assert_eq!(found("at 12:30: ab cd", "wonderland"), None);
    }

    #[test]
    fn an_address_is_found_as_its_name() {
        let name = "7.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(
            found(name, "2001:db8::77"),
            Some("as its name in reverse DNS")
        );
    }

    #[test]
    fn a_plain_word_counts_encoded_alone() {
        let password = |word: &str, open| {
            let secret = Secret::new(word);
            Canary::password("p", Kind::Secret, &secret, open)
        };
        assert!(password("wonderland", "").is_in("user=wonderland"));
        assert!(!password("wonderland", "wonderland.example").is_in("user=wonderland"));
        assert!(!password("relay", "").is_in("the relay is up"));
        assert!(password("secret7", "").is_in("c2VjcmV0Nw=="));
        assert!(!password("a", "").is_in("61"));
    }

    #[test]
    fn a_part_of_another_word_is_not_that_word() {
        let mut canary = Canary::new("p", Kind::Secret, "looking-glass");
        canary.is_part_of(["looking-glass", "through-the-looking-glass"].into_iter());
        assert!(!canary.is_in("through-the-looking-glass"));
        assert!(canary.is_in("through-the-looking-glass and looking-glass"));
    }

    #[test]
    fn a_key_is_found_and_its_certificate_is_not_taken_for_it() {
        let made = || -> Certificates {
            let servers = BTreeMap::from([(Role::Relay, Names::default())]);
            issue("lab", &servers, jiff::Timestamp::now()).unwrap()
        };
        let authority = made().authority;
        let canary = Canary::key("key", &authority).unwrap();
        assert!(canary.is_in(authority.key.reveal()));
        assert!(canary.is_in(&authority.key.reveal().replace('\n', "\\n")));
        let bytes = der(authority.key.reveal()).unwrap();
        assert!(canary.is_in(&in_digits(&bytes, ":")));
        assert!(canary.is_in(&STANDARD.encode(format!("x{}", authority.key.reveal()))));
        assert!(!canary.is_in(&authority.certificate));
        assert!(!canary.is_in(made().authority.key.reveal()));
    }
}
