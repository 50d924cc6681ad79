//! The relay's master.cf, see master(5).

use crate::config::{ClientCertificates, Listener, Received, Spec};
use crate::plan::Plan;

use super::header_checks::{self, LOGIN, MARK, MIXED};
use super::limits;
use super::master_cf::{Service, render};

/// The cleanup behind listeners where everybody has logged in.
const CLEANUP_LOGIN: &str = "cleanup-login";
/// The cleanup behind port 25 where clients may log in.
const CLEANUP_MIXED: &str = "cleanup-mixed";

/// The whole file.
pub(super) fn master_cf(plan: &Plan) -> String {
    render(
        "Postfix's services in the relay, see master(5). Written by relaykit.\n\
         \n\
         Nothing is chrooted: a container is one already, and smtpd has to reach\n\
         saslauthd. There is no local, virtual or pipe: mail comes by SMTP and goes by\n\
         SMTP.",
        &services(&plan.spec),
        &plan.spec.postfix.master,
    )
}

/// What relaykit sets, without the operator's last word.
pub(super) fn services(spec: &Spec) -> Vec<Service> {
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
    services.extend(common());
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
             not asked for: it would only leak, and a slow resolver stalls the session.",
        )
        .option("syslog_name", "postfix/submission")
        .option("smtpd_tls_security_level", "encrypt");
    login_only(spec, Listener::Submission, service)
}

fn submissions(spec: &Spec) -> Service {
    let service = Service::inet("submissions", "smtpd")
        .why("Port 465 (RFC 8314): TLS from the first byte, otherwise as 587.")
        .option("syslog_name", "postfix/submissions")
        .option("smtpd_tls_security_level", "encrypt")
        .option("smtpd_tls_wrappermode", "yes");
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
    let data = if login && spec.limits.messages_per_login_per_hour.is_some() {
        format!("{}, {rule}", limits::ASK)
    } else {
        rule.to_owned()
    };
    let required = spec.tls.client_certificates == ClientCertificates::Require;
    service
        .option("smtpd_peername_lookup", "no")
        .option("smtpd_relay_restrictions", rule)
        .option("smtpd_recipient_restrictions", rule)
        .option("smtpd_data_restrictions", data)
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
            service
                .option("mail_name", MARK)
                .option("smtpd_sasl_authenticated_header", "yes")
        })
        .when(header_checks::needs_tables(spec), |service| {
            service.option("cleanup_service_name", cleanup)
        })
}

/// The ordinary cleanup, and those that rewrite our own trace header.
fn cleanups(spec: &Spec) -> Vec<Service> {
    let cleanup = |name| Service::unix(name, ["n", "-", "-", "0"], "cleanup");
    let mut services =
        vec![cleanup("cleanup").why("Mail that came without a login, and our own notifications.")];
    if !header_checks::needs_tables(spec) {
        return services;
    }
    let table = |name| format!("pcre:/etc/relaykit/postfix/{name}");
    if spec
        .auth
        .listeners
        .iter()
        .any(|listener| *listener != Listener::Smtp)
    {
        services.push(
            cleanup(CLEANUP_LOGIN)
                .why("Mail that came by login: its trace header does not tell of the client.")
                .option("header_checks", table(LOGIN)),
        );
    }
    if spec.auth.listeners.contains(&Listener::Smtp) {
        services.push(
            cleanup(CLEANUP_MIXED)
                .why("Mail from port 25, where some clients log in and some do not.")
                .option("header_checks", table(MIXED)),
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
