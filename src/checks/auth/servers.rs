//! A directory with several servers, of which one does not serve.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::session::{attempt, login_listener, require_code, user};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, require};
use super::ready;
use crate::config::Says;
use crate::counterparts::PLAYED;
use crate::plan::{Plan, Role};
use crate::report::Severity;
use crate::secret::Secret;

/// How many logins follow one another while the first server is silent.
const LOGINS: usize = 6;

/// Plays a server that takes connections and says nothing, for as many seconds as a
/// check can need, and tells when it listens.
const SILENT: &str = r#"
perl -MIO::Socket::INET -e '
    my $port = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => shift, Listen => 64, ReuseAddr => 1)
        or die "$!\n";
    exit if fork;
    open $_, "+<", "/dev/null" for *STDIN, *STDOUT, *STDERR;
    alarm 20;
    my @clients;
    while (1) { push @clients, scalar $port->accept }
' "$1"
"#;

/// Lets the guard begin anew, so that it knows nothing of its servers.
const ANEW: &str = "cd /run/service/guard && rm -f /run/saslauthd/logins && s6-svc -r . && \
                    until [ -S /run/saslauthd/logins ]; do sleep 0.05; done";

pub(in super::super) static CHECKS: &[Check] = &[Check {
    id: "auth.second_server_serves",
    title: "While one server of the directory is silent, the next serves every login",
    citation: "row 8; RFC 4954 section 6; Cyrus saslauthd(8)",
    severity: Severity::High,
    about: "In a relay with two servers in auth.ldap.servers, plays a first that takes connections \
            and stays silent, lets the guard begin anew, and logs in six times, then with a wrong \
            password. The right one must be accepted each time and the wrong one refused: nobody \
            can tell what a silent server would have said, but the next one knows. saslauthd asks \
            the next only after a time-out, which a guard that is shorter takes for an outage.",
    repair: "List the servers in auth.ldap.servers. By hand, a saslauthd for each server, and a \
             look at which of them answer.",
    needs: &[
        Need::Login,
        Need::Lab,
        Need::Directory,
        Need::Setting("auth.ldap.servers", Says::Items(2)),
    ],
    exclusive: true,
    sabotages: &[Sabotage {
        name: "the second server of the directory is not asked",
        changes: &[Change::Plan(first_server_alone)],
        sees: "454",
    }],
    ..Check::by(&second_server_serves)
}];

fn first_server_alone(plan: &mut Plan) {
    let relay = plan.containers.iter_mut().find(|c| c.role == Role::Relay);
    if let Some(relay) = relay {
        relay
            .files
            .retain(|file| !file.path.ends_with("/saslauthd-2.conf"));
    }
}

async fn second_server_serves(context: Context) -> Judged {
    let port = PLAYED.to_string();
    let argv = ["sh", "-c", SILENT, "sh", &port];
    let (code, _, stderr) = appliance::exec(&context, Role::Relay, &argv, None).await?;
    if code != 0 {
        return broken(format!("no silent server: {}", stderr.trim()));
    }
    appliance::output(&context, Role::Relay, &["sh", "-c", ANEW]).await?;
    let right = user(&context)?;
    for number in 1..=LOGINS {
        let mut session = ready(&context, login_listener(&context)?).await?;
        let reply = attempt(&context, &mut session, &right.name, &right.password).await?;
        require_code(&reply, 235, &format!("right password {number}"))?;
    }
    let mut session = ready(&context, login_listener(&context)?).await?;
    let wrong = Secret::new(format!("{}x", right.password.reveal()));
    let reply = attempt(&context, &mut session, &right.name, &wrong).await?;
    require(reply.is_permanent(), "535 to a wrong password", || {
        format!("{reply} to a wrong password")
    })?;
    ControlFlow::Continue(())
}
