//! What one run plants: a client with a login, its messages, and a login that fails.

use std::ops::ControlFlow;

use super::super::super::need::Need;
use super::super::super::probe::canaries::{Canary, Kind, token};
use super::super::super::probe::mail::{self, SENDER};
use super::super::super::probe::played::PLAYED;
use super::super::super::probe::session::{
    CLIENT, answer, attempt, command, ehlo, log_in, login_listener, pass_by, right_certificate,
    under_tls,
};
use super::super::super::probe::xclient::{Client, xclient};
use super::super::super::target::Context;
use super::super::super::verdict::Judged;
use crate::config::SenderLogin;
use crate::render::next_hops::{HEARING, REFUSING};
use crate::secret::Secret;
use crate::smtp::{Message, Session};

/// What has been planted.
pub(super) struct Planted {
    /// Each with its place.
    pub(super) canaries: Vec<Canary>,
    /// Each message that was taken.
    pub(super) messages: Vec<Posted>,
}

/// A message that the relay has taken.
pub(super) struct Posted {
    /// What it is called in a report.
    pub(super) name: &'static str,
    /// Its queue id.
    pub(super) id: String,
    /// In each of its canaries, and in what becomes of it.
    pub(super) token: String,
    /// From whom, and to whom.
    pub(super) sender: String,
    pub(super) recipient: String,
    /// Whether the next hop refuses it, so that a report comes back.
    pub(super) is_refused: bool,
}

/// Whether the lab's own wrong next hops can be reached.
fn has_played(context: &Context) -> bool {
    Need::is_met(PLAYED, context.target())
}

/// The next hop that hears the message that it takes; `None`: another one takes it.
pub(super) fn is_heard(context: &Context) -> bool {
    has_played(context)
}

/// Plants all of it.
pub(super) async fn plant(context: &Context) -> Judged<Planted> {
    let (row, own) = context.open_row("a login that fails");
    let (sent, failed) = futures_util::future::join(send(context), fail_to_log_in(&own)).await;
    let mut planted = sent?;
    planted.canaries.extend(failed?);
    context.row_is_right(row);
    ControlFlow::Continue(planted)
}

/// A client whose every word is a canary.
struct Caller {
    token: String,
    address: String,
    host: String,
    greeting: String,
}

impl Caller {
    fn new() -> Self {
        let token = token();
        // A client of its own for each run, in the network of documents (RFC 3849).
        let groups = [&token[..4], &token[4..8], &token[8..12]].map(|group| {
            let number = u16::from_str_radix(group, 16).unwrap_or_default();
            format!("{:x}", number | 0x1000)
        });
        Self {
            address: format!("2001:db8:{}::77", groups.join(":")),
            host: format!("host-{token}.example"),
            greeting: format!("helo-{token}.example"),
            token,
        }
    }

    fn canaries(&self, context: &Context) -> Vec<Canary> {
        let mut all = vec![Canary::new(
            "the client's greeting",
            Kind::Client,
            &self.greeting,
        )];
        if context.target().xclient {
            all.push(Canary::new(
                "the client's address",
                Kind::Client,
                &self.address,
            ));
            all.push(Canary::new(
                "the client's host name",
                Kind::Client,
                &self.host,
            ));
        }
        all
    }

    /// A session as this client, not logged in.
    async fn session(&self, context: &Context) -> Judged<Session> {
        let listener = login_listener(context)?;
        let mut session = under_tls(context, listener, right_certificate(context)).await?;
        if context.target().xclient {
            ehlo(&mut session, CLIENT).await?;
            let address = format!("IPV6:{}", self.address);
            let client = Client {
                address: &address,
                name: &self.host,
            };
            xclient(&mut session, client).await?;
        }
        let line = format!("EHLO {}", self.greeting);
        let reply = command(&mut session, &line).await?;
        pass_by(&reply, 250, &line)?;
        ControlFlow::Continue(session)
    }
}

async fn send(context: &Context) -> Judged<Planted> {
    let caller = Caller::new();
    let mut canaries = caller.canaries(context);
    let mut session = caller.session(context).await?;
    log_in(context, &mut session).await?;
    let mut messages = Vec::new();
    let domain = if has_played(context) {
        HEARING.domain
    } else {
        "elsewhere.example"
    };
    let mut ways = vec![("the message", domain)];
    if has_played(context) {
        ways.push(("the refused message", REFUSING));
    }
    for (name, domain) in ways {
        let draft = Draft::new(context, name, domain);
        canaries.extend(draft.canaries());
        let message = draft.message();
        let claim = format!("auth-{}@canary.example", draft.token);
        canaries.push(Canary::new(format!("AUTH= of {name}"), Kind::Claim, &claim));
        let commands = draft.commands(&claim);
        let id = mail::queued(&mut session, &commands, &message).await?;
        messages.push(Posted {
            name,
            id,
            is_refused: domain == REFUSING,
            token: draft.token,
            sender: draft.sender,
            recipient: draft.recipient,
        });
    }
    // The end of the session is in the log before what is looked for there.
    answer(session.command("QUIT").await, "a reply to QUIT")?;
    context
        .transcript()
        .note(format!("the client's words end in {}", caller.token));
    ControlFlow::Continue(Planted { canaries, messages })
}

