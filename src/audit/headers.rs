//! Header and body checks, `header_checks(5)`.

use super::Reader;
use super::rules::content;
use super::table::Row;
use super::words::words;

const CHECKS: [&str; 13] = [
    "header_checks",
    "mime_header_checks",
    "nested_header_checks",
    "body_checks",
    "milter_header_checks",
    "smtp_header_checks",
    "smtp_mime_header_checks",
    "smtp_nested_header_checks",
    "smtp_body_checks",
    "lmtp_header_checks",
    "lmtp_mime_header_checks",
    "lmtp_nested_header_checks",
    "lmtp_body_checks",
];

impl Reader<'_> {
    pub(super) fn header_checks(&mut self) {
        for parameter in CHECKS {
            for (place, value) in self.effective.everywhere(parameter) {
                for table in words(&value) {
                    for row in self.rows(&table, &place) {
                        self.header_check(parameter, &row);
                    }
                }
            }
        }
    }

    fn header_check(&mut self, parameter: &str, row: &Row) {
        let what = if parameter.ends_with("body_checks") {
            "a message with the line "
        } else {
            "a message with the header "
        };
        let who = row.key.of("every message", what);
        let place = &row.place;
        let (action, rest) = row
            .value
            .split_once(char::is_whitespace)
            .unwrap_or((&row.value, ""));
        let rest = rest.trim();
        match action.to_ascii_uppercase().as_str() {
            "BCC" => self.find(
                &content::COPIED,
                place,
                format!("{who} is copied to {rest}"),
            ),
            "DISCARD" => self.find(
                &content::DROPPED,
                place,
                format!("{who} is taken and thrown away"),
            ),
            "FILTER" => self.find(
                &content::REROUTED,
                place,
                format!("{who} goes to {rest} first"),
            ),
            "HOLD" => self.find(
                &content::HELD,
                place,
                format!("{who} is held until somebody releases it"),
            ),
            "REDIRECT" => self.find(
                &content::REDIRECTED,
                place,
                format!("{who} goes to {rest} instead"),
            ),
            "PREPEND" => self.find(
                &content::HEADER_ADDED,
                place,
                format!("{who} gets the header {rest:?}"),
            ),
            "REPLACE" => self.find(
                &content::HEADER_CHANGED,
                place,
                format!("{who} has {rest:?} there instead"),
            ),
            "WARN" | "INFO" => {
                self.find(
                    &content::LOGGED,
                    place,
                    format!("that line of {who} is written into the log"),
                );
            }
            "IGNORE" | "STRIP" => self.tell(place, format!("{who} loses it")),
            "REJECT" => self.tell(place, format!("{who} is refused")),
            _ => {}
        }
    }
}
