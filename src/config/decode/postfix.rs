//! `postfix`: the operator's last word, and what is said about it.

use super::{Decoder, Section};
use crate::config::overrides::{self, Verdict};
use crate::config::parameters::Surroundings;
use crate::config::problem::Refusal;
use crate::config::spec::Spec;
use crate::config::syntax;

impl Decoder<'_> {
    pub(super) fn postfix<'a>(&mut self, section: &Section<'a>, spec: &mut Spec) {
        let (main, master) = (section.entries("main"), section.entries("master"));
        let service = |key: &'a str| key.rsplit_once('/').map_or(key, |(name, _)| name);
        let surroundings = Surroundings {
            values: main
                .iter()
                .chain(&master)
                .map(|(entry, field)| (entry.key.as_str(), field.text()))
                .collect(),
            services: master
                .iter()
                .map(|(entry, _)| service(&entry.key))
                .collect(),
        };
        for (entry, field) in &main {
            let name = syntax::parameter_name(&entry.key)
                .and_then(|name| surroundings.judge(&name).map(|()| name));
            match name {
                Err(why) => self.report.refuse(entry.at, &field.path, why),
                Ok(name) => {
                    self.judge(field, overrides::parameter(&name, field.text()));
                    spec.postfix.main.insert(name, field.text().to_owned());
                }
            }
        }
        for (entry, field) in &master {
            match syntax::service_name(&entry.key) {
                Err(why) => self.report.refuse(entry.at, &field.path, why),
                Ok(service) => {
                    let line = self.read(field, |text| syntax::service_line(&service, text));
                    for verdict in overrides::service(field.text()) {
                        self.judge(field, verdict);
                    }
                    if let Some(line) = line {
                        spec.postfix.master.insert(service, line);
                    }
                }
            }
        }
    }

    fn judge(&mut self, field: &super::Field<'_>, verdict: Verdict) {
        match verdict {
            Verdict::Fine => {}
            Verdict::Unwise { why, instead } | Verdict::Unsafe { why, instead } => {
                self.warn(field, Refusal::new(why).hint(instead));
            }
            Verdict::Forbidden { why } => {
                self.refuse(field, Refusal::new(why).hint("remove it"));
            }
        }
    }
}
