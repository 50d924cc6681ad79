//! The relay's main.cf, see postconf(5), and the small files that it names.

use crate::config::{ClientCertificates, Listener, Received, Spec};
use crate::counterparts::{Purpose, Resolved, anchor_path};

use super::main_cf::{Group, render};
use super::sasl::LOGINS;
use super::{certificate, header_checks, limits, logins, long_lines, outbound, recipients};

/// The operator's CA of clients.
const CLIENT_CA: &str = "/etc/relaykit/tls/client-ca.pem";

/// The whole file.
pub(super) fn main_cf(resolved: &Resolved) -> String {
    render(
        "Postfix of the relay, see postconf(5). Written by relaykit from relay.yaml.",
        &groups(resolved),
        &resolved.spec.postfix.main,
    )
}

/// What relaykit sets, without the operator's last word.
pub(super) fn groups(resolved: &Resolved) -> Vec<Group> {
    let spec = &resolved.spec;
    let mut groups = vec![
        house(),
        identity(spec),
        no_local_delivery(),
        who_may_relay(spec),
        clients(resolved),
        logins_offered(spec),
        server_tls(resolved),
        content(spec),
        outbound::next_hop(&resolved.next_hop),
        outbound::tls(resolved),
    ];
    groups.extend(recipients::asked(spec));
    groups.extend(logins::senders(spec));
    groups.extend(limits::counted(spec));
    groups
}

fn house() -> Group {
    Group::new(
        "The house: behaviour of the Postfix that the image holds, everything logged\n\
         on standard output, data and queue on volumes. A service that meets a daemon\n\
         which is being started again is soon tried once more. No message is held up for\n\
         a second at RCPT because the queue manager has not yet looked at the last\n\
         hundred: they are safe on the disk, and a full disk answers 452 by itself.",
    )
    .set("compatibility_level", "3.10")
    .set("maillog_file", "/dev/stdout")
    .set("service_throttle_time", "2s")
    .set("in_flow_delay", "0s")
    .set("queue_directory", "/var/spool/postfix")
    .set("data_directory", "/var/lib/postfix")
    .set("default_database_type", "lmdb")
    .set("inet_interfaces", "all")
    .set("inet_protocols", "all")
    .switch("enable_long_queue_ids", true)
    .switch("smtputf8_enable", true)
    .switch("strict_smtputf8", true)
    .switch("biff", false)
}

fn identity(spec: &Spec) -> Group {
    Group::new(
        "Who we are. The banner does not say $mail_name: login listeners have another\n\
         one, which is for the trace header alone.",
    )
    .set("myhostname", spec.hostname.as_str())
    .set("myorigin", "$myhostname")
    .set("smtpd_banner", "$myhostname ESMTP")
}

fn no_local_delivery() -> Group {
    Group::new(
        "A relay has no mailboxes: nothing is delivered here, no name is looked up\n\
         here, and no report goes to a postmaster who is not here.",
    )
    .set("mydestination", "")
    .set("local_transport", "error:5.1.1 this relay has no mailboxes")
    .set("local_recipient_maps", "")
    .set("alias_maps", "")
    .set("alias_database", "")
    .set("notify_classes", "")
    .set("fast_flush_domains", "")
}

