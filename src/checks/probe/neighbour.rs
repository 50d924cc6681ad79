//! SMTP from inside a lab: what the relay says to a client in another container,
//! or in its own.

use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::broken;
use super::{appliance, session};
use crate::config::Listener;
use crate::plan::Role;

/// Speaks with the server at `$1`, port `$2`: its greeting, then the other
/// arguments as commands, each after the reply to the one before.
const SPEAK: &str = r#"
reply() {
    local line
    while IFS= read -r -t 20 -u 3 line; do
        line=${line%$'\r'}
        printf 'S: %s\n' "$line"
        case $line in ???-*) ;; *) return 0 ;; esac
    done
    exit 8
}
exec 3<>"/dev/tcp/$1/$2" || exit 7
shift 2
reply
for command; do
    printf 'C: %s\n' "$command"
    printf '%s\r\n' "$command" >&3 || exit 8
    reply
done
"#;

/// The codes of the greeting and of the reply to each of `commands`, said on port
/// 25 of `server` by a client in the container with `role`; `None` where it does
/// not answer there.
pub(in super::super) async fn said(
    context: &Context,
    role: Role,
    server: &str,
    commands: &[&str],
) -> Judged<Option<Vec<(u16, String)>>> {
    session::is_up(context, Listener::Smtp)?;
    let mut argv = vec!["bash", "-c", SPEAK, "neighbour", server, "25"];
    argv.extend(commands);
    let name = &appliance::container(context, role)?.name;
    let transcript = context.transcript();
    transcript.note(format!("{} connects to {server}:25", role.name()));
    let output = match appliance::lab(context)?.exec(name, &argv, None).await {
        Ok(output) => output,
        Err(error) => return broken(format!("no client in the {}: {error}", role.name())),
    };
    for line in output.stdout.lines() {
        transcript.note(line);
    }
    match output.exit_code {
        0 => ControlFlow::Continue(Some(replies(&output.stdout))),
        7 => ControlFlow::Continue(None),
        code => broken(format!(
            "a client in the {}'s container ended with code {code}: {}",
            role.name(),
            output.stderr.trim()
        )),
    }
}

/// Code and whole text of each reply.
fn replies(conversation: &str) -> Vec<(u16, String)> {
    let mut replies = Vec::new();
    let mut text = String::new();
    for line in conversation.lines().filter_map(|l| l.strip_prefix("S: ")) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
        if line.get(3..4) != Some("-") {
            let code = line.get(..3).and_then(|code| code.parse().ok());
            replies.push((code.unwrap_or_default(), std::mem::take(&mut text)));
        }
    }
    replies
}

#[cfg(test)]
mod tests {
    use super::replies;

    #[test]
    fn replies_are_read_whole() {
        let said =
            "S: 220 relay ESMTP\nC: EHLO x\nS: 250-relay\nS: 250 DSN\nC: DATA\nS: 554 5.7.1 No\n";
        let codes: Vec<_> = replies(said).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [220, 250, 554]);
        assert_eq!(replies(said)[1].1, "250-relay\n250 DSN");
    }
}
