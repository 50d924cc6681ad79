//! The next hops that a lab's sink plays beside its ordinary self: wrong ones,
//! poor ones, those that ask for a login, and some that write down what they hear.
//! Mail for a recipient in one of these domains goes there, in a lab alone, so that
//! checks and people see what the relay does with it. `.test` is nobody's (RFC 6761 section 6.2).

use crate::container::{CONFIG, File};
use crate::counterparts::{Hop, NextHop};

use super::master_cf::Service;
use super::public;

/// A server that is not what a relay hopes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// Recipients here are sent to it.
    pub domain: &'static str,
    /// Where the sink plays it.
    pub port: &'static str,
}

impl Played {
    /// What its lines in the sink's log begin with, where it logs what it hears.
    #[must_use]
    pub fn log_name(self) -> String {
        let name = self.domain.split('.').next().unwrap_or_default();
        format!("postfix/{name}")
    }

    /// As transport(5) and the relay's password map name it.
    pub(super) fn destination(self) -> String {
        format!("[sink]:{}", self.port)
    }
}

const fn played(domain: &'static str, port: &'static str) -> Played {
    Played { domain, port }
}

/// No STARTTLS: as it was before 1999, or as somebody in between makes it look.
pub const CLEAR: Played = played("clear.sink.test", "2501");
/// A certificate of the lab's CA with another server's name. All that it hears goes to the
/// sink's log.
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
/// Takes mail from who logs in alone, under TLS, and knows the users in [`LOGINS`].
pub const ASKING: Played = played("asking.sink.test", "2508");
/// The same in clear: no STARTTLS, as somebody in between makes it look. All that
/// it hears goes to the sink's log.
pub const ASKING_IN_CLEAR: Played = played("asking-in-clear.sink.test", "2509");
/// Offers AUTH where the relay has no login. All that it hears goes to the sink's log.
pub const OFFERING: Played = played("offering.sink.test", "2511");
/// The sink's port 25, with somebody in between who adds [`INJECTED`] to the reply
/// to STARTTLS.
pub const INJECTING: Played = played("injecting.sink.test", "2510");
/// Refuses a message with a line of more than 998 octets (RFC 5322 section 2.1.1), as
/// Exim does.
pub const STRICT: Played = played("strict.sink.test", "2512");

/// Shows another server's certificate to who does not ask for the sink by its name (RFC
/// 6066 section 3), as a server of many names does.
pub const NAMED: Played = played("named.sink.test", "2513");
/// Knows HELO alone, as servers before 1995 (RFC 1869). All that it hears goes to the sink's
/// log.
pub const HELO_ALONE: Played = played("helo-alone.sink.test", "2520");
/// Takes recipients and no message: DATA is refused for good. All that it hears goes to the
/// sink's log.
pub const SHUT: Played = played("shut.sink.test", "2521");
/// Takes [`AT_ONCE`] recipients of a message and no more (452).
pub const FEW: Played = played("few.sink.test", "2522");

/// Takes mail from who shows a certificate of the lab's CA alone.
pub const CERTIFIED: Played = played("certified.sink.test", "2514");

/// The fewest recipients that a server may take at once (RFC 5321 section 4.5.3.1.8).
pub const AT_ONCE: usize = 100;

const ALL: [Played; 17] = [
    CLEAR,
    MISNAMED,
    STRANGER,
    POOR,
    HEARING,
    OLD,
    AWAY,
    ASKING,
    ASKING_IN_CLEAR,
    OFFERING,
    INJECTING,
    STRICT,
    NAMED,
    HELO_ALONE,
    SHUT,
    FEW,
    CERTIFIED,
];

/// What a level of TLS towards one next hop is against: see [`twins`].
pub const FAULTS: [Played; 3] = [CLEAR, MISNAMED, STRANGER];

/// The sink itself, as one of [`twins`].
pub const RIGHT: Played = played("right.sink.test", "25");

/// A domain for each fault, and one without, for mail to a server of the same name as the
/// stand-in `host`: what relay.yaml says of that next hop is said of these, too.
pub fn twins(host: &str) -> impl Iterator<Item = (Played, String)> {
    let twins = FAULTS.into_iter().chain([RIGHT, AWAY]);
    twins.map(move |hop| {
        let fault = hop.domain.split('.').next().unwrap_or_default();
        (hop, format!("{fault}.{host}"))
    })
}

