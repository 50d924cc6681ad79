//! The next hops that a lab's sink plays beside its ordinary self: wrong ones,
//! poor ones, and one that writes down what it hears. Mail for a recipient in
//! one of these domains goes there, in a lab alone, so that checks and people
//! see what the relay does with it. `.test` is nobody's (RFC 6761 section 6.2).

use super::master_cf::Service;

/// A server that is not what a relay hopes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// Recipients here are sent to it.
    pub domain: &'static str,
    /// Where the sink plays it.
    pub port: &'static str,
}

const fn played(domain: &'static str, port: &'static str) -> Played {
    Played { domain, port }
}

/// No STARTTLS: as it was before 1999, or as somebody in between makes it look.
pub const CLEAR: Played = played("clear.sink.test", "2501");
/// A certificate of the lab's CA with another server's name.
pub const MISNAMED: Played = played("misnamed.sink.test", "2502");
/// A certificate that nobody vouches for, from [`STRANGERS_CERTIFICATE`].
pub const STRANGER: Played = played("stranger.sink.test", "2503");
/// No 8BITMIME, SMTPUTF8, DSN, SIZE or PIPELINING.
pub const POOR: Played = played("poor.sink.test", "2504");
/// All that it hears goes to the sink's log, and it offers XFORWARD and XCLIENT.
pub const HEARING: Played = played("hearing.sink.test", "2505");
/// TLS 1.1 and older alone.
pub const OLD: Played = played("old.sink.test", "2506");
/// Nothing listens there.
pub const AWAY: Played = played("away.sink.test", "2507");

const ALL: [Played; 7] = [CLEAR, MISNAMED, STRANGER, POOR, HEARING, OLD, AWAY];

/// Recipients in this domain are refused for now (450).
pub const BUSY: &str = "busy.sink.test";
/// Recipients in this domain are refused for good (550).
pub const REFUSING: &str = "refusing.sink.test";

/// The key and certificate of [`STRANGER`]: PEM, made by whoever needs it; the
/// sink reads it for each connection.
pub const STRANGERS_CERTIFICATE: &str = "/run/stranger.pem";

/// `transport_maps` of a lab's relay.
pub(super) fn transport_maps() -> String {
    let rows = ALL.map(|hop| format!("{{{} = smtp:[sink]:{}}}", hop.domain, hop.port));
    format!("inline:{{{}}}", rows.join(", "))
}

/// What the sink answers to recipients whom it is to refuse.
pub(super) fn refusals() -> String {
    format!(
        "check_recipient_access inline:{{{{{BUSY} = 450 4.2.1 later}}, {{{REFUSING} = 550 5.1.1 nobody}}}}"
    )
}

/// The sink's services, each as the sink's own port 25 but for its fault.
pub(super) fn services() -> Vec<Service> {
    let smtpd = |hop: Played| Service::inet(hop.port, "smtpd");
    vec![
        smtpd(CLEAR)
            .why(
                "Next hops that are wrong, poor or nosy, for mail to their own domains. One\n\
                 without STARTTLS:",
            )
            .option("smtpd_tls_security_level", "none"),
        smtpd(MISNAMED).why("Another server's certificate:").option(
            "smtpd_tls_chain_files",
            "/etc/relaykit/tls/other.key, /etc/relaykit/tls/other.pem",
        ),
        smtpd(STRANGER)
            .why("A certificate that nobody vouches for, read for each connection:")
            .option("max_use", "1")
            .option("smtpd_tls_chain_files", STRANGERS_CERTIFICATE),
        smtpd(POOR).why("No extensions but TLS:").option(
            "smtpd_discard_ehlo_keywords",
            "8bitmime, smtputf8, dsn, size, pipelining, chunking, etrn, enhancedstatuscodes, \
             silent-discard",
        ),
        Service::inet(HEARING.port, "smtpd -v")
            .why("One that logs every command and would like to be told of clients:")
            .option("syslog_name", "postfix/hearing")
            .option("smtpd_authorized_xforward_hosts", "0.0.0.0/0, [::]/0")
            .option("smtpd_authorized_xclient_hosts", "0.0.0.0/0, [::]/0"),
        smtpd(OLD)
            .why("TLS 1.1 and older:")
            .option("smtpd_tls_protocols", "<=TLSv1.1")
            .option("tls_medium_cipherlist", "ALL:@SECLEVEL=0"),
    ]
}
