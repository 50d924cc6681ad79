//! What becomes of mail, and who learns of it.

use crate::audit::Severity;
use crate::audit::rule::Rule;

pub(in crate::audit) static COPIED: Rule = Rule {
    id: "copied",
    severity: Severity::Critical,
    title: "Mail is copied to somebody",
    consequence: "Sender and recipients are not told. Whoever gets into that mailbox reads what everybody writes.",
    repair: "Remove the entry, or name `copied` in `postfix.accept` if people know of it.",
    example: "main: {always_bcc: archive@example.org}",
    source: "Postfix always_bcc; Postfix ADDRESS_REWRITING_README",
};

pub(in crate::audit) static REDIRECTED: Rule = Rule {
    id: "redirected",
    severity: Severity::High,
    title: "Mail for somebody goes to somebody else",
    consequence: "The recipient never gets it, and the sender is not told.",
    repair: "Remove the entry; aliases are the business of the server that has the mailboxes.",
    example: "main: {virtual_alias_maps: \"inline:{alice@example.org=bob@example.org}\"}",
    source: "Postfix virtual; Postfix canonical",
};

pub(in crate::audit) static REWRITTEN: Rule = Rule {
    id: "rewritten",
    severity: Severity::Medium,
    title: "Addresses are changed",
    consequence: "Senders and recipients in headers become others: signatures (DKIM) no longer fit, and answers go to whom the table names.",
    repair: "Remove the entry; let programs send with the right address.",
    example: "main: {sender_canonical_maps: \"inline:{app@example.org=noreply@example.org}\"}",
    source: "Postfix canonical; Postfix generic",
};

pub(in crate::audit) static RETURNED: Rule = Rule {
    id: "returned-early",
    severity: Severity::High,
    title: "Mail is returned that could be delivered",
    consequence: "Senders get a report of failure for mail that nobody refused for good.",
    repair: "Remove it.",
    example: "main: {transport_maps: \"inline:{example.com=error:closed}\"}",
    source: "Postfix transport; RFC 5321 section 4.5.4.1",
};

pub(in crate::audit) static DROPPED: Rule = Rule {
    id: "dropped",
    severity: Severity::Critical,
    title: "Mail is thrown away",
    consequence: "The client is told that it was taken, and nobody gets it or hears of it.",
    repair: "Refuse it instead (`REJECT`), so that the sender knows.",
    example: "main: {smtpd_sender_restrictions: \"check_sender_access inline:{news@example.org=DISCARD}\"}",
    source: "Postfix access; RFC 5321 section 4.2.5",
};

pub(in crate::audit) static HELD: Rule = Rule {
    id: "held",
    severity: Severity::High,
    title: "Mail waits until somebody lets it go",
    consequence: "It stays in the queue without an end and without a report, until somebody runs `postsuper -H`.",
    repair: "Remove it.",
    example: "main: {smtpd_sender_restrictions: \"check_sender_access inline:{news@example.org=HOLD}\"}",
    source: "Postfix access; Postfix defer_transports",
};

pub(in crate::audit) static REROUTED: Rule = Rule {
    id: "rerouted",
    severity: Severity::High,
    title: "Mail goes another way than to the next hop",
    consequence: "Another server reads it, and TLS, login and certificates of `outbound` need not hold there.",
    repair: "Use `outbound.next_hop`. If single domains are to go elsewhere, accept it by name.",
    example: "main: {transport_maps: \"inline:{example.com=smtp:[192.0.2.25]:25}\"}",
    source: "Postfix transport; Postfix relayhost",
};

pub(in crate::audit) static BY_MX: Rule = Rule {
    id: "next-hop-by-mx",
    severity: Severity::Medium,
    title: "A next hop is written without brackets",
    consequence: "Postfix asks DNS for the mail servers (MX) of that name. A host with no MX of its own, or with another one, never gets the mail.",
    repair: "Write the host in brackets: `[smtp.example.net]:587`.",
    example: "main: {relayhost: 'smtp.example.net:587'}",
    source: "Postfix relayhost",
};

pub(in crate::audit) static NO_WRAPPER: Rule = Rule {
    id: "next-hop-465",
    severity: Severity::High,
    title: "A next hop on port 465 is spoken to in clear",
    consequence: "Both sides wait for the other to begin, until the connection times out: nothing is delivered.",
    repair: "Use port 587, or set `smtp_tls_wrappermode` to yes and `smtp_tls_security_level` to encrypt or more.",
    example: "main: {relayhost: '[smtp.example.net]:465'}",
    source: "Postfix smtp_tls_wrappermode; RFC 8314 section 3.3",
};

pub(in crate::audit) static FILTERED: Rule = Rule {
    id: "filtered",
    severity: Severity::High,
    title: "A milter sees every message",
    consequence: "It can read, change, copy or drop each of them, and while it is away mail is refused or passes unseen, as `milter_default_action` says.",
    repair: "Remove it, or run a milter that you trust and accept it by name.",
    example: "main: {smtpd_milters: \"inet:192.0.2.9:8891\"}",
    source: "Postfix MILTER_README",
};

pub(in crate::audit) static REPLIES_CHANGED: Rule = Rule {
    id: "replies-changed",
    severity: Severity::High,
    title: "What the next hop says is changed",
    consequence: "A refusal can become a delivery and a deferral a refusal, without anybody being told.",
    repair: "Remove it.",
    example: "main: {smtp_delivery_status_filter: \"pcre:{{/^4(.*)/ 5$1}}\"}",
    source: "Postfix default_delivery_status_filter; Postfix smtp_reply_filter",
};

