//! Where secrets must not be: anywhere but in their files.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::check::Check;
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::secrets::is_telling;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{broken, require_none};
use super::CARELESS;
use crate::plan::Role;
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.no_secret_beside_files",
        title: "No password is in an environment, on a command line or on a label",
        citation: "row 8; row 9",
        severity: Severity::High,
        about: "Reads the environment and the command line of every process in the lab's containers \
                and what the engine keeps of their environment and labels, and looks for the \
                passwords of relay.yaml, but for plain words and numbers of up to nine \
                characters, and for names like PASSWORD. Everybody who may ask the engine, and \
                every program in the container, reads these.",
        repair: "Give secrets as files with mode 0600 (password_file in relay.yaml), never as \
                 variables, arguments or labels.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("SASL_PASSWORD")],
        ..Check::by(&no_secret_beside_files)
    },
    Check {
        id: "runtime.image_holds_no_secret",
        title: "No password and no private key is in the relay's image or in how it was built",
        citation: "row 11; row 13",
        severity: Severity::High,
        about: "Reads the history of the image's layers from the engine, and looks for private keys \
                and the lab's passwords, but for plain words and numbers of up to nine \
                characters, in the image's own /etc, /root, /srv, /opt, /home and /usr/local. \
                Whoever can pull an image has everything that was ever in it, deleted or not.",
        repair: "Do not COPY or RUN secrets into an image, nor pass them as ARG or ENV; inject them \
                 when the container is made, and change every secret that an image ever held.",
        needs: &[Need::Lab],
        sabotages: &[CARELESS.seen_as("/etc/ssl/private/relay.pem")],
        ..Check::by(&image_holds_no_secret)
    },
];

/// What is secret in this lab, in the clear.
fn secrets(context: &Context) -> Judged<Vec<String>> {
    let resolved = appliance::resolved(context)?;
    let users = context.target().users.iter().map(|u| &u.password);
    let directory = resolved.backend.directory();
    let bind = directory.and_then(|d| d.settings.bind.as_ref());
    let bind = bind.iter().map(|b| &b.password);
    let hops = resolved.next_hop.all_hops();
    let own = hops.filter_map(|hop| Some(&hop.login.as_ref()?.password));
    let all = users.chain(bind).chain(own);
    ControlFlow::Continue(all.map(|secret| secret.reveal().to_owned()).collect())
}

/// Whether `secret` stands in `text` as a word of its own: a short password is a
/// part of many a word.
fn holds(text: &str, secret: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    is_telling(secret)
        && text.match_indices(secret).any(|(at, _)| {
            edge(text[..at].chars().next_back()) && edge(text[at + secret.len()..].chars().next())
        })
}

/// Whether `NAME=value` has a name that passwords are given by.
fn is_named_secret(line: &str) -> bool {
    const NAMES: [&str; 4] = ["passw", "secret", "token", "private_key"];
    let Some((name, value)) = line.split_once('=') else {
        return false;
    };
    let name = name.to_lowercase();
    let is_name = name
        .chars()
        .all(|c| c.is_alphanumeric() || "_.".contains(c));
    is_name && !value.is_empty() && NAMES.iter().any(|known| name.contains(known))
}

async fn no_secret_beside_files(context: Context) -> Judged {
    let secrets = secrets(&context)?;
    let shown = |line: &str| is_named_secret(line) || secrets.iter().any(|s| holds(line, s));
    // The name alone: the report is no place for it either.
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    // A process may end between the list and the look at it.
    let script = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; :";
    let mut wrong = BTreeSet::new();
    for role in appliance::roles(&context)? {
        let text = appliance::secret_output(&context, role, &["sh", "-c", script]).await?;
        let facts = appliance::facts(&context, role).await?;
        let labels = facts
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let kept: Vec<_> = facts.environment.iter().cloned().chain(labels).collect();
        let processes = text.lines().filter(|line| shown(line));
        let engine = kept.iter().map(String::as_str).filter(|line| shown(line));
        let role = role.name();
        wrong.extend(processes.map(|line| format!("{role}, in a process: {}", name(line))));
        wrong.extend(engine.map(|line| format!("{role}, in the engine: {}", name(line))));
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    require_none(&wrong, "no password")
}

async fn image_holds_no_secret(context: Context) -> Judged {
    const KEY: &str = "PRIVATE KEY-----";
    let secrets = secrets(&context)?;
    let secret = |text: &str| text.contains(KEY) || secrets.iter().any(|s| holds(text, s));
    let image = appliance::facts(&context, Role::Relay).await?.image;
    let layers = match appliance::lab(&context)?.engine.history(&image).await {
        Ok(layers) => layers,
        Err(error) => return broken(error.to_string()),
    };
    let mut wrong = BTreeSet::new();
    for layer in &layers {
        let named = layer
            .split([' ', '|', '"'])
            .find(|word| is_named_secret(word));
        if let Some((name, _)) = named.and_then(|word| word.split_once('=')) {
            wrong.insert(format!("a layer was built with {name}"));
        }
        if secret(layer) {
            let start: String = layer.chars().take(60).collect();
            wrong.insert(format!("a secret in the layer that begins {start:?}"));
        }
    }
    // The search is made here: a secret on a command line would be seen in /proc.
    // Certificates of the world's CAs are left out for their size.
    let script = "grep -rIs '' /etc /root /srv /opt /home /usr/local /usr/libexec \
                  --exclude-dir=relaykit --exclude-dir=certs --exclude-dir=proc; :";
    let text = appliance::secret_output(&context, Role::Relay, &["sh", "-c", script]).await?;
    let files = text.lines().filter_map(|line| line.split_once(':'));
    let found = files.filter(|(_, line)| secret(line));
    wrong.extend(found.map(|(file, _)| format!("a secret in {file}")));
    let wrong: Vec<_> = wrong.into_iter().collect();
    require_none(&wrong, "no secret in a layer or a file of the image")
}

#[cfg(test)]
mod tests {
    use super::{holds, is_named_secret};

    #[test]
    fn a_secret_is_a_word_of_its_own() {
        assert!(holds("user=alice:wonderland;", "wonderland"));
        assert!(holds("wonderland", "wonderland"));
        assert!(!holds("in wonderlands", "wonderland"));
        assert!(!holds("a=b", "b"));
    }

    #[test]
    fn names_tell_a_secret() {
        assert!(is_named_secret("SASL_PASSWORD=x"));
        assert!(!is_named_secret("SASL_PASSWORD="));
        assert!(!is_named_secret("-o {password_file = x}"));
        assert!(!is_named_secret("PATH=/usr/bin"));
    }
}
