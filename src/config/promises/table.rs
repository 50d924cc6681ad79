//! The promises, in the order of relay.yaml.

mod logins;
mod mail;
mod relaying;

use super::Override;
use crate::config::spec::{EarlierReceived, Received, Spec};

/// Something that relay.yaml promises and Postfix parameters carry out.
pub(super) struct Promise {
    pub(super) key: Key,
    /// What becomes of it, in words that go on after a colon.
    pub(super) promised: &'static str,
    /// The parameters that could take it back.
    pub(super) parameters: &'static [&'static str],
    /// What to write instead, if this override does take it back. `NAME` stands for
    /// the parameter.
    pub(super) taken: fn(&Override<'_>) -> Option<&'static str>,
}

/// Where a promise is made.
pub(super) enum Key {
    /// By whoever writes the key.
    Written(&'static str),
    /// By what the key comes to, written or not.
    Says(&'static str, fn(&Spec) -> bool),
}

const ALWAYS: fn(&Spec) -> bool = |_| true;

/// The rule of `relay.sender_login: own`.
const OWNER_RULES: &[&str] = &[
    "reject_authenticated_sender_login_mismatch",
    "reject_sender_login_mismatch",
];

/// What ends a list for everybody who has no right to relay.
const CLOSED: &[&str] = &[
    "reject_unauth_destination",
    "defer_unauth_destination",
    "reject",
    "defer",
];

/// How `limits.messages_per_login_per_hour` is asked.
const COUNTED: &[&str] = &["check_policy_service unix:/run/limits/socket"];

/// What smtpd calls itself on listeners with logins (`render::MARK`).
const MARK: &str = "relaykit-own-trace";

fn offered(spec: &Spec) -> bool {
    !spec.auth.listeners.is_empty()
}

fn rewritten(spec: &Spec) -> bool {
    spec.privacy.received == Received::Rewrite
}

/// Whether listeners with logins mark their trace header (`render::MARK`).
fn marked(spec: &Spec) -> bool {
    rewritten(spec) || removes_earlier(spec)
}

fn removes_earlier(spec: &Spec) -> bool {
    spec.privacy.earlier_received == EarlierReceived::Remove
}

/// Whether header checks work on mail that came by login.
fn checked(spec: &Spec) -> bool {
    marked(spec) || !spec.privacy.strip_headers.is_empty()
}

fn strangers(spec: &Spec) -> bool {
    !spec.relay.domains.is_empty() && spec.listeners.smtp.is_some()
}

/// All of them.
pub(super) fn promises() -> impl Iterator<Item = &'static Promise> {
    let all = [relaying::PROMISES, logins::PROMISES, mail::PROMISES];
    all.into_iter().flatten()
}
