//! The relay's logins at next hops.

use super::Credentials;
use crate::config::decode::{Decoder, Field};
use crate::config::problem::Refusal;
use crate::config::setting::{Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::value::{FILE, Part};

static CREDENTIALS: &[Setting<()>] = &[
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
pub(super) struct LoginsThere<P>(pub(super) fn(&mut P) -> &mut Vec<Credentials>);

impl<P> Value<P> for LoginsThere<P> {
    fn kind(&self) -> Kind {
        let login = Kind::Section(CREDENTIALS.iter().map(Setting::key).collect());
        Kind::Several(Box::new(login))
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let mut logins = if decoder.adding {
            std::mem::take((self.0)(place))
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
        *(self.0)(place) = logins;
    }

    fn show(&self, place: &mut P) -> Shown {
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
        match (self.0)(place).as_slice() {
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
