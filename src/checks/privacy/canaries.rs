//! Canaries in every place where content, a client or a secret can lie, looked for
//! wherever they must not be.

mod arrived;
mod grounds;
mod looked;
mod planted;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::canaries::secrets;
use super::super::probe::log::Log;
use super::super::target::Context;
use super::super::verdict::{Judged, broken, held, unless_wrong};
use crate::config::{Received, Says};
use crate::plan::Role;
use crate::report::Severity;
use jiff::Timestamp;

/// Rules that log what they match: `warning: header Subject: ...`.
const SUBJECTS_LOGGED: Sabotage = Sabotage {
    name: "a rule logs the subject of each message",
    changes: &[Change::File(
        Role::Relay,
        "postfix/long_lines",
        "/^Subject:/ INFO",
    )],
    sees: "the relay's log: the subject of the message, as it is",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "privacy.canaries_stay_where_they_belong",
        title: "What people write, where they are and what they know stays where it belongs",
        citation: "row 14; RFC 5321 section 7.2; RFC 4954 section 9; Postfix header_checks",
        severity: Severity::Critical,
        about: "Puts a word of its own into every place: subject, body, headers, names, attachment, \
                envelope, what is asked of delivery reports, the client's address, name and \
                greeting, a login that fails and its password. Beside them stand the secrets that \
                there are: passwords of logins, of the next hop and of the directory, private \
                keys. All of them are then looked for, also in base64, quoted-printable, \
                percent-encoded, hexadecimal and dumps, in what the next hop got and was told, in \
                the report on a refused message, in the logs, files, environments and command lines \
                of all containers, in what the engine tells of containers, images, networks and \
                volumes, and in this report. Each message must be at the next hop once, and with \
                nobody else.",
        repair: "The finding names the place where the word was put, and where it was found. By hand, \
                 look for header_checks and body_checks that log, for bcc maps, for -v and \
                 debug_peer_list, for copies of files, and for variables with secrets.",
        needs: &[Need::Login, Need::Inbox, Need::Lab],
        long: true,
        reads_old_lines: true,
        sabotages: &[
            SUBJECTS_LOGGED,
            Sabotage {
                name: "a rule logs lines of text that look like a code",
                changes: &[Change::File(
                    Role::Relay,
                    "postfix/long_lines",
                    "/^\\w+-[0-9a-f]{6,}$/ WARN",
                )],
                sees: "the relay's log: the body of the message, as it is",
            },
            Sabotage {
                name: "mail from one domain is copied",
                changes: &[Change::Main(
                    "sender_bcc_maps",
                    "pcre:{{/^sender-.*@relaykit\\.example/ spy@elsewhere.example}}",
                )],
                sees: "a copy or another way of the message",
            },
            Sabotage {
                name: "undelivered mail is copied to the postmaster",
                changes: &[Change::Main("notify_classes", "bounce")],
                sees: "a copy or another way of the refused message",
            },
            Sabotage {
                name: "a header tells the client's greeting",
                changes: &[Change::Service(
                    "submissions/inet",
                    "smtpd_helo_restrictions",
                    "check_helo_access pcre:{{/^(helo-.+)/ PREPEND X-Helo: $$1}}",
                )],
                sees: "the message at the next hop: the client's greeting, as it is",
            },
            Sabotage {
                name: "a password in a comment of the directory's settings",
                changes: &[Change::File(
                    Role::Directory,
                    "slapd.conf",
                    "# try it with d29uZGVybGFuZA==",
                )],
                sees: "in /etc/relaykit/slapd.conf: the password of the login alice, in base64",
            },
            Sabotage {
                name: "a key in base64 in a file of the queue",
                changes: &[Change::Script(
                    Role::Relay,
                    "base64 -w0 /etc/relaykit/tls/relay.key >/var/spool/postfix/pid/inet.smtps",
                )],
                sees: "in /var/spool/postfix/pid/inet.smtps: the relay's private key, in base64",
            },
        ],
        ..Check::by(&canaries_stay)
    },
    Check {
        id: "privacy.passwords_of_the_relay_stay_in_their_files",
        title: "The relay's own passwords, at next hop and directory, are in their files alone",
        citation: "row 8; row 10; RFC 4954 section 9; Postfix smtp_sasl_password_maps",
        severity: Severity::Critical,
        about: "Does the same where the relay has passwords of its own: for its next hop, and for the \
                account that searches the directory. A password on a line of master.cf is on a \
                command line too, and everybody who may ask the engine for its processes reads it.",
        repair: "Give them as files (password_file in relay.yaml); by hand, texthash or lmdb tables with \
                 mode 0600, and never inline:{} in main.cf or master.cf.",
        needs: &[
            Need::Login,
            Need::Inbox,
            Need::Lab,
            Need::Setting("outbound.credentials", Says::Something),
        ],
        long: true,
        reads_old_lines: true,
        sabotages: &[
            Sabotage {
                name: "the next hop's password on a line of master.cf",
                changes: &[Change::Service(
                    "smtp/unix",
                    "smtp_sasl_password_maps",
                    "inline:{{spare.example=relay:through-the-looking-glass}}, \
                     texthash:/etc/relaykit/postfix/next_hop_password",
                )],
                sees: "in /etc/relaykit/postfix/master.cf: the relay's password at",
            },
            Sabotage {
                name: "the next hop's password in the comment of a public file",
                changes: &[Change::Script(
                    Role::Relay,
                    "sed s/.*:// /etc/relaykit/postfix/next_hop_password | od -An -v -tx1 \
                     >>/run/service/postfix/finish",
                )],
                sees: "in /run/service/postfix/finish: the relay's password at",
            },
        ],
        ..Check::by(&canaries_stay)
    },
];

async fn canaries_stay(context: Context) -> Judged {
    let started = Timestamp::now();
    let mut log = Log::from_now(&context, Role::Relay)?;
    let mut sink = Log::from_now(&context, Role::Sink)?;
    let planted = planted::plant(&context).await?;
    let mut canaries = planted.canaries.clone();
    canaries.extend(secrets(&context));
    let mut grounds = arrived::arrived(&context, &planted, &mut log, &mut sink).await?;
    grounds.extend(looked::containers(&context, started).await?);
    grounds.push(looked::engine(&context).await?);
    grounds.push(looked::report(&context));
    let keeps = context.target().spec.privacy.received == Received::Keep;
    let mut wrong = Vec::new();
    for ground in &grounds {
        let (strays, belonging) = ground.strays(&canaries, keeps);
        if belonging == 0 && ground.must_show() {
            return broken(format!(
                "{}: nothing of what belongs there was found there",
                ground.name
            ));
        }
        if strays.is_empty() {
            let size = ground.size();
            held(
                format!("{}: {}", ground.name, ground.expected),
                format!(
                    "{belonging} of {} canaries, which belong there, {size}",
                    canaries.len()
                ),
            )?;
        }
        wrong.extend(strays);
    }
    wrong.sort();
    wrong.dedup();
    unless_wrong(&wrong, "each canary where it belongs, and nowhere else")
}