/// A server of the same name as a stand-in, with a fault.
pub(super) struct Twin<'a> {
    /// The stand-in, as Postfix's tables name it.
    pub(super) of: &'a str,
    /// Mail to this domain goes there.
    domain: String,
    /// As Postfix's tables name the twin.
    pub(super) address: String,
    /// The client that delivers there.
    service: &'a str,
}

/// The twins of the next hops of which relay.yaml says something of their own.
pub(super) fn with_policy(next_hop: &NextHop) -> impl Iterator<Item = Twin<'_>> {
    all_twins(next_hop).filter_map(|(twin, hop)| hop.policy.is_some().then_some(twin))
}

/// Those, and the twins of every route's next hop: each route has a client of its own, and what
/// that one does is seen there. (One that begins with TLS has no server with a fault.)
fn all_twins(next_hop: &NextHop) -> impl Iterator<Item = (Twin<'_>, &Hop)> {
    let main = next_hop.hops.iter().filter(|hop| hop.policy.is_some());
    let main = main.map(|hop| ("smtp", hop));
    let routes = next_hop.routes.iter().flat_map(|route| {
        let shown = route.hops.iter();
        let shown = shown.filter(|hop| hop.policy.is_some() || !hop.wraps);
        shown.map(|hop| {
            let client = if hop.wraps { "smtp" } else { &*route.service };
            (client, hop)
        })
    });
    let hosts = main.chain(routes).filter_map(|(service, hop)| {
        let host = hop.stand_in.as_ref()?.host.as_str();
        Some((service, hop, host))
    });
    hosts.flat_map(|(service, hop, host)| {
        twins(host).map(move |(twin, domain)| {
            let twin = Twin {
                of: &hop.address,
                domain,
                address: format!("[{host}]:{}", twin.port),
                service,
            };
            (twin, hop)
        })
    })
}

/// Where the relay has a login, if it has one at the next hop.
pub(super) fn with_login() -> impl Iterator<Item = Played> {
    [ASKING, ASKING_IN_CLEAR].into_iter()
}

/// Where the sink's smtpd hands on what it hears, `images/relay/rootfs/usr/libexec/relaykit/inbox`.
pub(super) const INBOX: &str = "unix:/run/inbox/smtp";
/// The same, which refuses long lines in Exim's words.
const STRICT_INBOX: &str = "unix:/run/inbox/strict";

/// What [`SHUT`] answers to DATA.
pub const SHUT_SAYS: &str = "554 5.7.1 no message today";

/// Recipients in this domain are refused for now (450).
pub const BUSY: &str = "busy.sink.test";
/// Recipients in this domain are refused for good (550).
pub const REFUSING: &str = "refusing.sink.test";

/// The key and certificate of [`STRANGER`]: PEM, made by whoever needs it; the
/// sink reads it for each connection.
pub const STRANGERS_CERTIFICATE: &str = "/run/stranger.pem";

/// The users of [`ASKING`]: a database of saslpasswd2(8), made by whoever needs it.
pub const LOGINS: &str = "/run/logins";

/// What [`INJECTING`] adds: a reply to an EHLO that has not been said yet. Who takes
/// it believes that no message may have more than one byte.
pub const INJECTED: &str = "250-sink\r\n250 SIZE 1\r\n";