pub(in crate::audit) static HEADER_ADDED: Rule = Rule {
    id: "header-added",
    severity: Severity::High,
    title: "Messages get a header",
    consequence: "What it tells of the client, such as an address or a login, every recipient reads.",
    repair: "Remove it.",
    example: "main: {smtpd_client_restrictions: \"check_client_access inline:{{192.0.2.7 = PREPEND X-Client: desk 7}}\"}",
    source: "Postfix access; Postfix header_checks",
};

pub(in crate::audit) static HEADER_CHANGED: Rule = Rule {
    id: "header-changed",
    severity: Severity::Medium,
    title: "Headers are replaced",
    consequence: "What the sender wrote becomes something else, and signatures (DKIM) no longer fit.",
    repair: "Remove it; `privacy.strip_headers` takes whole fields off.",
    example: "main: {body_checks: \"pcre:/etc/relaykit/postfix/long_lines, pcre:{{/^secret/ REPLACE public}}\"}",
    source: "Postfix header_checks",
};

pub(in crate::audit) static LOGGED: Rule = Rule {
    id: "content-logged",
    severity: Severity::High,
    title: "Content or passwords are written into the log",
    consequence: "Logs are kept, copied and read by more people than mail is.",
    repair: "Remove it; use it in a lab for as long as a fault is looked for.",
    example: "main: {smtpd_tls_loglevel: \"4\"}",
    source: "Postfix header_checks; Postfix DEBUG_README",
};

pub(in crate::audit) static LESS_LOGGED: Rule = Rule {
    id: "log-lost",
    severity: Severity::Medium,
    title: "The log does not have what is needed later",
    consequence: "After an incident nobody can say who it was or what happened to a message.",
    repair: "Remove it.",
    example: "main: {maillog_file: /var/log/mail.log}",
    source: "Postfix maillog_file; RFC 6302",
};

pub(in crate::audit) static CLIENT_TOLD: Rule = Rule {
    id: "client-told",
    severity: Severity::Critical,
    title: "The next hop is told of clients",
    consequence: "Each client's name, address and HELO go to a server that is not yours, whatever `privacy` says.",
    repair: "Remove it.",
    example: "main: {smtp_send_xforward_command: 'yes'}",
    source: "Postfix XFORWARD_README",
};

pub(in crate::audit) static NEVER_REFUSED: Rule = Rule {
    id: "never-refused",
    severity: Severity::High,
    title: "Nothing is refused for good",
    consequence: "Clients send again for days what will never be taken, and people hear of it days later.",
    repair: "Remove `soft_bounce`; it is for trying a configuration out.",
    example: "main: {soft_bounce: 'yes'}",
    source: "Postfix soft_bounce",
};

pub(in crate::audit) static PROGRAM: Rule = Rule {
    id: "program-run",
    severity: Severity::High,
    title: "A program gets mail",
    consequence: "A program that reads mail from strangers is the usual way into a machine, and the relay's container has none that could.",
    repair: "Remove it.",
    example: "master: {script/unix: '- n n - - pipe flags=R user=nobody argv=/bin/cat'}",
    source: "Postfix pipe; Postfix master",
};

pub(in crate::audit) static BY_HOST: Rule = Rule {
    id: "next-hop-by-host",
    severity: Severity::Medium,
    title: "Mail servers are not looked up",
    consequence: "Mail for a domain goes to the host of that name, and not to the servers that the domain names.",
    repair: "Remove it, and write next hops in brackets.",
    example: "main: {disable_dns_lookups: 'yes'}",
    source: "Postfix smtp_dns_support_level; RFC 5321 section 5.1",
};

pub(in crate::audit) static BAD_NAME: Rule = Rule {
    id: "bad-name",
    severity: Severity::Medium,
    title: "The relay calls itself by no full name",
    consequence: "Next hops refuse a HELO without a domain, and the name in the trace header leads nowhere.",
    repair: "Set `hostname`.",
    example: "main: {myhostname: mail}",
    source: "Postfix myhostname; RFC 5321 section 2.3.5",
};

pub(in crate::audit) static CHROOTED: Rule = Rule {
    id: "chrooted",
    severity: Severity::High,
    title: "A service is chrooted",
    consequence: "There is no resolver and there are no certificates in the folder that it is locked into: deliveries fail with 'Host not found', logins with a 454.",
    repair: "Write n in the third column of the entry.",
    example: "master: {smtp/unix: '- - y - - smtp'}",
    source: "Postfix master",
};

pub(super) static ALL: &[&Rule] = &[
    &COPIED,
    &REDIRECTED,
    &REWRITTEN,
    &RETURNED,
    &DROPPED,
    &HELD,
    &REROUTED,
    &BY_MX,
    &NO_WRAPPER,
    &FILTERED,
    &REPLIES_CHANGED,
    &HEADER_ADDED,
    &HEADER_CHANGED,
    &LOGGED,
    &LESS_LOGGED,
    &CLIENT_TOLD,
    &NEVER_REFUSED,
    &PROGRAM,
    &BY_HOST,
    &BAD_NAME,
    &CHROOTED,
];
