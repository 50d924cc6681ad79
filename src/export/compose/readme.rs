//! The bundle's README: two pages, for whoever is called at night.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::certificates::certificates;
use crate::config::{ClientCertificates, Listener, Received, SenderLogin, Spec, TrustAnchor};
use crate::counterparts::{Page, Resolved};
use crate::export::files::Configuration;
use crate::plan::{Container, Plan, Port};

/// What an operator needs to start the relay, to see that it works, and to
/// find what is where.
pub(super) fn readme(
    plan: &Plan,
    relay: &Container,
    configuration: &Configuration,
    image: &str,
) -> String {
    let hostname = &plan.resolved.spec.hostname;
    let promise = promise(plan.resolved.spec.privacy.received);
    [
        format!(
            "# The mail relay {hostname}

An authenticated mail relay: whoever logs in over TLS may send mail through it, nobody else may,
{promise} Written by `relaykit export compose`.
All commands are for a shell in this folder; with the older Compose, write `docker-compose` for
`docker compose`.
"
        ),
        start(configuration, image),
        works(&plan.resolved.spec, relay),
        night(&plan.resolved),
        upkeep(plan, relay, image),
        places(plan, configuration),
    ]
    .join("\n")
}

/// What the next hop learns of a client, by the trace header that is ours.
fn promise(received: Received) -> &'static str {
    match received {
        Received::Rewrite | Received::Hide => {
            "and the relay tells the next hop nothing of where the sender sits. What a client itself writes
into a message stays: one that is a mail server adds a trace header of its own, with its client, and a
relay may not remove that (RFC 5321 section 4.4)."
        }
        Received::Keep => {
            "and the trace header tells the next hop from which client a message came."
        }
    }
}

fn start(configuration: &Configuration, image: &str) -> String {
    let files = configuration.operators_files.iter();
    let files: Vec<String> = files.map(|file| word(file)).collect();
    let ls = if files.is_empty() {
        String::new()
    } else {
        format!("ls -lL \\\n  {}\n", files.join(" \\\n  "))
    };
    format!(
        "## Start

Copy this folder to the machine as root or as the user who runs Docker, keeping the modes of its
files (`cp -a`, `rsync -a`): there are passwords in it. The image is on the engine where `relaykit
build` made it. One of these brings it to another machine; `image.tar` is here if the bundle was
exported with `--save`:

```sh
docker save {image} | ssh HOST docker load
docker load -i image.tar
```

Your own files must be there first: a newer Compose makes an empty folder of one that is missing. The
certificates of authorities that relay.yaml names are in here, as they were when this was exported.

```sh
docker image inspect --format '{{{{.Id}}}}' {image}
{ls}docker compose up -d
docker compose logs --tail 20 relay
```
"
    )
}

/// The source document's four steps, as commands that work.
fn works(spec: &Spec, relay: &Container) -> String {
    let with_login = |listener: &&Listener| spec.auth.listeners.contains(listener);
    let found = [Listener::Submission, Listener::Smtp, Listener::Submissions]
        .iter()
        .filter(with_login)
        .find_map(|listener| {
            Some((
                *listener,
                relay
                    .ports
                    .iter()
                    .find(|p| p.container == listener.port())?,
            ))
        });
    let Some((listener, port)) = found else {
        return "## See that it works\n\nNobody logs in here: send a message to one of the relay's domains.\n".to_owned();
    };
    let (host, number) = (host(spec, port), port.host);
    let wrapped = listener == Listener::Submissions;
    let starttls = if wrapped { "" } else { " -starttls smtp" };
    let mechanisms: Vec<String> = spec
        .auth
        .mechanisms
        .iter()
        .map(|m| m.name().to_ascii_uppercase())
        .collect();
    let mechanisms = mechanisms.join(" ");
    let outlook = if spec.auth.outlook_compatible {
        format!(", and `250-AUTH={mechanisms}` for old clients")
    } else {
        String::new()
    };
    let mut text = String::from("## See that it works\n\n");
    // Writing to a String cannot fail.
    let _ = if wrapped {
        writeln!(
            text,
            "1. Port {number} speaks TLS from the first byte: there is no login without it."
        )
    } else {
        writeln!(
            text,
            "1. No login without TLS: the list must have `STARTTLS` and no `AUTH`.\n\n   \
             ```sh\n   curl -sv --max-time 10 smtp://{host}:{number} 2>&1 | grep '^< 250'\n   ```\n"
        )
    };
    let _ = write!(
        text,
        "2. Under TLS there is one. Type `EHLO me`; the reply must have the line
   `250-AUTH {mechanisms}`{outlook}.

   ```sh
   openssl s_client -quiet -crlf{starttls} -connect {host}:{number} \\
     -verify_hostname {hostname} -verify_return_error
   ```

   Where a CA of your own signed the certificate, add `-CAfile` and its certificate.
3. In a second shell, a login as a base64 pair; the password is neither shown nor kept:

   ```sh
   read -rp 'login: ' u; read -rsp 'password: ' p; printf '%s\\0%s\\0%s' \"$u\" \"$u\" \"$p\" | base64 -w 0
   ```

4. In the session of step 2, `AUTH PLAIN` and that pair: the answer must begin with `235`.
",
        hostname = spec.hostname,
    );
    text
}

