//! A next hop that only counts: Postfix's own smtp-sink(1) in the place of the sink. It
//! keeps nothing and costs next to nothing, so that what is measured is the relay.

use super::{Plan, Role};

/// Where it writes how many messages have come, `mesg=N` (`smtp-sink -c`).
pub const COUNTS: &str = "/tmp/counts";

/// Started by root, it listens on port 25 and then has no rights. So many connections may
/// wait to be taken, and so many be open.
const PROGRAM: &str = "exec smtp-sink -c -m 1000 -u nobody 0.0.0.0:25 1000 >/tmp/counts";

impl Plan {
    /// The same with a counter for a sink. It speaks no TLS, has no logins and keeps no
    /// message: the relay must not ask for these, and there is no inbox.
    #[must_use]
    pub fn with_counter(mut self) -> Self {
        let sink = self.containers.iter_mut().find(|c| c.role == Role::Sink);
        if let Some(sink) = sink {
            sink.entrypoint = ["sh", "-c", PROGRAM].map(str::to_owned).to_vec();
            sink.capabilities = vec!["NET_BIND_SERVICE", "SETGID", "SETUID"];
            sink.mounts.clear();
            sink.files.clear();
            // A hundred bytes a message.
            sink.tmpfs = vec![(
                "/tmp".to_owned(),
                "noexec,nosuid,nodev,mode=1777,size=256m".to_owned(),
            )];
        }
        let volumes = self.containers.iter().flat_map(|c| &c.mounts);
        let used: Vec<String> = volumes.map(|mount| mount.volume.clone()).collect();
        self.volumes.retain(|volume| used.contains(&volume.name));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::counterparts::{Purpose, Resolved};

    #[test]
    fn it_stands_where_the_sink_stood_and_has_no_volume() {
        let plan = || Plan::new(Resolved::new(config::built_in(), Purpose::Lab), "a");
        let counting = plan().with_counter();
        let (was, is) = (plan(), &counting);
        let (was, is) = (was.container(Role::Sink), is.container(Role::Sink));
        let (was, is) = (was.unwrap(), is.unwrap());
        assert_eq!((&was.networks, &was.name), (&is.networks, &is.name));
        assert!(is.mounts.is_empty() && is.files.is_empty());
        assert!(!counting.volumes.iter().any(|v| v.name.contains("sink")));
        assert_eq!(
            counting.container(Role::Relay),
            plan().container(Role::Relay)
        );
    }
}
