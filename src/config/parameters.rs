//! Which names main.cf may have: those that Postfix itself knows, those that a service
//! of master.cf makes, and those that another value refers to. It is postconf(1)'s rule
//! of what it calls an unused parameter, which Postfix passes over in silence.

use super::problem::{Refusal, nearest, quoted};

/// What `postconf -d` of the relay's image prints, without the names that services make;
/// a test holds it to the image.
const NAMES: &str = include_str!("parameters.txt");

/// What the name of a service that delivers mail makes with each of these: see
/// "transport-specific" in postconf(5).
const OF_TRANSPORTS: [&str; 16] = [
    "delivery_slot_cost",
    "delivery_slot_discount",
    "delivery_slot_loan",
    "destination_concurrency_failed_cohort_limit",
    "destination_concurrency_limit",
    "destination_concurrency_negative_feedback",
    "destination_concurrency_positive_feedback",
    "destination_rate_delay",
    "destination_recipient_limit",
    "extra_recipient_limit",
    "initial_destination_concurrency",
    "minimum_delivery_slots",
    "recipient_limit",
    "recipient_refill_delay",
    "recipient_refill_limit",
    "transport_rate_delay",
];

/// What the name of a service of spawn(8) or pipe(8) makes.
const OF_COMMANDS: &str = "time_limit";

/// The services that deliver in every relay; a test holds them to a running one.
const DELIVERING: [&str; 3] = ["error", "retry", "smtp"];

/// Tables whose settings may stand in main.cf: `ldap:people` has `people_server_host`.
const TABLES: [&str; 6] = ["ldap", "memcache", "mysql", "pgsql", "proxy", "sqlite"];

/// Every parameter that Postfix knows by itself, in order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    NAMES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

/// Every parameter that the services of a relay make, in no order.
#[must_use]
pub fn of_services() -> Vec<String> {
    let family = |service: &&str| OF_TRANSPORTS.map(|rest| format!("{service}_{rest}"));
    DELIVERING.iter().flat_map(family).collect()
}

/// What else a file says that a name may have to do with.
pub(super) struct Surroundings<'a> {
    /// The values of `postfix.main` with their names, and the lines of `postfix.master`.
    pub(super) values: Vec<(&'a str, &'a str)>,
    /// The names of the services of `postfix.master`.
    pub(super) services: Vec<&'a str>,
}

impl Surroundings<'_> {
    /// Refuses a name that nothing would read.
    pub(super) fn judge(&self, name: &str) -> Result<(), Refusal> {
        let known = names();
        let used = known.binary_search(&name).is_ok()
            || self.is_of_a_service(name)
            || self.is_of_a_table(name)
            || self.is_referred_to(name);
        if used {
            return Ok(());
        }
        let refusal = Refusal::new(format!(
            "Postfix knows no parameter {}, and no other value refers to it",
            quoted(name)
        ));
        let made = of_services();
        let made = made.iter().map(String::as_str);
        let all: Vec<&str> = known.into_iter().chain(made).collect();
        // Nobody confuses letters that differ in nothing but their case.
        let same = |known: &&&str| known.eq_ignore_ascii_case(name);
        let meant = all
            .iter()
            .find(same)
            .copied()
            .or_else(|| nearest(name, &all));
        Err(match meant {
            Some(meant) => refusal.hint(format!("did you mean `{meant}`?")),
            None => refusal.hint(format!(
                "remove it, or use it as `${name}` in another parameter"
            )),
        })
    }

    fn is_of_a_service(&self, name: &str) -> bool {
        let rest = |service: &str| name.strip_prefix(service)?.strip_prefix('_');
        let transport = |rest| OF_TRANSPORTS.contains(&rest);
        let command = |rest| transport(rest) || rest == OF_COMMANDS;
        let mut ours = DELIVERING.iter().filter_map(|service| rest(service));
        let mut theirs = self.services.iter().filter_map(|service| rest(service));
        ours.any(transport) || theirs.any(command)
    }

    fn is_of_a_table(&self, name: &str) -> bool {
        self.values.iter().any(|(_, value)| {
            TABLES.iter().any(|kind| {
                let kind = format!("{kind}:");
                let sources = value.split(&kind).skip(1);
                let mut names = sources.map(|rest| word(rest, |c| "_-.".contains(c)));
                names.any(|source| {
                    let rest = name.strip_prefix(source);
                    !source.is_empty() && rest.is_some_and(|rest| rest.starts_with('_'))
                })
            })
        })
    }

    fn is_referred_to(&self, name: &str) -> bool {
        self.values.iter().any(|(of, value)| {
            let mut references = value.split('$').skip(1).map(|rest| {
                let rest = rest.strip_prefix(['{', '(']).unwrap_or(rest);
                word(rest, |c| c == '_')
            });
            let class = || value.split([',', ' ', '\t']).any(|word| word == name);
            references.any(|reference| reference == name)
                || (*of == "smtpd_restriction_classes" && class())
        })
    }
}

