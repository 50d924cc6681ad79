//! A relay without relaykit's guard of logins, which is what others have, or with one
//! that lacks something: for sabotages.

use super::super::check::{Change, Sabotage};
use super::super::need::Need;
use crate::plan::Role;

/// The state of affairs without relaykit's guard: Postfix asks saslauthd itself, through
/// the SASL library.
pub(in super::super) const NO_GUARD: Sabotage = Sabotage {
    name: "saslauthd without its guard",
    changes: &[BY_LIBRARY, LIBRARY_PATH, LIBRARY_FOLDER, ITS_SOCKET],
    sees: "",
};

/// The same before a directory. A users file is nobody's to read without the guard.
pub(in super::super) const NO_GUARD_OF_DIRECTORY: Sabotage = Sabotage {
    name: "saslauthd without its guard, before a directory",
    changes: &[
        Change::Given(Need::Directory),
        BY_LIBRARY,
        LIBRARY_PATH,
        LIBRARY_FOLDER,
        ITS_SOCKET,
    ],
    sees: "",
};

/// Postfix's other way to check logins, with the settings of [`LIBRARY_FOLDER`].
pub(in super::super) const BY_LIBRARY: Change = Change::Main("smtpd_sasl_type", "cyrus");
/// The name of these settings.
pub(in super::super) const LIBRARY_PATH: Change = Change::Main("smtpd_sasl_path", "smtpd");
/// Where they are: a script has to write them.
pub(in super::super) const LIBRARY_FOLDER: Change =
    Change::Main("cyrus_sasl_config_path", "/run/library");

/// Gives saslauthd a socket that Postfix can reach, and tells the library of it.
pub(in super::super) const ITS_SOCKET: Change = Change::Script(
    Role::Relay,
    "mkdir /run/library && printf 'pwcheck_method: saslauthd\\nmech_list: plain login\\n\
             saslauthd_path: /run/saslauthd/mux\\n' >/run/library/smtpd.conf && \
             cd /run/service && s6-svc -wD -T 5000 -d saslauthd && \
             sed -i 's|-m \"/run/saslauthd/behind$number\"|-m /run/saslauthd|' saslauthd/run && \
             s6-svc -wu -u saslauthd && until [ -S /run/saslauthd/mux ]; do sleep 0.05; done",
);

/// A [`Change`] that lets the relay run another guard: `$edit` are commands that change
/// the copies of its modules in the folder `other/`.
macro_rules! another_guard {
    ($edit:literal) => {
        $crate::checks::Change::Script(
            $crate::plan::Role::Relay,
            concat!(
                "edit() { \
                     cp \"$2\" was && sed -i \"$1\" \"$2\" && ! cmp -s was \"$2\" && rm was || \
                     { echo \"$2 has nothing that $1 would change\" >&2; exit 1; }; \
                 }; \
                 cd /run/service/guard && s6-svc -wD -d . && cp -R /usr/share/relaykit/guard other && ",
                $edit,
                " && sed 's|/usr/share/relaykit/guard|/run/service/guard/other|' \
                 /usr/libexec/relaykit/guard >other/guard && \
                 sed -i 's|/usr/libexec/relaykit/guard|perl /run/service/guard/other/guard|' run && \
                 rm -f /run/saslauthd/logins && s6-svc -wu -u . && \
                 until [ -S /run/saslauthd/logins ]; do sleep 0.05; done",
            ),
        )
    };
}
pub(in super::super) use another_guard;
