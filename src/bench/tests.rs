//! Clients against a server that does what a test wants of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Bounds, Load, Pace, Step, Target, measure};
use crate::smtp::Security;

/// How long the server sleeps over the first message that it gets.
const STALL: Duration = Duration::from_millis(600);

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It takes everything.
    Takes,
    /// The same, but it sleeps over the first message.
    Stalls,
    /// It takes no recipient.
    Refuses,
    /// It takes one message on a connection, and closes it after that.
    HangsUp,
}

/// A server, and how many messages it has taken.
async fn server(manner: Manner) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let taken = counted.clone();
            // A client that goes away is a client's right.
            tokio::spawn(async move { drop(serve(stream, manner, &taken).await) });
        }
    });
    (address, taken)
}

async fn serve(stream: TcpStream, manner: Manner, taken: &AtomicU64) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 here\r\n").await?;
    let mut content = false;
    while let Some(line) = lines.next_line().await? {
        let reply: &[u8] = match line.get(..4).unwrap_or(&line) {
            _ if content && line != "." => continue,
            "." => {
                content = false;
                let first = taken.fetch_add(1, Ordering::SeqCst) == 0;
                if manner == Manner::Stalls && first {
                    tokio::time::sleep(STALL).await;
                }
                b"250 2.0.0 taken\r\n"
            }
            "RCPT" if manner == Manner::Refuses => b"450 4.2.0 not now\r\n",
            "DATA" => {
                content = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 yes\r\n",
        };
        write.write_all(reply).await?;
        if line == "QUIT" || (line == "." && manner == Manner::HangsUp) {
            return Ok(());
        }
    }
    Ok(())
}

fn target(address: SocketAddr) -> Target {
    Target {
        name: "server".to_owned(),
        address,
        security: Security::Clear,
        login: None,
        sender: "a@a.test".to_owned(),
        recipients: vec!["b@b.test".to_owned()],
    }
}

fn load(per_connection: u64) -> Load {
    Load {
        logins_only: false,
        per_connection,
        size: 1024,
        nagle: false,
        timeout: Duration::from_secs(30),
        token: "token".to_owned(),
    }
}

fn messages(count: u64) -> Bounds {
    Bounds {
        messages: Some(count),
        time: Duration::from_secs(60),
    }
}

async fn measured(manner: Manner, pace: Pace, per_connection: u64, count: u64) -> super::Measured {
    let (address, taken) = server(manner).await;
    let cancel = CancellationToken::new();
    let (target, load) = (target(address), load(per_connection));
    let measured = measure(&target, &load, pace, messages(count), &cancel).await;
    let taken = taken.load(Ordering::SeqCst);
    assert_eq!(measured.tally.accepted, taken, "what the server has taken");
    measured
}

#[tokio::test]
async fn what_is_counted_is_what_the_server_took() {
    let pace = Pace::Closed { clients: 3 };
    let tally = measured(Manner::Takes, pace, 1, 20).await.tally;
    assert_eq!(
        (tally.accepted, tally.connections, tally.failed),
        (20, 20, 0)
    );
    let latency = tally.latency();
    for step in [
        Step::Connect,
        Step::Mail,
        Step::Rcpt,
        Step::End,
        Step::Message,
        Step::Quit,
    ] {
        assert_eq!(latency[&step].count, 20, "{step:?}");
    }
    assert!(!latency.contains_key(&Step::Tls) && !latency.contains_key(&Step::Auth));
}

#[tokio::test]
async fn a_connection_is_kept_for_as_many_messages_as_was_said() {
    let pace = Pace::Closed { clients: 1 };
    let tally = measured(Manner::Takes, pace, 5, 12).await.tally;
    assert_eq!((tally.accepted, tally.connections), (12, 3));
}

/// Whoever sends the next message only when the last one is done sees one slow message of
/// a stall, and whoever was to be served meanwhile is forgotten.
#[tokio::test]
async fn a_stall_counts_for_everybody_whom_it_hits() {
    // An arrival every 10 ms, and one client for all of them.
    let open = Pace::Open {
        rate: 100.0,
        clients: 1,
    };
    let tally = measured(Manner::Stalls, open, 100, 40).await.tally;
    let latency = tally.latency();
    let (message, wait) = (latency[&Step::Message], latency[&Step::Wait]);
    // The 21st was to be sent after 200 ms, and nothing was before 600.
    assert_eq!((message.count, tally.accepted), (40, 40));
    assert!(message.p50_ms >= 390.0, "{message:?}");
    // The first did not wait: the others' are as many as the messages' but one.
    assert!(wait.p50_ms >= 380.0, "{wait:?}");
    // The server itself was slow once: what it was asked tells nothing of that.
    assert!(latency[&Step::Mail].p50_ms < message.p50_ms, "{latency:?}");

    let closed = Pace::Closed { clients: 1 };
    let tally = measured(Manner::Stalls, closed, 100, 40).await.tally;
    let message = tally.latency()[&Step::Message];
    assert!(
        message.max_ms >= 600.0 && message.p50_ms < 400.0,
        "{message:?}"
    );
}

#[tokio::test]
async fn refusals_are_told_by_reply_and_count_for_nothing() {
    let pace = Pace::Closed { clients: 2 };
    let measured = measured(Manner::Refuses, pace, 1, 4).await;
    let errors = measured.tally.errors();
    assert_eq!((measured.tally.accepted, measured.tally.failed), (0, 4));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].step, errors[0].count), (Step::Rcpt, 4));
    assert_eq!(errors[0].reply, "450 4.2.0 not now");
    assert!(measured.accepted_per_second() < f64::EPSILON);
    assert!(!measured.tally.latency().contains_key(&Step::Message));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_is_an_error_and_a_new_one_is_made() {
    let pace = Pace::Closed { clients: 1 };
    let tally = measured(Manner::HangsUp, pace, 10, 4).await.tally;
    // Every second turn finds its connection closed.
    assert_eq!((tally.accepted, tally.failed, tally.connections), (2, 2, 2));
}

#[tokio::test]
async fn an_interruption_ends_a_load_that_would_go_on() {
    let (address, _) = server(Manner::Takes).await;
    let cancel = CancellationToken::new();
    let bounds = Bounds {
        messages: None,
        time: Duration::from_secs(3600),
    };
    let (target, load) = (target(address), load(1));
    let pace = Pace::Closed { clients: 2 };
    let soon = async {
        tokio::task::yield_now().await;
        cancel.cancel();
    };
    let (measured, ()) = tokio::join!(measure(&target, &load, pace, bounds, &cancel), soon);
    assert!(measured.interrupted && measured.window < bounds.time);
}
