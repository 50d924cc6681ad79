//! Which ports are down is found out once, before checks, so that none waits in vain
//! there or takes silence for an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::{Instrument as _, info, info_span};

use super::ports::{silence, turned_away};
use super::probe::session::{CLIENT, any_certificate};
use super::target::{Context, Target};
use crate::config::Listener;
use crate::engine::{LogRequest, last_words};
use crate::plan::Role;
use crate::report::Down;
use crate::smtp::{Connect, Session};

/// How long a port that does not answer is waited for: a busy machine, not a dead one.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The same where the port of another lab of the run was down.
pub(super) const IMPATIENCE: Duration = Duration::from_secs(2);

/// Between two knocks at a port: nothing tells when it opens.
const BETWEEN: Duration = Duration::from_millis(100);

/// How many lines of the relay's log are looked through for a cause.
const LOOKED_THROUGH: usize = 400;

/// Knocks at the listeners of `target` that are not known to be down, writes down which
/// are, and gives these.
pub(super) async fn find_down(
    target: &Arc<Target>,
    patience: impl Fn(Listener) -> Duration,
) -> Vec<Down> {
    let open = target
        .listeners()
        .filter(|l| target.ports.why(*l).is_none());
    let knocks = open.map(async |listener| {
        let context = Context::new(target.clone());
        let knock = knock(&context, listener, patience(listener));
        let span = info_span!("port", listener = listener.name());
        let why = knock.instrument(span).await?;
        info!(listener = listener.name(), why, "down");
        Some((listener, why))
    });
    let lab = target.lab.as_ref().map(|lab| lab.plan.name.as_str());
    let found = futures_util::future::join_all(knocks);
    let found = found.instrument(info_span!("ports", lab)).await;
    let found: Vec<_> = found.into_iter().flatten().collect();
    if found.is_empty() {
        return Vec::new();
    }
    let said = said(target).await;
    let found = found.into_iter();
    found
        .map(|(listener, why)| {
            let why = without_clients(&why);
            target.ports.give_up(listener, why, said.clone())
        })
        .collect()
}

/// Without the address and port of the client, by which the same cause would read
/// differently in each lab, and be told again.
fn without_clients(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        shown.push_str(before);
        let address = after.split_once(']');
        let address = address.filter(|(inside, _)| inside.parse::<IpAddr>().is_ok());
        if let Some((_, after)) = address {
            shown.push_str("[client]");
            rest = after.strip_prefix(':').map_or(after, |port| {
                port.trim_start_matches(|digit: char| digit.is_ascii_digit())
            });
        } else {
            shown.push('[');
            rest = after;
        }
    }
    shown + rest
}

/// Knocks until the port lets somebody in or patience is at its end; why it does not.
/// A daemon that is still starting, or that is started again, opens its port late.
async fn knock(context: &Context, listener: Listener, patience: Duration) -> Option<String> {
    let deadline = Instant::now() + patience;
    loop {
        let why = knock_once(context, listener, patience).await?;
        if Instant::now() + BETWEEN > deadline {
            return Some(why);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Greets and says EHLO; why that is not possible. What else is wrong there, in the
/// certificate or in the words, is for checks to find.
async fn knock_once(context: &Context, listener: Listener, patience: Duration) -> Option<String> {
    let address = context.target().endpoint(listener)?;
    let wrapper = (listener == Listener::Submissions).then(|| any_certificate(context));
    let options = Connect {
        timeout: patience,
        wrapper,
        ..Connect::default()
    };
    let mut session = match Session::connect(address, &options).await {
        Ok(session) => session,
        Err(error) => return silence(&error, "a greeting"),
    };
    let greeting = session.greeting().await;
    if let Some(why) = turned_away(&greeting) {
        return Some(why);
    }
    if greeting.is_err() {
        // No reply that anybody knows, and so nothing to say EHLO to.
        return None;
    }
    match session.ehlo(CLIENT).await {
        Ok(offers) if offers.reply.code == 421 => {
            return Some(format!("it answers EHLO with {}", offers.reply));
        }
        Ok(_) => {}
        Err(error) => return silence(&error, "its reply to EHLO"),
    }
    drop(session.quit().await);
    None
}

/// What daemons of the relay said when they gave up.
async fn said(target: &Target) -> Vec<String> {
    let Some(lab) = &target.lab else {
        return Vec::new();
    };
    let Some(relay) = lab.plan.container(Role::Relay) else {
        return Vec::new();
    };
    let request = LogRequest {
        follow: false,
        tail: Some(LOOKED_THROUGH),
        since: None,
    };
    let lines: Vec<_> = lab.engine.logs(&relay.name, request).collect().await;
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    last_words(lines.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::testing;
    use super::*;

    /// What is found of a port 25 that does this with each connection: `None`: nothing.
    async fn found(says: Option<&'static str>) -> Vec<Down> {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut target = testing::target();
        target.endpoints.insert("smtp", door.local_addr().unwrap());
        let serve = async {
            loop {
                let (mut stream, _) = door.accept().await.unwrap();
                if let Some(says) = says {
                    stream.write_all(says.as_bytes()).await.unwrap();
                    if says.is_empty() {
                        continue;
                    }
                }
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest).await);
            }
        };
        let target = Arc::new(target);
        tokio::select! {
            found = find_down(&target, |_| Duration::from_millis(300)) => {
                assert_eq!(target.ports.why(Listener::Smtp), found.first().map(Down::cause));
                found
            }
            () = serve => unreachable!(),
        }
    }

    #[tokio::test]
    async fn a_port_that_nobody_can_talk_to_is_down_and_the_reason_is_told() {
        for (says, why) in [
            (None, "nothing came within 0.3 s, where a greeting was due"),
            (Some(""), "it closes the connection before a greeting"),
            (Some("421 4.3.2 closed for today\r\n"), "it greets with 421"),
            (Some("554 no mail here\r\n"), "it greets with 554"),
            (
                Some("220 here\r\n421 4.3.2 no\r\n"),
                "it answers EHLO with 421",
            ),
        ] {
            let found = found(says).await;
            assert_eq!(found.len(), 1, "{says:?}");
            assert!(found[0].why.starts_with(why), "{found:?}");
            assert!(found[0].cause().starts_with("port 25 (smtp) is down: "));
        }
    }

    #[test]
    fn the_same_cause_reads_alike_in_every_lab() {
        for (said, shown) in [
            (
                "it greets with 421 4.3.2 <unknown[198.19.0.129]:34402>: busy",
                "it greets with 421 4.3.2 <unknown[client]>: busy",
            ),
            ("no [relay] for [2001:db8::1]", "no [relay] for [client]"),
            ("half [open", "half [open"),
        ] {
            assert_eq!(without_clients(said), shown);
        }
    }

    #[tokio::test]
    async fn a_port_that_answers_however_oddly_is_for_the_checks() {
        for says in [
            "hello\r\n",
            "220 here\r\n502 no\r\n",
            "220-\r\nHTTP/1.1 400\r\n",
        ] {
            assert_eq!(found(Some(says)).await, []);
        }
    }

    #[tokio::test]
    async fn a_port_that_refuses_connections_is_down() {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut target = testing::target();
        target.endpoints.insert("smtp", door.local_addr().unwrap());
        drop(door);
        let found = find_down(&Arc::new(target), |_| PATIENCE).await;
        assert!(found[0].why.starts_with("no connection: "), "{found:?}");
    }
}
