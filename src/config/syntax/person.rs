//! People of the lab, and passwords.

use crate::config::problem::{Refusal, quoted};

/// saslauthd's LDAP code copies a password into 128 bytes with the closing NUL and
/// silently drops the rest (`LAK_BUF_LEN` of Cyrus SASL 2.1.28); requests of more
/// than 256 bytes it refuses altogether.
const SASL_PASSWORD_LIMIT: usize = 127;

/// A name that is safe in a DN (RFC 4514), a filter (RFC 4515) and an SMTP login.
pub(in crate::config) fn login_name(text: &str) -> Result<String, Refusal> {
    const LONGEST: usize = 64;
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected a user name",
            quoted(text)
        ))
    };
    if text.is_empty() {
        return Err(Refusal::new("found nothing, expected a user name"));
    }
    if text.len() > LONGEST {
        return Err(wrong(&format!("longer than {LONGEST} bytes")));
    }
    if !text.starts_with(char::is_alphanumeric) {
        return Err(wrong("it does not begin with a letter or digit"));
    }
    match text
        .chars()
        .find(|c| !c.is_alphanumeric() && !"._-+@'".contains(*c))
    {
        Some(odd) => Err(wrong(&format!(
            "{} has a meaning in LDAP names and filters or in a login",
            quoted(&odd.to_string())
        ))
        .hint("letters, digits and . _ - + @ ' can be used")),
        None => Ok(text.to_owned()),
    }
}

/// A password that arrives whole at the directory. No message shows it.
pub(in crate::config) fn password(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("the password is empty").hint(
            "a directory takes a login without a password for an anonymous one (RFC 4513 5.1.2)",
        ));
    }
    if text.len() > SASL_PASSWORD_LIMIT {
        return Err(Refusal::new(format!(
            "the password has {} bytes, saslauthd passes on {SASL_PASSWORD_LIMIT} and drops the rest",
            text.len()
        ))
        .hint("choose a shorter one"));
    }
    Ok(())
}
