//! `ssh://` engines: `[user@]host[:port][/path/of/the/socket]`, read as the Docker
//! CLI reads it. Whatever else there is to say (aliases, keys, jump hosts, known hosts)
//! is said in ssh's own configuration, and stays ssh's business.

use super::Error;

/// The engine's socket on the far side, unless the address names another.
const SOCKET: &str = "/var/run/docker.sock";

/// An address behind `ssh://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Who logs in; `None`: ssh's own choice.
    user: Option<String>,
    /// A name, an address (without brackets) or an alias of `ssh_config(5)`.
    host: String,
    port: Option<u16>,
    /// The engine's socket there, where the address names it.
    socket: Option<String>,
}

impl Destination {
    /// Reads what stands behind `ssh://`; an error says what is wrong with it.
    pub(super) fn parse(rest: &str) -> Result<Self, &'static str> {
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("a password cannot be in it: ssh takes keys, an agent or a terminal");
        }
        let (host, port) = split_port(place)?;
        let odd = |text: &str| {
            text.is_empty()
                || text.starts_with('-')
                || text.contains(|c: char| !c.is_ascii_graphic())
        };
        if odd(host) || user.is_some_and(odd) {
            return Err("a host is expected, with or without a user and a port");
        }
        if path.contains(['\'', '?', '#']) || path.contains(char::is_control) {
            return Err("the path of a socket and nothing behind it is expected after the host");
        }
        let socket = path.trim_end_matches('/');
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            socket: (!socket.is_empty()).then(|| socket.to_owned()),
        })
    }

    /// As a person would write it into `DOCKER_HOST`.
    pub(super) fn address(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let port = self.port.map(|port| format!(":{port}"));
        let socket = self.socket.as_deref().unwrap_or_default();
        format!(
            "ssh://{}{host}{}{socket}",
            user.unwrap_or_default(),
            port.unwrap_or_default()
        )
    }

    /// The same with another socket.
    pub(super) fn at(&self, socket: &str) -> Self {
        Self {
            socket: Some(socket.to_owned()),
            ..self.clone()
        }
    }

    /// The engine's socket on the far side.
    pub(super) fn socket(&self) -> &str {
        self.socket.as_deref().unwrap_or(SOCKET)
    }

    /// The host as the address has it: perhaps an alias.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What ssh(1) is told of it. Only what the address says: all else is left to
    /// `ssh_config(5)`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), self.host.clone()]);
        arguments
    }

    /// What a person types to log in there.
    pub(super) fn by_hand(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        let port = self.port.map(|port| format!("-p {port} "));
        format!(
            "ssh {}{}{}",
            port.unwrap_or_default(),
            user.unwrap_or_default(),
            self.host
        )
    }

    /// What to do when ssh ended with `said` on its standard error.
    pub(super) fn refused(&self, said: &str) -> Error {
        let by_hand = self.by_hand();
        let has = |words: &str| said.contains(words);
        let advice = if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            "find out why the host has another key than before; if that is right, remove the old \
             one (`ssh-keygen -R`, in the words above)"
                .to_owned()
        } else if has("Host key verification failed") {
            format!("log in once with `{by_hand}`, and compare the fingerprint that it shows")
        } else if has("Permission denied") {
            format!(
                "see that `{by_hand}` logs in without a question: with a key that an agent holds, \
                 or one without a passphrase"
            )
        } else if has("not found") && has("ssh:") {
            "install an OpenSSH client: relaykit runs the program `ssh`".to_owned()
        } else {
            format!("see that `{by_hand} true` works")
        };
        let said = said.trim();
        Error::Ssh {
            address: self.address(),
            reason: if said.is_empty() {
                "it ended without a word".to_owned()
            } else {
                said.replace('\n', "\n    ")
            },
            advice,
        }
    }
}

/// Host and port: `host`, `host:22`, `[::1]`, `[::1]:22`.
fn split_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    const PORT: &str = "the port is no number from 1 to 65535";
    let (host, port) = match place.strip_prefix('[') {
        Some(literal) => {
            let (host, behind) = literal.split_once(']').ok_or("a bracket is not closed")?;
            match behind.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if behind.is_empty() => (host, None),
                None => return Err(PORT),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let number = |port: &str| match port.parse() {
        Ok(0) | Err(_) => Err(PORT),
        Ok(port) => Ok(port),
    };
    Ok((host, port.map(number).transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rest: &str) -> Destination {
        Destination::parse(rest).unwrap()
    }

    #[test]
    fn only_what_the_address_says_is_told_to_ssh() {
        for (address, arguments, socket) in [
            ("farm", "-- farm", SOCKET),
            ("farm/", "-- farm", SOCKET),
            ("ci@farm:2222", "-l ci -p 2222 -- farm", SOCKET),
            ("[::1]:22", "-p 22 -- ::1", SOCKET),
            ("[fe80::1]", "-- fe80::1", SOCKET),
            (
                "ci@farm/run/user/1000/docker.sock",
                "-l ci -- farm",
                "/run/user/1000/docker.sock",
            ),
        ] {
            let destination = of(address);
            assert_eq!(destination.arguments().join(" "), arguments);
            assert_eq!(destination.socket(), socket);
            let shown = destination.address();
            assert_eq!(shown, format!("ssh://{}", address.trim_end_matches('/')));
        }
    }

    #[test]
    fn what_would_mean_something_else_to_ssh_is_refused() {
        for address in [
            "",
            "ci@",
            "-oProxyCommand=x",
            "-l@farm",
            "ci:secret@farm",
            "farm:0",
            "farm:ssh",
            "farm:70000",
            "[::1",
            "[::1]22",
            "a b",
            "farm/a'b",
            "farm/a?b",
        ] {
            assert!(Destination::parse(address).is_err(), "{address}");
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let destination = of("ci@farm:2222");
        let advice = |said: &str| destination.refused(said).to_string();
        assert!(advice("Host key verification failed.").contains("`ssh -p 2222 ci@farm`"));
        assert!(advice("ci@farm: Permission denied (publickey).").contains("agent"));
        let changed =
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.";
        let changed = advice(changed);
        assert!(changed.contains("another key than before"), "{changed}");
        assert!(advice("sh: 1: ssh: not found").contains("install"));
        assert!(advice("").contains("without a word"));
    }
}
