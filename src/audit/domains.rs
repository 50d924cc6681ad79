//! Whom mail is taken from without a login, and for whom.

use super::Reader;
use super::rules::{content, relaying};
use super::table::is_table;
use super::words::{is_yes, words};

/// Lists of domains that anybody may send to.
const TAKEN: [&str; 4] = [
    "mydestination",
    "relay_domains",
    "virtual_alias_domains",
    "virtual_mailbox_domains",
];

/// Ways to write a route into a recipient.
const ROUTED: [&str; 3] = [
    "allow_percent_hack",
    "allow_untrusted_routing",
    "swap_bangpath",
];

impl Reader<'_> {
    pub(super) fn domains(&mut self) {
        for (place, value) in self.effective.everywhere("mynetworks") {
            for network in words(&value) {
                if network.starts_with('!') {
                    continue;
                }
                if is_table(&network) {
                    for row in self.rows(&network, &place) {
                        let who = row.key.of("every client", "a client of ");
                        self.find(
                            &relaying::CLIENT_RELAYS,
                            &row.place,
                            format!("{who} may relay"),
                        );
                    }
                    continue;
                }
                let rule = if network.ends_with("/0") {
                    &relaying::ANYBODY_RELAYS
                } else {
                    &relaying::CLIENT_RELAYS
                };
                self.find(rule, &place, format!("a client of {network} may relay"));
            }
        }
        for parameter in TAKEN {
            for (place, value) in self.effective.everywhere(parameter) {
                for domain in words(&value) {
                    if is_table(&domain) {
                        for row in self.rows(&domain, &place) {
                            let what = row.key.of("all mail", "mail to ");
                            let does = format!("{what} is taken from anybody");
                            self.find(&relaying::STRANGERS_SEND, &row.place, does);
                        }
                        continue;
                    }
                    // A domain that refers to a default is told as it is written.
                    let does = format!("mail to {domain} is taken from anybody");
                    self.find(&relaying::STRANGERS_SEND, &place, does);
                }
            }
        }
        for parameter in ROUTED {
            for (place, value) in self.effective.everywhere(parameter) {
                if is_yes(&value) {
                    let does =
                        "a recipient may name the way through which it goes (user%domain@relay)";
                    self.find(&relaying::ROUTED, &place, does);
                }
            }
        }
        self.claimed();
        self.rewritten();
    }

    /// Clients that may say who they are.
    fn claimed(&mut self) {
        let who = [
            (
                "smtpd_authorized_xclient_hosts",
                "may claim to be anybody (XCLIENT)",
            ),
            (
                "smtpd_authorized_xforward_hosts",
                "may claim any origin in the log (XFORWARD)",
            ),
        ];
        for (parameter, does) in who {
            for (place, value) in self.effective.everywhere(parameter) {
                for client in words(&value) {
                    self.find(
                        &relaying::CLAIMED,
                        &place,
                        format!("a client of {client} {does}"),
                    );
                }
            }
        }
        for (place, value) in self.effective.everywhere("smtpd_upstream_proxy_protocol") {
            if !value.is_empty() {
                let does = "whoever reaches the port says which address it comes from (the PROXY protocol)";
                self.find(&relaying::CLAIMED, &place, does);
            }
        }
    }

    /// Domains that senders' addresses lose or get.
    fn rewritten(&mut self) {
        for (place, value) in self.effective.everywhere("masquerade_domains") {
            for domain in words(&value) {
                let does = format!(
                    "the address of a host in {domain} becomes an address of {domain} itself"
                );
                self.find(&content::REWRITTEN, &place, does);
            }
        }
        for (place, value) in self.effective.everywhere("remote_header_rewrite_domain") {
            if !value.is_empty() {
                let does = format!("headers with incomplete addresses get the domain {value}");
                self.find(&content::REWRITTEN, &place, does);
            }
        }
    }
}