/// `transport_maps` of a lab's relay.
pub(super) fn transport_maps(next_hop: &NextHop) -> String {
    let played = ALL.map(|hop| format!("{{{} = smtp:{}}}", hop.domain, hop.destination()));
    let twins = all_twins(next_hop);
    let twins =
        twins.map(|(twin, _)| format!("{{{} = {}:{}}}", twin.domain, twin.service, twin.address));
    let rows: Vec<String> = played.into_iter().chain(twins).collect();
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
        Service::inet(MISNAMED.port, "smtpd -v")
            .why("Another server's certificate; it logs every command:")
            .option("syslog_name", MISNAMED.log_name())
            .option(
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
            .option("syslog_name", HEARING.log_name())
            .option("smtpd_authorized_xforward_hosts", "0.0.0.0/0, [::]/0")
            .option("smtpd_authorized_xclient_hosts", "0.0.0.0/0, [::]/0"),
        smtpd(OLD)
            .why("TLS 1.1 and older:")
            .option("smtpd_tls_protocols", "<=TLSv1.1")
            .option("tls_medium_cipherlist", "ALL:@SECLEVEL=0"),
        smtpd(ASKING)
            .why("One that wants a login, under TLS:")
            .option("smtpd_sasl_auth_enable", "yes")
            .option("smtpd_tls_auth_only", "yes")
            .option("smtpd_client_restrictions", WITH_LOGIN),
        Service::inet(ASKING_IN_CLEAR.port, "smtpd -v")
            .why("One that wants a login in clear, and logs it:")
            .option("syslog_name", ASKING_IN_CLEAR.log_name())
            .option("smtpd_tls_security_level", "none")
            .option("smtpd_sasl_auth_enable", "yes")
            .option("smtpd_client_restrictions", WITH_LOGIN),
        Service::inet(OFFERING.port, "smtpd -v")
            .why("One that would take a login, and wants none:")
            .option("syslog_name", OFFERING.log_name())
            .option("smtpd_sasl_auth_enable", "yes"),
        Service::new(INJECTING.port, "inet", ["n", "n", "-", "-"], "spawn")
            .why("Somebody in between, who adds a reply in clear:")
            .argument("user=inbox argv=/usr/bin/perl /etc/relaykit/postfix/injecting.pl"),
        smtpd(STRICT)
            .why("One that takes no line over 998 octets, wherever it is:")
            .option("smtpd_proxy_filter", STRICT_INBOX),
        smtpd(NAMED)
            .why("One with a name that is asked for, and another for who does not ask:")
            .option(
                "smtpd_tls_chain_files",
                "/etc/relaykit/tls/other.key, /etc/relaykit/tls/other.pem",
            )
            .option("tls_server_sni_maps", format!("texthash:{CONFIG}/{NAMES}")),
        Service::inet(HELO_ALONE.port, "smtpd -v")
            .why("One that knows HELO alone:")
            .option("syslog_name", HELO_ALONE.log_name())
            .option("smtpd_command_filter", "pcre:{{/^EHLO/ UNKNOWN}}"),
        Service::inet(SHUT.port, "smtpd -v")
            .why("One that takes recipients and no message:")
            .option("syslog_name", SHUT.log_name())
            .option(
                "smtpd_data_restrictions",
                format!("check_client_access static:{{{SHUT_SAYS}}}"),
            ),
        smtpd(FEW)
            .why("One that takes as few recipients at once as a server may:")
            .option("smtpd_recipient_limit", AT_ONCE.to_string()),
        smtpd(CERTIFIED)
            .why("One that wants a certificate of its client:")
            .option("smtpd_tls_ask_ccert", "yes")
            .option("smtpd_tls_CAfile", format!("{CONFIG}/tls/ca.pem"))
            .option(
                "smtpd_client_restrictions",
                "permit_tls_all_clientcerts, reject",
            ),
    ]
}

/// The certificates of [`NAMED`], by name.
const NAMES: &str = "postfix/names";

const WITH_LOGIN: &str = "permit_sasl_authenticated, reject";

/// The files that the services read, beside main.cf and master.cf.
pub(super) fn files() -> [File; 3] {
    let injecting =
        include_str!("injecting.pl").replace("INJECTED", &INJECTED.escape_default().to_string());
    let conf = format!(
        "# Cyrus SASL in smtpd: users of saslpasswd2(8).\n\
         pwcheck_method: auxprop\n\
         auxprop_plugin: sasldb\n\
         sasldb_path: {LOGINS}\n\
         mech_list: PLAIN LOGIN\n"
    );
    let names = format!(
        "# Files by the name that a client asks for, see tls_server_sni_maps.\n\
         sink {CONFIG}/tls/sink.key {CONFIG}/tls/sink.pem\n"
    );
    [
        public("postfix/injecting.pl", injecting),
        public(NAMES, names),
        public("sasl/smtpd.conf", conf),
    ]
}
