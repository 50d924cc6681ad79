//! Being any client: XCLIENT (<https://www.postfix.org/XCLIENT_README.html>).

use super::super::verdict::Judged;
use super::session::{answer, require_code};
use crate::smtp::Session;

/// Whom to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Client<'a> {
    /// `192.0.2.1` or `IPV6:2001:db8::1`.
    pub(in super::super) address: &'a str,
    /// A host name or `[UNAVAILABLE]`.
    pub(in super::super) name: &'a str,
}

/// Becomes `client`; EHLO comes next.
pub(in super::super) async fn xclient(session: &mut Session, client: Client<'_>) -> Judged {
    let attributes = [("ADDR", client.address), ("NAME", client.name)];
    let reply = answer(session.xclient(&attributes).await, "a reply to XCLIENT")?;
    require_code(&reply, 220, "XCLIENT")
}

/// Becomes `client` who has logged in as `login`, without a password; EHLO comes next.
pub(in super::super) async fn xclient_as(
    session: &mut Session,
    client: Client<'_>,
    login: &str,
) -> Judged {
    let attributes = [
        ("ADDR", client.address),
        ("NAME", client.name),
        ("LOGIN", login),
    ];
    let reply = answer(session.xclient(&attributes).await, "a reply to XCLIENT")?;
    require_code(&reply, 220, "XCLIENT")
}
