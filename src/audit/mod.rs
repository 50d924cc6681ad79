//! What lines of Postfix's configuration let through: every list in effect is read, each
//! entry is put into a sentence, and what lets somebody relay, send as another, redirect,
//! copy, drop, hold, weaken TLS, tell of clients, write down content or bounce early is a
//! finding under a rule. It knows Postfix's files and nothing of relay.yaml, so that what
//! is rendered and what runs are judged alike.
//!
//! Meanings are those of Postfix 3.10's postconf(5), access(5), `header_checks(5)`,
//! transport(5), canonical(5), virtual(5), generic(5), `TLS_README`, `SMTPD_ACCESS_README`.

mod access;
mod domains;
mod effective;
mod headers;
mod known;
mod maps;
mod numbers;
mod restrictions;
mod routes;
mod rule;
mod rules;
mod services;
mod severity;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod values;
mod words;

pub use effective::{Effective, Place, Service};
pub use rule::Rule;
pub use rules::{all, named};
pub use severity::Severity;
pub use table::Tables;
pub use words::{arguments, is_yes, words};

/// What one entry, or one value, does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it stands.
    pub place: Place,
    /// One sentence without a full stop: `mail from x is copied to y`.
    pub does: String,
    /// The rule that makes it a finding; `None`: it is merely told.
    pub rule: Option<&'static Rule>,
}

/// Reads all that is in effect. `tables` gives the text of files.
#[must_use]
pub fn read(effective: &Effective, tables: &dyn Tables) -> Vec<Told> {
    let mut reader = Reader {
        effective,
        tables,
        told: Vec::new(),
    };
    reader.restrictions();
    reader.maps();
    reader.routes();
    reader.domains();
    reader.header_checks();
    reader.tls();
    reader.values();
    reader.numbers();
    reader.services();
    let mut told: Vec<Told> = Vec::new();
    for one in reader.told {
        if !told.contains(&one) {
            told.push(one);
        }
    }
    told
}

/// What is being read, and what was found.
struct Reader<'a> {
    effective: &'a Effective,
    tables: &'a dyn Tables,
    told: Vec<Told>,
}

impl Reader<'_> {
    fn tell(&mut self, place: &Place, does: impl Into<String>) {
        self.told.push(Told {
            place: place.clone(),
            does: on_one_line(&does.into()),
            rule: None,
        });
    }

    fn find(&mut self, rule: &'static Rule, place: &Place, does: impl Into<String>) {
        self.told.push(Told {
            place: place.clone(),
            does: on_one_line(&does.into()),
            rule: Some(rule),
        });
    }
}

/// A sentence is one line, whatever an entry has in it.
fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Whether a `compatibility_level` is below the one that relaykit's files are for.
fn is_old_level(value: &str) -> bool {
    let mut parts = value.split('.').map(|part| part.trim().parse::<u32>());
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (3, 6),
        (Some(Ok(major)), _) => major < 4,
        _ => false,
    }
}