/// Where a client on the relay's machine reaches `port`.
fn host(spec: &Spec, port: &Port) -> String {
    match port.bind {
        bind if bind.is_unspecified() => spec.hostname.clone(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn night(resolved: &Resolved) -> String {
    let spec = &resolved.spec;
    let next_hops = spec.outbound.next_hops.iter();
    let next_hops: Vec<String> = next_hops.map(ToString::to_string).collect();
    let next_hop = next_hops.join(", then ");
    let page = resolved.backend.page();
    let (refused, nobody_asked) = (&page.refused, &page.nobody_asked);
    let rights = rights(spec, &page) + &strangers(resolved);
    format!(
        "## At three in the morning

```sh
docker compose ps                              # does it run, since when, is it healthy
docker compose exec relay /usr/libexec/relaykit/health   # and if not, why
docker compose logs --tail 50 relay            # Postfix and its guard of logins, one log
docker compose exec relay postqueue -p         # what waits, and why
docker compose exec relay postqueue -f         # try all of it again now
docker compose exec relay postconf -n          # the configuration in use
docker compose restart relay                   # loses nothing that was accepted
```

- Logins fail with `535`: {refused}
- Logins fail with `454`: clients keep their password and try again. The line `login of ... is put off`
  tells why. `too many logins from there have failed`: the address is braked, see
  `limits.failed_logins_per_minute` and `limits.shared_addresses` in relay.yaml. Otherwise nobody could
  be asked: {nobody_asked}
- Mail is `deferred`: the next hop or its TLS, see the reason in the line. The next hop:
  {next_hop}
{rights}- `550 5.6.0 a line of this message has more than 998 octets`: the program that wrote the message has to
  fold its headers, and to send text as quoted-printable or base64. Taken, it would be refused further
  on, and the report on it too.
- Clients refuse the certificate: it has ended or its name is wrong. `docker compose logs relay | grep
  relaykit/certificate` tells which one is in use, and why a renewed one is left out. So does the
  health check.
"
    )
}

/// What strangers and clients with certificates are refused for.
fn strangers(resolved: &Resolved) -> String {
    let spec = &resolved.spec;
    let mut text = String::new();
    if !spec.relay.domains.is_empty() {
        text.push_str(
            "- Strangers get `550 ... undeliverable address` or `450 ... unverified address`: the next hop was\n  \
             asked about that recipient, and refused it or did not answer. What it said stands in the\n  \
             log, in a line with `status=undeliverable`. A new mailbox is known after five minutes.\n",
        );
    }
    if let (ClientCertificates::Require, Some(TrustAnchor::File(ca))) =
        (spec.tls.client_certificates, &resolved.client_ca)
    {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "- The connection ends right after the handshake: the client showed no certificate that\n  \
             `{}` vouches for. No other CA counts.",
            ca.display()
        );
    }
    text
}

/// What a login is refused for, where relay.yaml limits what it may send.
fn rights(spec: &Spec, page: &Page) -> String {
    let mut text = String::new();
    if spec.relay.sender_login == SenderLogin::Own {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "- `553 ... not owned by user`: {} This\n  \
             prints whose it is, or nothing:\n\n  \
             ```sh\n  \
             docker compose exec relay postmap -q ADDRESS socketmap:unix:/run/saslauthd/owners:own\n  \
             ```\n\n",
            page.not_owned
        );
    }
    if let Some(most) = spec.limits.messages_per_login_per_hour {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "- `450 ... messages an hour have been sent`: that login has sent {most}. Is it its owner who\n  \
             does? The log has every message with `sasl_username=`."
        );
    }
    text
}

