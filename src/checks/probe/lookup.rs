//! What a table of Postfix's says to a key: postmap(1) asks it as a daemon does.

use std::ops::ControlFlow;

use super::super::target::Context;
use super::super::verdict::{Judged, broken};
use super::appliance;
use super::postconf::Postconf;
use crate::audit::words;
use crate::plan::Role;

/// Asks for each key and prints the length of each answer and the answer, which may have
/// lines. In Perl, since a shell would lose the end of one.
const SCRIPT: &str = r#"
    my @tables = split /\n/, shift;
    for my $key (@ARGV) {
        my $answer = "";
        for my $table (@tables) {
            open my $asked, "-|", "postmap", "-q", $key, $table or exit 1;
            local $/;
            my $said = <$asked>;
            close $asked;
            exit 2 if $? >> 8 > 1;
            next unless defined $said && length $said;
            ($answer = $said) =~ s/\n\z//;
            last;
        }
        print length($answer), "\n$answer\n";
    }"#;

/// The tables that `service` looks through for `parameter`, in their order.
pub(in super::super) async fn tables(
    context: &Context,
    service: &str,
    parameter: &str,
) -> Judged<Vec<String>> {
    let postconf = Postconf::read(context).await?;
    ControlFlow::Continue(words(postconf.effective(service, parameter)))
}

/// What the first of `tables` that knows it has for each of `keys`, in their order; nothing
/// for one that none knows. A check that uses it has `Need::Lab`.
pub(in super::super) async fn answers(
    context: &Context,
    tables: &[String],
    keys: &[String],
) -> Judged<Vec<String>> {
    let tables = tables.join("\n");
    let argv: Vec<&str> = ["perl", "-e", SCRIPT, &tables]
        .into_iter()
        .chain(keys.iter().map(String::as_str))
        .collect();
    let (code, text, stderr) = appliance::secret_exec(context, Role::Relay, &argv, None).await?;
    if code != 0 {
        let said = stderr.trim();
        return broken(format!(
            "postmap asks {tables} and ends with code {code}: {said}"
        ));
    }
    match parts(&text) {
        Some(answers) if answers.len() == keys.len() => {
            let note = format!("{tables} was asked for {} keys", keys.len());
            context.transcript().note(note);
            ControlFlow::Continue(answers)
        }
        _ => broken(format!(
            "{tables} was asked for {} keys: {text}",
            keys.len()
        )),
    }
}

fn parts(text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, after) = rest.split_once('\n')?;
        let length: usize = length.parse().ok()?;
        all.push(after.get(..length)?.to_owned());
        rest = after.get(length..)?.strip_prefix('\n')?;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart_by_their_lengths() {
        let text = "3\na\nb\n0\n\n2\n7\n\n";
        assert_eq!(parts(text).unwrap(), ["a\nb", "", "7\n"]);
        assert_eq!(parts("9\nshort\n"), None);
    }
}
