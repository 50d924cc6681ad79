//! How long Postfix waits: for a client, for a next hop, and with mail in its queue.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::postconf::Postconf;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use crate::config::Says;
use crate::report::Severity;

/// Each parameter, the fewest seconds that it may have, and the unit that stands for a number
/// without one (postconf(5)).
const WAITS: [(&str, u64, char); 10] = [
    // RFC 5321 section 4.5.3.2.7: for the next command.
    ("smtpd_timeout", 300, 's'),
    // Sections 4.5.3.2.1 to 4.5.3.2.6: for the answer to each command.
    ("smtp_helo_timeout", 300, 's'),
    ("smtp_mail_timeout", 300, 's'),
    ("smtp_rcpt_timeout", 300, 's'),
    ("smtp_data_init_timeout", 120, 's'),
    ("smtp_data_xfer_timeout", 180, 's'),
    ("smtp_data_done_timeout", 600, 's'),
    // Section 4.5.4.1: four or five days, and a while between two tries.
    ("maximal_queue_lifetime", 4 * 86_400, 'd'),
    ("bounce_queue_lifetime", 4 * 86_400, 'd'),
    ("minimal_backoff_time", 60, 's'),
];

const PARAMETERS: &[&str] = &[
    "smtpd_timeout",
    "smtp_helo_timeout",
    "smtp_mail_timeout",
    "smtp_rcpt_timeout",
    "smtp_data_init_timeout",
    "smtp_data_xfer_timeout",
    "smtp_data_done_timeout",
    "maximal_queue_lifetime",
    "bounce_queue_lifetime",
    "minimal_backoff_time",
];

/// How long cleanup(8) waits before a message that comes faster than the queue manager looks.
const FLOW: &str = "in_flow_delay";

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.waits_are_as_long_as_the_standard_asks",
        title: "Postfix waits for clients, next hops and with its queue as long as it should",
        citation: "RFC 5321 section 4.5.3.2; RFC 5321 section 4.5.4.1; Postfix smtpd_timeout; \
               Postfix maximal_queue_lifetime",
        severity: Severity::Medium,
        about: "Reads the time-outs that Postfix uses, in main.cf and in every service: five minutes for \
            a client's next command, and for each answer of a next hop what RFC 5321 lists, up to \
            ten minutes for the one to a message; four days for mail that waits, and a while \
            between two tries. Who gives up sooner sends the same message twice to a slow server, \
            or returns it over a weekend's outage.",
        repair: "Leave smtpd_timeout, smtp_*_timeout, maximal_queue_lifetime, bounce_queue_lifetime and \
             minimal_backoff_time at Postfix's defaults.",
        needs: &[
            Need::Lab,
            Need::Setting("postfix.main", Says::Without(PARAMETERS)),
        ],
        sabotages: &[
            Sabotage {
                name: "a next hop has a minute to take a message",
                changes: &[Change::Main("smtp_data_done_timeout", "1m")],
                sees: "main.cf: smtp_data_done_timeout = 1m",
            },
            Sabotage {
                name: "mail waits for an hour and no longer",
                changes: &[Change::Main("maximal_queue_lifetime", "1h")],
                sees: "main.cf: maximal_queue_lifetime = 1h",
            },
        ],
        ..Check::by(&waits_are_as_long_as_the_standard_asks)
    },
    Check {
        id: "runtime.mail_is_not_held_up",
        title: "No message is held up on its way in because others came before it",
        citation: "Postfix in_flow_delay; Postfix cleanup",
        severity: Severity::Low,
        about: "Reads in_flow_delay, in main.cf and in every service. With Postfix's own second, each \
                message at whose RCPT the queue manager has not yet looked at the last hundred waits \
                so long, while relay and next hop have time left: of 32 busy clients, one message in \
                a hundred. What is accepted is safe on the disk either way, and a full disk is \
                answered with 452.",
        repair: "Set in_flow_delay to 0s, as relaykit does; look at postfix.main in relay.yaml.",
        needs: &[
            Need::Lab,
            Need::Setting("postfix.main", Says::Without(&[FLOW])),
        ],
        sabotages: &[Sabotage {
            name: "the second that Postfix has",
            changes: &[Change::Main(FLOW, "1s")],
            sees: "main.cf: in_flow_delay = 1s",
        }],
        ..Check::by(&mail_is_not_held_up)
    },
    Check {
        id: "runtime.limits_are_those_of_relay_yaml",
        title: "Postfix has the limit of connections that relay.yaml asks for, and restarts services soon",
        citation: "Postfix smtpd_client_connection_count_limit; Postfix service_throttle_time",
        severity: Severity::Medium,
        about: "Reads how many connections a client may have, in main.cf and in every service, and after \
                how many seconds master(8) starts a service again that has failed. A limit that is \
                too high to be reached in a test holds nobody off unless it is the one that was \
                asked for; and Postfix's own minute is a minute without mail for one crash.",
        repair: "Set limits.connections_per_client in relay.yaml, and leave service_throttle_time to \
                 relaykit (2 s).",
        needs: &[
            Need::Lab,
            Need::Built,
            Need::Setting("postfix.main", Says::Without(LIMITS)),
        ],
        sabotages: &[
            Sabotage {
                name: "ten times the connections for one client",
                changes: &[Change::Main("smtpd_client_connection_count_limit", "500")],
                sees: "main.cf: smtpd_client_connection_count_limit = 500",
            },
            Sabotage {
                name: "a service that fails is missed for a minute",
                changes: &[Change::Main("service_throttle_time", "60s")],
                sees: "main.cf: service_throttle_time = 60s",
            },
        ],
        ..Check::by(&limits_are_those_of_relay_yaml)
    },
];

