//! Services that Postfix's daemons and tools ask for, and lists that decide alone.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::postconf::{self, Postconf};
use super::super::target::Context;
use super::super::verdict::{Judged, held, unless_wrong};
use crate::audit::words;
use crate::config::Listener;
use crate::plan::Role;
use crate::render::ASK;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.asked_services_are_there",
        title: "Every service that Postfix asks for is in master.cf, and the queue can be listed",
        citation: "Postfix master; Postfix postqueue",
        severity: Severity::Medium,
        about: "Reads the names under which daemons ask for each other (`bounce_service_name` and its \
                like) and looks for each in master.cf, then lists the queue as an operator does. A \
                service that is missing is noticed when it is first needed: in the report that does \
                not come, or at night, by somebody who wants to know what waits.",
        repair: "Leave master.cf to relaykit; by hand, put the line back from \
                 `/usr/share/postfix/master.cf.dist`.",
        needs: &[Need::Lab, Need::Built],
        sabotages: &[Sabotage {
            name: "nobody can list the queue",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/master.cf",
                "showq          unix ",
                "# showq unix ",
            )],
            sees: "showq",
        }],
        ..Check::by(&asked_services_are_there)
    },
    Check {
        id: "runtime.lists_of_logins_end_with_reject",
        title: "On submission ports each list of restrictions lets logins through and refuses the rest",
        citation: "RFC 6409 section 4.3; Postfix SMTPD_ACCESS_README",
        severity: Severity::High,
        about: "Reads the restrictions of the relay, of recipients and of DATA that the submission \
                services use: each must ask for the login and end with `reject`. One of them would \
                do today; each holds the door alone where another is changed or passed over.",
        repair: "Leave the lists to relaykit; put what you want to add before `reject`.",
        needs: &[Need::Lab, Need::Built],
        sabotages: &[
            Sabotage {
                name: "one of three lists does not refuse",
                changes: &[
                    Change::Service(
                        "submission/inet",
                        "smtpd_recipient_restrictions",
                        "permit_sasl_authenticated",
                    ),
                    Change::Service(
                        "submissions/inet",
                        "smtpd_recipient_restrictions",
                        "permit_sasl_authenticated",
                    ),
                ],
                sees: "smtpd_recipient_restrictions = permit_sasl_authenticated",
            },
            Sabotage {
                name: "a permit stands before the count of messages",
                changes: &[
                    Change::Service(
                        "submission/inet",
                        "smtpd_data_restrictions",
                        "permit, permit_sasl_authenticated, reject",
                    ),
                    Change::Service(
                        "submissions/inet",
                        "smtpd_data_restrictions",
                        "permit, permit_sasl_authenticated, reject",
                    ),
                ],
                sees: "smtpd_data_restrictions = permit, ",
            },
        ],
        ..Check::by(&lists_of_logins_end_with_reject)
    },
];

/// Parameters that name services which a relay needs (postconf(5)).
const ASKED: [&str; 10] = [
    "bounce_service_name",
    "cleanup_service_name",
    "connection_cache_service_name",
    "defer_service_name",
    "error_service_name",
    "pickup_service_name",
    "queue_service_name",
    "rewrite_service_name",
    "showq_service_name",
    "trace_service_name",
];

/// Services that are asked for by names of their own.
const NAMED: [&str; 4] = ["anvil", "proxymap", "retry", "tlsmgr"];

async fn asked_services_are_there(context: Context) -> Judged {
    let settings = Postconf::read(&context).await?;
    let services = postconf::services(&context).await?;
    let mut wrong = Vec::new();
    let asked = ASKED.iter().map(|parameter| settings.main(parameter));
    for name in asked.chain(NAMED) {
        if services
            .iter()
            .any(|service| service.name == format!("{name}/unix"))
        {
            held(format!("the service {name}"), "it is in master.cf")?;
        } else {
            wrong.push(format!("master.cf has no {name}, which others ask for"));
        }
    }
    let argv = ["postqueue", "-j"];
    let (code, _, said) = appliance::secret_exec(&context, Role::Relay, &argv, None).await?;
    if code == 0 {
        held("a list of the queue", "`postqueue -j` ends with 0")?;
    } else {
        wrong.push(format!("`postqueue -j` ends with {code}: {}", said.trim()));
    }
    unless_wrong(
        &wrong,
        "each service that is asked for, and a list of the queue",
    )
}

const LISTS: [&str; 3] = [
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
];

async fn lists_of_logins_end_with_reject(context: Context) -> Judged {
    let settings = Postconf::read(&context).await?;
    let spec = &context.target().spec;
    let mut wrong = Vec::new();
    for listener in [Listener::Submission, Listener::Submissions] {
        if spec.listeners.port(listener).is_none() {
            continue;
        }
        let service = format!("{}/inet", listener.name());
        for list in LISTS {
            let value = settings.effective(&service, list);
            let words = words(value);
            let asks = !spec.auth.listeners.contains(&listener)
                || words.iter().any(|word| word == "permit_sasl_authenticated");
            let refuses = words.last().is_some_and(|word| word == "reject");
            let lets_in = words.iter().any(|word| word == "permit");
            let limited = spec.limits.messages_per_login_per_hour.is_some();
            let counted = list != "smtpd_data_restrictions" || !limited || value.starts_with(ASK);
            if asks && refuses && !lets_in && counted {
                held(format!("{service}, {list}: a login, then `reject`"), value)?;
            } else {
                wrong.push(format!("{service}: {list} = {value}"));
            }
        }
    }
    unless_wrong(
        &wrong,
        "each list asks for the login and ends with `reject`",
    )
}
