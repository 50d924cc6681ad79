//! Who may relay, and as whom.

use crate::audit::Severity;
use crate::audit::rule::Rule;

pub(in crate::audit) static ANYBODY_RELAYS: Rule = Rule {
    id: "anybody-relays",
    severity: Severity::Critical,
    title: "Anybody may relay",
    consequence: "An open relay is found within hours, sends spam under your name, and is blocked by everybody whom you write to.",
    repair: "Let people log in. Trust single networks with `relay.trusted_networks`, and end every list with `reject_unauth_destination`, or with `reject` where everybody logs in.",
    example: "main: {mynetworks: 0.0.0.0/0}",
    source: "Postfix smtpd_relay_restrictions; Postfix mynetworks",
};

pub(in crate::audit) static CLIENT_RELAYS: Rule = Rule {
    id: "client-relays",
    severity: Severity::High,
    title: "Some clients relay without a login",
    consequence: "Whoever gets such an address, or a program on such a machine, sends mail to the whole world, and nobody can tell whose it was.",
    repair: "Let the client log in. If it cannot, name its address in `relay.trusted_networks`, which is checked, and nowhere else.",
    example: "main: {smtpd_relay_restrictions: \"check_client_access inline:{192.0.2.7=OK}, permit_sasl_authenticated, reject_unauth_destination\"}",
    source: "Postfix access; Postfix mynetworks",
};

pub(in crate::audit) static HELO_RELAYS: Rule = Rule {
    id: "helo-relays",
    severity: Severity::Critical,
    title: "Whoever says a certain name relays",
    consequence: "A client says after HELO what it likes. Whoever guesses or overhears the name has an open relay.",
    repair: "Take the entry out of `smtpd_relay_restrictions`. Let the client log in.",
    example: "main: {smtpd_relay_restrictions: \"check_helo_access inline:{printer.example=OK}, permit_sasl_authenticated, reject_unauth_destination\"}",
    source: "Postfix access; RFC 5321 section 4.1.4",
};

pub(in crate::audit) static SENDER_RELAYS: Rule = Rule {
    id: "sender-relays",
    severity: Severity::Critical,
    title: "Whoever names a certain sender relays",
    consequence: "Anybody can write any sender. Whoever knows one of the addresses has an open relay.",
    repair: "Take the entry out of `smtpd_relay_restrictions`. Let the sender log in, and set `relay.sender_login: own`.",
    example: "main: {smtpd_relay_restrictions: \"check_sender_access inline:{news@example.org=OK}, permit_sasl_authenticated, reject_unauth_destination\"}",
    source: "Postfix access; RFC 5321 section 7.1",
};

pub(in crate::audit) static RECIPIENT_RELAYS: Rule = Rule {
    id: "recipient-relays",
    severity: Severity::High,
    title: "Anybody may send to certain recipients elsewhere",
    consequence: "The relay takes such mail from anybody, for servers that believe what comes from it.",
    repair: "Name domains of your own in `relay.domains`, and take the entry out.",
    example: "main: {smtpd_relay_restrictions: \"check_recipient_access inline:{example.com=OK}, permit_sasl_authenticated, reject_unauth_destination\"}",
    source: "Postfix access",
};

pub(in crate::audit) static CERTIFICATE_RELAYS: Rule = Rule {
    id: "certificate-relays",
    severity: Severity::Medium,
    title: "A client certificate is enough to relay",
    consequence: "The certificate takes the place of a login: it cannot be changed like a password, and the log names no person.",
    repair: "Set `tls.client_certificates` and let clients log in as well.",
    example: "main: {smtpd_relay_restrictions: \"permit_tls_all_clientcerts, permit_sasl_authenticated, reject_unauth_destination\"}",
    source: "Postfix permit_tls_clientcerts; Postfix permit_tls_all_clientcerts",
};

pub(in crate::audit) static ONLY_WARNS: Rule = Rule {
    id: "only-warns",
    severity: Severity::Critical,
    title: "A refusal is only written into the log",
    consequence: "`warn_if_reject` turns the rule behind it into a line of the log: everybody passes. It is for trying rules out, and is forgotten there.",
    repair: "Take `warn_if_reject` away.",
    example: "main: {smtpd_relay_restrictions: \"permit_sasl_authenticated, warn_if_reject reject_unauth_destination\"}",
    source: "Postfix warn_if_reject",
};

pub(in crate::audit) static POLICY_DECIDES: Rule = Rule {
    id: "policy-decides",
    severity: Severity::Medium,
    title: "Another program decides what is taken",
    consequence: "What it answers nobody can judge beforehand: an OK lets pass whoever asks, and while it is away clients get a 450.",
    repair: "Remove it, or see to it that it never answers OK: DUNNO leaves the decision to the rules behind it.",
    example: "main: {smtpd_client_restrictions: \"check_policy_service inet:192.0.2.9:10023\"}",
    source: "Postfix check_policy_service",
};

