//! Logins that must not succeed: the wrong password, and names that mean
//! somebody else.

use std::fmt::Write as _;

use super::super::probe::rows;
use super::super::probe::session::{answer, attempt, command, login_listener, user};
use super::super::verdict::{PASS, fail, require};
use super::super::{Check, Context, Judged, Need, Severity};
use super::ready;
use crate::secret::Secret;
use crate::smtp::{Reply, Session};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "auth.wrong_password_is_refused",
        title: "A wrong password is refused, and nothing is relayed after it",
        citation: "row 1; row 8; RFC 4954 section 6",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(wrong_password_is_refused(context)),
    },
    Check {
        id: "auth.unknown_user_is_refused",
        title: "A name that the directory does not have is refused",
        citation: "row 1; row 8; RFC 4954 section 6",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(unknown_user_is_refused(context)),
    },
    Check {
        id: "auth.empty_password_is_refused",
        title: "An empty password is refused, by whatever mechanism it comes",
        citation: "row 8; RFC 4513 section 5.1.2",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(empty_password_is_refused(context)),
    },
    Check {
        id: "auth.filter_characters_are_refused",
        title: "A name with LDAP filter characters finds nobody, not even with the right password",
        citation: "row 8; RFC 4515 section 3",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(filter_characters_are_refused(context)),
    },
    Check {
        id: "auth.foreign_realm_is_refused",
        title: "A name with a realm that is not its own is refused",
        citation: "row 5; row 8; Postfix smtpd_sasl_local_domain",
        severity: Severity::High,
        about: "",
        repair: "",
        needs: &[Need::Login],
        exclusive: false,
        sabotages: &[],
        run: |context| Box::pin(foreign_realm_is_refused(context)),
    },
];

async fn wrong_password_is_refused(context: Context) -> Judged {
    let password = user(&context)?.password.reveal().to_owned();
    let wrong = [
        format!("{password}x"),
        password.to_uppercase(),
        "x".to_owned(),
    ];
    let wrong = wrong
        .into_iter()
        .filter(|w| *w != password)
        .map(Secret::new);
    rows::each(
        &context,
        wrong.enumerate(),
        |(n, _)| format!("wrong password {}", n + 1),
        |context, (_, password)| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let name = &user(&context)?.name;
            refused(&attempt(&context, &mut session, name, &password).await?)?;
            relays_nothing(&mut session).await
        },
    )
    .await
}

async fn unknown_user_is_refused(context: Context) -> Judged {
    let password = &user(&context)?.password;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let name = "nobody-has-this-name";
    refused(&attempt(&context, &mut session, name, password).await?)?;
    relays_nothing(&mut session).await
}

async fn empty_password_is_refused(context: Context) -> Judged {
    let empty = Secret::new("");
    let name = &user(&context)?.name;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let reply = session.auth_plain("", name, &empty).await;
    refused(&answer(reply, "a reply to AUTH")?)?;
    let reply = session.auth_login(name, &empty).await;
    refused(&answer(reply, "a reply to AUTH")?)?;
    relays_nothing(&mut session).await
}

async fn filter_characters_are_refused(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    let names = [
        "*".to_owned(),
        format!("{first}*"),
        format!("*{rest}"),
        "(".to_owned(),
        ")".to_owned(),
        "\\".to_owned(),
        "\\2a".to_owned(),
        format!("{name})(uid=*"),
        format!("{name})(|(uid=*"),
        "*)(objectClass=*".to_owned(),
        format!("{}{rest}", escaped(first)),
        // What follows NUL is cut off on the way: it must not be what counts.
        format!("\0{name}"),
        format!("nobody\0{name}"),
    ];
    rows::each(
        &context,
        names,
        |name: String| format!("{name:?}"),
        |context, name| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let password = &user(&context)?.password;
            // LOGIN carries every byte in a name, PLAIN all but NUL.
            let reply = session.auth_login(&name, password).await;
            refused(&answer(reply, "a reply to AUTH")?)?;
            if name.contains('\0') {
                return PASS;
            }
            let reply = session.auth_plain("", &name, password).await;
            refused(&answer(reply, "a reply to AUTH")?)
        },
    )
    .await
}

async fn foreign_realm_is_refused(context: Context) -> Judged {
    let name = user(&context)?.name.clone();
    let names = ["elsewhere", "elsewhere.example", "localhost"].map(|r| format!("{name}@{r}"));
    rows::each(
        &context,
        names,
        |name| name,
        |context, name| async move {
            let mut session = ready(&context, login_listener(&context)?).await?;
            let password = &user(&context)?.password;
            refused(&attempt(&context, &mut session, &name, password).await?)
        },
    )
    .await
}

fn refused(reply: &Reply) -> Judged {
    require(reply.is_permanent(), "535, or another 5xx", || {
        reply.to_string()
    })
}

/// A refused login is no login.
async fn relays_nothing(session: &mut Session) -> Judged {
    command(session, "MAIL FROM:<sender@relaykit.example>").await?;
    let reply = command(session, "RCPT TO:<recipient@elsewhere.example>").await?;
    if reply.is_positive() {
        return fail(
            "no recipient accepted after a refused login",
            reply.to_string(),
        );
    }
    PASS
}

/// Every byte as an LDAP filter may write it.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        // Writing to a String cannot fail.
        let _ = write!(escaped, "\\{byte:02x}");
        escaped
    })
}
