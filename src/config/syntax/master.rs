//! The operator's own main.cf parameters and master.cf services.

use crate::config::problem::{Refusal, alternatives, nearest, quoted};

const TYPES: &[&str] = &["inet", "unix", "fifo", "pass", "unix-dgram"];

/// What may be a main.cf parameter: letters of both cases, digits and underscores, and
/// what else a service's name has that makes one. Whether there is such a parameter is
/// not asked here.
pub(in crate::config) fn parameter_name(text: &str) -> Result<String, Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    let why = format!(
        "found {}, expected the name of a Postfix parameter",
        quoted(text)
    );
    Err(Refusal::new(why).hint("letters, digits and underscores"))
}

/// A service of master(5): `name/type`, as `postconf -M` writes it.
pub(in crate::config) fn service_name(text: &str) -> Result<String, Refusal> {
    let wrong = |what: String| {
        Refusal::new(format!(
            "found {}: {what}, expected service/type such as submission/inet",
            quoted(text)
        ))
    };
    let Some((name, kind)) = text.rsplit_once('/') else {
        return Err(wrong("the type is missing".to_owned()).hint(format!("write `{text}/inet`")));
    };
    if !TYPES.contains(&kind) {
        let why = wrong(format!("unknown type {}", quoted(kind)));
        return Err(match nearest(kind, TYPES) {
            Some(meant) => why.hint(format!("did you mean `{name}/{meant}`?")),
            None => why.hint(format!("types are {}", alternatives(TYPES))),
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]/".contains(c);
    match name.chars().find(|c| !plain(*c)) {
        _ if name.is_empty() => Err(wrong("the name is empty".to_owned())),
        Some(odd) => Err(wrong(format!(
            "{} cannot be in a name",
            quoted(&odd.to_string())
        ))),
        None => Ok(text.to_owned()),
    }
}

/// The rest of a line of master(5): private, unprivileged, chroot, wakeup, process
/// limit and command.
pub(in crate::config) fn service_line(service: &str, text: &str) -> Result<String, Refusal> {
    const EXPECTED: &str = "`private unprivileged chroot wakeup limit command`";
    let wrong = |what: String| {
        Refusal::new(format!(
            "found {}: {what}, expected {EXPECTED}",
            quoted(text)
        ))
    };
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let (name, kind) = service.rsplit_once('/').unwrap_or((service, ""));
    if fields.len() >= 2 && fields[0] == name && fields[1] == kind {
        return Err(wrong("it repeats the service and its type".to_owned())
            .hint(format!("begin after `{name} {kind}`: the key says them")));
    }
    if fields.len() < 6 {
        return Err(wrong(format!("{} fields", fields.len()))
            .hint("such as `n - n - - smtpd -o syslog_name=postfix/other`"));
    }
    for (field, what) in fields[..3]
        .iter()
        .zip(["private", "unprivileged", "chroot"])
    {
        if !matches!(*field, "y" | "n" | "-") {
            return Err(wrong(format!(
                "{} for {what}, which is y, n or -",
                quoted(field)
            )));
        }
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let wakeup = fields[3].strip_suffix('?').unwrap_or(fields[3]);
    if !(fields[3] == "-" || digits(wakeup)) {
        return Err(wrong(format!(
            "{} for wakeup, which is seconds or -",
            quoted(fields[3])
        )));
    }
    if !(fields[4] == "-" || digits(fields[4])) {
        return Err(wrong(format!(
            "{} for the limit, which is a number or -",
            quoted(fields[4])
        )));
    }
    Ok(text.to_owned())
}
