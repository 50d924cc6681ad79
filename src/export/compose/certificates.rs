//! The README's paragraphs on certificates that are renewed.

use crate::config::{Certificate, Renewal, renewal};
use crate::counterparts::{NextHop, Resolved};

/// How a renewed certificate reaches the relay, and how its owner sees that it has.
pub(super) fn certificates(resolved: &Resolved) -> String {
    for_clients(&resolved.certificate) + &for_next_hops(&resolved.next_hop)
}

fn for_clients(certificate: &Certificate) -> String {
    let mut text = String::from(
        "- **Certificates.** The relay takes up a renewed pair within seconds, without a restart: sessions go on.
  A pair that is wrong is left out, the log says why, and the one before goes on.
",
    );
    let Certificate::Files { cert, key } = certificate else {
        return text;
    };
    // Within single quotes.
    let inner = |path: &std::path::Path| format!("\"{}\"", path.display());
    let (shown_cert, shown_key) = (inner(cert), inner(key));
    let how = match renewal(cert, key) {
        Renewal::Lineage => {
            "  What certbot renews is seen as it is: its folders `live` and `archive` of this certificate are\n  \
             mounted. It needs no deploy hook.\n"
                .to_owned()
        }
        Renewal::Folder => format!(
            "  Their folder is mounted, so that a file may be replaced. A link in it must not lead out of it. With
  certbot:

```sh
certbot reconfigure --cert-name NAME --deploy-hook \\
  'cd $RENEWED_LINEAGE && cp -L fullchain.pem {shown_cert} && install -m 600 privkey.pem {shown_key}'
```

"
        ),
        Renewal::InPlace => format!(
            "  Each is mounted by itself, since other things lie beside it: write a renewed one into the file that
  is there. One that takes its place is seen after `docker compose restart relay`. With certbot:

```sh
certbot reconfigure --cert-name NAME --deploy-hook \\
  'cd $RENEWED_LINEAGE && cat fullchain.pem >{shown_cert} && cat privkey.pem >{shown_key}'
```

"
        ),
    };
    text.push_str(&how);
    text
}

/// The same of the certificate that next hops are shown.
fn for_next_hops(next_hop: &NextHop) -> String {
    let Some(Certificate::Files { cert, key }) = &next_hop.certificate else {
        return String::new();
    };
    let how = match renewal(cert, key) {
        Renewal::Lineage | Renewal::Folder => "Its folder is mounted: put the renewed pair there.",
        Renewal::InPlace => {
            "Write the renewed pair into the two files that are there, each of which is mounted by
  itself."
        }
    };
    format!(
        "- **The certificate that next hops are shown** is read anew by each process that delivers, the longest of
  which live for minutes. {how} Replace both
  files at once: mail for which they do not belong together waits in the queue, and is sent by itself
  once they do. A next hop that goes by this very certificate must be told of the new one first.
"
    )
}
