//! The rows of a table of clients, several in one session.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::super::super::probe::rows;
use super::super::super::probe::session::{CLIENT, command, ehlo, mistakes, pass_by, under_tls};
use super::super::super::probe::xclient::{Client, xclient};
use super::super::super::target::Context;
use super::super::super::verdict::{Judged, broken, held, unless_wrong};
use super::super::{Asked, PER_SESSION, Way, asked};
use crate::certs::{self, Issued};
use crate::config::ClientCertificates;
use crate::smtp::{Session, TlsSettings};

/// What a client shows of itself in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Shows {
    Nothing,
    /// A certificate of the lab's own authority.
    Own,
    /// One that nobody vouches for.
    Strangers,
}

/// The certificates that a client can show, made once for a table.
#[derive(Clone)]
pub(in super::super) struct Shown {
    own: Option<Issued>,
    strangers: Issued,
}

impl Shown {
    pub(in super::super) fn make(context: &Context) -> Judged<Self> {
        let now = Timestamp::now();
        let strangers = certs::issue("of a stranger", &BTreeMap::new(), now)
            .and_then(|stranger| certs::client(&stranger.authority, "relay", now));
        let own = match &context.target().lab {
            Some(lab) => {
                let authority = &lab.certificates.authority;
                certs::client(authority, "relaykit client", now).map(Some)
            }
            None => Ok(None),
        };
        match (own, strangers) {
            (Ok(own), Ok(strangers)) => ControlFlow::Continue(Self { own, strangers }),
            (Err(error), _) | (_, Err(error)) => broken(error.to_string()),
        }
    }

    fn tls(&self, context: &Context, shows: Shows) -> TlsSettings {
        let target = context.target();
        let tls = TlsSettings::recording(&*target.hostname, Some(&target.ca_pem));
        let issued = match shows {
            Shows::Nothing => None,
            Shows::Own => self.own.as_ref(),
            Shows::Strangers => Some(&self.strangers),
        };
        match issued {
            Some(issued) => tls.client_certificate(&*issued.certificate, issued.key.clone()),
            None => tls,
        }
    }
}

/// A way to come, and what is shown on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Door {
    pub(in super::super) way: Way,
    pub(in super::super) shows: Shows,
}

impl Door {
    /// `way` with one of the certificates that let a client in there, which take turns:
    /// where one is demanded, none but its own does.
    pub(in super::super) fn of(context: &Context, way: Way, turn: usize) -> Self {
        let demanded = context.target().spec.tls.client_certificates == ClientCertificates::Require;
        let shows = match way {
            Way::Clear(_) => Shows::Nothing,
            Way::Tls(_) if demanded => Shows::Own,
            Way::Tls(_) => [Shows::Nothing, Shows::Own, Shows::Strangers][turn % 3],
        };
        Self { way, shows }
    }

    pub(in super::super) fn name(self) -> String {
        let way = self.way.name();
        match self.shows {
            Shows::Nothing => way,
            Shows::Own => format!("{way} with a certificate"),
            Shows::Strangers => format!("{way} with a stranger's certificate"),
        }
    }

    /// A session before its EHLO.
    async fn open(self, context: &Context, shown: &Shown) -> Judged<Session> {
        match self.way {
            Way::Tls(listener) if context.target().lab.is_some() => {
                under_tls(context, listener, shown.tls(context, self.shows)).await
            }
            way => way.open(context).await,
        }
    }
}

/// Who comes, and what is said.
#[derive(Debug, Clone)]
pub(in super::super) struct Row {
    pub(in super::super) door: Door,
    /// Whom to be, address and name, by XCLIENT; `None`: oneself.
    pub(in super::super) client: Option<(String, String)>,
    pub(in super::super) greeting: String,
    pub(in super::super) sender: String,
    /// What follows `RCPT TO:`.
    pub(in super::super) recipient: String,
    /// Whether it must be taken.
    pub(in super::super) right: bool,
}

impl Row {
    fn name(&self) -> String {
        let client = self.client.as_ref();
        let client = client.map(|(address, name)| format!("{address} ({name}), "));
        format!("{}{}", client.unwrap_or_default(), self.greeting)
    }
}

/// Judges every row, those of one client through one door in a few sessions, side by side
/// with those of the others. Each is a row of the report.
pub(in super::super) async fn judged(context: &Context, table: Vec<Row>) -> Judged {
    let shown = Shown::make(context)?;
    let mut clients: Vec<Vec<Row>> = Vec::new();
    for row in table {
        let is_same =
            |rows: &&mut Vec<Row>| rows[0].door == row.door && rows[0].client == row.client;
        match clients.iter_mut().find(is_same) {
            Some(rows) => rows.push(row),
            None => clients.push(vec![row]),
        }
    }
    let most = mistakes(context, PER_SESSION);
    let sessions = clients.iter().flat_map(|rows| {
        let parts = rows.chunks(most);
        parts.map(|part| (part[0].door, part.to_vec()))
    });
    rows::each(
        context,
        sessions.collect::<Vec<_>>(),
        |(door, _)| door.name(),
        |context, (door, rows)| {
            let shown = shown.clone();
            async move { in_one_session(&context, door, rows, &shown).await }
        },
    )
    .await
}

async fn in_one_session(context: &Context, door: Door, rows: Vec<Row>, shown: &Shown) -> Judged {
    let mut wrong = Vec::new();
    let mut kept: Option<Session> = None;
    let mut greeted = String::new();
    for row in rows {
        let mut session = if let Some(session) = kept.take() {
            session
        } else {
            greeted.clear();
            door.open(context, shown).await?
        };
        // Whoever has become somebody else cannot become another one.
        if let (Some((address, name)), true) = (&row.client, greeted.is_empty()) {
            ehlo(&mut session, CLIENT).await?;
            xclient(&mut session, Client { address, name }).await?;
        }
        if greeted != row.greeting {
            let reply = command(&mut session, &row.greeting).await?;
            pass_by(&reply, 250, &row.greeting)?;
            greeted.clone_from(&row.greeting);
        }
        let (sender, recipient) = (&row.sender, &row.recipient);
        let said = match asked(&mut session, sender, recipient, !row.right).await? {
            Asked::Taken if row.right => {
                kept = Some(session);
                None
            }
            // The session waits for a message now, and gets none.
            Asked::Taken => None,
            Asked::Refused(reply) => {
                kept = Some(session);
                Some(reply)
            }
        };
        let name = row.name();
        match (said, row.right) {
            (Some(reply), false) => held(
                format!("{name}: no mail from <{sender}> for {recipient}"),
                reply,
            )?,
            (None, true) => held(
                format!("{name}: mail from <{sender}> for {recipient}"),
                "250 to RCPT",
            )?,
            (None, false) => {
                wrong.push(format!("{name}, taken from <{sender}> for {recipient}"));
                // One hole is enough of a session: a relay that is open to all would be
                // asked through as many connections as there are rows.
                break;
            }
            (Some(reply), true) => wrong.push(format!(
                "{name}, mail refused from <{sender}> for {recipient}: {reply}"
            )),
        }
    }
    unless_wrong(
        &wrong,
        "mail taken from whom relay.yaml names, and from nobody else",
    )
}
