//! How an exchange may go wrong: cancelled, garbled, out of place, too long. None
//! of it logs in, and the session goes on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, attempt, command, ehlo, login_listener, require_code, right_certificate,
    under_tls, user,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, require};
use super::{BY_LIBRARY, LIBRARY_FOLDER, LIBRARY_PATH, PLAIN, ready};
use crate::config::Mechanism;
use crate::plan::Role;
use crate::report::Severity;
use crate::secret::Secret;
use crate::smtp::{Reply, Session};

/// What makes a relay deaf for AUTH and for the `*` that ends one.
pub(super) const SWALLOWED: Sabotage = Sabotage {
    name: "a command filter that swallows AUTH",
    changes: &[Change::Main(
        "smtpd_command_filter",
        "pcre:{{/^AUTH/ NOOP}}",
    )],
    sees: "250 2.0.0 Ok",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.other_mechanisms_are_refused",
        title: "A mechanism that is not offered is refused at once, and none is half begun",
        citation: "row 5; row 7; RFC 4954 section 4; Postfix smtpd_sasl_security_options",
        severity: Severity::High,
        about: "Asks for ANONYMOUS, EXTERNAL, CRAM-MD5, DIGEST-MD5, NTLM, GSSAPI, SCRAM and others, \
                unless they are offered. Each must be answered with a permanent refusal, not with \
                the 334 of an exchange that can only fail and not with 235; and the session must \
                be able to log in afterwards. ANONYMOUS lets everybody in, and a mechanism that \
                saslauthd cannot serve makes clients choose it and fail.",
        repair: "List in auth.mechanisms what saslauthd can serve. By hand, mech_list: plain login \
                 in smtpd.conf, and smtpd_sasl_security_options = noanonymous.",
        needs: &[Need::Login],
        sabotages: &[Sabotage {
            name: "ANONYMOUS and CRAM-MD5 are served",
            changes: &[
                Change::Main("smtpd_sasl_security_options", ""),
                Change::Main("smtpd_sasl_tls_security_options", ""),
                BY_LIBRARY,
                LIBRARY_PATH,
                LIBRARY_FOLDER,
                Change::Script(
                    Role::Relay,
                    "mkdir /run/library && printf 'pwcheck_method: auxprop\\n\
                     mech_list: anonymous cram-md5 plain login\\n' >/run/library/smtpd.conf",
                ),
            ],
            sees: "ANONYMOUS: 334",
        }],
        ..Check::by(&other_mechanisms_are_refused)
    },
    Check {
        id: "auth.cancelled_exchange_is_survived",
        title: "A client may end an exchange with *: it gets 501 and can begin again",
        citation: "RFC 4954 section 4",
        severity: Severity::Low,
        about: "Begins an exchange and sends * instead of the response: after AUTH PLAIN, at LOGIN's \
                question for the name and at the one for the password. Each must be answered with \
                501, and the same session must be able to log in. Otherwise a user who presses \
                cancel has to start the program again.",
        repair: "By hand, look for a proxy or a smtpd_command_filter between the client and Postfix.",
        needs: &[Need::Login],
        sabotages: &[SWALLOWED],
        ..Check::by(&cancelled_exchange_is_survived)
    },
    Check {
        id: "auth.garbled_responses_are_refused",
        title: "Responses that are no base64 or no PLAIN message are refused, and survived",
        citation: "row 7; RFC 4954 section 4; RFC 4616 section 2; RFC 4648 section 3.3",
        severity: Severity::Medium,
        about: "Sends responses around the right name and password that are broken: odd lengths, \
                characters outside of base64, text after the padding, NULs that are missing, doubled \
                or at the end, an empty response. Each must be refused for good without logging in, \
                and the session must be able to log in. Lenient readers take one person's name \
                and another's password from such a response.",
        repair: "Keep Postfix and Cyrus SASL up to date; there is no setting for it.",
        needs: &[Need::Login, PLAIN],
        sabotages: &[SWALLOWED],
        ..Check::by(&garbled_responses_are_refused)
    },
    Check {
        id: "auth.auth_out_of_place_is_refused",
        title: "AUTH before EHLO, in a mail transaction or after a login gets 503",
        citation: "RFC 4954 section 4; Postfix smtpd_helo_required",
        severity: Severity::Medium,
        about: "Sends AUTH with the right password before EHLO, after MAIL and once more after a login. \
                Each must be answered with 503 and change nothing. A relay that takes them can \
                change who a message is from in the middle of it.",
        repair: "By hand, smtpd_helo_required = yes.",
        needs: &[Need::Login, PLAIN],
        sabotages: &[Sabotage {
            name: "no EHLO needed",
            changes: &[Change::Main("smtpd_helo_required", "no")],
            sees: "before EHLO: 235",
        }],
        ..Check::by(&auth_out_of_place_is_refused)
    },
    Check {
        id: "auth.overlong_responses_are_refused",
        title: "Names, passwords and lines of any length are refused, and the relay lives on",
        citation: "RFC 4954 section 4; RFC 4616 section 2; Cyrus saslauthd(8)",
        severity: Severity::Medium,
        about: "Logs in with names and passwords of 255, 256, 257 and 2000 bytes, and sends a \
                response of 100000. None may log in; after each the relay must serve a login. \
                Each of these passes buffers of fixed size in Postfix, Cyrus SASL, saslauthd and \
                the LDAP library.",
        repair: "Keep Cyrus SASL up to date; relaykit's guard refuses what saslauthd would cut.",
        needs: &[Need::Login, PLAIN],
        long: true,
        sabotages: &[SWALLOWED],
        ..Check::by(&overlong_responses_are_refused)
    },
    Check {
        id: "auth.failed_login_can_be_repeated",
        title: "After a refused login the same session can log in with the right password",
        citation: "RFC 4954 section 4; RFC 4954 section 6",
        severity: Severity::Low,
        about: "Logs in with a wrong password and then, in the same session, with the right one, which \
                must be accepted. Mail programs ask for another password without a new connection.",
        repair: "By hand, let smtpd_hard_error_limit be 5 or more.",
        needs: &[Need::Login],
        long: true,
        sabotages: &[Sabotage {
            name: "one mistake ends a session",
            changes: &[Change::Main("smtpd_hard_error_limit", "1")],
            sees: "421",
        }],
        ..Check::by(&failed_login_can_be_repeated)
    },
];