/// What has to be done now and then.
fn upkeep(plan: &Plan, relay: &Container, image: &str) -> String {
    let hostname = &plan.resolved.spec.hostname;
    let port = relay.ports.first().map_or(0, |port| port.host);
    format!(
        "## Now and then

- **See it as others do.** From another machine, `relaykit check {hostname}` asks the relay for all that
  can be asked from outside, with `--user` and `--password-file` also what a login may do. Where it does
  not answer on port 25, 587 and 465, name the address: `relaykit check {hostname}:{port}`.
- **Updates.** Debian's security updates come with a new image. Where relaykit is:
  `relaykit build --no-cache`, and export anew. The bundle names its image by what is in it, so the old
  one stays until you remove it, and the old bundle still works.
{certificates}- **Passwords** of the relay itself, in the directory and at the next hop: change them there, in the
  files that relay.yaml names, and export anew.
- **The log** is kept by the engine, five files of 10 MB; `logging` in compose.yaml says so. Whoever needs
  it for longer reads it from there (`docker compose logs --since 24h relay`) or sets another driver.
- **The queue** holds what was accepted and is not delivered yet, for five days at most. Nothing else in
  here cannot be made anew. A copy is whole only while the relay stands still:

```sh
docker compose stop relay
docker run --rm --user 0:0 --network none --entrypoint tar -v {name}_spool:/queue:ro {image} \\
  -C /queue -cf - . >queue.tar
docker compose start relay
```

  To bring it back, into a relay that has been made and not started (`docker compose up --no-start`):

```sh
docker run --rm -i --user 0:0 --network none --entrypoint tar -v {name}_spool:/queue {image} \\
  -C /queue -xpf - <queue.tar
docker compose start relay
```
",
        name = plan.name,
        certificates = certificates(&plan.resolved),
    )
}

fn places(plan: &Plan, configuration: &Configuration) -> String {
    let mut text = String::from(
        "## What is where

| | |
| --- | --- |
| `compose.yaml` | the container: its limits, ports and mounts |
| `.env` | the name of this deployment |
| `config/postfix/main.cf`, `master.cf` | all of Postfix's configuration, with the reason for each group |
| `config/logins.conf` | how people are found, and how fast passwords can be guessed |
",
    );
    text.push_str(&plan.resolved.backend.page().places);
    let spec = &plan.resolved.spec;
    if spec.limits.messages_per_login_per_hour.is_some() {
        text.push_str("| `config/limits.conf` | how many messages a login may send |\n");
    }
    for source in &configuration.from_operator {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | yours; in the container `{}` |",
            source.host, source.container
        );
    }
    let _ = write!(
        text,
        "| volume `{}_spool` | the queue: mail that was accepted and is not delivered yet |

`config` is rendered from relay.yaml. To change something, change it there and export anew. Into this folder: the
difference is shown, what relaykit wrote is replaced, and `docker compose up -d --force-recreate` takes
it up; files of your own stay, and where one of relaykit's was changed by hand nothing is written.
`sha256sum -c .relaykit.sha256` tells which those are. Or into a new folder, and `docker compose up -d`
in that: it is the same deployment, so it takes over, queue and all, and `docker compose up -d` in the
old one is the way back.
",
        plan.name
    );
    text
}

/// A path as one word of a shell.
fn word(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}
