//! The sink: the next hop of a lab, from the relay's image. It accepts every
//! address over STARTTLS and keeps each message as one file in [`INBOX`].

use std::collections::BTreeMap;

use crate::container::{Content, File, Role};
use crate::counterparts::Resolved;

use super::main_cf::{self, Group};
use super::master_cf::{self, Service};
use super::relay_master::common;
use super::{file, next_hops, public, stand_ins};

/// The folder in the sink's container that holds the messages. The format of a
/// file is described in `images/relay/rootfs/usr/share/relaykit/inbox/Store.pm`.
pub const INBOX: &str = "/var/mail/inbox";

/// Everything in the sink's container.
pub(super) fn files(resolved: &Resolved) -> Vec<File> {
    let mut files = vec![
        public("postfix/main.cf", main_cf()),
        public("postfix/master.cf", master_cf(resolved)),
        file("tls/ca.pem", 0o644, Content::CaCertificate),
        file("tls/sink.pem", 0o644, Content::Certificate(Role::Sink)),
        file("tls/sink.key", 0o600, Content::CertificateKey(Role::Sink)),
        file(
            "tls/other.pem",
            0o644,
            Content::Certificate(Role::Directory),
        ),
        file(
            "tls/other.key",
            0o600,
            Content::CertificateKey(Role::Directory),
        ),
    ];
    files.extend(next_hops::files());
    files.extend(stand_ins::file(resolved));
    files
}

fn main_cf() -> String {
    let groups = [
        house(),
        everything_is_stored(),
        everybody_may(),
        content(),
        tls(),
    ];
    main_cf::render(
        "Postfix of a lab's sink, see postconf(5). Written by relaykit.",
        &groups,
        &BTreeMap::new(),
    )
}

fn house() -> Group {
    Group::new("The house: as in the relay.")
        .set("compatibility_level", "3.10")
        .set("maillog_file", "/dev/stdout")
        .set("queue_directory", "/var/spool/postfix")
        .set("data_directory", "/var/lib/postfix")
        .set("default_database_type", "lmdb")
        .set("inet_interfaces", "all")
        .set("inet_protocols", "all")
        .switch("smtputf8_enable", true)
        .switch("biff", false)
        .set("myhostname", "sink")
        .set("mydomain", "sink")
        .set("smtpd_banner", "$myhostname ESMTP")
}

fn everything_is_stored() -> Group {
    Group::new(
        "Every address is stored, and all recipients of a message in one file. smtpd hands\n\
         each message to the inbox as it hears it, a before-queue content filter\n\
         (SMTPD_PROXY_README): nothing goes through a queue, which would cost more than the\n\
         relay that is looked at.",
    )
    .set("smtpd_proxy_filter", next_hops::INBOX)
    .set("mydestination", "")
    .set("local_recipient_maps", "")
    .set("alias_maps", "")
    .set("alias_database", "")
    .set("notify_classes", "")
    .set("fast_flush_domains", "")
}

fn everybody_may() -> Group {
    Group::new(
        "Only the relay shares a network with it. It refuses nothing, so that what\n\
         the relay lets through is seen; but two domains, to see what then becomes of\n\
         a message.",
    )
    .set("mynetworks", "0.0.0.0/0, [::]/0")
    .set("smtpd_relay_restrictions", "permit_mynetworks, reject")
    .set("smtpd_recipient_restrictions", next_hops::refusals())
    .switch("smtpd_peername_lookup", false)
    .set("smtpd_client_connection_count_limit", "0")
    .set("smtpd_recipient_limit", "10000")
    .set("message_size_limit", "0")
    // Of the next hops that want a login.
    .set("cyrus_sasl_config_path", "/etc/relaykit/sasl")
}

fn content() -> Group {
    Group::new(
        "A message is kept byte for byte. A bare newline ends a line here, as in next\n\
         hops that can be fooled by it: were the relay to let one through, it would show.",
    )
    .set("local_header_rewrite_clients", "")
    .switch("smtpd_forbid_bare_newline", false)
    .set("smtpd_discard_ehlo_keywords", "etrn, silent-discard")
}

fn tls() -> Group {
    Group::new(
        "STARTTLS with a certificate from the lab CA; the trace header says whether it\n\
         was used.",
    )
    .set("smtpd_tls_security_level", "may")
    .set(
        "smtpd_tls_chain_files",
        "/etc/relaykit/tls/sink.key, /etc/relaykit/tls/sink.pem",
    )
    .set("smtpd_tls_protocols", ">=TLSv1.2")
    .switch("smtpd_tls_received_header", true)
    .set("smtpd_tls_loglevel", "1")
}

fn master_cf(resolved: &Resolved) -> String {
    let mut services = vec![
        Service::inet("smtp", "smtpd").why("Port 25, for the relay."),
        Service::unix("cleanup", ["n", "-", "-", "0"], "cleanup"),
    ];
    services.extend(next_hops::services());
    services.extend(stand_ins::services(resolved));
    services.extend(common());
    master_cf::render(
        "Postfix's services in a lab's sink, see master(5). Written by relaykit.",
        &services,
        &BTreeMap::new(),
    )
}
