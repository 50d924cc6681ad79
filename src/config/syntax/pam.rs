//! A PAM service file of the operator's own (pam.conf(5)): what of it the relay can run,
//! and whether somebody could get in whose password nobody compared.

use crate::config::problem::{Refusal, nearest};

/// Where the relay has its copy of the users file, for `pam_pwdfile(8)`.
const ACCOUNTS: &str = "pwdfile=/run/saslauthd/accounts";

/// What compares a password with the users file.
const COMPARES: &str = "pam_pwdfile.so";

/// The modules that the relay's image has and that make sense for a login by mail: Debian's
/// libpam-modules and libpam-pwdfile.
const MODULES: [&str; 15] = [
    "pam_access.so",
    "pam_deny.so",
    "pam_echo.so",
    "pam_env.so",
    "pam_exec.so",
    "pam_faildelay.so",
    "pam_limits.so",
    "pam_listfile.so",
    "pam_nologin.so",
    "pam_permit.so",
    "pam_pwdfile.so",
    "pam_succeed_if.so",
    "pam_time.so",
    "pam_umask.so",
    "pam_warn.so",
];

/// Modules that are there and must not be, and why.
const USELESS: [(&str, &str); 3] = [
    (
        "pam_unix.so",
        "nobody is in the container's own /etc/passwd",
    ),
    ("pam_userdb.so", "its database is not in the relay"),
    ("pam_permit.so", "it lets in everybody"),
];

/// Takes the text of a service file.
///
/// # Errors
/// All lines that are wrong, each with its number, in one refusal.
pub(in crate::config) fn stack(text: &str) -> Result<(), Refusal> {
    let mut stack = Stack::default();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut whole = line.to_owned();
        while let Some(begun) = whole.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, line)| line);
            whole = format!("{begun} {next}");
        }
        let written = whole.split('#').next().unwrap_or_default().trim();
        if !written.is_empty()
            && let Err(why) = stack.line(written)
        {
            stack.wrong.push(format!("line {}: {why}", index + 1));
        }
    }
    if !stack.compares {
        stack.wrong.push(format!(
            "no line compares the password: `auth required {COMPARES} {ACCOUNTS} nodelay`"
        ));
    }
    if !stack.admits {
        stack.wrong.push(
            "no line begins with `account`, so PAM would ask another file: `account required pam_permit.so`"
                .to_owned(),
        );
    }
    if stack.wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(stack.wrong.join("; ")))
}

#[derive(Default)]
struct Stack {
    wrong: Vec<String>,
    compares: bool,
    admits: bool,
}

impl Stack {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.starts_with('@') {
            return Err("no other file can be included: write its lines here".to_owned());
        }
        let (kind, rest) = word(line);
        let kind = kind.strip_prefix('-').unwrap_or(kind).to_ascii_lowercase();
        if !["auth", "account", "password", "session"].contains(&kind.as_str()) {
            return Err(format!(
                "found `{kind}`, expected auth, account, password or session"
            ));
        }
        let (control, rest) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((_, rest)) => ("[...]", rest.trim_start()),
            None => word(rest),
        };
        let (module, arguments) = word(rest);
        Self::control(&kind, control)?;
        known(&kind, module)?;
        self.admits |= kind == "account";
        if kind == "auth" && module == COMPARES {
            if !arguments.split_whitespace().any(|word| word == ACCOUNTS) {
                return Err(format!("{COMPARES} must read the users file: {ACCOUNTS}"));
            }
            if control == "optional" {
                return Err(format!(
                    "{COMPARES} is optional, so a wrong password would do"
                ));
            }
            self.compares = true;
        }
        Ok(())
    }

    /// Whatever ends `auth` early could let somebody in before the password is compared.
    fn control(kind: &str, control: &str) -> Result<(), String> {
        match control {
            "required" | "requisite" | "optional" => Ok(()),
            "include" | "substack" => {
                Err("no other file can be included: write its lines here".to_owned())
            }
            "sufficient" | "[...]" if kind != "auth" => Ok(()),
            "sufficient" | "[...]" => Err(format!(
                "`{control}` could let somebody in whose password was not compared; write required"
            )),
            other => Err(format!(
                "found `{other}`, expected required, requisite, optional or sufficient"
            )),
        }
    }
}

/// The first word of `text`, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn known(kind: &str, module: &str) -> Result<(), String> {
    if module.is_empty() {
        return Err("no module is named".to_owned());
    }
    let useless = USELESS.iter().find(|(name, _)| *name == module);
    if let Some((_, why)) = useless.filter(|_| kind == "auth" || module != "pam_permit.so") {
        return Err(format!("{module} is of no use here: {why}"));
    }
    if MODULES.contains(&module) {
        return Ok(());
    }
    let meant = nearest(module, &MODULES);
    Err(match meant {
        Some(meant) => format!("the relay has no module {module}; did you mean {meant}?"),
        None => format!(
            "the relay has no module {module}, but {}",
            MODULES.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::stack;

    const RIGHT: &str = "# mine\nauth required pam_pwdfile.so pwdfile=/run/saslauthd/accounts \\\n nodelay\n\
                         -auth optional pam_warn.so # told\n\
                         account [success=ok default=bad] pam_succeed_if.so user notin mallory\n";

    #[test]
    fn a_stack_that_compares_is_taken() {
        assert_eq!(stack(RIGHT), Ok(()));
    }

    #[test]
    fn what_lets_in_or_cannot_run_is_told_with_its_line() {
        for (line, why) in [
            (
                "auth sufficient pam_succeed_if.so user = x",
                "line 6: `sufficient`",
            ),
            ("auth [success=done] pam_warn.so", "line 6: `[...]`"),
            ("auth required pam_permit.so", "it lets in everybody"),
            ("auth required pam_unix.so", "pam_unix.so is of no use here"),
            (
                "account required pam_unix.so",
                "pam_unix.so is of no use here",
            ),
            (
                "auth required pam_ldap.so",
                "the relay has no module pam_ldap.so",
            ),
            (
                "auth required /lib/security/pam_warn.so",
                "the relay has no module",
            ),
            (
                "auth required pam_pwdfil.so",
                "did you mean pam_pwdfile.so?",
            ),
            ("@include common-auth", "no other file can be included"),
            ("auth include common-auth", "no other file can be included"),
            ("auth requierd pam_warn.so", "found `requierd`"),
            ("smtp auth required pam_warn.so", "found `smtp`"),
            ("auth required", "no module is named"),
            (
                "auth optional pam_pwdfile.so pwdfile=/run/saslauthd/accounts",
                "is optional",
            ),
            (
                "auth required pam_pwdfile.so pwdfile=/etc/x",
                "must read the users file",
            ),
        ] {
            let told = stack(&format!("{RIGHT}{line}\n")).unwrap_err();
            assert!(told.message.contains(why), "{line}: {told:?}");
        }
        let told = stack("auth required pam_warn.so\n").unwrap_err().message;
        assert!(
            told.contains("no line compares") && told.contains("`account`"),
            "{told}"
        );
    }
}
