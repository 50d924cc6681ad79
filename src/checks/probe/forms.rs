//! The ways to submit a message, each by a client that must not be seen.

use std::ops::ControlFlow;

use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::mail::{self, RECIPIENT, SENDER};
use super::session::{
    CLIENT, answer, command, ehlo, log_in, require_code, right_certificate, under_tls, user,
};
use super::xclient::{Client, xclient};
use crate::config::{Listener, Mechanism};
use crate::smtp::{Message, Session, TlsSettings, TlsVersion};

/// In everything that a client tells of itself.
pub(in super::super) const CANARY: &str = "canary";

/// A way to submit, with a client that must not be seen.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Form {
    /// What the form is called.
    pub(in super::super) name: &'static str,
    /// The client's address, for XCLIENT.
    pub(in super::super) address: &'static str,
    /// Its name in DNS, for XCLIENT.
    pub(in super::super) host: &'static str,
    /// Its whole greeting.
    pub(in super::super) greeting: &'static str,
    /// From whom and to whom.
    pub(in super::super) envelope: Envelope,
    /// Its only version of TLS; `None`: any.
    pub(in super::super) version: Option<TlsVersion>,
    /// How it logs in; `None`: with what the relay has first.
    pub(in super::super) mechanism: Option<Mechanism>,
}

/// Sender and recipients.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Envelope {
    /// One recipient.
    One,
    /// Two recipients.
    Many,
    /// SMTPUTF8 (RFC 6531), with addresses that need it.
    Utf8,
    /// The null sender.
    Null,
    /// With the sender's login (RFC 4954 section 5).
    Auth,
}

/// The plainest.
pub(in super::super) const FORM: Form = Form {
    name: "a client with a name",
    address: "192.0.2.77",
    host: "canary-host.example",
    greeting: "EHLO canary-helo.example",
    envelope: Envelope::One,
    version: None,
    mechanism: None,
};

/// As long as a command line may be, without the verb.
const LONG: &str = concat!(
    "EHLO canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789",
    ".canary-a-name-that-is-too-long-for-a-line-of-a-header-and-for-dns-too-0123456789"
);

/// All of them.
pub(in super::super) const FORMS: [Form; 19] = [
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
        name: "a very long EHLO",
        greeting: LONG,
        ..FORM
    },
    Form {
        name: "AUTH LOGIN",
        mechanism: Some(Mechanism::Login),
        ..FORM
    },
    Form {
        name: "MAIL with AUTH=",
        envelope: Envelope::Auth,
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

/// A way to write a recipient.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct To {
    /// After `RCPT TO:`, with `DOMAIN` for a domain.
    given: &'static str,
    /// After `for` in the trace header, which has another spelling of some.
    shown: &'static str,
    /// Whether it needs SMTPUTF8 (RFC 6531).
    pub(in super::super) utf8: bool,
}

const fn to(given: &'static str) -> To {
    To {
        given,
        shown: given,
        utf8: false,
    }
}

/// What a rule for `for <...>` can stumble over: blanks, brackets, quotes, and what
/// looks like the rest of a trace header.
pub(in super::super) const RECIPIENTS: [To; 14] = [
    to("<recipient@DOMAIN>"),
    to("<\"a b\"@DOMAIN>"),
    to("<\"a<b\"@DOMAIN>"),
    to("<\"a>b\"@DOMAIN>"),
    to("<\"a;b\"@DOMAIN>"),
    to("<\"a@b\"@DOMAIN>"),
    to("<\"a)b(\"@DOMAIN>"),
    to("<\"a\\\"b\"@DOMAIN>"),
    to("<\"a\\\\b\"@DOMAIN>"),
    to("<\"x>; Mon, 23 Nov 2026 03:14:01 +0000 (UTC) by y\"@DOMAIN>"),
    to("<a+b_c=d/e!f%g@DOMAIN>"),
    To {
        given: "recipient@DOMAIN",
        ..to("<recipient@DOMAIN>")
    },
    To {
        given: "<@hop.example:recipient@DOMAIN>",
        ..to("<recipient@DOMAIN>")
    },
    To {
        utf8: true,
        ..to("<empf\u{e4}nger@DOMAIN>")
    },
];