/// A message with a canary in each of its parts.
struct Draft {
    name: &'static str,
    token: String,
    sender: String,
    /// Whether the sender is of this message alone.
    owns_sender: bool,
    recipient: String,
}

impl Draft {
    fn new(context: &Context, name: &'static str, domain: &str) -> Self {
        let token = token();
        let any = context.target().spec.relay.sender_login == SenderLogin::Any;
        Self {
            name,
            sender: if any {
                format!("sender-{token}@relaykit.example")
            } else {
                SENDER.to_owned()
            },
            owns_sender: any,
            recipient: format!("recipient-{token}@{domain}"),
            token,
        }
    }

    fn word(&self, place: &str) -> String {
        format!("{place}-{}", self.token)
    }

    fn canaries(&self) -> Vec<Canary> {
        let parts = [
            ("the subject", Kind::Content, "subject"),
            ("the body", Kind::Content, "body"),
            ("a header of its own", Kind::Content, "header"),
            ("an encoded header", Kind::Content, "encoded"),
            ("the attachment", Kind::Content, "attachment"),
            ("the attachment's name", Kind::Content, "file"),
            ("the sender's display name", Kind::Content, "display"),
            ("the recipient's display name", Kind::Content, "addressee"),
            ("a hidden copy's address", Kind::Content, "copied"),
            ("the message id", Kind::Name, "name"),
            ("the recipient", Kind::Recipient, "recipient"),
            ("the envelope id", Kind::Wish, "wish"),
            ("the original recipient", Kind::Wish, "original"),
        ];
        let sender = self
            .owns_sender
            .then_some(("the envelope's sender", Kind::Sender, "sender"));
        let parts = parts.into_iter().chain(sender);
        parts
            .map(|(part, kind, word)| {
                let place = format!("{part} of {}", self.name);
                Canary::new(place, kind, &self.word(word))
            })
            .collect()
    }

    fn commands(&self, claim: &str) -> [String; 2] {
        let wish = self.word("wish");
        let original = self.word("original");
        [
            format!(
                "MAIL FROM:<{}> RET=FULL ENVID={wish} AUTH={claim}",
                self.sender
            ),
            format!(
                "RCPT TO:<{}> NOTIFY=FAILURE ORCPT=rfc822;{original}@canary.example",
                self.recipient
            ),
        ]
    }

    fn message(&self) -> Message {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let word = |place| self.word(place);
        let encoded = STANDARD.encode(word("encoded"));
        let attachment = STANDARD.encode(format!("{}\r\n", word("attachment")));
        let text = format!(
            "From: {display} <somebody@relaykit.example>\r\n\
             To: {addressee} <somebody@elsewhere.example>\r\n\
             Subject: {subject}\r\n\
             Date: Mon, 23 Nov 2026 03:14:01 +0000\r\n\
             Message-ID: <{name}@relaykit.example>\r\n\
             Reply-To: {copied}@relaykit.example\r\n\
             X-Canary: {header}\r\n\
             X-Canary-Encoded: =?utf-8?B?{encoded}?=\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"part\"\r\n\r\n\
             --part\r\nContent-Type: text/plain\r\n\r\n{body}\r\n\
             --part\r\nContent-Type: application/octet-stream; name=\"{file}.bin\"\r\n\
             Content-Disposition: attachment; filename=\"{file}.bin\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--part--\r\n",
            display = word("display"),
            addressee = word("addressee"),
            subject = word("subject"),
            name = word("name"),
            copied = word("copied"),
            header = word("header"),
            body = word("body"),
            file = word("file"),
        );
        Message::exact(text, &self.token)
    }
}

/// A login that nobody has, with a password that nobody has: most often such a password is
/// another account's right one.
async fn fail_to_log_in(context: &Context) -> Judged<Vec<Canary>> {
    let caller = Caller::new();
    let login = format!("login-{}", caller.token);
    let password = format!("Wrong-{}", caller.token);
    let mut session = caller.session(context).await?;
    let secret = Secret::new(password.clone());
    let reply = attempt(context, &mut session, &login, &secret).await?;
    pass_by(&reply, 535, "AUTH with a wrong password")?;
    let mut canaries = vec![
        Canary::new("the name of a login that fails", Kind::Claim, &login),
        Canary::new(
            "the password of a login that fails",
            Kind::Secret,
            &password,
        ),
    ];
    canaries.extend(caller.canaries(context));
    ControlFlow::Continue(canaries)
}
