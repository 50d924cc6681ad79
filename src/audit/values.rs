//! Parameters whose value alone does something (postconf(5)).

use super::rule::Rule;
use super::rules::{bounds, content, relaying, tls};
use super::words::words;
use super::{Reader, is_old_level};

/// A value that is a fault, and what it does.
struct Fault {
    parameter: &'static str,
    /// What it must be for that, in small letters; empty: anything but nothing.
    value: &'static str,
    rule: &'static Rule,
    does: &'static str,
}

const fn fault(
    parameter: &'static str,
    value: &'static str,
    rule: &'static Rule,
    does: &'static str,
) -> Fault {
    Fault {
        parameter,
        value,
        rule,
        does,
    }
}

const FAULTS: &[Fault] = &[
    fault(
        "soft_bounce",
        "yes",
        &content::NEVER_REFUSED,
        "what is refused for good is refused for now: clients send it again for days",
    ),
    fault(
        "smtp_send_xforward_command",
        "yes",
        &content::CLIENT_TOLD,
        "a next hop that offers XFORWARD is told each client's name and address",
    ),
    fault(
        "lmtp_send_xforward_command",
        "yes",
        &content::CLIENT_TOLD,
        "a next hop that offers XFORWARD is told each client's name and address",
    ),
    fault(
        "disable_vrfy_command",
        "no",
        &relaying::ADDRESSES_TOLD,
        "VRFY tells anybody which addresses there are",
    ),
    fault(
        "smtpd_forbid_bare_newline",
        "no",
        &relaying::SMUGGLING,
        "a second message can be hidden in one (CVE-2023-51764)",
    ),
    fault(
        "smtpd_forbid_unauth_pipelining",
        "no",
        &relaying::SMUGGLING,
        "a client may send commands ahead of their time",
    ),
    fault(
        "smtp_skip_5xx_greeting",
        "no",
        &content::RETURNED,
        "mail is returned when a next hop turns the connection away, and no other server of it is tried",
    ),
    fault(
        "smtpd_delay_reject",
        "no",
        &relaying::REFUSED_EARLY,
        "clients are refused before they can log in",
    ),
    fault(
        "disable_dns_lookups",
        "yes",
        &content::BY_HOST,
        "a next hop by name is looked up as a host, never by MX",
    ),
    fault(
        "smtp_dns_support_level",
        "disabled",
        &content::BY_HOST,
        "a next hop by name is looked up as a host, never by MX",
    ),
    fault(
        "debug_peer_list",
        "",
        &content::LOGGED,
        "whole sessions with these are written into the log, passwords and content with them",
    ),
    fault(
        "debugger_command",
        "",
        &content::PROGRAM,
        "a program is started beside each daemon that is debugged",
    ),
    fault(
        "mailbox_command",
        "",
        &content::PROGRAM,
        "a program gets each message for a mailbox",
    ),
    fault(
        "remote_header_rewrite_domain",
        "",
        &content::REWRITTEN,
        "incomplete addresses in headers are completed",
    ),
    fault(
        "smtp_cname_overrides_servername",
        "yes",
        &tls::WEAKENED,
        "a certificate is compared with the name that DNS says, which anybody on the way can say",
    ),
    fault(
        "smtp_tls_force_insecure_host_tlsa_lookup",
        "yes",
        &tls::WEAKENED,
        "keys that an unsigned zone names are believed",
    ),
    fault(
        "smtpd_client_port_logging",
        "no",
        &content::LESS_LOGGED,
        "the log does not tell which of the many clients behind one address it was (RFC 6302)",
    ),
    fault(
        "smtpd_helo_required",
        "no",
        &relaying::NO_HELO,
        "mail is taken from clients that do not say HELO",
    ),
];

impl Reader<'_> {
    pub(super) fn values(&mut self) {
        for (place, name, value) in self.effective.everything() {
            for fault in FAULTS.iter().filter(|fault| fault.parameter == name) {
                let is = if fault.value.is_empty() {
                    !value.is_empty()
                } else {
                    value.eq_ignore_ascii_case(fault.value)
                };
                if is {
                    self.find(fault.rule, &place, fault.does);
                }
            }
            match name.as_str() {
                "smtpd_tls_loglevel" | "smtp_tls_loglevel"
                    if value.parse().is_ok_and(|n: u64| n > 1) =>
                {
                    let does = format!(
                        "{name} = {value}: handshakes are written into the log, from 3 on with what is sent"
                    );
                    self.find(&content::LOGGED, &place, does);
                }
                "maillog_file" if value != "/dev/stdout" => {
                    let to = if value.is_empty() { "syslog" } else { &value };
                    let does = format!(
                        "the log goes to {to}, where nobody sees it: the container has no syslog"
                    );
                    self.find(&content::LESS_LOGGED, &place, does);
                }
                "compatibility_level" if is_old_level(&value) => {
                    let does = format!("Postfix behaves as version {value} did");
                    self.find(&relaying::OLD_DEFAULTS, &place, does);
                }
                "inet_interfaces"
                    if !value.is_empty() && !words(&value).iter().any(|word| word == "all") =>
                {
                    let does = format!(
                        "the relay listens on {value} of its own container alone: published ports reach nothing else"
                    );
                    self.find(&relaying::UNREACHABLE, &place, does);
                }
                "always_add_missing_headers" if value.eq_ignore_ascii_case("yes") => {
                    self.tell(&place, "messages without Date, From or Message-ID get them");
                }
                "myhostname" if !value.contains('.') => {
                    let does = format!(
                        "the relay calls itself {value}, which is no name of a host in the world"
                    );
                    self.find(&content::BAD_NAME, &place, does);
                }
                _ => {}
            }
        }
        self.room();
    }

    /// The queue needs one and a half times the largest message (postconf(5),
    /// `queue_minfree`).
    fn room(&mut self) {
        let number = |name: &str| self.effective.main(name)?.parse::<u64>().ok();
        let (Some(free), Some(most)) = (number("queue_minfree"), number("message_size_limit"))
        else {
            return;
        };
        if free > 0 && free < most + most / 2 {
            let place = super::Place::Main("queue_minfree".to_owned());
            let does = format!(
                "queue_minfree of {free} is less than 1.5 times message_size_limit ({most})"
            );
            self.find(&bounds::SIZES, &place, does);
        }
    }
}