pub(in crate::audit) static RULE_SKIPPED: Rule = Rule {
    id: "rule-skipped",
    severity: Severity::Medium,
    title: "An OK skips the rules behind it",
    consequence: "The list ends there for whoever the entry is about, so that what stands behind is never asked.",
    repair: "Write DUNNO instead of OK, or put the entry last.",
    example: "main: {smtpd_recipient_restrictions: \"check_client_access inline:{192.0.2.7=OK}, reject_non_fqdn_recipient\"}",
    source: "Postfix access",
};

pub(in crate::audit) static SENDS_AS_ANOTHER: Rule = Rule {
    id: "sends-as-another",
    severity: Severity::High,
    title: "Somebody may send under the address of another",
    consequence: "What is sent so looks genuine to its readers, and the log has nobody else's name.",
    repair: "Keep `relay.sender_login: own`, and give people their addresses in the directory or the users file.",
    example: "main: {smtpd_sender_login_maps: \"inline:{chief@example.org=alice}\"}",
    source: "Postfix smtpd_sender_login_maps",
};

pub(in crate::audit) static ASKED_ELSEWHERE: Rule = Rule {
    id: "asked-elsewhere",
    severity: Severity::Medium,
    title: "A list is asked of a server",
    consequence: "What it answers is decided there, and changes without a change here. Nobody can say in advance whom it lets relay, or where mail goes.",
    repair: "Use a table of your own where the entries are few, or accept that the server decides.",
    example: "main: {virtual_alias_maps: \"ldap:/etc/relaykit/aliases\"}",
    source: "Postfix DATABASE_README",
};

pub(in crate::audit) static UNREAD: Rule = Rule {
    id: "list-unread",
    severity: Severity::Medium,
    title: "A list cannot be read here",
    consequence: "Nobody has judged its entries. Where the file is missing in the container too, Postfix answers every client with a 451.",
    repair: "Write the entries into relay.yaml (`inline:{a=b}`, `cidr:{{192.0.2.0/24 OK}}`), where they are read and exported. If the file is part of an image or mount of your own, look through it yourself.",
    example: "main: {virtual_alias_maps: \"texthash:/srv/mail/aliases\"}",
    source: "Postfix DATABASE_README",
};

pub(in crate::audit) static NO_SUCH_TABLE: Rule = Rule {
    id: "no-such-table",
    severity: Severity::High,
    title: "The relay's Postfix cannot read tables of this type",
    consequence: "Every lookup fails: clients get a 451, or a daemon ends and is started again without an end.",
    repair: "Use `inline`, `texthash`, `lmdb`, `pcre`, `cidr`, `regexp` or `ldap`.",
    example: "main: {virtual_alias_maps: \"mysql:/etc/relaykit/aliases\"}",
    source: "Postfix DATABASE_README",
};

pub(in crate::audit) static STRANGERS_SEND: Rule = Rule {
    id: "strangers-send",
    severity: Severity::High,
    title: "Mail for a domain is taken from anybody",
    consequence: "The relay takes it without a login. It has no mailboxes, so what it cannot pass on comes back to senders that strangers forge.",
    repair: "Use `relay.domains`, which asks the next hop for each recipient first.",
    example: "main: {relay_domains: example.org}",
    source: "Postfix reject_unauth_destination; Postfix relay_domains",
};

pub(in crate::audit) static ROUTED: Rule = Rule {
    id: "routed-recipient",
    severity: Severity::Critical,
    title: "A recipient may name its own route",
    consequence: "With `user%elsewhere@relay` a stranger has the relay pass mail on, as if it were for a domain of its own.",
    repair: "Remove it.",
    example: "main: {allow_percent_hack: 'yes'}",
    source: "Postfix allow_percent_hack; Postfix allow_untrusted_routing",
};

pub(in crate::audit) static CLAIMED: Rule = Rule {
    id: "origin-claimed",
    severity: Severity::High,
    title: "Some clients may say who they are",
    consequence: "Limits, networks that are trusted, and the log all believe what such a client says of its address or login.",
    repair: "Remove it, unless a proxy of your own is the only one that reaches the port.",
    example: "main: {smtpd_authorized_xforward_hosts: 192.0.2.7}",
    source: "Postfix XFORWARD_README; Postfix smtpd_upstream_proxy_protocol",
};

pub(in crate::audit) static LIMIT_SKIPPED: Rule = Rule {
    id: "limit-skipped",
    severity: Severity::Low,
    title: "Limits do not hold for some clients",
    consequence: "Such a client can take every process, and nobody else gets in.",
    repair: "Name as few as possible, each by its address.",
    example: "main: {smtpd_client_event_limit_exceptions: 192.0.2.0/24}",
    source: "Postfix smtpd_client_event_limit_exceptions",
};

pub(in crate::audit) static COMMANDS_CHANGED: Rule = Rule {
    id: "commands-changed",
    severity: Severity::High,
    title: "Commands of clients are changed",
    consequence: "What smtpd judges is then not what the client sent: a recipient or sender can become another one. relaykit's own filter, which gives a bare postmaster a domain, is gone.",
    repair: "Remove it.",
    example: "main: {smtpd_command_filter: \"pcre:{{/^RCPT TO:<boss@example.org>/ RCPT TO:<spy@example.org>}}\"}",
    source: "Postfix smtpd_command_filter",
};

