//! The chain smtpd → guard → saslauthd → who checks logins: logins.conf. What follows
//! from who checks them is the backend's own.

use std::fmt::Write as _;

use super::public;
use crate::config::Mechanism;
use crate::container::File;
use crate::counterparts::{Purpose, Resolved};

/// Where Postfix asks the guard about logins.
pub(super) const LOGINS: &str = "/run/saslauthd/logins";

/// Where Postfix asks the guard whose an address is, see `socketmap_table(5)`.
pub(super) const OWNERS: &str = "socketmap:unix:/run/saslauthd/owners:own";

/// The guard's settings.
pub(super) fn file(resolved: &Resolved) -> File {
    public("logins.conf", logins_conf(resolved))
}

/// What the guard of the relay's image (`/usr/libexec/relaykit/guard`) is told.
fn logins_conf(resolved: &Resolved) -> String {
    let spec = &resolved.spec;
    let backend = &resolved.backend;
    let mechanisms: Vec<&str> = spec
        .auth
        .mechanisms
        .iter()
        .map(|m| Mechanism::name(*m))
        .collect();
    let mut text = format!(
        "# The guard between Postfix and saslauthd. It finds the person whom a login means,\n\
         # lets saslauthd try the password, and tells Postfix the person's name.\n\
         \n\
         # saslauthd needs the password itself, so these are all that it can serve.\n\
         mechanisms: {mechanisms}\n\
         \n\
         {settings}",
        mechanisms = mechanisms.join(" "),
        settings = backend.guard(),
    );
    if let Some(most) = spec.limits.failed_logins_per_minute {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n# Who guesses is braked: once twice as many logins of an address or for a name have\n\
             # failed, so many more a minute are tried. Shared addresses are not put off.\n\
             failed_logins_per_minute: {most}\n",
        );
        let shared = &spec.limits.shared_addresses;
        if !shared.is_empty() {
            let _ = writeln!(text, "shared_addresses: {}", shared.join(" "));
        }
        if resolved.purpose == Purpose::Proof {
            text.push_str(
                "\n# Checks are many clients with one address.\n\
                 unbraked: /etc/relaykit/postfix/xclient_hosts\n",
            );
        }
    }
    text
}
