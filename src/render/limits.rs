//! How many messages one login may send: what the policy server of the relay's
//! image (`/usr/libexec/relaykit/limits`) reads.

use crate::config::Spec;
use crate::container::File;

use super::main_cf::Group;
use super::public;

/// How a restriction asks it, see postconf(5) and `SMTPD_POLICY_README`.
pub const ASK: &str = "check_policy_service unix:/run/limits/socket";

/// Its settings; without the file it does not run.
pub(super) fn files(spec: &Spec) -> Vec<File> {
    let most = spec.limits.messages_per_login_per_hour;
    most.map(|most| {
        let text = format!(
            "# Messages, whatever the number of their recipients, that one login may send\n\
             # within any hour. Beyond that, DATA gets a 450: the client tries again later.\n\
             messages_per_login_per_hour = {most}\n"
        );
        public("limits.conf", text)
    })
    .into_iter()
    .collect()
}

/// main.cf: how smtpd asks it.
pub(super) fn counted(spec: &Spec) -> Option<Group> {
    spec.limits.messages_per_login_per_hour.map(|_| {
        Group::new(
            "The messages of each login are counted: at DATA, smtpd asks a policy server of\n\
             our own. Where that does not answer, mail is put off, and not let through.",
        )
        .set("smtpd_policy_service_timeout", "20s")
        .set("smtpd_policy_service_max_idle", "60s")
        .set(
            "smtpd_policy_service_default_action",
            "451 4.3.5 Messages cannot be counted, try again later",
        )
    })
}
