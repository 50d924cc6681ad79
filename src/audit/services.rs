//! Services of master.cf (master(5)).

use super::Reader;
use super::effective::Place;
use super::rules::{content, relaying};

/// relaykit's listeners.
const LISTENERS: [&str; 3] = ["smtp/inet", "submission/inet", "submissions/inet"];

/// Programs that write files or run others with mail.
const RUNNING: [&str; 5] = ["lmtp", "local", "pipe", "spawn", "virtual"];

impl Reader<'_> {
    pub(super) fn services(&mut self) {
        let services = self.effective.services();
        for service in services {
            let place = Place::Service(service.key.clone());
            if service.key.ends_with("/inet") && !LISTENERS.contains(&service.key.as_str()) {
                let does = format!(
                    "{} is a listener of its own, which no check of relaykit's looks at",
                    service.key
                );
                self.find(&relaying::LISTENER, &place, does);
            }
            if RUNNING.contains(&service.command.as_str()) {
                let does = format!(
                    "{} gives mail to {}, which writes files or runs programs",
                    service.key, service.command
                );
                self.find(&content::PROGRAM, &place, does);
            }
            if service.chroot != "n" {
                let does = format!(
                    "{} is chrooted, where it finds neither files nor resolver",
                    service.key
                );
                self.find(&content::CHROOTED, &place, does);
            }
            let verbose = |word: &&String| word.starts_with("-v") || *word == "-D";
            if service.arguments.iter().any(|word| verbose(&word)) {
                let does = format!(
                    "{} writes whole sessions into the log, passwords and content with them",
                    service.key
                );
                self.find(&content::LOGGED, &place, does);
            }
        }
    }
}
