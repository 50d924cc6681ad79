//! The ways to submit a message, each by a client that must not be seen.

use std::ops::ControlFlow;

use super::super::target::{Context, Delivered};
use super::super::verdict::Judged;
use super::mail;
use super::session::{CLIENT, command, ehlo, log_in, require_code, right_certificate, under_tls};
use super::xclient::{Client, xclient};
use crate::config::Listener;
use crate::smtp::{Message, Session};

/// In everything that a client tells of itself.
pub(in super::super) const CANARY: &str = "canary";

/// A client that must not be seen.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Form {
    /// The client's address, for XCLIENT.
    pub(in super::super) address: &'static str,
    /// Its name in DNS, for XCLIENT.
    pub(in super::super) host: &'static str,
    /// Its whole greeting.
    pub(in super::super) greeting: &'static str,
}

/// The plainest.
pub(in super::super) const FORM: Form = Form {
    address: "192.0.2.77",
    host: "canary-host.example",
    greeting: "EHLO canary-helo.example",
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

/// What clients say of themselves: names, addresses, and what looks like a part of the
/// header that it will stand in. In the order of the alphabet.
pub(in super::super) const GREETINGS: [&str; 8] = [
    LONG,
    "EHLO [192.0.2.77]",
    "EHLO [IPv6:2001:db8::77]",
    "EHLO canary (Authenticated sender: canary) by canary",
    FORM.greeting,
    "EHLO canary-h\u{e4}usle.example",
    "EHLO canary\\n\\tby canary; canary",
    "HELO canary-helo.example",
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

/// [`GREETINGS`] and recipients: each recipient after one greeting and after
/// HELO, so that each greeting meets two of them.
pub(in super::super) fn matrix() -> Vec<(&'static str, To)> {
    let (extended, old): (Vec<&str>, Vec<&str>) = GREETINGS
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

/// A session as the client of `form`, logged in.
pub(in super::super) async fn session(
    context: &Context,
    listener: Listener,
    form: Form,
) -> Judged<Session> {
    let mut session = under_tls(context, listener, right_certificate(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let client = Client {
        address: form.address,
        name: form.host,
    };
    xclient(&mut session, client).await?;
    let reply = command(&mut session, form.greeting).await?;
    require_code(&reply, 250, form.greeting)?;
    log_in(context, &mut session).await?;
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
    let delivered = mail::relayed(context, &mut session, &message).await?;
    ControlFlow::Continue((message, delivered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_greeting_and_every_recipient() {
        let matrix = matrix();
        for greeting in GREETINGS {
            let with = matrix.iter().filter(|(other, _)| *other == greeting);
            assert!(with.count() > 1, "{greeting}");
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
