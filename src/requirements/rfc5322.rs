//! RFC 5322: the form of messages, as far as a relay writes or must not change it: trace
//! headers, and what is added to mail by login that lacks it.

use super::answer::{CLIENTS, held, inside, partly};
use super::{Requirement, Source, must, must_not, should, should_not};

pub(super) const SOURCE: Source = Source {
    name: "RFC 5322",
    title: "Internet Message Format",
    parts: &[ROWS],
    beside: &[
        ("1.2", "It says how the document is to be read."),
        (
            "3.4",
            "Addresses in headers: whoever writes a message writes them; what the relay adds is listed at 3.6.",
        ),
        (
            "4",
            "Forms of old, for programs that read messages; a relay reads none.",
        ),
        ("6", "Examples."),
    ],
};

const LONG_LINES: &[&str] = &[
    "protocol.too_long_lines_are_refused",
    "protocol.strangers_lines_are_refused",
    "privacy.trace_left_is_whole",
];

#[rustfmt::skip]
const ROWS: &[Requirement] = &[
    must("2.1.1", "No line has more than 998 characters.", held(LONG_LINES)),
    should("2.1.1", "No line has more than 78 characters.",
        partly(&["privacy.trace_left_is_whole"], "998 is what is looked at: a long login or address makes the relay's own line longer")),
    must("2.2", "The name of a field is printable ASCII without a colon.",
        held(&["privacy.missing_headers_are_added", "privacy.trace_left_is_whole"])),
    must_not("2.2", "A field has a CR or LF but where it is folded.",
        held(&["privacy.odd_logins_stay_one_comment", "protocol.next_hop_gets_whole_line_ends"])),
    should("2.2.3", "A field is folded where its parts meet.",
        partly(&["privacy.trace_left_is_whole"], "that the trace header can be read whole is seen, not where it is folded")),
    must("2.3", "CR and LF come together alone, and lines of the body have 998 characters at most.",
        held(&["protocol.next_hop_gets_whole_line_ends", "protocol.too_long_lines_are_refused"])),
    must("3.1", "What the relay writes keeps to the syntax, and to none of the forms of old.",
        held(&["privacy.trace_left_is_whole", "privacy.missing_headers_are_added", "privacy.odd_logins_stay_one_comment"])),
    must_not("3.2.2", "A line of a folded field is blank.",
        partly(&["privacy.trace_left_is_whole"], "the header is read whole, and a blank line of a fold would pass")),
    should("3.3", "A date has single blanks.",
        partly(&["privacy.trace_left_is_whole", "privacy.missing_headers_are_added"], "that the date can be read is seen, not how many blanks it has")),
    should("3.3", "A date is in local time, and says +0000 where that is UTC.",
        held(&["runtime.time_is_utc"])),
    must("3.3", "A date is a real one: the day of the week fits, and so do hours, minutes and the zone.",
        held(&["privacy.trace_left_is_whole", "privacy.short_form_is_valid", "privacy.missing_headers_are_added"])),
    must("3.5", "A message is lines of 998 characters at most.", held(LONG_LINES)),
    should_not("3.6", "Fields change their order on the way.", held(&["privacy.message_is_untouched"])),
    must_not("3.6", "Trace and resent fields change their order.",
        held(&["privacy.earlier_trace_stays", "privacy.message_is_untouched"])),
    should("3.6", "Trace and resent fields stay in blocks at the top.",
        held(&["privacy.earlier_trace_stays", "privacy.trace_left_is_whole"])),
    must("3.6", "A message has one date and one author's field.",
        partly(&["privacy.missing_headers_are_added"], "mail by login gets what it lacks; a second one is the writer's, and stays")),
    must("3.6.2", "Several authors need a Sender, and one author none.", CLIENTS),
    should("3.6.2", "Answers go to the author, and From names nobody else.", CLIENTS),
    should_not("3.6.3", "An answer tells of blind copies in To or Cc.", CLIENTS),
    should("3.6.4", "Every message has a Message-ID.", held(&["privacy.missing_headers_are_added"])),
    should("3.6.4", "Answers name what they answer.", CLIENTS),
    must("3.6.4", "A Message-ID is like no other in the world.",
        inside("the relay makes it of the moment, the queue id and its own name; that no two are the same cannot be seen")),
    should("3.6.4", "Behind the @ of a Message-ID stands a domain of whoever made it.",
        held(&["privacy.missing_headers_are_added"])),
    should("3.6.6", "Who sends a message on adds resent fields, whole and in a block of their own.", CLIENTS),
    must_not("3.6.6", "Programs that answer go by resent fields.", CLIENTS),
    must("3.6.8", "A field of one's own has the syntax of a field, and no name of this document.", CLIENTS),
];
