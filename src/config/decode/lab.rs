//! `lab`.

use super::{Decoder, Field, Section};
use crate::config::problem::{Refusal, quoted};
use crate::config::spec::{Spec, User};
use crate::config::syntax;
use crate::secret::Secret;

impl Decoder<'_> {
    pub(super) fn lab(&mut self, section: &Section<'_>, spec: &mut Spec) {
        if let Some(port) = Self::number(section, "ldaps") {
            spec.lab.ldaps = port;
        }
        if let Some(field) = section.field("networks") {
            spec.lab.networks = self.list(&field, syntax::network_name, PartialEq::eq);
        }
        let Some(field) = section.field("users") else {
            return;
        };
        let mut users: Vec<User> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for item in field.items() {
            let person = item.as_section();
            let name = person.field("name");
            let name = name.as_ref().and_then(|name| self.name(name, &mut names));
            let password = person.field("password").and_then(|field| {
                self.read(&field, syntax::password)
                    .map(|()| Secret::new(field.text()))
            });
            if let (Some(name), Some(password)) = (name, password) {
                users.push(User { name, password });
            }
        }
        spec.lab.users = users;
    }

    /// A directory compares names without regard to case (RFC 4519 2.39).
    fn name(&mut self, field: &Field<'_>, names: &mut Vec<String>) -> Option<String> {
        let name = self.read(field, syntax::login_name)?;
        let why = match names
            .iter()
            .find(|other| other.to_lowercase() == name.to_lowercase())
        {
            None => {
                names.push(name.clone());
                return Some(name);
            }
            Some(other) if *other == name => {
                Refusal::new(format!("{} is in the list already", quoted(&name)))
            }
            Some(other) => Refusal::new(format!(
                "{} is {} to a directory, which ignores case",
                quoted(&name),
                quoted(other)
            )),
        };
        self.refuse(field, why);
        None
    }
}
