//! The filter says who may log in: not only who is meant.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::session::{attempt, login_listener, require_code, user};
use super::super::probe::{appliance, rows};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require;
use super::ready;
use crate::counterparts::{Purpose, Resolved};
use crate::plan::{Content, Plan, Role};
use crate::report::Severity;
use crate::secret::Secret;

/// A filter that somebody can miss.
const MORE_THAN_THE_LOGIN: Need = Need::Comes {
    to: "an auth.ldap.filter that asks for more than the login",
    holds: |spec| {
        let relay = Resolved::new(spec.clone(), Purpose::Proof);
        let directory = relay.backend.directory();
        directory.is_some_and(|directory| !directory.nearly().is_empty())
    },
};

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "auth.filter_keeps_others_out",
    title: "Whoever misses one term of the filter cannot log in with the right password",
    citation: "row 8; RFC 4515 section 3; Cyrus saslauthd(8)",
    severity: Severity::Critical,
    about: "A lab's directory has somebody for each term of auth.ldap.filter who misses just that \
            one: an account that is disabled, one outside of the group, one whose mail is not \
            enabled. Each tries the right password and must be refused; the first user, who \
            misses none, must log in. A term that does not do what was meant lets in those who \
            have left, and nobody notices.",
    repair: "Look at auth.ldap.filter: `(!(...))` around what must not be, `&` around what must \
             all be. Try it with ldapsearch, as the account that searches.",
    needs: &[Need::Login, Need::Lab, Need::Directory, MORE_THAN_THE_LOGIN],
    sabotages: &[Sabotage {
        name: "the filter asks for the login alone",
        changes: &[Change::Plan(login_alone)],
        sees: "235",
    }],
    ..Check::by(&filter_keeps_others_out)
}];

fn login_alone(plan: &mut Plan) {
    let directory = plan.resolved.backend.directory();
    let logins = directory.map(|directory| directory.settings.login_attributes());
    let login = logins.and_then(|logins| logins.into_iter().next());
    let (Some(login), Some(relay)) = (
        login,
        plan.containers.iter_mut().find(|c| c.role == Role::Relay),
    ) else {
        return;
    };
    let alone = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(": ") {
            Some(("ldap_filter", _)) => format!("ldap_filter: ({login}=%u)\n"),
            _ => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    for file in &mut relay.files {
        match &mut file.content {
            Content::Text(text) => *text = alone(text),
            Content::Secret(secret) => *secret = Secret::new(alone(secret.reveal())),
            _ => {}
        }
    }
}

async fn filter_keeps_others_out(context: Context) -> Judged {
    let right = user(&context)?;
    let mut session = ready(&context, login_listener(&context)?).await?;
    let reply = attempt(&context, &mut session, &right.name, &right.password).await?;
    require_code(&reply, 235, &format!("{}, who misses no term", right.name))?;
    let directory = appliance::directory(&context)?;
    rows::each(
        &context,
        directory.nearly().to_vec(),
        |nearly| format!("{}, who misses {}", nearly.name, nearly.term),
        |context, nearly| async move {
            let password = &user(&context)?.password;
            let mut session = ready(&context, login_listener(&context)?).await?;
            let reply = attempt(&context, &mut session, &nearly.name, password).await?;
            require(reply.is_permanent(), "535", || reply.to_string())
        },
    )
    .await
}
