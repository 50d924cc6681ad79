//! `outbound`: where mail goes.

use std::path::PathBuf;

use crate::config::decode::{Decoder, Field};
use crate::config::next_hop::NextHop;
use crate::config::problem::Refusal;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::value::{FILE, Part};
use crate::secret::Secret;

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbound {
    /// In the order in which they are tried. None: in a lab the sink, elsewhere not
    /// allowed.
    pub next_hops: Vec<NextHop>,
    /// The relay's own logins there.
    pub logins: Vec<Credentials>,
}

/// A login at a next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Where; `None`: at the only one.
    pub next_hop: Option<NextHop>,
    /// The user name.
    pub user: String,
    /// The password, read from `password_file`.
    pub password: Secret,
    /// Where the password was read from, absolute.
    pub password_file: PathBuf,
}

pub(in crate::config) static KEYS: &[Setting<Outbound>] = &[
    Setting {
        name: "next_hop",
        value: &NextHops,
        need: Need::Nullable,
        about: "the host that takes all mail, or a list in order; null: the lab's sink",
        doc: "The server that takes all mail that leaves. Brackets mean this very host, without a \
              look at its MX records. At port 465 TLS begins with the first byte. Of a list, the \
              first is tried first, for each message; the next one gets what that one does not take \
              for now (it cannot be reached, its TLS is not as it must be, or it answers 4xx). All \
              of a list have port 465, or none: Postfix speaks either way to all. In a lab servers \
              of the lab's own stand in, whatever is written here, so that test mail does not leave.",
        example: "'[smtp.example.net]:587'",
        source: "Postfix relayhost; Postfix smtp_tls_wrappermode; Postfix transport; RFC 8314 section 7.3",
        counts: Counts::InProduction,
        parameters: &["relayhost"],
        promised: "where mail goes",
    },
    Setting {
        name: "credentials",
        value: &LoginsThere,
        need: Need::Nullable,
        about: "the relay's login at the next hop, or a list of them",
        doc: "How the relay itself logs in at the next hop. With them TLS is required on the way, \
              even where `tls.outbound.level` is `may`, so that the password never travels in \
              clear. Where there are several next hops, each login names its own: nobody is told \
              another's password.",
        example: "{user: relay, password_file: next-hop.password}",
        source: "Postfix smtp_sasl_password_maps; RFC 4954",
        parameters: &["smtp_sasl_password_maps"],
        ..Setting::USUAL
    },
];

/// One, or a list in order.
struct NextHops;

impl Value<Outbound> for NextHops {
    fn kind(&self) -> Kind {
        Kind::Several(Box::new(Kind::Text("a next hop")))
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut Outbound) {
        let items = field.items();
        if field.is_empty_list() || items.len() == 1 && !decoder.adding {
            // Whoever forgets the quotes of '[host]' has written a list of one.
            let why = format!(
                "found a list of {}, expected a next hop or a list of several",
                items.len()
            );
            let hint = "a value that begins with `[` needs quotes, such as '[host]:587'";
            return decoder.refuse(field, Refusal::new(why).hint(hint));
        }
        let mut next_hops = if decoder.adding {
            std::mem::take(&mut outbound.next_hops)
        } else {
            Vec::new()
        };
        if !field.is_null() && !field.is_list() {
            next_hops.extend(decoder.read(field, syntax::next_hop));
        }
        for item in &items {
            next_hops.extend(decoder.read(item, syntax::next_hop));
        }
        outbound.next_hops = next_hops;
    }

    fn show(&self, outbound: &mut Outbound) -> Shown {
        match outbound.next_hops.as_slice() {
            [] => Shown::Null,
            [only] => Shown::text(only),
            all => Shown::List(all.iter().map(Shown::text).collect()),
        }
    }
}

static CREDENTIALS: &[Setting<LoginsThere>] = &[
    Setting {
        name: "next_hop",
        value: &Part(|| Kind::Text("a next hop")),
        need: Need::Nullable,
        about: "which of the next hops it is for",
        doc: "The next hop that this login is for, as `outbound.next_hop` has it. It may be left out \
              where there is only one.",
        example: "'[smtp.example.net]:587'",
        source: "Postfix smtp_sasl_password_maps",
        ..Setting::USUAL
    },
    Setting {
        name: "user",
        value: &Part(|| Kind::Text("a user name")),
        need: Need::Required,
        about: "the user name",
        doc: "The name by which the relay logs in at the next hop. It has no `:`, where Postfix's \
              table begins the password.",
        example: "relay",
        source: "Postfix smtp_sasl_password_maps",
        ..Setting::USUAL
    },
    Setting {
        name: "password_file",
        value: &FILE,
        need: Need::Required,
        about: "the password: the only line of this file",
        doc: "The file whose only line is the password. Nobody else on the machine should be able \
              to read it.",
        example: "next-hop.password",
        source: "Postfix smtp_sasl_password_maps",
        ..Setting::USUAL
    },
];

/// A user name and a password, both or neither; or a list of such.
struct LoginsThere;

impl Value<Outbound> for LoginsThere {
    fn kind(&self) -> Kind {
        let login = Kind::Section(CREDENTIALS.iter().map(Setting::key).collect());
        Kind::Several(Box::new(login))
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut Outbound) {
        let mut logins = if decoder.adding {
            std::mem::take(&mut outbound.logins)
        } else {
            Vec::new()
        };
        if field.is_list() {
            for item in field.items() {
                logins.extend(login(decoder, &item));
            }
        } else if !field.is_null() {
            logins.extend(login(decoder, field));
        }
        outbound.logins = logins;
    }

    fn show(&self, outbound: &mut Outbound) -> Shown {
        let show = |credentials: &Credentials| {
            let mut entries = vec![
                ("user".to_owned(), Shown::text(&credentials.user)),
                (
                    "password_file".to_owned(),
                    Shown::text(credentials.password_file.display()),
                ),
            ];
            let next_hop = credentials.next_hop.iter();
            let next_hop = next_hop.map(|at| ("next_hop".to_owned(), Shown::text(at)));
            entries.splice(..0, next_hop);
            Shown::Mapping(entries)
        };
        match outbound.logins.as_slice() {
            [] => Shown::Null,
            [only] => show(only),
            all => Shown::List(all.iter().map(show).collect()),
        }
    }
}

fn login(decoder: &mut Decoder<'_>, field: &Field<'_>) -> Option<Credentials> {
    let credentials = field.as_section();
    let next_hop = credentials.field("next_hop");
    let next_hop = next_hop.map(|field| decoder.read(&field, syntax::next_hop));
    let user = credentials.field("user");
    let user = user.and_then(|field| decoder.read(&field, next_hop_user));
    let password = credentials.field("password_file").and_then(|field| {
        let (password, path) = decoder.password_file(&field)?;
        if password.reveal().ends_with(char::is_whitespace) {
            let why = "the password in this file ends with white space, which Postfix drops";
            decoder.refuse(&field, Refusal::new(why));
            return None;
        }
        Some((password, path))
    });
    let (password, password_file) = password?;
    Some(Credentials {
        next_hop: match next_hop {
            Some(read) => Some(read?),
            None => None,
        },
        user: user?,
        password,
        password_file,
    })
}

/// `smtp_sasl_password_maps` has `user:password` on one line.
fn next_hop_user(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        Err(Refusal::new("found nothing, expected a user name"))
    } else if text.contains(':') {
        Err(Refusal::new(
            "a `:` in the user name, where Postfix's table begins the password",
        ))
    } else {
        Ok(text.to_owned())
    }
}
