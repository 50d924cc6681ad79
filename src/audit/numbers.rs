//! Values that are a fault by their size alone.

use super::Reader;
use super::effective::Place;
use super::rule::Rule;
use super::rules::bounds;
use super::words::{seconds, shown};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// Between what a value may lie.
struct Bound {
    parameter: &'static str,
    /// Seconds of the parameter's own unit; 0: it is a number, not a time.
    unit: u64,
    least: u64,
    most: u64,
    rule: &'static Rule,
    /// What the value is.
    what: &'static str,
}

const fn time(
    parameter: &'static str,
    unit: u64,
    least: u64,
    most: u64,
    rule: &'static Rule,
    what: &'static str,
) -> Bound {
    Bound {
        parameter,
        unit,
        least,
        most,
        rule,
        what,
    }
}

const fn number(
    parameter: &'static str,
    least: u64,
    most: u64,
    rule: &'static Rule,
    what: &'static str,
) -> Bound {
    Bound {
        parameter,
        unit: 0,
        least,
        most,
        rule,
        what,
    }
}

const BOUNDS: &[Bound] = &[
    // RFC 5321 section 4.5.4.1: give up after four or five days at least.
    time(
        "maximal_queue_lifetime",
        DAY,
        4 * DAY,
        14 * DAY,
        &bounds::QUEUE_LIFETIME,
        "mail is returned after",
    ),
    time(
        "bounce_queue_lifetime",
        DAY,
        DAY,
        14 * DAY,
        &bounds::QUEUE_LIFETIME,
        "a report is given up after",
    ),
    time(
        "minimal_backoff_time",
        1,
        MINUTE,
        2 * HOUR,
        &bounds::RETRIES,
        "mail is tried again after at least",
    ),
    time(
        "maximal_backoff_time",
        1,
        5 * MINUTE,
        12 * HOUR,
        &bounds::RETRIES,
        "mail is tried again after at most",
    ),
    time(
        "queue_run_delay",
        1,
        10,
        HOUR,
        &bounds::RETRIES,
        "the queue is looked through every",
    ),
    // RFC 5321 section 4.5.3.2: what a client has to wait for.
    time(
        "smtp_connect_timeout",
        1,
        5,
        5 * MINUTE,
        &bounds::TIMEOUTS,
        "a connection is waited for",
    ),
    time(
        "smtp_helo_timeout",
        1,
        5 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "a greeting is waited for",
    ),
    time(
        "smtp_mail_timeout",
        1,
        5 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "the reply to MAIL is waited for",
    ),
    time(
        "smtp_rcpt_timeout",
        1,
        5 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "the reply to RCPT is waited for",
    ),
    time(
        "smtp_data_init_timeout",
        1,
        2 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "the reply to DATA is waited for",
    ),
    time(
        "smtp_data_xfer_timeout",
        1,
        3 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "a piece of a message is waited for",
    ),
    time(
        "smtp_data_done_timeout",
        1,
        10 * MINUTE,
        HOUR,
        &bounds::TIMEOUTS,
        "the reply to the end of a message is waited for",
    ),
    time(
        "smtp_starttls_timeout",
        1,
        30,
        10 * MINUTE,
        &bounds::TIMEOUTS,
        "a handshake of a next hop is waited for",
    ),
    time(
        "smtpd_timeout",
        1,
        MINUTE,
        10 * MINUTE,
        &bounds::TIMEOUTS,
        "a client's next command is waited for",
    ),
    time(
        "smtpd_starttls_timeout",
        1,
        5,
        5 * MINUTE,
        &bounds::TIMEOUTS,
        "a client's handshake is waited for",
    ),
    time(
        "ipc_timeout",
        1,
        MINUTE,
        2 * HOUR,
        &bounds::TIMEOUTS,
        "a daemon waits for another",
    ),
    time(
        "daemon_timeout",
        1,
        HOUR,
        2 * DAY,
        &bounds::TIMEOUTS,
        "a daemon may take for one request",
    ),
    // RFC 8446 section 4.6.1: seven days at most; forward secrecy ends with the key.
    time(
        "smtpd_tls_session_cache_timeout",
        1,
        MINUTE,
        DAY,
        &bounds::SESSIONS,
        "sessions of clients are resumed for",
    ),
    time(
        "smtp_tls_session_cache_timeout",
        1,
        MINUTE,
        DAY,
        &bounds::SESSIONS,
        "sessions with next hops are resumed for",
    ),
    number(
        "default_process_limit",
        20,
        1000,
        &bounds::PROCESSES,
        "processes of each service",
    ),
    number(
        "smtpd_client_connection_count_limit",
        1,
        100,
        &bounds::CLIENT_LIMITS,
        "connections of one client at once",
    ),
    number(
        "smtpd_recipient_limit",
        100,
        10_000,
        &bounds::CLIENT_LIMITS,
        "recipients of a message",
    ),
    number(
        "smtpd_hard_error_limit",
        2,
        100,
        &bounds::CLIENT_LIMITS,
        "mistakes until a client is sent away",
    ),
    number(
        "smtpd_junk_command_limit",
        5,
        1000,
        &bounds::CLIENT_LIMITS,
        "commands without mail until they count as mistakes",
    ),
    number(
        "smtp_destination_concurrency_limit",
        1,
        100,
        &bounds::CLIENT_LIMITS,
        "connections to one next hop at once",
    ),
    number(
        "default_destination_concurrency_limit",
        1,
        100,
        &bounds::CLIENT_LIMITS,
        "connections to one next hop at once",
    ),
    number(
        "hopcount_limit",
        30,
        200,
        &bounds::QUEUE_LIFETIME,
        "servers a message may have passed before it is returned",
    ),
    number(
        "qmgr_message_active_limit",
        1000,
        100_000,
        &bounds::PROCESSES,
        "messages that are being delivered",
    ),
    number(
        "header_size_limit",
        16_384,
        10_485_760,
        &bounds::SIZES,
        "octets of a header before the rest is cut off",
    ),
    number(
        "line_length_limit",
        1000,
        1_048_576,
        &bounds::SIZES,
        "octets of a line in memory",
    ),
    number(
        "smtp_line_length_limit",
        0,
        0,
        &bounds::SIZES,
        "octets after which a line is broken, which spoils signatures",
    ),
    number(
        "message_size_limit",
        65_536,
        1_073_741_824,
        &bounds::SIZES,
        "octets of a message",
    ),
];

