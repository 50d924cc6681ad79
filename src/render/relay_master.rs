//! The relay's master.cf, see master(5).

use crate::config::{ClientCertificates, Listener, Received, Spec};
use crate::container::File;
use crate::counterparts::Resolved;

use super::header_checks::{self, LOGIN, MARK, MIXED};
use super::master_cf::{Service, render};
use super::{limits, long_lines, main_override, outbound, public, recipients};

/// OpenSSL's settings of single services, below /etc/relaykit.
const OPENSSL: &str = "postfix/openssl.cnf";
/// The application in them that sends no session tickets.
const NO_TICKETS: &str = "no_tickets";

/// The files that the services' options name.
pub(super) fn files(spec: &Spec) -> Option<File> {
    let text = format!(
        "# OpenSSL for single services, see config(5) and tls_config_name in postconf(5).\n\
         {NO_TICKETS} = application\n\
         \n\
         [application]\n\
         ssl_conf = library\n\
         \n\
         [library]\n\
         system_default = sessions\n\
         \n\
         [sessions]\n\
         NumTickets = 0\n"
    );
    let on = spec.listeners.submissions.is_some();
    on.then(|| public(OPENSSL, text))
}

/// The cleanup behind listeners where everybody has logged in.
const CLEANUP_LOGIN: &str = "cleanup-login";
/// The cleanup behind port 25 where clients may log in.
const CLEANUP_MIXED: &str = "cleanup-mixed";

/// Processes for port 465; Postfix's default is 100 for each service.
const HANDSHAKES: &str = "300";

/// The whole file.
pub(super) fn master_cf(resolved: &Resolved) -> String {
    render(
        "Postfix's services in the relay, see master(5). Written by relaykit.\n\
         \n\
         Nothing is chrooted: a container is one already, and smtpd has to reach\n\
         saslauthd. There is no local, virtual or pipe: mail comes by SMTP and goes by\n\
         SMTP.",
        &services(resolved),
        &resolved.spec.postfix.master,
    )
}

/// What relaykit sets, without the operator's last word.
pub(super) fn services(resolved: &Resolved) -> Vec<Service> {
    let spec = &resolved.spec;
    let mut services = Vec::new();
    if spec.listeners.smtp.is_some() {
        services.push(smtp(spec));
    }
    if spec.listeners.submission.is_some() {
        services.push(submission(spec));
    }
    if spec.listeners.submissions.is_some() {
        services.push(submissions(spec));
    }
    services.extend(cleanups(spec));
    services.push(pickup());
    services.extend(recipients::service(spec));
    services.extend(common());
    services.extend(outbound::services(resolved));
    services
}

fn smtp(spec: &Spec) -> Service {
    let login = spec.auth.listeners.contains(&Listener::Smtp);
    Service::inet("smtp", "smtpd")
        .why("Port 25: STARTTLS offered; for relay.domains and trusted_networks.")
        .when(login, |service| {
            anonymised(spec, service, CLEANUP_MIXED).option("smtpd_sasl_auth_enable", "yes")
        })
}

fn submission(spec: &Spec) -> Service {
    let service = Service::inet("submission", "smtpd")
        .why(
            "Port 587 (RFC 6409): STARTTLS, then a login, then mail. The client's name is\n\
             not asked for: it would only leak, and a slow resolver stalls the session.\n\
             Addresses have whole domains, or nobody could answer.",
        )
        .option("syslog_name", "postfix/submission")
        .option("smtpd_tls_security_level", "encrypt");
    login_only(spec, Listener::Submission, service)
}

fn submissions(spec: &Spec) -> Service {
    let service = Service::inet("submissions", "smtpd")
        .why(
            "Port 465 (RFC 8314): TLS from the first byte, otherwise as 587. The handshake\n\
             comes before connections are counted by client, and each takes a process. So\n\
             there are more of them than one client soon fills, and main.cf gives a handshake\n\
             little time (smtpd_starttls_timeout). No session tickets: smtpd writes them in\n\
             small segments, and the greeting that follows would wait for the client's\n\
             acknowledgement, 43 ms whatever the client.",
        )
        .at_most(HANDSHAKES)
        .option("syslog_name", "postfix/submissions")
        .option("smtpd_tls_security_level", "encrypt")
        .option("smtpd_tls_wrappermode", "yes")
        .option("tls_config_file", format!("/etc/relaykit/{OPENSSL}"))
        .option("tls_config_name", NO_TICKETS)
        .option("tls_session_ticket_cipher", "");
    login_only(spec, Listener::Submissions, service)
}

/// Everybody logs in here, and DATA asks again: see main.cf.
fn login_only(spec: &Spec, listener: Listener, service: Service) -> Service {
    let login = spec.auth.listeners.contains(&listener);
    let rule = if login {
        "permit_sasl_authenticated, reject"
    } else {
        "reject"
    };
    // A domain of one label is of no use to anybody further on (RFC 6409 section 4.2): the
    // next hop refuses it, and a report to such a sender, too.
    let recipient = if login {
        format!("reject_non_fqdn_sender, reject_non_fqdn_recipient, {rule}")
    } else {
        rule.to_owned()
    };
    let data = if login && spec.limits.messages_per_login_per_hour.is_some() {
        format!("{}, {rule}", limits::ASK)
    } else {
        rule.to_owned()
    };
    let required = spec.tls.client_certificates == ClientCertificates::Require;
    service
        .option("smtpd_peername_lookup", "no")
        .option("smtpd_relay_restrictions", rule)
        .option("smtpd_recipient_restrictions", recipient)
        .option("smtpd_data_restrictions", data)
        .when(recipients::strangers(spec), |service| {
            service.option("smtpd_discard_ehlo_keywords", recipients::NOT_OFFERED)
        })
        .when(required, |service| {
            service.option("smtpd_tls_req_ccert", "yes")
        })
        .when(login, |service| {
            anonymised(spec, service, CLEANUP_LOGIN).option("smtpd_sasl_auth_enable", "yes")
        })
}

