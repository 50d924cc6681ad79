//! The relay's queue (postqueue(1), postsuper(1)): what a run of checks against a
//! lab that stays has left there.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::brake::relay;
use super::{Error, Running};
/// Domains that nobody has (RFC 2606), in which checks have their people.
const RESERVED: [&str; 3] = [".example", ".test", ".invalid"];

/// A message that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Queued {
    queue_id: String,
    sender: String,
    recipients: Vec<Recipient>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Recipient {
    address: String,
}

impl Queued {
    /// Whether a check may have sent it: nobody in it exists.
    fn is_of_nobody(&self) -> bool {
        let reserved = |address: &str| RESERVED.iter().any(|end| address.ends_with(end));
        let sender = matches!(&*self.sender, "" | "MAILER-DAEMON") || reserved(&self.sender);
        sender && self.recipients.iter().all(|r| reserved(&r.address))
    }
}

/// What is in the relay's queue now.
///
/// # Errors
/// When the engine refuses, or postqueue does.
pub async fn queue(running: &Running) -> Result<Vec<Queued>, Error> {
    let listed = relay(running, &["postqueue", "-j"]).await?;
    let read = listed.lines().map(serde_json::from_str);
    let read: Result<Vec<_>, _> = read.collect();
    read.map_err(|e| Error::Impossible(format!("what postqueue prints cannot be read: {e}")))
}

/// Removes the messages of checks that are there now and were not `before`; gives
/// their number. Others' mail stays.
///
/// # Errors
/// As [`queue`].
pub async fn clear_queue(running: &Running, before: &[Queued]) -> Result<usize, Error> {
    let known: BTreeSet<&str> = before.iter().map(|mail| &*mail.queue_id).collect();
    let mut left = queue(running).await?;
    left.retain(|mail| !known.contains(&*mail.queue_id) && mail.is_of_nobody());
    for mail in &left {
        relay(running, &["postsuper", "-d", &mail.queue_id]).await?;
    }
    Ok(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mail_of_nobody_is_taken_for_a_checks() {
        let mail = |sender: &str, recipient: &str| {
            let json = serde_json::json!({
                "queue_id": "4jZ", "queue_name": "deferred", "sender": sender,
                "recipients": [{"address": recipient, "delay_reason": "later"}]
            });
            serde_json::from_value::<Queued>(json).unwrap()
        };
        assert!(mail("sender@relaykit.example", "recipient@old.sink.test").is_of_nobody());
        assert!(mail("MAILER-DAEMON", "sender@relaykit.example").is_of_nobody());
        assert!(!mail("sender@relaykit.example", "bob@example.org").is_of_nobody());
        assert!(!mail("alice@example.org", "recipient@elsewhere.example").is_of_nobody());
    }
}
