//! Logins that must succeed, in every way that the offered mechanisms allow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{answer, attempt, login_listener, port, require_code, user};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, require};
use super::exchange::SWALLOWED;
use super::users_file::{NOT_READ, USERS_FILE};
use super::{LOGIN, PLAIN, ready};
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;

/// Everybody is refused: saslauthd looks where nobody is.
const NOBODY_FOUND: Sabotage = Sabotage {
    name: "saslauthd searches the wrong place",
    changes: &[
        Change::Given(Need::Directory),
        Change::Replace(
            Role::Relay,
            "saslauthd.conf",
            "ldap_search_base: ",
            "ldap_search_base: cn=nowhere,",
        ),
    ],
    sees: "535 5.7.8",
};

/// The same without a directory.
const NOBODY_THERE: Sabotage = Sabotage {
    name: "the users file is empty",
    changes: &[
        Change::Given(USERS_FILE),
        Change::Script(Role::Relay, ": >/var/lib/relaykit/accounts"),
    ],
    sees: "535 5.7.8",
};

/// saslauthd trusts another CA than the one that signed the directory's certificate.
const WRONG_CA: Sabotage = Sabotage {
    name: "the directory's certificate is of another CA",
    changes: &[
        Change::Given(Need::Directory),
        Change::Replace(
            Role::Relay,
            "saslauthd.conf",
            "ldap_tls_cacert_file: ",
            "ldap_tls_cacert_file: /etc/ssl/certs/ca-certificates.crt\n# ",
        ),
    ],
    sees: "454 4.7.0",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.documents_pair_logs_in",
        title: "The base64 pair of name, name and password is answered with 235",
        citation: "row 18; row 19; RFC 4616 section 2",
        severity: Severity::High,
        about: "On each port with logins sends AUTH PLAIN with the pair that the seed document makes by \
                hand: the name as authorisation identity, the name, the password. 235 must come. Many \
                clients send the authorisation identity too.",
        repair: "Read the relay's log: it tells what the directory said. `relaykit config lint` finds \
                 settings of auth.ldap that cannot work.",
        needs: &[Need::Login, PLAIN],
        sabotages: &[NOBODY_FOUND, NOBODY_THERE, WRONG_CA],
        ..Check::by(&documents_pair_logs_in)
    },
    Check {
        id: "auth.plain_without_initial_response",
        title: "PLAIN logs in without authorisation identity, in one step and in two",
        citation: "row 7; RFC 4954 section 4; RFC 4616 section 2",
        severity: Severity::High,
        about: "On each port with logins sends AUTH PLAIN without authorisation identity, once with the \
                response on the same line and once after the server's 334. Clients do either, and 235 \
                must come to both.",
        repair: "Read the relay's log for what the directory said. By hand, check that no \
                 smtpd_command_filter or proxy changes AUTH lines.",
        needs: &[Need::Login, PLAIN],
        sabotages: &[NOBODY_FOUND, NOBODY_THERE, SWALLOWED],
        ..Check::by(&plain_without_initial_response)
    },
    Check {
        id: "auth.login_mechanism_logs_in",
        title: "The mechanism LOGIN logs in, with the name on its line or asked for",
        citation: "row 7; RFC 4954 section 4; Postfix SASL_README",
        severity: Severity::High,
        about: "On each port with logins sends AUTH LOGIN and answers both questions, and once more with \
                the name on the AUTH line. LOGIN is all that some mail programs and most printers and \
                scanners know; 235 must come to both.",
        repair: "Add login to auth.mechanisms. By hand, mech_list: plain login in smtpd.conf of Cyrus SASL.",
        needs: &[Need::Login, LOGIN],
        sabotages: &[NOBODY_FOUND, NOBODY_THERE, SWALLOWED],
        ..Check::by(&login_mechanism_logs_in)
    },
    Check {
        id: "auth.nobody_acts_for_another",
        title: "With one's own password nobody is authorised as somebody else",
        citation: "RFC 4616 section 2; RFC 4954 section 4",
        severity: Severity::High,
        about: "Sends AUTH PLAIN with the right name and password and the authorisation identities of \
                others: a made-up one, root, postmaster. Each must be refused. Where the relay takes \
                the identity from there, anybody with a password sends as anybody, and the trace \
                header names the wrong one.",
        repair: "By hand, remove proxy policies from the SASL configuration: smtpd needs none.",
        needs: &[Need::Login, PLAIN],
        sabotages: &[SWALLOWED],
        ..Check::by(&nobody_acts_for_another)
    },
    Check {
        id: "auth.name_is_read_as_people_type_it",
        title: "A name with capitals or spaces around it is the same person or nobody",
        citation: "row 8; RFC 4518 section 2; Postfix smtpd_sasl_local_domain",
        severity: Severity::Low,
        about: "Logs in with the name in capitals and with spaces around it, as telephones write it. \
                LDAP compares names without either, so these log in where the directory says so; \
                with a wrong password none may. Whatever the relay says, it must not be an error of \
                its own: 4xx makes a mail program try for ever.",
        repair: "Nothing in the relay: the directory's matching rule for the attribute in \
                 auth.ldap.filter decides.",
        needs: &[Need::Login],
        sabotages: &[WRONG_CA, NOT_READ.seen_as("454")],
        ..Check::by(&name_is_read_as_people_type_it)
    },
];