const LIMITS: &[&str] = &[
    "smtpd_client_connection_count_limit",
    "service_throttle_time",
];

/// Seconds without a service that has failed.
const SOON: u64 = 20;

async fn limits_are_those_of_relay_yaml(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let most = context.target().spec.limits.connections_per_client;
    let mut wrong = Vec::new();
    let [connections, throttle] = [LIMITS[0], LIMITS[1]];
    for (place, value) in postconf.everywhere(connections) {
        if value.parse() != Ok(most) {
            wrong.push(format!("{place}: {connections} = {value}"));
        }
    }
    for (place, value) in postconf.everywhere(throttle) {
        if seconds(value, 's').is_none_or(|seconds| seconds > SOON) {
            wrong.push(format!("{place}: {throttle} = {value}"));
        }
    }
    let expected =
        format!("{most} connections for a client, and {SOON} s without a service at most");
    require_none(&wrong, &expected)
}

async fn waits_are_as_long_as_the_standard_asks(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let mut wrong = Vec::new();
    for (parameter, least, unit) in WAITS {
        for (place, value) in postconf.everywhere(parameter) {
            if seconds(value, unit).is_none_or(|seconds| seconds < least) {
                wrong.push(format!("{place}: {parameter} = {value}"));
            }
        }
    }
    require_none(&wrong, "time-outs as RFC 5321 asks for them")
}

async fn mail_is_not_held_up(context: Context) -> Judged {
    let postconf = Postconf::read(&context).await?;
    let places = postconf.everywhere(FLOW);
    let wrong: Vec<String> = places
        .filter(|(_, value)| seconds(value, 's') != Some(0))
        .map(|(place, value)| format!("{place}: {FLOW} = {value}"))
        .collect();
    require_none(
        &wrong,
        "in_flow_delay = 0s in main.cf, and no other in a service",
    )
}

/// A time as Postfix reads it: `300s`, `5d`, or a number of `unit`.
fn seconds(value: &str, unit: char) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = value[digits.len()..].chars().next().unwrap_or(unit);
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_postfix_reads_them() {
        assert_eq!(seconds("300s", 's'), Some(300));
        assert_eq!(seconds("5", 'd'), Some(432_000));
        assert_eq!(seconds("1h", 'd'), Some(3_600));
        assert_eq!(seconds("", 's'), None);
        assert_eq!(seconds("${stress?{10}:{300}}s", 's'), None);
    }

    #[test]
    fn every_time_is_one_that_an_operator_may_set() {
        let names: Vec<&str> = WAITS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, PARAMETERS);
    }
}
