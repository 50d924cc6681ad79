//! What the next hop learns of a sender: of one who has logged in nothing but
//! what `privacy.show_login` allows, of one who has not all that Postfix writes.

pub(super) mod content;
pub(super) mod trace;

use super::probe::mail::{self, RECIPIENT, SENDER};
use super::probe::rows;
use super::probe::session::{
    CLIENT, command, ehlo, log_in, logged_in, login_listener, port, require_code,
    right_certificate, under_tls, user,
};
use super::probe::trace::newest;
use super::probe::xclient::{Client, xclient};
use super::verdict::require;
use super::{Change, Check, Context, Delivered, Judged, Need, Sabotage, Severity};
use crate::config::{Listener, Received};
use crate::render::MARK;
use crate::smtp::{TlsSettings, TlsVersion};

const HIDDEN: Need = Need::Setting {
    text: "privacy.received: rewrite or hide",
    holds: |spec| spec.privacy.received != Received::Keep,
};

const NO_HEADER_CHECKS: Sabotage = Sabotage {
    name: "no header checks",
    changes: &[Change::Service("cleanup-login/unix", "header_checks", "")],
    sees: "",
};

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.login_hides_every_client",
        title: "Whoever logs in, from wherever and however, leaves no trace of the client",
        citation: "row 14; RFC 5321 section 7.2; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox, Need::Xclient, HIDDEN],
        exclusive: false,
        sabotages: &[NO_HEADER_CHECKS],
        run: |context| Box::pin(login_hides_every_client(context)),
    },
    Check {
        id: "privacy.login_on_shared_port_hides_too",
        title: "Where port 25 takes logins beside other mail, a login leaves no trace either",
        citation: "row 14; RFC 5321 section 7.2; Postfix header_checks",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Xclient,
            HIDDEN,
            Need::Setting {
                text: "auth.listeners with smtp",
                holds: |spec| spec.auth.listeners.contains(&Listener::Smtp),
            },
        ],
        exclusive: false,
        sabotages: &[Sabotage {
            name: "no header checks on the mixed port",
            changes: &[Change::Service("cleanup-mixed/unix", "header_checks", "")],
            sees: "",
        }],
        run: |context| Box::pin(login_on_shared_port_hides_too(context)),
    },
    Check {
        id: "privacy.login_hides_this_client",
        title: "Mail by login tells neither the address nor the HELO of this very client",
        citation: "row 14; RFC 5321 section 7.2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox, HIDDEN],
        exclusive: false,
        sabotages: &[NO_HEADER_CHECKS],
        run: |context| Box::pin(login_hides_this_client(context)),
    },
    Check {
        id: "privacy.login_is_shown_as_configured",
        title: "The trace header names the login exactly where privacy.show_login says so",
        citation: "row 14; Postfix smtpd_sasl_authenticated_header",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login, Need::Inbox, HIDDEN],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(login_is_shown_as_configured(context)),
    },
];

/// In everything that a client tells of itself.
const CANARY: &str = "canary";

/// A way to submit, with a client that must not be seen.
#[derive(Debug, Clone, Copy)]
struct Form {
    name: &'static str,
    address: &'static str,
    host: &'static str,
    greeting: &'static str,
    envelope: Envelope,
    version: Option<TlsVersion>,
}

#[derive(Debug, Clone, Copy)]
enum Envelope {
    One,
    Many,
    /// SMTPUTF8 (RFC 6531), with addresses that need it.
    Utf8,
    /// The null sender.
    Null,
}

const FORM: Form = Form {
    name: "a client with a name",
    address: "192.0.2.77",
    host: "canary-host.example",
    greeting: "EHLO canary-helo.example",
    envelope: Envelope::One,
    version: None,
};

const FORMS: [Form; 16] = [
    FORM,
    Form {
        name: "no host name",
        host: "[UNAVAILABLE]",
        ..FORM
    },
    Form {
        name: "IPv6",
        address: "IPV6:2001:db8::77",
        ..FORM
    },
    Form {
        name: "no address",
        address: "[UNAVAILABLE]",
        host: "[UNAVAILABLE]",
        ..FORM
    },
    Form {
        name: "EHLO with an address",
        greeting: "EHLO [192.0.2.77]",
        ..FORM
    },
    Form {
        name: "EHLO with an IPv6 address",
        greeting: "EHLO [IPv6:2001:db8::77]",
        ..FORM
    },
    Form {
        name: "EHLO like a comment",
        greeting: "EHLO canary (Authenticated sender: canary) by canary",
        ..FORM
    },
    Form {
        name: "EHLO like an end of line",
        greeting: "EHLO canary\\n\\tby canary; canary",
        ..FORM
    },
    Form {
        name: "EHLO in UTF-8",
        greeting: "EHLO canary-häusle.example",
        ..FORM
    },
    Form {
        name: "HELO",
        greeting: "HELO canary-helo.example",
        ..FORM
    },
    Form {
        name: "HELO and many recipients",
        greeting: "HELO canary-helo.example",
        envelope: Envelope::Many,
        ..FORM
    },
    Form {
        name: "many recipients",
        envelope: Envelope::Many,
        ..FORM
    },
    Form {
        name: "SMTPUTF8",
        envelope: Envelope::Utf8,
        ..FORM
    },
    Form {
        name: "null sender",
        envelope: Envelope::Null,
        ..FORM
    },
    Form {
        name: "TLS 1.2",
        version: Some(TlsVersion::Tls12),
        ..FORM
    },
    Form {
        name: "TLS 1.3",
        version: Some(TlsVersion::Tls13),
        ..FORM
    },
];