/// What the registry of SASL mechanisms has, and one that it has not.
const OTHERS: [&str; 12] = [
    "ANONYMOUS",
    "EXTERNAL",
    "CRAM-MD5",
    "DIGEST-MD5",
    "NTLM",
    "GSSAPI",
    "GS2-KRB5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "XOAUTH2",
    "OTP",
    "RELAYKIT",
];

/// How many refused logins one session holds out. A stranger may end it at the third
/// (RFC 4954 section 4).
fn mistakes(context: &Context) -> usize {
    if context.target().is_stranger() { 2 } else { 4 }
}

async fn other_mechanisms_are_refused(context: Context) -> Judged {
    rows::each(
        &context,
        OTHERS.chunks(mistakes(&context)),
        |names| names.join(", "),
        |context, names| async move {
            let listener = login_listener(&context)?;
            let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
            let offers = ehlo(&mut session, CLIENT).await?;
            let offered = offers.auth_mechanisms();
            for name in names {
                let is_offered = offered.iter().any(|o| o.eq_ignore_ascii_case(name));
                // A mechanism that lets everybody in is wrong where it is offered, too.
                if is_offered && *name != "ANONYMOUS" {
                    continue;
                }
                let reply = command(&mut session, &format!("AUTH {name}")).await?;
                require(reply.is_permanent(), &format!("{name}: 504"), || {
                    format!("{name}: {reply}")
                })?;
            }
            logs_in(&context, &mut session).await
        },
    )
    .await
}

async fn cancelled_exchange_is_survived(context: Context) -> Judged {
    let mechanisms = &context.target().spec.auth.mechanisms;
    let has = |mechanism| mechanisms.contains(&mechanism);
    let name = STANDARD.encode(&user(&context)?.name);
    let mut exchanges: Vec<(&str, Vec<&str>)> = Vec::new();
    if has(Mechanism::Plain) {
        exchanges.push(("PLAIN", vec!["*"]));
    }
    if has(Mechanism::Login) {
        exchanges.push(("LOGIN", vec!["*"]));
        exchanges.push(("LOGIN", vec![&name, "*"]));
    }
    let mut session = ready(&context, login_listener(&context)?).await?;
    for (mechanism, responses) in exchanges {
        let reply = session.auth_raw(mechanism, None, &responses).await;
        require_code(&answer(reply, "a reply")?, 501, "*")?;
    }
    logs_in(&context, &mut session).await
}

