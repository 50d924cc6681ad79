//! Messages by every kind of client on every way out, so that every two of their
//! properties meet: what a relay tells of a client depends on more than one at a time.

use std::ops::ControlFlow;

use super::super::need::Need;
use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::forms::{FORM, GREETINGS, RECIPIENTS, To};
use super::mail::{self, SENDER};
use super::pairs::all_pairs;
use super::played::PLAYED;
use super::rows;
use super::session::{
    CLIENT, attempt_by, command, ehlo, pass_by, port, right_certificate, under_tls, user,
};
use super::xclient::{Client, xclient};
use crate::config::{self, Listener, Mechanism};
use crate::render::next_hops::{POOR, REFUSING};
use crate::smtp::{Message, TlsVersion};

/// How a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Exit {
    /// To the next hop.
    Delivery,
    /// Back to its sender, because the next hop refuses it (RFC 3464).
    Bounce,
    /// To a next hop that promises no report, so that the relay writes one (RFC 3461).
    Success,
}

/// What is said with MAIL.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Nothing,
    /// The sender's login (RFC 4954 section 5).
    Auth,
    /// RFC 6152.
    EightBits,
    /// Nobody to return it to.
    NullSender,
}

/// One message.
#[derive(Debug, Clone)]
pub(in super::super) struct Trail {
    pub(in super::super) listener: Listener,
    version: TlsVersion,
    pub(in super::super) client: (&'static str, &'static str),
    pub(in super::super) greeting: &'static str,
    /// With which mechanism, and whether the login is spelled in large letters: one for
    /// each session, since nobody logs in twice in one.
    login: (Mechanism, bool),
    wish: Wish,
    to: To,
    several: bool,
    pub(in super::super) exit: Exit,
}

/// Its bytes as they were handed in, and what is to be looked for.
#[derive(Clone)]
pub(in super::super) struct Sent {
    pub(in super::super) trail: Trail,
    pub(in super::super) message: Message,
    /// Stands in what comes of it, and in nothing else.
    token: String,
}

/// Address and name, as XCLIENT has them; each with a word for it.
const CLIENTS: [(&str, &str); 5] = [
    (FORM.address, FORM.host),
    (FORM.address, "[UNAVAILABLE]"),
    ("IPV6:2001:db8::77", FORM.host),
    ("IPV6:2001:db8::77", "[UNAVAILABLE]"),
    ("[UNAVAILABLE]", "[UNAVAILABLE]"),
];

impl Trail {
    /// What is the same throughout a session.
    fn session(&self) -> (Listener, TlsVersion, (&'static str, &'static str)) {
        (self.listener, self.version, self.client)
    }

    /// What the row is called.
    pub(in super::super) fn name(&self) -> String {
        let (address, host) = self.client;
        let kind = match address {
            "[UNAVAILABLE]" => "no address",
            address if address.starts_with("IPV6:") => "IPv6",
            _ => "IPv4",
        };
        let named = if host == "[UNAVAILABLE]" {
            ""
        } else {
            " and a name"
        };
        let [to, _] = self.to.at(self.domain());
        let also = if self.several { " and another" } else { "" };
        let spelled = if self.login.1 { " in capitals" } else { "" };
        let exit = match self.exit {
            Exit::Delivery => "delivered",
            Exit::Bounce => "refused by the next hop",
            Exit::Success => "reported as delivered",
        };
        format!(
            "{} from {kind}{named} on {}, {}, AUTH {:?}{spelled}, {:?}, to {to}{also}, {exit}",
            self.greeting,
            port(self.listener),
            self.version,
            self.login.0,
            self.wish,
        )
    }

    fn domain(&self) -> &'static str {
        match self.exit {
            Exit::Delivery => "elsewhere.example",
            Exit::Bounce => REFUSING,
            Exit::Success => POOR.domain,
        }
    }

    /// With what cannot be together taken apart.
    fn possible(mut self, context: &Context) -> Self {
        // Where strangers hand in mail, nobody is told of a delivery.
        if self.exit == Exit::Success && !self.has_dsn(context) {
            self.exit = Exit::Delivery;
        }
        let extended = self.greeting.starts_with("EHLO");
        // There is no SMTPUTF8 after HELO.
        if self.to.utf8 && !extended {
            self.to = RECIPIENTS[9];
        }
        // Nobody is told of a message from nobody.
        if self.exit != Exit::Delivery && matches!(self.wish, Wish::NullSender) {
            self.wish = Wish::Auth;
        }
        self
    }

    /// Whether its listener knows what RFC 3461 asks for.
    fn has_dsn(&self, context: &Context) -> bool {
        let strangers = !context.target().spec.relay.domains.is_empty();
        self.listener != Listener::Smtp || !strangers
    }

    /// `envelope_id` is the report's alone; `None`: the report has the message in it.
    fn commands(&self, envelope_id: Option<&str>) -> Vec<String> {
        let sender = match self.wish {
            Wish::NullSender => "",
            _ => SENDER,
        };
        let mut mail = format!("MAIL FROM:<{sender}>");
        match self.wish {
            Wish::Auth => mail.push_str(" AUTH=canary@canary.example"),
            Wish::EightBits => mail.push_str(" BODY=8BITMIME"),
            Wish::Nothing | Wish::NullSender => {}
        }
        if self.to.utf8 {
            mail.push_str(" SMTPUTF8");
        }
        let mut notify = "";
        if let Some(id) = envelope_id {
            mail = format!("{mail} RET=FULL ENVID={id}");
            notify = " NOTIFY=SUCCESS,FAILURE";
        }
        let [to, _] = self.to.at(self.domain());
        let mut commands = vec![mail, format!("RCPT TO:{to}{notify}")];
        if self.several {
            commands.push(format!("RCPT TO:<second@{}>{notify}", self.domain()));
        }
        commands
    }
}

