//! What an operator of a relay with a directory has to know.

use std::net::IpAddr;

use super::Directory;
use super::saslauthd::CA;
use crate::config::TrustAnchor;
use crate::counterparts::backend::Page;

impl Directory {
    /// What the README of a bundle says of it.
    pub(in crate::counterparts) fn page(&self) -> Page {
        let asked = self.servers.first();
        let asked = asked.map(|url| self.ask_by_hand(url)).unwrap_or_default();
        let good = if self.settings.is_in_clear() {
            "result: 0 Success"
        } else {
            "Verification: OK"
        };
        Page {
            refused: "the directory was asked and said no. The line `login of ... is refused` tells
  which half was wrong: `the directory has nobody of that name`, or `wrong password`."
                .to_owned(),
            nobody_asked: format!(
                "the directory's own words, or saslauthd, which is started again by itself. This asks the
  directory by hand, and says `{good}` where all is well:

  ```sh
  {asked}
  ```
"
            ),
            not_owned: "the directory does not have that address for that login.".to_owned(),
            places:
                "| `config/saslauthd.conf` | how passwords are tried; a file for each server of the directory |\n"
                    .to_owned(),
        }
    }

    /// A TLS handshake with a server (`ldap[s]://host[:port]`) from the relay, under the
    /// conditions of saslauthd's.
    fn ask_by_hand(&self, url: &str) -> String {
        let start_tls = self.settings.start_tls;
        if url.starts_with("ldap://") && !start_tls {
            return format!(
                "docker compose exec -T relay ldapsearch -x -H {url} -s base -b '' 1.1"
            );
        }
        let authority = url
            .split_once("://")
            .map_or(url, |(_, rest)| rest)
            .trim_end_matches('/');
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
            _ if start_tls => (authority, "389"),
            _ => (authority, "636"),
        };
        let name = host.trim_matches(['[', ']']);
        let verify = if name.parse::<IpAddr>().is_ok() {
            "ip"
        } else {
            "hostname"
        };
        let option = if start_tls { " -starttls ldap" } else { "" };
        let anchor = match &self.anchor {
            TrustAnchor::File(_) => format!(" -CAfile {CA}"),
            // Debian's openssl knows the image's own.
            TrustAnchor::System | TrustAnchor::Generated => String::new(),
        };
        format!(
            "docker compose exec -T relay openssl s_client -brief{option} -connect {host}:{port} \\
    -verify_{verify} {name} -verify_return_error{anchor} </dev/null"
        )
    }
}