/// Greetings of [`FORMS`] and recipients: each recipient after one greeting and after
/// HELO, so that each greeting meets two of them.
pub(in super::super) fn matrix() -> Vec<(&'static str, To)> {
    let mut greetings: Vec<&str> = FORMS.iter().map(|form| form.greeting).collect();
    greetings.sort_unstable();
    greetings.dedup();
    let (extended, old): (Vec<&str>, Vec<&str>) = greetings
        .iter()
        .partition(|greeting| greeting.starts_with("EHLO"));
    let mut matrix = Vec::new();
    for (row, to) in RECIPIENTS.into_iter().enumerate() {
        matrix.push((extended[row % extended.len()], to));
        // There is no SMTPUTF8 after HELO.
        if !to.utf8 {
            matrix.extend(old.iter().map(|greeting| (*greeting, to)));
        }
    }
    // One greeting serves all that follow it.
    matrix.sort_by_key(|(greeting, _)| *greeting);
    matrix
}

impl To {
    /// As it is given, and as the trace header has it, in `domain`.
    pub(in super::super) fn at(self, domain: &str) -> [String; 2] {
        [self.given, self.shown].map(|form| form.replace("DOMAIN", domain))
    }
}

impl Form {
    fn tls(self, context: &Context) -> TlsSettings {
        let settings = right_certificate(context);
        self.version.map_or(settings.clone(), |v| settings.only(v))
    }

    /// Whether the target speaks what the form needs.
    pub(in super::super) fn is_possible(self, context: &Context) -> bool {
        use crate::config::TlsVersion::V1_3;
        let spec = &context.target().spec;
        let spoken = self.version != Some(TlsVersion::Tls12) || spec.tls.minimum < V1_3;
        let mechanisms = &spec.auth.mechanisms;
        spoken && self.mechanism.is_none_or(|m| mechanisms.contains(&m))
    }
}

impl Envelope {
    fn commands(self) -> Vec<String> {
        let mail = match self {
            Self::One | Self::Many => format!("MAIL FROM:<{SENDER}>"),
            Self::Utf8 => "MAIL FROM:<grüße@relaykit.example> SMTPUTF8".to_owned(),
            Self::Null => "MAIL FROM:<>".to_owned(),
            Self::Auth => format!("MAIL FROM:<{SENDER}> AUTH=canary@canary.example"),
        };
        let mut commands = vec![mail, format!("RCPT TO:<{RECIPIENT}>")];
        match self {
            Self::One | Self::Null | Self::Auth => {}
            // One domain: one delivery.
            Self::Many => commands.push("RCPT TO:<second@elsewhere.example>".to_owned()),
            Self::Utf8 => "RCPT TO:<empfänger@elsewhere.example>".clone_into(&mut commands[1]),
        }
        commands
    }
}

/// A session as the client of `form`, logged in.
pub(in super::super) async fn session(
    context: &Context,
    listener: Listener,
    form: Form,
) -> Judged<Session> {
    let mut session = under_tls(context, listener, form.tls(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let client = Client {
        address: form.address,
        name: form.host,
    };
    xclient(&mut session, client).await?;
    let reply = command(&mut session, form.greeting).await?;
    require_code(&reply, 250, form.greeting)?;
    if form.mechanism == Some(Mechanism::Login) {
        let user = user(context)?;
        let reply = session.auth_login(&user.name, &user.password).await;
        require_code(&answer(reply, "a reply to AUTH")?, 235, "AUTH LOGIN")?;
    } else {
        log_in(context, &mut session).await?;
    }
    ControlFlow::Continue(session)
}

/// Submits as the client of `form`: what is sent, and what arrives.
pub(in super::super) async fn submitted(
    context: &Context,
    listener: Listener,
    form: Form,
) -> Judged<(Message, Delivered)> {
    let mut session = session(context, listener, form).await?;
    let message = mail::plain();
    mail::send_with(&mut session, &form.envelope.commands(), &message).await?;
    let delivered = mail::arrival(context, &message).await?;
    ControlFlow::Continue((message, delivered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_greeting_and_every_recipient() {
        let matrix = matrix();
        for form in FORMS {
            let with = matrix.iter().filter(|(g, _)| *g == form.greeting);
            assert!(with.count() > 1, "{}", form.greeting);
        }
        for to in RECIPIENTS {
            let of: Vec<_> = matrix.iter().filter(|(_, t)| t.given == to.given).collect();
            let mut greetings: Vec<_> = of.iter().map(|(greeting, _)| *greeting).collect();
            greetings.dedup();
            assert_eq!(greetings.len(), if to.utf8 { 1 } else { 2 }, "{}", to.given);
            let helo = greetings.iter().any(|g| g.starts_with("HELO"));
            assert_ne!(helo, to.utf8, "{}", to.given);
        }
    }
}
