//! Where mail goes: transports, next hops, filters.

use super::Reader;
use super::effective::Place;
use super::rules::content;
use super::table::{Row, is_table};
use super::words::words;

/// Parameters whose one value is a transport and next hop for much mail at once.
const WHOLE: [(&str, &str); 7] = [
    ("relayhost", "all mail"),
    ("default_transport", "all mail"),
    ("relay_transport", "mail to relay domains"),
    ("local_transport", "mail to the relay itself"),
    ("virtual_transport", "mail to virtual mailboxes"),
    (
        "smtp_fallback_relay",
        "mail that its next hop does not take now",
    ),
    ("content_filter", "all mail"),
];

/// Parameters with tables of transports, and what their keys are.
const TABLES: [(&str, [&str; 2]); 4] = [
    ("transport_maps", ["all mail", "mail to "]),
    (
        "sender_dependent_relayhost_maps",
        ["all mail", "mail from "],
    ),
    (
        "sender_dependent_default_transport_maps",
        ["all mail", "mail from "],
    ),
    (
        "address_verify_transport_maps",
        ["every question about a recipient", "a question about "],
    ),
];

/// Values that say where mail goes by themselves, as relaykit has them.
const ORDINARY: [&str; 2] = ["smtp", "smtp:"];

impl Reader<'_> {
    pub(super) fn routes(&mut self) {
        for (parameter, what) in WHOLE {
            for (place, value) in self.effective.everywhere(parameter) {
                if value.is_empty() || ORDINARY.contains(&value.as_str()) {
                    continue;
                }
                self.route(&place, what, &value, parameter);
            }
        }
        for (parameter, [every, one]) in TABLES {
            for (place, value) in self.effective.everywhere(parameter) {
                for table in words(&value).iter().filter(|word| is_table(word)) {
                    for row in self.rows(table, &place) {
                        let Row { place, key, value } = row;
                        self.route(&place, &key.of(every, one), &value, parameter);
                    }
                }
            }
        }
        for (place, value) in self.effective.everywhere("defer_transports") {
            for name in words(&value) {
                let does =
                    format!("mail by the transport {name} waits until somebody calls for it");
                self.find(&content::HELD, &place, does);
            }
        }
        for (place, value) in self.effective.everywhere("smtpd_proxy_filter") {
            if !value.is_empty() {
                let does = format!("all mail goes to {value} before the queue");
                self.find(&content::REROUTED, &place, does);
            }
        }
        for (place, value) in self.effective.everywhere("luser_relay") {
            if !value.is_empty() {
                let does = format!("mail to unknown local names goes to {value}");
                self.find(&content::REDIRECTED, &place, does);
            }
        }
    }

    /// `transport:nexthop`, or a next hop alone where a relayhost stands (transport(5)).
    fn route(&mut self, place: &Place, what: &str, value: &str, parameter: &str) {
        let alone = parameter.contains("relayhost") || parameter == "smtp_fallback_relay";
        let (transport, next_hop) = match value.split_once(':') {
            Some((transport, next_hop)) if !alone => (transport, next_hop),
            _ if alone => ("smtp", value),
            _ => (value, ""),
        };
        match transport {
            "discard" => self.find(
                &content::DROPPED,
                place,
                format!("{what} is taken and thrown away"),
            ),
            "error" => {
                // What relaykit says of mail to itself.
                let does = format!("{what} is returned at once: {next_hop}");
                self.find(&content::RETURNED, place, does);
            }
            "retry" => {
                self.find(
                    &content::HELD,
                    place,
                    format!("{what} is put off until it is returned: {next_hop}"),
                );
            }
            "" | "smtp" | "relay" if next_hop.is_empty() => {
                self.find(
                    &content::REROUTED,
                    place,
                    format!("{what} goes to the servers that DNS names"),
                );
            }
            "" | "smtp" | "relay" => {
                self.find(
                    &content::REROUTED,
                    place,
                    format!("{what} goes to {next_hop}"),
                );
                self.by_names(place, next_hop);
            }
            other => {
                let to = if next_hop.is_empty() {
                    String::new()
                } else {
                    format!(" with {next_hop}")
                };
                let does = format!("{what} goes through the service {other}{to}");
                self.find(&content::REROUTED, place, does);
            }
        }
    }

    /// A next hop without brackets is a domain, whose MX is asked for; a port beside it
    /// nearly always means a host.
    fn by_names(&mut self, place: &Place, next_hop: &str) {
        for one in words(next_hop) {
            let host = one.rsplit_once(':').map(|(host, _)| host);
            if let Some(host) = host.filter(|host| !host.starts_with('[')) {
                let does = format!(
                    "{one} means the mail servers of the domain {host}, not the host {host}"
                );
                self.find(&content::BY_MX, place, does);
            }
            let wrapped = self.effective.main("smtp_tls_wrappermode");
            if one.ends_with(":465") && !wrapped.is_some_and(|yes| super::words::is_yes(&yes)) {
                let does = format!(
                    "{one} speaks TLS from the first byte, and the relay waits there for a greeting in clear"
                );
                self.find(&content::NO_WRAPPER, place, does);
            }
        }
    }
}
