//! What Postfix asks of logins: whom a client may send as.

use crate::config::{SenderLogin, Spec};

use super::main_cf::Group;
use super::sasl::OWNERS;

/// main.cf: whom a login may send as.
pub(super) fn senders(spec: &Spec) -> Option<Group> {
    (spec.relay.sender_login == SenderLogin::Own).then(|| {
        Group::new(
            "The sender in MAIL FROM must be an address of the login's own; the guard tells\n\
             whose one is. The null sender passes: read receipts have no other (RFC 8098\n\
             section 3). Who has not logged in is not asked: other servers forward mail of\n\
             ours.",
        )
        .set("smtpd_sender_login_maps", OWNERS)
        .set(
            "smtpd_sender_restrictions",
            "reject_authenticated_sender_login_mismatch",
        )
    })
}
