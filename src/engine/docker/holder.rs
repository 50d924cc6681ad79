//! Who holds a port that is in use.

use std::net::SocketAddr;
use std::path::Path;

use bollard::query_parameters::ListContainersOptions;

use super::DockerEngine;
use super::networks::plain_name;
use super::states::understood;

/// State `LISTEN` in /proc/net/tcp (proc(5)).
const LISTEN: &str = "0A";

impl DockerEngine {
    /// ` by container NAME`, ` by process NAME (pid N)`, or nothing where it
    /// cannot be found out: another user's process, another machine's.
    pub(super) async fn port_holder(&self, address: &str) -> String {
        let Ok(address) = address.parse::<SocketAddr>() else {
            return String::new();
        };
        if let Some(name) = self.publisher(address.port()).await {
            return format!(" by container {name}");
        }
        if self.about.remote_host.is_some() {
            return String::new();
        }
        let port = address.port();
        let found = tokio::task::spawn_blocking(move || listener(Path::new("/proc"), port)).await;
        match found {
            Ok(Some((name, pid))) => format!(" by process {name} (pid {pid})"),
            _ => String::new(),
        }
    }

    async fn publisher(&self, port: u16) -> Option<String> {
        // Not every engine can be asked by port.
        let options = ListContainersOptions::default();
        let containers = understood(self.docker.list_containers(Some(options)).await).ok()?;
        let holds = |container: &&bollard::models::ContainerSummary| {
            let mut ports = container.ports.iter().flatten();
            ports.any(|published| published.public_port == Some(port))
        };
        let holder = containers.iter().find(holds)?;
        Some(plain_name(holder.names.as_ref()?.first()))
    }
}

/// The process that listens on a TCP port: its socket's inode from
/// `net/tcp` and `net/tcp6`, then the process that has it open (proc(5)).
fn listener(proc: &Path, port: u16) -> Option<(String, u32)> {
    let inodes: Vec<String> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let links: Vec<String> = inodes.iter().map(|i| format!("socket:[{i}]")).collect();
    let processes = std::fs::read_dir(proc).ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_open(&proc.join(pid.to_string()), &links))
        .map(|pid| {
            let name = std::fs::read_to_string(proc.join(pid.to_string()).join("comm"));
            (name.unwrap_or_default().trim().to_owned(), pid)
        })
}

fn has_open(process: &Path, links: &[String]) -> bool {
    let files = std::fs::read_dir(process.join("fd"));
    files.into_iter().flatten().flatten().any(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|target| links.iter().any(|link| target == Path::new(link)))
    })
}

fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let local_port = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&local_port) && *state == LISTEN).then(|| (*inode).to_owned())
    };
    table.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0
   1: 0100007F:C001 0100007F:09DD 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0 20 4 30 10 -1
   2: 0100007F:09DD 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 12347 1 0 20 4 30 10 -1
";

    #[test]
    fn only_the_listening_socket_counts() {
        assert_eq!(listening_inodes(TABLE, 2525), ["12345"]);
        assert!(listening_inodes(TABLE, 49153).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_listening_process_is_found_by_its_port() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let (name, pid) = listener(Path::new("/proc"), port).unwrap();
        assert_eq!(pid, std::process::id());
        assert!(!name.is_empty());
        drop(socket);
        assert_eq!(listener(Path::new("/proc"), port), None);
    }
}
