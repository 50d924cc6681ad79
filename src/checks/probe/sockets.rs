//! What a container listens on, from the kernel's tables in /proc/net (proc(5)).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::Judged;
use super::appliance;
use crate::plan::Role;

/// A socket that takes connections or packets from anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Socket {
    /// TCP, or else UDP.
    pub(in super::super) is_tcp: bool,
    /// Its port.
    pub(in super::super) port: u16,
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.is_tcp { "tcp" } else { "udp" };
        write!(f, "{protocol} {}", self.port)
    }
}

/// The sockets on which the container with `role` listens, on IPv4 and IPv6,
/// without the engine's own resolver.
pub(in super::super) async fn listening(context: &Context, role: Role) -> Judged<BTreeSet<Socket>> {
    // A kernel without IPv6 has no tables of it.
    let script = "for p in tcp tcp6 udp udp6; do \
                  [ ! -e /proc/net/$p ] || sed \"s/^/$p /\" /proc/net/$p; done";
    let text = appliance::output(context, role, &["sh", "-c", script]).await?;
    ControlFlow::Continue(text.lines().filter_map(socket).collect())
}

/// One line of a table, with the table's name before it.
fn socket(line: &str) -> Option<Socket> {
    // 127.0.0.11, where engines put their resolver: hexadecimal, as a little-endian
    // and as a big-endian machine shows it.
    const RESOLVER: [&str; 2] = ["0B00007F", "7F00000B"];
    const LISTEN: &str = "0A";
    // Not connected to anybody.
    const UDP_OPEN: &str = "07";
    let columns: Vec<_> = line.split_whitespace().collect();
    let [table, _, local, _, state, ..] = columns.as_slice() else {
        return None;
    };
    let (address, port) = local.split_once(':')?;
    let is_tcp = table.starts_with("tcp");
    let open = *state == if is_tcp { LISTEN } else { UDP_OPEN };
    (open && !RESOLVER.contains(&address)).then_some(Socket {
        is_tcp,
        port: u16::from_str_radix(port, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::socket;

    #[test]
    fn only_what_anybody_can_reach_is_listed() {
        let shown = |line| socket(line).map(|s| s.to_string());
        let head = "tcp   sl  local_address rem_address   st tx_queue rx_queue";
        assert_eq!(shown(head), None);
        let open = "tcp6    1: 00000000000000000000000000000000:01D1 00000000000000000000000000000000:0000 0A 0";
        assert_eq!(shown(open).as_deref(), Some("tcp 465"));
        let connected = "tcp    5: 030019AC:8952 020019AC:027C 01 00000000:00000000";
        assert_eq!(shown(connected), None);
        let resolver = "udp 11265: 0B00007F:D4EB 00000000:0000 07 00000000:00000000";
        assert_eq!(shown(resolver), None);
        let strange = "udp 1: 00000000:0045 00000000:0000 07 00000000:00000000";
        assert_eq!(shown(strange).as_deref(), Some("udp 69"));
    }
}
