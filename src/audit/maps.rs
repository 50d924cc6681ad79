//! Tables that change addresses, copy mail and say who may send as whom.

use super::Reader;
use super::effective::Place;
use super::rule::Rule;
use super::rules::{content, relaying, tls};
use super::table::{Key, is_table};
use super::words::words;

/// A parameter that names tables, and what an entry of them does.
struct Map {
    parameter: &'static str,
    rule: Option<&'static Rule>,
    /// Whom an entry without a key (`static:`) is about, what stands before a key, and
    /// between key and value; `!` hides the value.
    words: [&'static str; 3],
}

const fn map(parameter: &'static str, rule: &'static Rule, words: [&'static str; 3]) -> Map {
    Map {
        parameter,
        rule: Some(rule),
        words,
    }
}

const MAPS: &[Map] = &[
    map(
        "sender_bcc_maps",
        &content::COPIED,
        ["all mail", "mail from ", "is copied to"],
    ),
    map(
        "recipient_bcc_maps",
        &content::COPIED,
        ["all mail", "mail to ", "is copied to"],
    ),
    map(
        "virtual_alias_maps",
        &content::REDIRECTED,
        ["all mail", "mail to ", "goes to"],
    ),
    map(
        "alias_maps",
        &content::REDIRECTED,
        ["all local mail", "local mail to ", "goes to"],
    ),
    map(
        "recipient_canonical_maps",
        &content::REDIRECTED,
        ["all mail", "mail to ", "goes to"],
    ),
    map(
        "sender_canonical_maps",
        &content::REWRITTEN,
        ["every sender", "the sender ", "becomes"],
    ),
    map(
        "canonical_maps",
        &content::REWRITTEN,
        ["every address", "the address ", "becomes"],
    ),
    map(
        "smtp_generic_maps",
        &content::REWRITTEN,
        ["every address", "the address ", "leaves as"],
    ),
    map(
        "lmtp_generic_maps",
        &content::REWRITTEN,
        ["every address", "the address ", "leaves as"],
    ),
    map(
        "relocated_maps",
        &content::RETURNED,
        ["all mail", "mail to ", "is returned with the new address"],
    ),
    map(
        "smtpd_sender_login_maps",
        &relaying::SENDS_AS_ANOTHER,
        [
            "every address",
            "the address ",
            "may be used as sender by the login",
        ],
    ),
    map(
        "smtp_sasl_password_maps",
        &tls::LOGS_IN,
        ["at every next hop", "at ", "the relay logs in!"],
    ),
    map(
        "smtpd_command_filter",
        &relaying::COMMANDS_CHANGED,
        ["every command of clients", "the command ", "becomes"],
    ),
    map(
        "smtp_reply_filter",
        &content::REPLIES_CHANGED,
        ["every reply", "the next hop's reply ", "becomes"],
    ),
    map(
        "smtp_delivery_status_filter",
        &content::REPLIES_CHANGED,
        ["every result", "the result ", "becomes"],
    ),
    map(
        "default_delivery_status_filter",
        &content::REPLIES_CHANGED,
        ["every result", "the result ", "becomes"],
    ),
    Map {
        parameter: "relay_recipient_maps",
        rule: None,
        words: ["every recipient", "the recipient ", "is known"],
    },
];

/// Lists of addresses that a copy goes to.
const COPIES: [(&str, &str); 2] = [
    ("always_bcc", "every message is copied to"),
    (
        "error_notice_recipient",
        "reports of faults, with what clients said, go to",
    ),
];

impl Reader<'_> {
    pub(super) fn maps(&mut self) {
        for map in MAPS {
            for (place, value) in self.effective.everywhere(map.parameter) {
                for table in words(&value).iter().filter(|word| is_table(word)) {
                    if super::words::unbraced(table) == "pcre:/etc/relaykit/postfix/commands" {
                        continue;
                    }
                    self.map(map, table, &place);
                }
            }
        }
        for (parameter, does) in COPIES {
            for (place, value) in self.effective.everywhere(parameter) {
                // The notices' own recipient is nobody while there are no notices.
                let quiet = parameter != "always_bcc" && self.notices().is_empty();
                if !value.is_empty() && !quiet {
                    self.find(&content::COPIED, &place, format!("{does} {value}"));
                }
            }
        }
        for (place, value) in self.effective.everywhere("notify_classes") {
            if !value.is_empty() {
                let does = format!("reports on {value} go to a postmaster, with what clients said");
                self.find(&content::COPIED, &place, does);
            }
        }
        self.milters();
        self.unlimited();
    }

    fn notices(&self) -> String {
        self.effective.main("notify_classes").unwrap_or_default()
    }

    fn map(&mut self, map: &Map, table: &str, place: &Place) {
        let [every, one, verb] = map.words;
        for row in self.rows(table, place) {
            let who = match &row.key {
                // A virtual alias domain is declared by such an entry (virtual(5)).
                Key::Is(key) if map.parameter == "virtual_alias_maps" && is_domain(key) => {
                    let does = format!("mail to anybody in {key} is taken from anybody");
                    self.find(&relaying::STRANGERS_SEND, &row.place, does);
                    continue;
                }
                key => key.of(every, one),
            };
            let does = match verb.strip_suffix('!') {
                Some(verb) => format!("{who} {verb}"),
                None if map.rule.is_none() => format!("{who} {verb}"),
                None => format!("{who} {verb} {}", row.value),
            };
            match map.rule {
                Some(rule) => self.find(rule, &row.place, does),
                None => self.tell(&row.place, does),
            }
        }
    }

    fn milters(&mut self) {
        for parameter in ["smtpd_milters", "non_smtpd_milters"] {
            for (place, value) in self.effective.everywhere(parameter) {
                for milter in words(&value) {
                    let does = format!(
                        "the milter {milter} sees every message, and can change or drop it"
                    );
                    self.find(&content::FILTERED, &place, does);
                }
            }
        }
        let maps = self.effective.everywhere("smtpd_milter_maps");
        for (place, value) in maps {
            for table in words(&value) {
                for row in self.rows(&table, &place) {
                    let who = row.key.of("every client", "a client of ");
                    let does = format!("mail of {who} is shown to {}", row.value);
                    self.find(&content::FILTERED, &row.place, does);
                }
            }
        }
    }

    /// Clients that no limit holds for.
    fn unlimited(&mut self) {
        for (place, value) in self
            .effective
            .everywhere("smtpd_client_event_limit_exceptions")
        {
            for word in words(&value) {
                let does =
                    format!("no limit on connections and messages holds for a client of {word}");
                self.find(&relaying::LIMIT_SKIPPED, &place, does);
            }
        }
    }
}

/// A key of virtual(5) that is a whole domain: `example.org anything`.
fn is_domain(key: &str) -> bool {
    !key.contains('@') && key.contains('.')
}