async fn garbled_responses_are_refused(context: Context) -> Judged {
    let user = user(&context)?;
    let (name, password) = (&user.name, user.password.reveal());
    let right = STANDARD.encode(format!("\0{name}\0{password}"));
    let garbled = [
        ("characters outside of base64", "!!!!".to_owned()),
        ("a length that is no multiple of four", format!("{right}A")),
        (
            "a character too few",
            right.trim_end_matches('=')[..right.len() - 3].to_owned(),
        ),
        ("text after the response", format!("{right}====")),
        ("an odd character after it", format!("{right}!")),
        ("padding alone", "====".to_owned()),
        ("an empty response", "=".to_owned()),
    ];
    let messages = [
        ("no NUL", format!("{name}{password}")),
        ("one NUL", format!("{name}\0{password}")),
        ("a NUL before the name only", format!("\0{name}{password}")),
        ("a NUL at the end", format!("\0{name}\0{password}\0")),
        (
            "text after a NUL at the end",
            format!("\0{name}\0{password}\0x"),
        ),
        (
            "two NULs before the name",
            format!("\0\0{name}\0{password}"),
        ),
        (
            "two NULs before the password",
            format!("\0{name}\0\0{password}"),
        ),
        ("NULs alone", "\0\0\0".to_owned()),
    ];
    let encoded = messages.map(|(what, message)| (what, STANDARD.encode(message)));
    let all: Vec<_> = garbled.into_iter().chain(encoded).collect();
    rows::each(
        &context,
        all.chunks(mistakes(&context)),
        |rows| format!("{}, ...", rows[0].0),
        |context, rows| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            for (what, response) in rows {
                let reply = session.auth_raw("PLAIN", Some(response), &[]).await;
                let reply = answer(reply, "a reply to AUTH")?;
                require(reply.is_permanent(), &format!("{what}: 501"), || {
                    format!("{what}: {reply}")
                })?;
            }
            logs_in(&context, &mut session).await
        },
    )
    .await
}

async fn auth_out_of_place_is_refused(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let mut session = under_tls(&context, listener, right_certificate(&context)).await?;
    // Others than relaykit may do without EHLO (RFC 5321 section 4.1.4).
    if !context.target().is_stranger() {
        let reply = plain(&context, &mut session).await?;
        misplaced(&reply, "before EHLO")?;
    }
    ehlo(&mut session, CLIENT).await?;
    let reply = command(&mut session, "MAIL FROM:<sender@relaykit.example>").await?;
    if reply.is_positive() {
        misplaced(&plain(&context, &mut session).await?, "after MAIL")?;
        let reply = command(&mut session, "RSET").await?;
        require_code(&reply, 250, "RSET")?;
    }
    logs_in(&context, &mut session).await?;
    misplaced(&plain(&context, &mut session).await?, "after a login")?;
    let reply = command(&mut session, "NOOP").await?;
    require_code(&reply, 250, "NOOP")
}

fn misplaced(reply: &Reply, at: &str) -> Judged {
    require(reply.code == 503, &format!("{at}: 503"), || {
        format!("{at}: {reply}")
    })
}

async fn overlong_responses_are_refused(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let password = user(&context)?.password.reveal().to_owned();
    let message = |name: &str, password: &str| STANDARD.encode(format!("\0{name}\0{password}"));
    let mut rows = vec![("a response of 100000 bytes".to_owned(), "A".repeat(100_000))];
    for length in [255, 256, 257, 2000] {
        let long = "x".repeat(length);
        rows.push((
            format!("a name of {length} bytes"),
            message(&long, &password),
        ));
        rows.push((
            format!("a password of {length} bytes"),
            message(&name, &long),
        ));
    }
    rows::each(
        &context,
        rows,
        |(what, _)| what,
        |context, (_, response)| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let reply = session.auth_raw("PLAIN", Some(&response), &[]).await;
            // A line that is too long may end the session: that is a refusal, too.
            if let Ok(reply) = reply {
                require(
                    !reply.is_positive() && reply.code != 334,
                    "a refusal",
                    || reply.to_string(),
                )?;
            }
            let mut next = ready(&context, login_listener(&context)?).await?;
            logs_in(&context, &mut next).await
        },
    )
    .await
}

async fn failed_login_can_be_repeated(context: Context) -> Judged {
    let mut session = ready(&context, login_listener(&context)?).await?;
    let user = user(&context)?;
    let wrong = Secret::new(format!("{}x", user.password.reveal()));
    let reply = attempt(&context, &mut session, &user.name, &wrong).await?;
    require(reply.is_permanent() && reply.code != 421, "535", || {
        reply.to_string()
    })?;
    logs_in(&context, &mut session).await
}

/// The right password still works here.
async fn logs_in(context: &Context, session: &mut Session) -> Judged {
    let user = user(context)?;
    let reply = attempt(context, session, &user.name, &user.password).await?;
    require_code(&reply, 235, "the right password afterwards")?;
    PASS
}

/// AUTH PLAIN with the right password.
async fn plain(context: &Context, session: &mut Session) -> Judged<Reply> {
    let user = user(context)?;
    answer(
        session.auth_plain("", &user.name, &user.password).await,
        "a reply to AUTH",
    )
}
