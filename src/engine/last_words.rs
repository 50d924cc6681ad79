//! What the log of a container says when a daemon in it gives up: more than any port
//! that does not answer can tell.

/// In a line of Postfix that says why it gives up (msg(3)); s6 has the same words.
const GIVEN_UP: [&str; 2] = [": fatal: ", ": panic: "];

/// What master(8) says of a service whose processes end before they have served
/// anybody. It tries again after `service_throttle_time`, a minute.
const THROTTLED: &str = ": bad command startup -- throttling";

/// More than these would hide the first.
const MOST: usize = 5;

/// Whether master(8) has stopped starting a service for a minute.
#[must_use]
pub fn is_throttling(line: &str) -> bool {
    line.contains(THROTTLED)
}

/// Whether a daemon says here that it gives up, or master(8) that it gives one up.
#[must_use]
pub fn gives_up(line: &str) -> bool {
    is_fatal(line) || is_throttling(line)
}

fn is_fatal(line: &str) -> bool {
    GIVEN_UP.iter().any(|word| line.contains(word))
}

/// What daemons said when they gave up: each daemon's words once, without time and
/// process number, and the causes before what master(8) made of them.
#[must_use]
pub fn last_words<'a>(log: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let (mut causes, mut throttled) = (Vec::new(), Vec::new());
    for line in log {
        let said = if is_fatal(line) {
            &mut causes
        } else if is_throttling(line) {
            &mut throttled
        } else {
            continue;
        };
        let words = words(line);
        if !said.contains(&words) {
            said.push(words);
        }
    }
    causes.append(&mut throttled);
    causes.truncate(MOST);
    causes
}

/// `postfix/smtpd: fatal: why` of `Nov 25 10:30:26 relay postfix/smtpd[32]: fatal: why`.
fn words(line: &str) -> String {
    let line = line.trim();
    let daemon_and_message = line.split_once("]: ").and_then(|(head, message)| {
        let (head, process) = head.rsplit_once('[')?;
        let is_process = process.bytes().all(|byte| byte.is_ascii_digit());
        let daemon = head.rsplit(' ').next()?;
        is_process.then(|| format!("{daemon}: {message}"))
    });
    daemon_and_message.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_once_and_first() {
        let log = "\
Nov 30 07:12:01 relay postfix/master[30]: daemon started -- version 3.10.5
Nov 30 07:12:02 relay postfix/master[30]: warning: /usr/lib/postfix/sbin/smtpd: bad command startup -- throttling
Nov 30 07:12:02 relay postfix/smtpd[87]: fatal: in parameter smtpd_relay_restrictions
Nov 30 07:12:03 relay postfix/smtpd[88]: fatal: in parameter smtpd_relay_restrictions
s6-supervise saslauthd: fatal: unable to open death_tally";
        assert_eq!(
            last_words(log.lines()),
            [
                "postfix/smtpd: fatal: in parameter smtpd_relay_restrictions",
                "s6-supervise saslauthd: fatal: unable to open death_tally",
                "postfix/master: warning: /usr/lib/postfix/sbin/smtpd: bad command startup -- throttling",
            ]
        );
        assert!(last_words(["postfix/smtpd[3]: NOQUEUE: reject: fatal"]).is_empty());
    }
}
