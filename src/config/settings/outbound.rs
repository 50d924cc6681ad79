//! `outbound`: where mail goes.

use std::path::PathBuf;

use crate::config::decode::{Decoder, Field};
use crate::config::next_hop::NextHop;
use crate::config::problem::Refusal;
use crate::config::setting::{Counts, Kind, Need, Setting, Value};
use crate::config::shown::Shown;
use crate::config::syntax;
use crate::config::value::{FILE, Part, Text};
use crate::secret::Secret;

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbound {
    /// `None`: in a lab the sink, elsewhere not allowed.
    pub next_hop: Option<NextHop>,
    /// The relay's own login at the next hop.
    pub credentials: Option<Credentials>,
}

/// A login at the next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
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
        value: &Text {
            what: "a next hop",
            at: |outbound: &mut Outbound| &mut outbound.next_hop,
            read: |text| syntax::next_hop(text).map(Some),
            show: |next_hop| next_hop.as_ref().map(ToString::to_string),
            null: Some(|| None),
            wary: None,
        },
        need: Need::Nullable,
        about: "the host that takes all mail; null: the lab's sink",
        doc: "The server that takes all mail that leaves. Brackets mean this very host, without a \
              look at its MX records. In a lab the sink stands in, whatever is written here, so \
              that test mail does not leave.",
        example: "'[smtp.example.net]:587'",
        source: "Postfix relayhost; Postfix transport",
        counts: Counts::InProduction,
        parameters: &["relayhost"],
        promised: "where mail goes",
    },
    Setting {
        name: "credentials",
        value: &LoginThere,
        need: Need::Nullable,
        about: "the relay's login at the next hop",
        doc: "How the relay itself logs in at the next hop. With them TLS is required on the way, \
              even where `tls.outbound.level` is `may`, so that the password never travels in \
              clear.",
        example: "{user: relay, password_file: next-hop.password}",
        source: "Postfix smtp_sasl_password_maps; RFC 4954",
        parameters: &["smtp_sasl_password_maps"],
        ..Setting::USUAL
    },
];

static CREDENTIALS: &[Setting<LoginThere>] = &[
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

/// A user name and a password, both or neither.
struct LoginThere;

impl Value<Outbound> for LoginThere {
    fn kind(&self) -> Kind {
        Kind::Section(CREDENTIALS.iter().map(Setting::key).collect())
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, outbound: &mut Outbound) {
        let credentials = field.as_section();
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
        outbound.credentials = match (user, password) {
            (Some(user), Some((password, password_file))) => Some(Credentials {
                user,
                password,
                password_file,
            }),
            _ => None,
        };
    }

    fn show(&self, outbound: &mut Outbound) -> Shown {
        let Some(credentials) = &outbound.credentials else {
            return Shown::Null;
        };
        let file = Shown::text(credentials.password_file.display());
        Shown::Mapping(vec![
            ("user".to_owned(), Shown::text(&credentials.user)),
            ("password_file".to_owned(), file),
        ])
    }
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
