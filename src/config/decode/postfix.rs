//! `postfix`: the operator's last word, and what is said about it.

use super::{Decoder, Section};
use crate::config::overrides::{self, Verdict};
use crate::config::problem::Refusal;
use crate::config::spec::Spec;
use crate::config::syntax;

impl Decoder<'_> {
    pub(super) fn postfix(&mut self, section: &Section<'_>, spec: &mut Spec) {
        for (entry, field) in section.entries("main") {
            match syntax::parameter_name(&entry.key) {
                Err(why) => self.report.refuse(entry.at, &field.path, why),
                Ok(name) => {
                    self.judge(&field, overrides::parameter(&name, field.text()));
                    spec.postfix.main.insert(name, field.text().to_owned());
                }
            }
        }
        for (entry, field) in section.entries("master") {
            match syntax::service_name(&entry.key) {
                Err(why) => self.report.refuse(entry.at, &field.path, why),
                Ok(service) => {
                    let line = self.read(&field, |text| syntax::service_line(&service, text));
                    for verdict in overrides::service(field.text()) {
                        self.judge(&field, verdict);
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