fn who_may_relay(spec: &Spec) -> Group {
    let login = spec.auth.listeners.contains(&Listener::Smtp);
    let permitted = if login {
        "permit_mynetworks, permit_sasl_authenticated"
    } else {
        "permit_mynetworks"
    };
    let relayed = spec.relay.domains.join(", ");
    // A bare `RCPT TO:<postmaster>` passes without any check of the recipient
    // (smtpd_check_rcpt), so that the next step has to refuse it.
    let mut data = Vec::new();
    if login && spec.limits.messages_per_login_per_hour.is_some() {
        data.push(limits::ASK);
    }
    if relayed.is_empty() {
        data.extend([permitted, "reject"]);
    }
    Group::new(
        "Who may relay on port 25: nobody whom relay.yaml does not name. Submission\n\
         ports have rules of their own in master.cf. The rule at DATA is for what\n\
         passes RCPT unseen: Postfix takes a bare postmaster from anyone, so\n\
         smtpd_command_filter gives it a domain, and DATA refuses what is left. It\n\
         also takes mail for address_verify_sender from anyone, so there is none.",
    )
    .set(
        "mynetworks",
        networks(&spec.relay.trusted_networks).join(", "),
    )
    .set("relay_domains", relayed)
    .set("parent_domain_matches_subdomains", "")
    .set(
        "smtpd_relay_restrictions",
        format!("{permitted}, reject_unauth_destination"),
    )
    .set(
        "smtpd_recipient_restrictions",
        recipients::restrictions(spec, permitted),
    )
    .set("smtpd_data_restrictions", data.join(", "))
    .set(
        "smtpd_command_filter",
        "pcre:/etc/relaykit/postfix/commands",
    )
    .set("address_verify_sender", "<>")
    .switch("allow_percent_hack", false)
    .switch("swap_bangpath", false)
    .switch("allow_untrusted_routing", false)
}

/// Postfix wants IPv6 networks as `[2001:db8::]/32`.
pub(super) fn networks(networks: &[String]) -> Vec<String> {
    networks
        .iter()
        .map(|network| match network.split_once('/') {
            Some((address, bits)) if address.contains(':') && !address.starts_with('[') => {
                format!("[{address}]/{bits}")
            }
            None if network.contains(':') && !network.starts_with('[') => format!("[{network}]"),
            _ => network.clone(),
        })
        .collect()
}

fn clients(resolved: &Resolved) -> Group {
    let spec = &resolved.spec;
    Group::new(
        "What a client may do. Commands that tell who has a mailbox or start a\n\
         delivery are off, and so are the ways to smuggle a second message. So are\n\
         chunks (BDAT): where the first begins with white space, Postfix takes it for\n\
         the rest of its own trace header, and anybody could write into that. No mail\n\
         program makes ten mistakes in a session: such a client is sent away.",
    )
    .when(!resolved.knows_clients, |group| {
        group.switch("smtpd_peername_lookup", false)
    })
    // Many clients share an address; the port tells which it was (RFC 6302), and
    // ties every line of the log to its session.
    .switch("smtpd_client_port_logging", true)
    .switch("smtpd_helo_required", true)
    .switch("disable_vrfy_command", true)
    .set("smtpd_discard_ehlo_keywords", recipients::not_offered(spec))
    .set("smtpd_etrn_restrictions", "reject")
    .set("smtpd_forbidden_commands", "CONNECT, GET, POST")
    .set("smtpd_forbid_bare_newline", "normalize")
    .switch("smtpd_forbid_unauth_pipelining", true)
    .set("smtpd_hard_error_limit", "10")
    .set(
        "smtpd_client_connection_count_limit",
        spec.limits.connections_per_client.to_string(),
    )
    .set(
        "message_size_limit",
        spec.relay.message_size_limit.to_string(),
    )
    .when(resolved.purpose == Purpose::Proof, |group| {
        // Checks are any client they like; only from this lab's own gateway.
        group.set(
            "smtpd_authorized_xclient_hosts",
            "/etc/relaykit/postfix/xclient_hosts",
        )
    })
}

fn logins_offered(spec: &Spec) -> Group {
    Group::new(
        "Logins, offered by the services in master.cf that enable them, and only under\n\
         TLS. smtpd asks the guard, by the one protocol that tells it where a client sits\n\
         and lets it answer with a person's name; the guard has saslauthd try the password.\n\
         saslauthd needs that itself, so `noplaintext` cannot be: TLS is what hides it.",
    )
    .set("smtpd_sasl_type", "dovecot")
    .set("smtpd_sasl_path", LOGINS)
    .switch("smtpd_sasl_auth_enable", false)
    .switch("smtpd_tls_auth_only", true)
    .set("smtpd_sasl_security_options", "noanonymous")
    .set("smtpd_sasl_tls_security_options", "noanonymous")
    .set("smtpd_sasl_local_domain", "")
    .switch("broken_sasl_auth_clients", spec.auth.outlook_compatible)
    .switch("smtpd_sasl_authenticated_header", login_in_header(spec))
}