impl Reader<'_> {
    pub(super) fn numbers(&mut self) {
        for bound in BOUNDS {
            for (place, value) in self.effective.everywhere(bound.parameter) {
                self.bounded(bound, &place, &value);
            }
        }
        for service in self.effective.services() {
            let Ok(limit) = service.limit.parse::<u64>() else {
                continue;
            };
            // One is Postfix's own word for services that are alone by their nature.
            let listens = service.key.ends_with("/inet");
            if listens && !(20..=1000).contains(&limit) {
                let place = Place::Service(service.key.clone());
                let does = format!(
                    "{} has {limit} processes at most; between 20 and 1000 are sound",
                    service.key
                );
                self.find(&bounds::PROCESSES, &place, does);
            }
        }
    }

    fn bounded(&mut self, bound: &Bound, place: &Place, value: &str) {
        // What depends on a condition has no one size.
        let is_time = bound.unit > 0;
        let found = if is_time {
            seconds(value, bound.unit)
        } else {
            value.trim().parse().ok()
        };
        let Some(found) = found else {
            return;
        };
        if (bound.least..=bound.most).contains(&found) {
            return;
        }
        let Bound {
            what, least, most, ..
        } = bound;
        let does = if is_time {
            format!(
                "{what} {}; between {} and {} is sound",
                shown(found),
                shown(*least),
                shown(*most)
            )
        } else if least == most {
            format!("{}: {found} {what}; {least} is sound", bound.parameter)
        } else {
            format!(
                "{}: {found} {what}; between {least} and {most} is sound",
                bound.parameter
            )
        };
        self.find(bound.rule, place, does);
    }
}