impl Form {
    fn tls(self, context: &Context) -> TlsSettings {
        let settings = right_certificate(context);
        self.version.map_or(settings.clone(), |v| settings.only(v))
    }

    fn is_possible(self, context: &Context) -> bool {
        use crate::config::TlsVersion::V1_3;
        self.version != Some(TlsVersion::Tls12) || context.target().spec.tls.minimum < V1_3
    }
}

impl Envelope {
    fn commands(self) -> Vec<String> {
        let mail = match self {
            Self::One | Self::Many => format!("MAIL FROM:<{SENDER}>"),
            Self::Utf8 => "MAIL FROM:<grüße@relaykit.example> SMTPUTF8".to_owned(),
            Self::Null => "MAIL FROM:<>".to_owned(),
        };
        let mut commands = vec![mail, format!("RCPT TO:<{RECIPIENT}>")];
        match self {
            Self::One | Self::Null => {}
            // One domain: one delivery.
            Self::Many => commands.push("RCPT TO:<second@elsewhere.example>".to_owned()),
            Self::Utf8 => "RCPT TO:<empfänger@elsewhere.example>".clone_into(&mut commands[1]),
        }
        commands
    }
}

async fn login_hides_every_client(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let others = context
        .target()
        .login_listeners()
        .filter(|l| *l != listener);
    // One listener shows what there is to every form; that the others have the
    // same rules takes one form of theirs.
    let mut table = rows::pairs([listener], &FORMS);
    table.extend(others.map(|other| (other, FORM)));
    hides_forms(&context, table).await
}

async fn login_on_shared_port_hides_too(context: Context) -> Judged {
    hides_forms(&context, rows::pairs([Listener::Smtp], &FORMS)).await
}

async fn hides_forms(context: &Context, mut table: Vec<(Listener, Form)>) -> Judged {
    table.retain(|(_, form)| form.is_possible(context));
    rows::each(
        context,
        table,
        |(listener, form)| format!("{} on {}", form.name, port(listener)),
        |context, (listener, form)| async move {
            let delivered = submitted(&context, listener, form).await?;
            hides(&context, &delivered)
        },
    )
    .await
}

/// Submits as the client of `form` and waits for what arrives.
async fn submitted(context: &Context, listener: Listener, form: Form) -> Judged<Delivered> {
    let mut session = under_tls(context, listener, form.tls(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let client = Client {
        address: form.address,
        name: form.host,
    };
    xclient(&mut session, client).await?;
    let reply = command(&mut session, form.greeting).await?;
    require_code(&reply, 250, form.greeting)?;
    log_in(context, &mut session).await?;
    let message = mail::plain();
    mail::send_with(&mut session, &form.envelope.commands(), &message).await?;
    mail::arrival(context, &message).await
}

/// Demands that nothing in a message tells of a client. Own messages have no
/// canary, no address and no client's name in them.
fn hides(context: &Context, delivered: &Delivered) -> Judged {
    let text = String::from_utf8_lossy(&delivered.raw).to_lowercase();
    for found in [CANARY, "192.0.2.77", "2001:db8", CLIENT] {
        require(
            !text.contains(found),
            "nothing of the client in the message",
            || {
                let line = text.lines().find(|line| line.contains(found));
                format!("{found:?} in {:?}", line.unwrap_or_default().trim())
            },
        )?;
    }
    let trace = newest(delivered)?;
    require(
        !text.contains(MARK),
        "no mark of relaykit's own in the message",
        || trace.raw.clone(),
    )?;
    let from = trace.from.is_some() || trace.raw.contains('[') || trace.raw.contains("helo=");
    require(
        !from,
        "a trace header without from and without an address",
        || trace.raw.clone(),
    )?;
    let host = &context.target().hostname;
    require(
        trace.by.as_deref() == Some(host),
        &format!("by {host}"),
        || trace.raw.clone(),
    )
}

async fn login_hides_this_client(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            hides(&context, &delivered)
        },
    )
    .await
}

async fn login_is_shown_as_configured(context: Context) -> Judged {
    let privacy = &context.target().spec.privacy;
    // Postfix's own short form has no place for it.
    let shown = privacy.show_login && privacy.received == Received::Rewrite;
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let name = &user(&context)?.name;
            let mut session = logged_in(&context, listener).await?;
            let delivered = mail::relayed(&context, &mut session, &mail::plain()).await?;
            let comments = newest(&delivered)?.comments;
            let comment = format!("Authenticated sender: {name}");
            let expected = if shown {
                "the login in a comment"
            } else {
                "no login"
            };
            let seen = comments.contains(&comment);
            require(seen == shown, expected, || format!("comments {comments:?}"))?;
            let elsewhere = !shown && comments.iter().any(|c| c.contains(name.as_str()));
            require(!elsewhere, expected, || format!("comments {comments:?}"))
        },
    )
    .await
}
