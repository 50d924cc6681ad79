//! Values that are a fault by their size alone.

use crate::audit::Severity;
use crate::audit::rule::Rule;

pub(in crate::audit) static QUEUE_LIFETIME: Rule = Rule {
    id: "queue-lifetime",
    severity: Severity::High,
    title: "Mail is given up too soon or too late",
    consequence: "A next hop that is down over a weekend is usual; mail that is returned before is lost to its reader, and mail that waits for weeks is of no use.",
    repair: "Leave `maximal_queue_lifetime` between 4 and 14 days.",
    example: "main: {maximal_queue_lifetime: 1h}",
    source: "RFC 5321 section 4.5.4.1; Postfix maximal_queue_lifetime",
};

pub(in crate::audit) static RETRIES: Rule = Rule {
    id: "retry-pace",
    severity: Severity::Medium,
    title: "Mail is tried again too often or too seldom",
    consequence: "A next hop that is tried every few seconds blocks the relay; one that is tried once a day gets mail a day late.",
    repair: "Leave these parameters alone, or within the bounds that are told.",
    example: "main: {minimal_backoff_time: 1s}",
    source: "RFC 5321 section 4.5.4.1; Postfix minimal_backoff_time",
};

pub(in crate::audit) static TIMEOUTS: Rule = Rule {
    id: "timeout",
    severity: Severity::Medium,
    title: "Somebody is not waited for long enough, or too long",
    consequence: "A server that gives up before the reply to the end of a message sends it twice. One that waits for hours is kept busy by whoever is silent.",
    repair: "Leave these parameters alone, or within the bounds that are told.",
    example: "main: {smtp_data_done_timeout: 30s}",
    source: "RFC 5321 section 4.5.3.2; Postfix smtp_data_done_timeout",
};

pub(in crate::audit) static SESSIONS: Rule = Rule {
    id: "session-lifetime",
    severity: Severity::Medium,
    title: "TLS sessions are resumed for too long or not at all",
    consequence: "Whoever gets the ticket's key later reads all sessions of that time. Without resumption each message costs a handshake.",
    repair: "Leave it between a minute and a day.",
    example: "main: {smtpd_tls_session_cache_timeout: 30d}",
    source: "RFC 8446 section 4.6.1; Postfix smtpd_tls_session_cache_timeout",
};

pub(in crate::audit) static PROCESSES: Rule = Rule {
    id: "process-limit",
    severity: Severity::Medium,
    title: "Too few or too many processes",
    consequence: "With few, one slow client keeps all others out. With many, the container's memory ends first.",
    repair: "Leave it between 20 and 1000.",
    example: "main: {default_process_limit: '2'}",
    source: "Postfix default_process_limit; Postfix STRESS_README",
};

pub(in crate::audit) static SERVICE_TERMS: Rule = Rule {
    id: "service-terms",
    severity: Severity::Medium,
    title: "A service of Postfix's own runs under other terms than Postfix gives it",
    consequence: "A queue that nobody wakes delivers late, one process for all keeps everybody waiting, a service that is not private is open to other programs, and one in the place of another loses mail.",
    repair: "Leave the columns as `/usr/share/postfix/master.cf.dist` has them, and give a service of your own a name of its own.",
    example: "master: {bounce/unix: '- - n - 1 bounce'}",
    source: "Postfix master",
};

pub(in crate::audit) static CLIENT_LIMITS: Rule = Rule {
    id: "client-limit",
    severity: Severity::Medium,
    title: "A limit on clients or next hops is too small or too large",
    consequence: "Too small, and ordinary mail is refused (RFC 5321 asks for 100 recipients). Too large or 0, and one client takes everything.",
    repair: "Leave it within the bounds that are told.",
    example: "main: {smtpd_recipient_limit: '10'}",
    source: "RFC 5321 section 4.5.3.1.8; Postfix smtpd_recipient_limit",
};

pub(in crate::audit) static SIZES: Rule = Rule {
    id: "size-limit",
    severity: Severity::Medium,
    title: "A size does not go together with the rest",
    consequence: "Mail is refused, cut off or broken: a header that is cut off loses its end, and a line that is broken spoils a signature.",
    repair: "Use `relay.message_size_limit`, and leave the others alone.",
    example: "main: {header_size_limit: '1000'}",
    source: "Postfix header_size_limit; Postfix smtp_line_length_limit; RFC 5321 section 4.5.3.1",
};

pub(super) static ALL: &[&Rule] = &[
    &QUEUE_LIFETIME,
    &RETRIES,
    &TIMEOUTS,
    &SESSIONS,
    &PROCESSES,
    &SERVICE_TERMS,
    &CLIENT_LIMITS,
    &SIZES,
];
