//! TLS towards next hops and clients (`TLS_README`).

use super::Reader;
use super::effective::Place;
use super::rules::tls;
use super::words::{is_yes, words};

/// Versions, oldest first; from the fourth on they are sound (RFC 8996).
const VERSIONS: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
const SOUND: usize = 4;

/// The suites that relaykit leaves out.
const LEFT_OUT: [&str; 3] = ["aNULL", "MD5", "kRSA"];

const KEYS: [&str; 9] = [
    "smtpd_tls_cert_file",
    "smtpd_tls_chain_files",
    "smtpd_tls_dcert_file",
    "smtpd_tls_dkey_file",
    "smtpd_tls_eccert_file",
    "smtpd_tls_eckey_file",
    "smtpd_tls_key_file",
    "tls_server_sni_maps",
    "smtpd_tls_dh1024_param_file",
];

impl Reader<'_> {
    pub(super) fn tls(&mut self) {
        for (place, name, value) in self.effective.everything() {
            self.tls_value(&place, &name, value.trim());
        }
        self.policies();
        self.keywords();
    }

    fn tls_value(&mut self, place: &Place, name: &str, value: &str) {
        let weak = &tls::WEAKENED;
        match name {
            "smtp_tls_security_level" | "lmtp_tls_security_level" if value == "none" => {
                self.find(weak, place, "mail is sent without TLS");
            }
            "smtpd_tls_security_level" if value == "none" => {
                self.find(weak, place, "clients are offered no TLS");
            }
            "smtp_use_tls" | "smtp_enforce_tls" | "smtp_tls_enforce_peername" if value == "no" => {
                // They count only where smtp_tls_security_level is empty.
                let level = self.effective.main("smtp_tls_security_level");
                if level.is_none_or(|level| level.is_empty()) {
                    self.find(
                        weak,
                        place,
                        format!("{name} = no: mail is sent with less than TLS"),
                    );
                }
            }
            "tls_append_default_CA" if is_yes(value) => {
                self.find(
                    weak,
                    place,
                    "certificates of every public CA are believed as well",
                );
            }
            "smtp_tls_protocols"
            | "smtp_tls_mandatory_protocols"
            | "lmtp_tls_protocols"
            | "smtpd_tls_protocols"
            | "smtpd_tls_mandatory_protocols" => {
                if let Some(oldest) = oldest(value) {
                    let does = format!("{name} lets {oldest} through, which is broken (RFC 8996)");
                    self.find(weak, place, does);
                }
            }
            "smtp_tls_ciphers"
            | "smtp_tls_mandatory_ciphers"
            | "smtpd_tls_ciphers"
            | "smtpd_tls_mandatory_ciphers"
                if !matches!(value, "high" | "") =>
            {
                self.find(
                    weak,
                    place,
                    format!("suites of grade {value} are taken too"),
                );
            }
            "tls_high_cipherlist" | "tls_medium_cipherlist" | "tls_null_cipherlist" => {
                self.find(
                    weak,
                    place,
                    format!("{name} is a list of suites of your own"),
                );
            }
            "smtpd_tls_exclude_ciphers" => {
                let there = words(value);
                let missing = LEFT_OUT
                    .iter()
                    .find(|word| !there.iter().any(|w| w.eq_ignore_ascii_case(word)));
                if let Some(missing) = missing {
                    let does =
                        format!("suites with {missing} are offered, which relaykit leaves out");
                    self.find(weak, place, does);
                }
            }
            "tls_ssl_options"
                if !words(value)
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case("NO_RENEGOTIATION")) =>
            {
                self.find(
                    weak,
                    place,
                    "a client may ask for handshake after handshake (renegotiation)",
                );
            }
            "smtp_tls_fingerprint_digest" | "smtpd_tls_fingerprint_digest"
                if matches!(value, "md5" | "sha1") =>
            {
                self.find(
                    weak,
                    place,
                    format!("a certificate is known by its {value}, which can be forged"),
                );
            }
            _ => self.secrets(place, name, value),
        }
        self.wrapper(place, name, value);
    }

    /// Passwords on their way, and keys.
    fn secrets(&mut self, place: &Place, name: &str, value: &str) {
        match name {
            "smtp_sasl_security_options"
                if !words(value).iter().any(|word| word == "noplaintext") =>
            {
                self.find(
                    &tls::PASSWORD_IN_CLEAR,
                    place,
                    "the next hop's password may be sent without TLS",
                );
            }
            "smtpd_tls_auth_only" if value == "no" => {
                self.find(
                    &tls::PASSWORD_IN_CLEAR,
                    place,
                    "clients may send passwords without TLS",
                );
            }
            key if KEYS.contains(&key) && !value.is_empty() => {
                self.find(
                    &tls::OTHER_CERTIFICATE,
                    place,
                    format!("clients are shown what {value} holds"),
                );
            }
            _ => {}
        }
    }

    /// smtp(8) stops where TLS is from the first byte and not required.
    fn wrapper(&mut self, place: &Place, name: &str, value: &str) {
        if name != "smtp_tls_wrappermode" || !is_yes(value) {
            return;
        }
        let level = match place {
            Place::Option(service, _) => self
                .effective
                .service(service)
                .and_then(|service| self.effective.of(service, "smtp_tls_security_level"))
                .map(|(_, level)| level),
            _ => self.effective.main("smtp_tls_security_level"),
        };
        let level = level.unwrap_or_default();
        if matches!(level.as_str(), "" | "none" | "may") {
            let does = format!(
                "smtp_tls_wrappermode needs smtp_tls_security_level encrypt or more, which is {level:?}: nothing is delivered"
            );
            self.find(&tls::WRAPPER_WITHOUT_TLS, place, does);
        }
    }

    /// `smtp_tls_policy_maps`: what a destination gets.
    fn policies(&mut self) {
        for (place, value) in self.effective.everywhere("smtp_tls_policy_maps") {
            for table in words(&value) {
                for row in self.rows(&table, &place) {
                    let to = row.key.of("all mail", "mail to ");
                    let mut rest = words(&row.value).into_iter();
                    let level = rest.next().unwrap_or_default();
                    let rest: Vec<String> = rest.collect();
                    let place = &row.place;
                    match level.as_str() {
                        "none" => self.find(&tls::WEAKENED, place, format!("{to} is sent without TLS")),
                        "may" => self.find(
                            &tls::WEAKENED,
                            place,
                            format!("{to} is sent in clear where the next hop offers no TLS, or where somebody in between says so"),
                        ),
                        "encrypt" => self.find(
                            &tls::WEAKENED,
                            place,
                            format!("{to} is sent under TLS to whoever answers: no certificate is looked at"),
                        ),
                        level => self.tell(place, format!("{to} is sent under TLS of level {level}")),
                    }
                    for attribute in rest {
                        if let Some(("protocols", value)) = attribute.split_once('=')
                            && let Some(oldest) = oldest(&value.replace(':', " "))
                        {
                            self.find(
                                &tls::WEAKENED,
                                place,
                                format!("{to} may be sent with {oldest}"),
                            );
                        }
                    }
                }
            }
        }
        for (place, value) in self.effective.everywhere("smtp_tls_per_site") {
            for table in words(&value) {
                for row in self.rows(&table, &place) {
                    let to = row.key.of("all mail", "mail to ");
                    let does = format!("{to} is sent with TLS policy {}", row.value);
                    self.find(&tls::WEAKENED, &row.place, does);
                }
            }
        }
    }

    /// Extensions that some clients or next hops do without.
    fn keywords(&mut self) {
        let maps = [
            (
                "smtpd_discard_ehlo_keyword_address_maps",
                "a client of ",
                "is not offered",
            ),
            (
                "smtp_discard_ehlo_keyword_address_maps",
                "the next hop ",
                "is not asked for",
            ),
        ];
        for (parameter, what, verb) in maps {
            for (place, value) in self.effective.everywhere(parameter) {
                for table in words(&value) {
                    for row in self.rows(&table, &place) {
                        let who = row.key.of(
                            &format!(
                                "every {}",
                                what.trim_start_matches("a ").trim_end_matches("of ")
                            ),
                            what,
                        );
                        self.keyword(&row.place, &who, verb, &row.value);
                    }
                }
            }
        }
        for (place, value) in self.effective.everywhere("smtp_discard_ehlo_keywords") {
            self.keyword(&place, "no next hop", "is asked for", &value);
        }
        for (place, value) in self.effective.everywhere("smtpd_discard_ehlo_keywords") {
            self.keyword(&place, "no client", "is offered", &value);
        }
    }

    fn keyword(&mut self, place: &Place, who: &str, verb: &str, list: &str) {
        let list = words(list);
        if list
            .iter()
            .any(|word| word.eq_ignore_ascii_case("starttls"))
        {
            self.find(&tls::WEAKENED, place, format!("{who} {verb} STARTTLS"));
        }
    }
}

