//! How a renewed certificate of the operator's reaches a relay that runs: a file that is
//! mounted into a container stays the one that it was, a folder shows what is in it now.

use std::path::Path;

/// What of the operator's machine an exported relay is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The folder of both files.
    Folder,
    /// certbot's folder of links, `live/NAME`, and the one that they lead to, `archive/NAME`
    /// (<https://eff-certbot.readthedocs.io/en/stable/using.html#where-are-my-certificates>).
    Lineage,
    /// Each file alone: what lies beside it is not the relay's. A renewal is seen where it is
    /// written into the file that is there.
    InPlace,
}

/// Folders that hold more than one service's.
const SHARED: [&str; 4] = ["/etc/ssl", "/etc/pki", "/etc/ssl/private", "/etc/ssl/certs"];

/// How renewals of this pair of absolute paths are seen.
#[must_use]
pub fn renewal(cert: &Path, key: &Path) -> Renewal {
    let (Some(folder), true) = (cert.parent(), cert.parent() == key.parent()) else {
        return Renewal::InPlace;
    };
    let above = folder.parent().and_then(Path::file_name);
    if above.is_some_and(|name| name == "live") {
        return Renewal::Lineage;
    }
    let shared = SHARED.iter().any(|shared| folder == Path::new(shared));
    // `/` and `/etc` are nobody's own either.
    if shared || folder.components().count() <= 2 || folder.starts_with("/etc/pki") {
        return Renewal::InPlace;
    }
    Renewal::Folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_the_certificates_own() {
        let seen = |cert: &str, key: &str| renewal(Path::new(cert), Path::new(key));
        let live = "/etc/letsencrypt/live/relay.example.org";
        assert_eq!(
            seen(
                &format!("{live}/fullchain.pem"),
                &format!("{live}/privkey.pem")
            ),
            Renewal::Lineage
        );
        assert_eq!(seen("/srv/tls/a.pem", "/srv/tls/a.key"), Renewal::Folder);
        assert_eq!(
            seen("/etc/relaykit/tls/a.pem", "/etc/relaykit/tls/a.key"),
            Renewal::Folder
        );
        for (cert, key) in [
            ("/etc/ssl/certs/a.pem", "/etc/ssl/private/a.key"),
            ("/etc/ssl/private/a.pem", "/etc/ssl/private/a.key"),
            ("/etc/a.pem", "/etc/a.key"),
            ("/a.pem", "/a.key"),
            ("/etc/pki/tls/private/a.pem", "/etc/pki/tls/private/a.key"),
        ] {
            assert_eq!(seen(cert, key), Renewal::InPlace, "{cert} {key}");
        }
    }
}
