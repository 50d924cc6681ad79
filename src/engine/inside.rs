//! Whether this program runs in a container, as far as the system gives that away.

/// Files that an engine keeps for each container in a folder named by its id, and puts
/// into its place over the image's.
const PUT_IN: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// Ids of containers that this may be one of, the surest first. Whether there is such a
/// container, the engine knows.
pub(super) fn candidates() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut candidates = mounted(&mounts);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // An engine names a container after the beginning of its id.
    if is_hex(name.trim(), 12) && !candidates.iter().any(|id| id.starts_with(name.trim())) {
        candidates.push(name.trim().to_owned());
    }
    candidates
}

/// The ids in `proc_pid_mountinfo(5)`: the root of a mount is its fourth field, the place
/// where it is mounted its fifth.
fn mounted(mounts: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(3);
        let (Some(root), Some(place)) = (fields.next(), fields.next()) else {
            continue;
        };
        let id = root.split('/').find(|part| is_hex(part, 64));
        if let Some(id) = id.filter(|_| PUT_IN.contains(&place))
            && !ids.iter().any(|known| known == id)
        {
            ids.push(id.to_owned());
        }
    }
    ids
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1d0c9a8b7e6d5c4b3a29180f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

    #[test]
    fn a_container_is_known_by_what_its_engine_put_in() {
        let docker = format!(
            "733 719 254:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw\n\
             734 719 254:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw\n"
        );
        assert_eq!(mounted(&docker), [ID]);
        let podman = format!(
            "1 2 0:1 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n"
        );
        assert_eq!(mounted(&podman), [ID]);
    }

    #[test]
    fn an_engines_host_is_none_of_its_containers() {
        let host = format!(
            "512 25 0:47 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n\
             513 25 0:48 / /var/lib/docker/overlay2/{ID}/merged rw - overlay overlay rw\n"
        );
        assert_eq!(mounted(&host), Vec::<String>::new());
    }
}