/// The oldest version below TLS 1.2 that a list of protocols lets through.
fn oldest(value: &str) -> Option<&'static str> {
    let list = value.replace(':', " ");
    let list = words(&list);
    let position = |name: &str| {
        VERSIONS
            .iter()
            .position(|version| version.eq_ignore_ascii_case(name))
    };
    let least = list.iter().find_map(|word| word.strip_prefix(">="));
    if let Some(least) = least {
        return position(least.trim())
            .filter(|at| *at < SOUND)
            .map(|at| VERSIONS[at]);
    }
    let (mut excluded, mut included) = (Vec::new(), Vec::new());
    for word in &list {
        match word.strip_prefix('!') {
            Some(name) => excluded.push(name),
            None if word.starts_with("<=") => {}
            None => included.push(word.as_str()),
        }
    }
    let has =
        |set: &[&str], version: &str| set.iter().any(|name| name.eq_ignore_ascii_case(version));
    // SSLv2 is in no library any more.
    let mut old = VERSIONS[1..SOUND].iter();
    old.find(|version| !has(&excluded, version) && (included.is_empty() || has(&included, version)))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::oldest;

    #[test]
    fn versions_are_read_in_both_forms() {
        for (value, found) in [
            (">=TLSv1.2", None),
            (">=TLSv1", Some("TLSv1")),
            ("!SSLv2, !SSLv3", Some("TLSv1")),
            ("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", None),
            ("", Some("SSLv3")),
            ("TLSv1.3", None),
            ("TLSv1.1, TLSv1.2", Some("TLSv1.1")),
        ] {
            assert_eq!(oldest(value), found, "{value}");
        }
    }
}
