//! Services of master.cf (master(5)).

use super::Reader;
use super::effective::{Place, Service};
use super::rules::{bounds, content, relaying};

/// relaykit's listeners.
const LISTENERS: [&str; 3] = ["smtp/inet", "submission/inet", "submissions/inet"];

/// Programs that write files or run others with mail.
const RUNNING: [&str; 5] = ["lmtp", "local", "pipe", "spawn", "virtual"];

/// A service as Postfix's own master.cf has it (`/usr/share/postfix/master.cf.dist`):
/// private, unprivileged, wakeup, process limit, program.
type Terms = [&'static str; 5];

/// The services of Postfix's that a relay has, and relaykit's own that are like one.
const OWN: [(&str, Terms); 20] = [
    ("smtp/inet", ["n", "-", "-", "-", "smtpd"]),
    ("submission/inet", ["n", "-", "-", "-", "smtpd"]),
    ("submissions/inet", ["n", "-", "-", "-", "smtpd"]),
    ("pickup/unix", ["n", "-", "60", "1", "pickup"]),
    ("cleanup/unix", ["n", "-", "-", "0", "cleanup"]),
    ("cleanup-login/unix", ["n", "-", "-", "0", "cleanup"]),
    ("qmgr/unix", ["n", "-", "300", "1", "qmgr"]),
    ("tlsmgr/unix", ["-", "-", "1000?", "1", "tlsmgr"]),
    ("rewrite/unix", ["-", "-", "-", "-", "trivial-rewrite"]),
    ("bounce/unix", ["-", "-", "-", "0", "bounce"]),
    ("defer/unix", ["-", "-", "-", "0", "bounce"]),
    ("trace/unix", ["-", "-", "-", "0", "bounce"]),
    ("proxymap/unix", ["-", "-", "-", "-", "proxymap"]),
    ("smtp/unix", ["-", "-", "-", "-", "smtp"]),
    ("showq/unix", ["n", "-", "-", "-", "showq"]),
    ("error/unix", ["-", "-", "-", "-", "error"]),
    ("retry/unix", ["-", "-", "-", "-", "error"]),
    ("discard/unix", ["-", "-", "-", "-", "discard"]),
    ("anvil/unix", ["-", "-", "-", "1", "anvil"]),
    ("scache/unix", ["-", "-", "-", "1", "scache"]),
];

/// What a service does otherwise than Postfix means it to. A limit of its own is one's own
/// affair where Postfix has the usual one, but for one process alone and no limit.
fn departures(service: &Service) -> Vec<String> {
    let Some((_, own)) = OWN.iter().find(|(key, _)| *key == service.key) else {
        return Vec::new();
    };
    let [private, unprivileged, wakeup, limit, program] = *own;
    let or = |word: &str, default: &str| match word {
        "-" => default.to_owned(),
        other => other.to_owned(),
    };
    let mut all = Vec::new();
    if or(&service.private, "y") != or(private, "y") {
        all.push(if private == "n" {
            "is private, so that nobody outside of Postfix reaches it".to_owned()
        } else {
            "is not private: others in the container can talk to it".to_owned()
        });
    }
    if or(&service.unprivileged, "y") != or(unprivileged, "y") {
        all.push("runs with root's rights".to_owned());
    }
    if or(&service.wakeup, "0") != or(wakeup, "0") {
        let seconds = or(&service.wakeup, "0");
        all.push(format!(
            "is woken every {seconds} s (0: never), in Postfix's own master.cf every {} s",
            or(wakeup, "0")
        ));
    }
    let of_listener = service.key.ends_with("/inet");
    let extreme = ["0", "1"].contains(&service.limit.as_str());
    let other = service.limit != limit;
    if !of_listener && other && (limit != "-" || extreme) {
        all.push(format!(
            "has {} processes at most (0: no limit), in Postfix's own master.cf {}",
            service.limit,
            or(limit, "the usual number")
        ));
    }
    if !of_listener && service.command != program {
        all.push(format!(
            "runs {}, in Postfix's own master.cf {program}",
            service.command
        ));
    }
    all
}

impl Reader<'_> {
    /// An earlier listener that is called the same in the log (`syslog_name`).
    fn shares_its_name(&self, service: &Service) -> Option<String> {
        let name = |service: &Service| {
            let said = self.effective.of(service, "syslog_name");
            said.map_or_else(|| "postfix".to_owned(), |(_, name)| name)
        };
        let listens = |service: &&Service| service.key.ends_with("/inet");
        let earlier = self.effective.services().iter();
        let mut earlier = earlier.take_while(|other| other.key != service.key);
        let same = |other: &&Service| listens(other) && name(other) == name(service);
        listens(&service)
            .then(|| earlier.find(same))
            .flatten()
            .map(|other| other.key.clone())
    }

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
            if let Some(other) = self.shares_its_name(service) {
                let does = format!(
                    "{} has the name of {other} in the log, and nobody can tell their sessions apart",
                    service.key
                );
                self.find(&content::LESS_LOGGED, &place, does);
            }
            for does in departures(service) {
                let does = format!("{} {does}", service.key);
                self.find(&bounds::SERVICE_TERMS, &place, does);
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