/// What makes a login listener's trace header recognisable to its cleanup.
fn anonymised(spec: &Spec, service: Service, cleanup: &'static str) -> Service {
    service
        .when(spec.privacy.received == Received::Hide, |service| {
            service.option("smtpd_hide_client_session", "yes")
        })
        .when(header_checks::marks(spec), |service| {
            service.option("mail_name", MARK)
        })
        .when(header_checks::rewrites(spec), |service| {
            service.option("smtpd_sasl_authenticated_header", "yes")
        })
        .when(has_cleanup(spec, cleanup), |service| {
            service.option("cleanup_service_name", cleanup)
        })
}

/// Whether a login listener has this cleanup of its own.
fn has_cleanup(spec: &Spec, name: &str) -> bool {
    header_checks::needs_tables(spec) || completes(spec, name)
}

/// Whether what a message lacks (Date, Message-ID, From) is added by this cleanup, where
/// relay.yaml wants that: to mail that is submitted (RFC 6409 section 8), never to mail that comes by for
/// relay.domains (RFC 5321 section 6.4). Postfix cannot tell the two apart in one
/// service. `postfix.main` has the last word.
fn completes(spec: &Spec, name: &str) -> bool {
    let submitted = name == CLEANUP_LOGIN || spec.relay.domains.is_empty();
    let wanted = spec.privacy.add_missing_headers;
    wanted && submitted && main_override(spec, "always_add_missing_headers").is_none()
}

/// The ordinary cleanup, and those of login listeners.
fn cleanups(spec: &Spec) -> Vec<Service> {
    // smtpd counts a message's octets as SIZE does (RFC 1870 section 3). cleanup counts its
    // own file, which has the envelope in it too: a message of just the size announced
    // would be refused by some hundred octets.
    let cleanup = |name| {
        Service::unix(name, ["n", "-", "-", "0"], "cleanup").option("message_size_limit", "0")
    };
    let mut services = vec![cleanup("cleanup").why(
        "Mail that came without a login, and our own notifications. Whether a message is too\n\
         large, smtpd decides, as SIZE counts it: here its envelope would count, too.",
    )];
    let of_logins = |name, table: &str| {
        let tables = format!("pcre:/etc/relaykit/postfix/{table}, {}", long_lines::TABLE);
        cleanup(name)
            .when(header_checks::needs_tables(spec), |service| {
                service.option("header_checks", tables)
            })
            .when(completes(spec, name), |service| {
                service.option("always_add_missing_headers", "yes")
            })
    };
    let submission = |listener: &Listener| *listener != Listener::Smtp;
    if spec.auth.listeners.iter().any(submission) && has_cleanup(spec, CLEANUP_LOGIN) {
        services.push(of_logins(CLEANUP_LOGIN, LOGIN).why(
            "Mail that came by login: its trace header does not tell of the client, and it\n\
             gets the Date and Message-ID that it lacks (RFC 6409 section 8).",
        ));
    }
    if spec.auth.listeners.contains(&Listener::Smtp) && has_cleanup(spec, CLEANUP_MIXED) {
        services.push(
            of_logins(CLEANUP_MIXED, MIXED)
                .why("Mail from port 25, where some clients log in and some do not."),
        );
    }
    services
}

/// What an operator types at night needs it: without, `postqueue -f` ends with
/// "mail system is down" and `postsuper -r` leaves mail where nothing finds it.
fn pickup() -> Service {
    Service::unix("pickup", ["n", "-", "60", "1"], "pickup")
        .why("Nobody submits mail in here; postqueue -f and postsuper -r need it.")
}

/// What every Postfix here needs, the sink's too.
pub(super) fn common() -> Vec<Service> {
    let plain = ["-", "-", "-", "-"];
    vec![
        Service::unix("qmgr", ["n", "-", "300", "1"], "qmgr").why("The queue."),
        Service::unix("rewrite", plain, "trivial-rewrite"),
        Service::unix("bounce", ["-", "-", "-", "0"], "bounce"),
        Service::unix("defer", ["-", "-", "-", "0"], "bounce"),
        Service::unix("trace", ["-", "-", "-", "0"], "bounce"),
        Service::unix("showq", ["n", "-", "-", "-"], "showq"),
        Service::unix("smtp", plain, "smtp").why("Delivery, and what it keeps in mind."),
        Service::unix("error", plain, "error"),
        Service::unix("retry", plain, "error"),
        Service::unix("discard", plain, "discard"),
        Service::unix("scache", ["-", "-", "-", "1"], "scache"),
        Service::unix("tlsmgr", ["-", "-", "1000?", "1"], "tlsmgr").why("What services share."),
        Service::unix("proxymap", plain, "proxymap"),
        Service::unix("anvil", ["-", "-", "-", "1"], "anvil"),
        Service::new("postlog", "unix-dgram", ["n", "-", "-", "1"], "postlogd")
            .why("The log, on the container's standard output."),
    ]
}