/// The table for these listeners: every two of listener, TLS, client, greeting, what is
/// asked for, recipient, number of recipients and way out are together in a row. Listener,
/// TLS and client are those of a session, in which the logins take turns.
pub(in super::super) fn table(context: &Context, listeners: &[Listener]) -> Vec<Trail> {
    let target = context.target();
    let spec = &target.spec;
    let versions = match spec.tls.minimum {
        config::TlsVersion::V1_2 => &[TlsVersion::Tls12, TlsVersion::Tls13][..],
        config::TlsVersion::V1_3 => &[TlsVersion::Tls13],
    };
    let mechanisms = spec.auth.mechanisms.iter();
    let mut logins: Vec<(Mechanism, bool)> = mechanisms.map(|m| (*m, false)).collect();
    logins.extend(logins.first().map(|(mechanism, _)| (*mechanism, true)));
    let wishes = [Wish::Nothing, Wish::Auth, Wish::EightBits, Wish::NullSender];
    // Plain, with words of a trace header, and in UTF-8; `trace_left_is_whole` has them all.
    let recipients = [RECIPIENTS[0], RECIPIENTS[9], RECIPIENTS[13]];
    let exits = if Need::is_met(PLAYED, target) {
        &[Exit::Delivery, Exit::Bounce, Exit::Success][..]
    } else {
        &[Exit::Delivery]
    };
    let columns = [
        GREETINGS.len(),
        CLIENTS.len(),
        listeners.len(),
        versions.len(),
        wishes.len(),
        recipients.len(),
        2,
        exits.len(),
    ];
    let rows = all_pairs(&columns).into_iter().map(|row| {
        Trail {
            greeting: GREETINGS[row[0]],
            client: CLIENTS[row[1]],
            listener: listeners[row[2]],
            version: versions[row[3]],
            login: logins[(row[1] + row[2] + row[3]) % logins.len()],
            wish: wishes[row[4]],
            to: recipients[row[5]],
            several: row[6] == 1,
            exit: exits[row[7]],
        }
        .possible(context)
    });
    rows.collect()
}

/// Sends all of it, in as few sessions as it takes.
pub(in super::super) async fn sent(context: &Context, table: Vec<Trail>) -> Judged<Vec<Sent>> {
    let mut sessions: Vec<Vec<Trail>> = Vec::new();
    for trail in table {
        let is_same = |other: &&mut Vec<Trail>| other[0].session() == trail.session();
        match sessions.iter_mut().find(is_same) {
            Some(trails) => trails.push(trail),
            None => sessions.push(vec![trail]),
        }
    }
    let sent = rows::gathered(
        context,
        sessions,
        |trails| {
            let Trail {
                listener, client, ..
            } = &trails[0];
            format!("{} on {}", client.0, port(*listener))
        },
        |context, trails| async move { in_one_session(&context, trails).await },
    )
    .await?;
    ControlFlow::Continue(sent.into_iter().flatten().collect())
}

async fn in_one_session(context: &Context, mut trails: Vec<Trail>) -> Judged<Vec<Sent>> {
    // Without EHLO there is no word of TLS or a login: HELO comes last.
    trails.sort_by_key(|trail| (trail.greeting.starts_with("HELO"), trail.greeting));
    let Trail {
        listener,
        version,
        client: (address, name),
        login: (mechanism, in_capitals),
        ..
    } = trails[0];
    let tls = right_certificate(context).only(version);
    let mut session = under_tls(context, listener, tls).await?;
    ehlo(&mut session, CLIENT).await?;
    xclient(&mut session, Client { address, name }).await?;
    let user = user(context)?;
    let login = if in_capitals {
        user.name.to_uppercase()
    } else {
        user.name.clone()
    };
    let (mut greeted, mut sent) = ("", Vec::new());
    for trail in trails {
        if greeted != trail.greeting {
            let reply = command(&mut session, trail.greeting).await?;
            pass_by(&reply, 250, trail.greeting)?;
            if greeted.is_empty() {
                let reply = attempt_by(&mut session, mechanism, &login, &user.password).await?;
                pass_by(&reply, 235, "AUTH")?;
            }
            greeted = trail.greeting;
        }
        let message = mail::plain();
        let reported = trail.exit != Exit::Delivery && trail.has_dsn(context);
        let envelope_id = reported.then(|| mail::plain().token().to_owned());
        let commands = trail.commands(envelope_id.as_deref());
        mail::send_with(&mut session, &commands, &message).await?;
        sent.push(Sent {
            token: envelope_id.unwrap_or_else(|| message.token().to_owned()),
            trail,
            message,
        });
    }
    ControlFlow::Continue(sent)
}

impl Sent {
    /// What came of it: the message itself, or the report on it.
    pub(in super::super) async fn arrived(&self, context: &Context) -> Judged<Delivered> {
        mail::arrival(context, &Message::exact("", &self.token)).await
    }
}
