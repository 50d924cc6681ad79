//! The words of a login: the commands in small and large letters, and the codes of the
//! answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{answer, login_listener, user};
use super::super::target::Context;
use super::super::verdict::{Judged, PASS, require};
use super::{PLAIN, ready};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "auth.words_count_in_any_letters",
    title: "AUTH counts in any letters, and its answers have the codes of the standard",
    citation: "RFC 4954 section 6; RFC 4954 section 8; RFC 5321 section 2.4; RFC 4422 section 3.1",
    severity: Severity::Low,
    about: "Says auth plain, Auth Plain and aUtH pLaIn, first with a wrong password, then with the \
            right one, then once more. Each must be taken as AUTH PLAIN is, and answered with 535 \
            5.7.8, 235 2.7.0 and 503 5.5.1: programs differ in what they write, and those that read \
            more than the first digit ask for another password at 5.7.8 alone.",
    repair: "By hand, let every expression in smtpd_command_filter match small letters, too.",
    needs: &[Need::Login, PLAIN],
    sabotages: &[Sabotage {
        name: "a command filter that swallows auth in small letters",
        changes: &[Change::Main(
            "smtpd_command_filter",
            "pcre:{{/^auth/i NOOP}}",
        )],
        sees: "250 2.0.0 Ok",
    }],
    ..Check::by(&words_count_in_any_letters)
}];

async fn words_count_in_any_letters(context: Context) -> Judged {
    let user = user(&context)?;
    let (name, password) = (&user.name, user.password.reveal());
    let right = STANDARD.encode(format!("\0{name}\0{password}"));
    let wrong = STANDARD.encode(format!("\0{name}\0{password}x"));
    let answers = [
        (&wrong, "535 5.7.8"),
        (&right, "235 2.7.0"),
        (&right, "503 5.5.1"),
    ];
    rows::each(
        &context,
        ["auth plain", "Auth Plain", "aUtH pLaIn"],
        str::to_owned,
        |context, words| {
            let answers = answers.map(|(response, code)| (response.clone(), code));
            async move {
                let mut session = ready(&context, login_listener(&context)?).await?;
                for (response, code) in answers {
                    let reply = session.auth_in_words(words, Some(&response), &[]).await;
                    let reply = answer(reply, "a reply to AUTH")?;
                    let enhanced = reply.enhanced.map(|code| code.to_string());
                    let seen = format!("{} {}", reply.code, enhanced.unwrap_or_default());
                    require(seen == code, code, || reply.to_string())?;
                }
                PASS
            }
        },
    )
    .await
}
