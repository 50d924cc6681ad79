//! What the tests of this room share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::all;
use super::check::Check;
use super::ports::Ports;
use super::target::{Context, Lacks, Target};
use super::verdict::{Judged, held};
use crate::config::{self, User};
use crate::report::Severity;
use crate::secret::Secret;

/// A check that passes.
pub(super) fn check(id: &'static str) -> Check {
    Check {
        id,
        title: "One line",
        citation: "row 1",
        severity: Severity::High,
        about: "",
        repair: "",
        ..Check::by(&|_: Context| async { held("one", "one") })
    }
}

/// A target with one user and no endpoint.
pub(super) fn target() -> Target {
    Target {
        hostname: "relay.relaykit.test".into(),
        endpoints: BTreeMap::new(),
        ca_pem: String::new(),
        client_certificate: None,
        users: vec![User {
            name: "alice".into(),
            password: Secret::new("wonderland"),
        }],
        disposable: false,
        xclient: false,
        spec: config::built_in(),
        lacks: Lacks::default(),
        manners: None,
        recipients: Vec::new(),
        sender: String::new(),
        inbox: None,
        lab: None,
        ports: Ports::default(),
    }
}

/// A relay in the clear on port 25 alone, which answers each command as `answer` says.
pub(super) struct Relay {
    address: SocketAddr,
    /// Ends with the value.
    _sessions: JoinSet<()>,
}

impl Relay {
    pub(super) async fn that(answer: fn(&str) -> &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut sessions = JoinSet::new();
        sessions.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(session(stream, answer));
            }
        });
        Self {
            address,
            _sessions: sessions,
        }
    }

    /// A target that has it.
    pub(super) fn target(&self) -> Target {
        let mut target = target();
        target.endpoints.insert("smtp", self.address);
        target
    }

    /// What the check with this id makes of it.
    pub(super) async fn judged_by(&self, id: &str) -> Judged {
        let check = all().find(|check| check.id == id).unwrap();
        check.run.run(Context::new(Arc::new(self.target()))).await
    }
}

async fn session(stream: TcpStream, answer: fn(&str) -> &'static str) {
    let mut stream = BufReader::new(stream);
    let mut reply = "220 relay.relaykit.test ESMTP";
    let mut line = String::new();
    loop {
        let bytes = format!("{reply}\r\n");
        if stream.get_mut().write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
        match stream.read_line(&mut line).await {
            Ok(1..) => reply = answer(line.trim_end()),
            _ => return,
        }
    }
}