pub(in crate::audit) static ADDRESSES_TOLD: Rule = Rule {
    id: "addresses-told",
    severity: Severity::Low,
    title: "Anybody may ask which addresses there are",
    consequence: "Lists of addresses for spam are made that way.",
    repair: "Remove it.",
    example: "main: {disable_vrfy_command: 'no'}",
    source: "Postfix disable_vrfy_command; RFC 5321 section 7.3",
};

pub(in crate::audit) static SMUGGLING: Rule = Rule {
    id: "smuggling",
    severity: Severity::High,
    title: "A client may send ahead of its turn",
    consequence: "A second message can be hidden in the first, or commands in a message, and come in without any check.",
    repair: "Remove it.",
    example: "main: {smtpd_forbid_unauth_pipelining: 'no'}",
    source: "Postfix smtpd_forbid_unauth_pipelining; Postfix smtpd_forbid_bare_newline; CVE-2023-51764",
};

pub(in crate::audit) static REFUSED_EARLY: Rule = Rule {
    id: "refused-early",
    severity: Severity::Low,
    title: "Clients are refused before they can log in",
    consequence: "Rules about the client are then asked at once, so that a person on a listed address never gets to the login, and the log names no recipient.",
    repair: "Remove it.",
    example: "main: {smtpd_delay_reject: 'no'}",
    source: "Postfix smtpd_delay_reject",
};

pub(in crate::audit) static OLD_DEFAULTS: Rule = Rule {
    id: "old-defaults",
    severity: Severity::High,
    title: "Postfix behaves as an old version did",
    consequence: "Parameters that nobody sets have the values of that time. Below 1, relaying is judged by `smtpd_recipient_restrictions` alone.",
    repair: "Remove `compatibility_level`.",
    example: "main: {compatibility_level: '0'}",
    source: "Postfix COMPATIBILITY_README",
};

pub(in crate::audit) static UNREACHABLE: Rule = Rule {
    id: "unreachable",
    severity: Severity::High,
    title: "The relay listens where nobody comes",
    consequence: "Published ports lead to the container's address on its networks; on 127.0.0.1 of the container they find nobody.",
    repair: "Remove `inet_interfaces`, and set `listeners.bind` to the address of the host.",
    example: "main: {inet_interfaces: loopback-only}",
    source: "Postfix inet_interfaces",
};

pub(in crate::audit) static NO_HELO: Rule = Rule {
    id: "no-helo",
    severity: Severity::Low,
    title: "Mail is taken from clients without a HELO",
    consequence: "Programs that only look like mail clients get further, and rules about HELO are never asked.",
    repair: "Remove it.",
    example: "main: {smtpd_helo_required: 'no'}",
    source: "Postfix smtpd_helo_required; RFC 5321 section 4.1.4",
};

pub(in crate::audit) static LISTENER: Rule = Rule {
    id: "own-listener",
    severity: Severity::High,
    title: "A listener that relaykit does not know",
    consequence: "It has none of the options of relaykit's listeners: whether people log in there, under TLS, and what is told of them, depends on main.cf alone, and no check tries it.",
    repair: "Use `listeners`. For a listener on another port, publish one of relaykit's there.",
    example: "master: {2525/inet: n - n - - smtpd}",
    source: "Postfix master",
};

pub(in crate::audit) static UNKNOWN_RESTRICTION: Rule = Rule {
    id: "unknown-restriction",
    severity: Severity::High,
    title: "A list has a restriction that Postfix does not know",
    consequence: "smtpd answers every client that comes so far with `451 4.3.5 Server configuration error`: no mail is taken at all.",
    repair: "Look the name up in postconf(5), and correct it.",
    example: "main: {smtpd_client_restrictions: rejecct_unauth_pipelining}",
    source: "Postfix smtpd_client_restrictions",
};

pub(super) static ALL: &[&Rule] = &[
    &ANYBODY_RELAYS,
    &CLIENT_RELAYS,
    &HELO_RELAYS,
    &SENDER_RELAYS,
    &RECIPIENT_RELAYS,
    &CERTIFICATE_RELAYS,
    &ONLY_WARNS,
    &POLICY_DECIDES,
    &RULE_SKIPPED,
    &SENDS_AS_ANOTHER,
    &ASKED_ELSEWHERE,
    &UNREAD,
    &NO_SUCH_TABLE,
    &STRANGERS_SEND,
    &ROUTED,
    &CLAIMED,
    &LIMIT_SKIPPED,
    &COMMANDS_CHANGED,
    &ADDRESSES_TOLD,
    &SMUGGLING,
    &REFUSED_EARLY,
    &OLD_DEFAULTS,
    &UNREACHABLE,
    &NO_HELO,
    &LISTENER,
    &UNKNOWN_RESTRICTION,
];
