//! The settings that Postfix really uses: main.cf, and what master.cf changes
//! for one service, as postconf(1) prints them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::Judged;
use super::appliance;
use crate::plan::Role;

/// The settings of the relay's Postfix.
#[derive(Debug, Default)]
pub(in super::super) struct Postconf {
    main: BTreeMap<String, String>,
    /// `service/type/parameter` to value.
    services: BTreeMap<String, String>,
}

/// A service of master.cf.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Service {
    /// Name and type: `smtp/inet`.
    pub(in super::super) name: String,
    /// The fifth column.
    pub(in super::super) chroot: String,
    /// The program, the eighth.
    pub(in super::super) program: String,
}

impl Postconf {
    /// Asks postconf in the relay's container for all settings, defaults included.
    pub(in super::super) async fn read(context: &Context) -> Judged<Self> {
        let script = "postconf -x && echo && postconf -Px";
        let text = appliance::output(context, Role::Relay, &["sh", "-c", script]).await?;
        let (main, services) = text.split_once("\n\n").unwrap_or((&text, ""));
        ControlFlow::Continue(Self {
            main: settings(main),
            services: settings(services),
        })
    }

    /// The value that `service` (`submission/inet`) uses; empty where there is none.
    pub(in super::super) fn effective(&self, service: &str, parameter: &str) -> &str {
        self.services
            .get(&format!("{service}/{parameter}"))
            .map_or_else(|| self.main(parameter), String::as_str)
    }

    /// The value in main.cf, or Postfix's default.
    pub(in super::super) fn main(&self, parameter: &str) -> &str {
        self.main.get(parameter).map_or("", String::as_str)
    }

    /// Whether master.cf changes anything for `service`.
    pub(in super::super) fn has_service(&self, service: &str) -> bool {
        self.services
            .keys()
            .any(|key| key.starts_with(&format!("{service}/")))
    }

    /// Every place where `parameter` has a value: main.cf and services.
    pub(in super::super) fn everywhere<'a>(
        &'a self,
        parameter: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let main = self
            .main
            .get(parameter)
            .map(|value| ("main.cf", value.as_str()));
        let services = self
            .services
            .iter()
            .filter(move |(key, _)| key.rsplit('/').next() == Some(parameter))
            .map(|(key, value)| (key.as_str(), value.as_str()));
        main.into_iter().chain(services)
    }
}

/// The services of master.cf, from `postconf -M`.
pub(in super::super) async fn services(context: &Context) -> Judged<Vec<Service>> {
    services_of(context, Role::Relay).await
}

/// The same of any container with Postfix in it.
pub(in super::super) async fn services_of(context: &Context, role: Role) -> Judged<Vec<Service>> {
    let text = appliance::output(context, role, &["postconf", "-M"]).await?;
    ControlFlow::Continue(text.lines().filter_map(service).collect())
}

fn service(line: &str) -> Option<Service> {
    let columns: Vec<_> = line.split_whitespace().collect();
    (columns.len() >= 8).then(|| Service {
        name: format!("{}/{}", columns[0], columns[1]),
        chroot: columns[4].to_owned(),
        program: columns[7].to_owned(),
    })
}

fn settings(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_overrides_main_cf() {
        let postconf = Postconf {
            main: settings("smtpd_sasl_auth_enable = no\nmynetworks =\nx = a = b\n"),
            services: settings("submission/inet/smtpd_sasl_auth_enable = yes\n"),
        };
        let enabled = |service| postconf.effective(service, "smtpd_sasl_auth_enable");
        assert_eq!(enabled("submission/inet"), "yes");
        assert_eq!(enabled("smtp/inet"), "no");
        assert_eq!(postconf.main("mynetworks"), "");
        assert_eq!(postconf.main("x"), "a = b");
        let places: Vec<_> = postconf.everywhere("smtpd_sasl_auth_enable").collect();
        assert_eq!(
            places,
            [
                ("main.cf", "no"),
                ("submission/inet/smtpd_sasl_auth_enable", "yes")
            ]
        );
    }

    #[test]
    fn the_fifth_column_is_chroot() {
        let line = "smtp       inet  n       -       y       -       -       smtpd -o a=b";
        assert_eq!(
            service(line),
            Some(Service {
                name: "smtp/inet".into(),
                chroot: "y".into(),
                program: "smtpd".into()
            })
        );
    }
}