/// The letters, digits and `more` that `text` begins with.
fn word(text: &str, more: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || more(c)));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(values: &[(&str, &str)], services: &[&str], name: &str) -> Result<(), Refusal> {
        let surroundings = Surroundings {
            values: values.to_vec(),
            services: services.to_vec(),
        };
        surroundings.judge(name)
    }

    fn hint(name: &str) -> String {
        judge(&[], &[], name).unwrap_err().hint.unwrap()
    }

    #[test]
    fn the_list_is_in_order_and_has_capitals() {
        assert!(names().is_sorted());
        for name in [
            "smtp_tls_CAfile",
            "tls_append_default_CA",
            "2bounce_notice_recipient",
        ] {
            assert_eq!(judge(&[], &[], name), Ok(()));
        }
        assert_eq!(hint("smtp_tls_cafile"), "did you mean `smtp_tls_CAfile`?");
        assert_eq!(
            hint("smtp_tls_logevel"),
            "did you mean `smtp_tls_loglevel`?"
        );
        assert_eq!(hint("MYHOSTNAME"), "did you mean `myhostname`?");
        assert!(hint("colour_of_the_moon").starts_with("remove it"));
    }

    #[test]
    fn a_service_makes_parameters() {
        let name = "tor_destination_rate_delay";
        assert_eq!(judge(&[], &["tor"], name), Ok(()));
        assert!(judge(&[], &[], name).is_err());
        assert_eq!(judge(&[], &["policy-x"], "policy-x_time_limit"), Ok(()));
        assert_eq!(
            judge(&[], &[], "smtp_destination_concurrency_limit"),
            Ok(())
        );
        let near = hint("smtp_destination_concurency_limit");
        assert_eq!(near, "did you mean `smtp_destination_concurrency_limit`?");
        assert!(judge(&[], &["tor"], "tor_colour").is_err());
    }

    #[test]
    fn what_another_value_refers_to_is_used() {
        for value in [
            "$mine",
            "permit, ${mine}",
            "${mine?{a}:{b}}",
            "$(mine)",
            "{a$mine}",
        ] {
            assert_eq!(judge(&[("x", value)], &[], "mine"), Ok(()), "{value}");
        }
        for value in ["mine", "$mine_too", "$my"] {
            assert!(judge(&[("x", value)], &[], "mine").is_err(), "{value}");
        }
        let classes = [("smtpd_restriction_classes", "one, mine")];
        assert_eq!(judge(&classes, &[], "mine"), Ok(()));
        let table = [("relay_recipient_maps", "proxy:ldap:people")];
        assert_eq!(judge(&table, &[], "people_server_host"), Ok(()));
        let file = [("relay_recipient_maps", "ldap:/etc/people")];
        assert!(judge(&file, &[], "people_server_host").is_err());
    }
}