/// The login line is what tells our header checks that a client has logged in,
/// so that it is written even where it does not leave.
fn login_in_header(spec: &Spec) -> bool {
    match spec.privacy.received {
        Received::Rewrite => true,
        Received::Keep => spec.privacy.show_login,
        Received::Hide => false,
    }
}

fn server_tls(resolved: &Resolved) -> Group {
    let tls = &resolved.spec.tls;
    let protocols = format!(">={}", tls.minimum.name());
    let asked = tls.client_certificates != ClientCertificates::None;
    let client_ca = resolved.client_ca.as_ref();
    let client_ca = client_ca.map(|anchor| anchor_path(anchor, CLIENT_CA));
    Group::new(
        "TLS as a server. All suites have forward secrecy and encrypt and authenticate in\n\
         one step: in this list, a digest is the MAC of a suite that does not. Keys are\n\
         exchanged over curves alone (RFC 9325). Which suite is best depends on the\n\
         client, so it may choose. Sessions can be resumed:\n\
         without a session ticket, a client that leaves TCP's small segments to wait\n\
         for an acknowledgement (Nagle), as most do, loses 43 ms in every session. With\n\
         one the other clients would lose as much, if the image did not have smtpd\n\
         listen with TCP_NODELAY. Who\n\
         begins a handshake and falls silent does not hold a process for Postfix's five\n\
         minutes; a slow line answers within seconds. The certificate and its key are a copy,\n\
         which is replaced when a renewed pair is there and right.",
    )
    .set("smtpd_tls_security_level", "may")
    .set("smtpd_tls_chain_files", certificate::IN_USE)
    .set("smtpd_tls_protocols", protocols.as_str())
    .set("smtpd_tls_mandatory_protocols", protocols)
    .set("smtpd_tls_ciphers", "high")
    .set("smtpd_tls_mandatory_ciphers", "high")
    .set(
        "smtpd_tls_exclude_ciphers",
        "aNULL, kRSA, kDHE, SHA1, SHA256, SHA384, MD5, ARIA, CAMELLIA, AESCCM",
    )
    .set(
        "smtpd_tls_session_cache_database",
        "lmdb:${data_directory}/smtpd_scache",
    )
    .set("smtpd_starttls_timeout", "${stress?{3}:{10}}s")
    .set("tls_ssl_options", "NO_RENEGOTIATION")
    .set("smtpd_tls_loglevel", "1")
    .switch("smtpd_tls_received_header", true)
    .switch("smtpd_tls_ask_ccert", asked)
    .when(asked, |group| {
        // Who signs clients' certificates, and nobody else: of a public CA, anybody
        // can get one.
        group
            .set("smtpd_tls_CAfile", client_ca.unwrap_or_default())
            .set("smtpd_tls_CApath", "")
            .switch("tls_append_default_CA", false)
    })
}

fn content(spec: &Spec) -> Group {
    Group::new(
        "Content passes as it came: no header is rewritten, no attachment looked\n\
         into. Only a login listener's own trace header is rewritten, and what its\n\
         message lacks is added, by the cleanup services in master.cf. What is no mail\n\
         is refused: lines over 998 octets, which next hops refuse (the report on it\n\
         too), and NUL: next hops that skip it can be fooled by it.",
    )
    .set("local_header_rewrite_clients", "")
    .set("remote_header_rewrite_domain", "")
    // Recipients are not for a header, nor is the lack of them.
    .set("undisclosed_recipients_header", "")
    .set("header_checks", long_lines::TABLE)
    .set("mime_header_checks", long_lines::TABLE)
    .set("nested_header_checks", long_lines::TABLE)
    .set("body_checks", long_lines::TABLE)
    .set("body_checks_size_limit", "0")
    .set("message_reject_characters", r"\0")
    .when(header_checks::marks(spec), |group| {
        group.set(
            "smtp_header_checks",
            format!("pcre:/etc/relaykit/postfix/{}", header_checks::DEPARTING),
        )
    })
}