async fn documents_pair_logs_in(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = ready(&context, listener).await?;
            let user = user(&context)?;
            let reply = session
                .auth_plain(&user.name, &user.name, &user.password)
                .await;
            let reply = answer(reply, "a reply to AUTH")?;
            require_code(&reply, 235, "AUTH PLAIN with the pair")
        },
    )
    .await
}

async fn plain_without_initial_response(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let user = user(&context)?;
            let mut session = ready(&context, listener).await?;
            let reply = session.auth_plain("", &user.name, &user.password).await;
            require_code(
                &answer(reply, "a reply to AUTH")?,
                235,
                "AUTH PLAIN in one step",
            )?;
            let mut session = ready(&context, listener).await?;
            let reply = session
                .auth_plain_without_initial_response("", &user.name, &user.password)
                .await;
            require_code(
                &answer(reply, "a reply to AUTH")?,
                235,
                "AUTH PLAIN in two steps",
            )
        },
    )
    .await
}

async fn login_mechanism_logs_in(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let user = user(&context)?;
            let mut session = ready(&context, listener).await?;
            let reply = session.auth_login(&user.name, &user.password).await;
            require_code(&answer(reply, "a reply to AUTH")?, 235, "AUTH LOGIN")?;
            if context.target().is_stranger() {
                // What no standard describes, nobody needs to have in every form.
                return PASS;
            }
            let mut session = ready(&context, listener).await?;
            let name = STANDARD.encode(&user.name);
            let password = STANDARD.encode(user.password.reveal());
            let reply = session.auth_raw("LOGIN", Some(&name), &[&password]).await;
            let reply = answer(reply, "a reply to AUTH")?;
            require_code(&reply, 235, "AUTH LOGIN with the name on its line")
        },
    )
    .await
}

async fn nobody_acts_for_another(context: Context) -> Judged {
    let user = user(&context)?;
    let mut session = ready(&context, login_listener(&context)?).await?;
    for other in ["somebody-else", "root", "postmaster"] {
        if other == user.name {
            continue;
        }
        let reply = session.auth_plain(other, &user.name, &user.password).await;
        let reply = answer(reply, "a reply to AUTH")?;
        require(reply.is_permanent(), &format!("{other}: 535"), || {
            format!("{other}: {reply}")
        })?;
    }
    PASS
}

async fn name_is_read_as_people_type_it(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let typed = [name.to_uppercase(), format!("{name} "), format!(" {name}")];
    rows::each(
        &context,
        typed,
        |typed| format!("{typed:?}"),
        |context, typed| async move {
            let right = user(&context)?.password.clone();
            let wrong = Secret::new(format!("{}x", right.reveal()));
            let mut session = ready(&context, login_listener(&context)?).await?;
            let reply = attempt(&context, &mut session, &typed, &wrong).await?;
            require(reply.is_permanent(), "535 to a wrong password", || {
                reply.to_string()
            })?;
            let reply = attempt(&context, &mut session, &typed, &right).await?;
            let judged = reply.code == 235 || reply.is_permanent();
            require(judged, "235 or 535", || reply.to_string())
        },
    )
    .await
}
