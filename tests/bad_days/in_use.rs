//! Ports and names that somebody else has.

use std::net::TcpListener;

use relaykit::engine::{ContainerRequest, Kind, Labels, NetworkRequest};
use serde_json::Value;

use crate::lab::{Lab, Run, block_on, described, endpoint, engine, program};

/// A relay.yaml with this port for submission.
fn with_port(port: u16) -> String {
    format!(
        "version: 1\nlisteners: {{smtp: 0, submission: {port}, submissions: 0}}\nlab: {{ldaps: 0, users: [{{name: alice, password: wonderland}}]}}\n"
    )
}

#[test]
fn a_port_that_a_process_holds_is_told_with_the_process() {
    let lab = Lab::new("port");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    lab.write("relay.yaml", &with_port(port));
    let run = lab.relaykit(&["up"]).ended_with(4).says(&[
        &format!("port 127.0.0.1:{port} is in use"),
        &format!("(pid {})", std::process::id()),
        "relay.yaml",
    ]);
    assert_eq!(run.stdout, "");
    lab.assert_nothing_is_left();
    drop(held);
    lab.up();
}

#[test]
fn a_port_that_another_lab_holds_is_told_with_the_container() {
    let (holder, lab) = (Lab::new("holder"), Lab::new("asker"));
    let port = endpoint(&holder.up(), "submission").port();
    let before = holder.container_ids();
    lab.write("relay.yaml", &with_port(port));
    let run = lab.relaykit(&["up"]).ended_with(4);
    run.says(&[
        &format!("port 127.0.0.1:{port} is in use"),
        &format!("by container {}", holder.container("relay")),
    ]);
    lab.assert_nothing_is_left();
    assert_eq!(holder.container_ids(), before);
}

#[test]
fn an_address_that_this_machine_lacks_is_told_before_anything_is_made() {
    let lab = Lab::new("nowhere");
    // RFC 5737: nobody's.
    lab.write(
        "relay.yaml",
        "version: 1\nlisteners: {bind: 192.0.2.7, smtp: 0, submission: 0, submissions: 0}\n",
    );
    let run = lab.relaykit(&["up"]).ended_with(3).says(&[
        "192.0.2.7: it is no address of this machine, which has 127.0.0.1",
        "listeners.bind",
    ]);
    assert!(!run.stderr.contains("container"), "{run}");
    lab.assert_nothing_is_left();
}

/// Somebody else's object, removed with this value.
struct Foreign {
    kind: Kind,
    name: String,
    id: String,
}

impl Foreign {
    fn new(kind: Kind, name: String) -> Self {
        let labels = Labels::from([("org.example.owner".to_owned(), name.clone())]);
        let engine = engine();
        block_on(async {
            match kind {
                Kind::Container => {
                    let container = ContainerRequest {
                        name: name.clone(),
                        image: relay_image(),
                        labels: labels.clone(),
                        ..ContainerRequest::default()
                    };
                    engine.create_container(container).await
                }
                Kind::Network => {
                    let network = NetworkRequest {
                        name: name.clone(),
                        internal: true,
                        masquerade: false,
                        labels: labels.clone(),
                    };
                    engine.create_network(network).await
                }
                Kind::Volume => engine.create_volume(&name, &labels).await,
            }
        })
        .unwrap();
        let mut foreign = Self {
            kind,
            name,
            id: String::new(),
        };
        foreign.id = foreign.found().expect("it was made");
        foreign
    }

    /// Its id, while it is there.
    fn found(&self) -> Option<String> {
        let labels = Labels::from([("org.example.owner".to_owned(), self.name.clone())]);
        let objects = block_on(engine().list(&labels)).unwrap();
        objects
            .into_iter()
            .find(|object| object.kind == self.kind)
            .map(|object| object.id)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(block_on(engine().remove(self.kind, &self.id)));
    }
}

fn relay_image() -> String {
    let images: Value = Run::of(program(&["build", "--format", "json"]))
        .succeeded()
        .json();
    images["relay"].as_str().unwrap().to_owned()
}

#[test]
fn what_has_the_name_and_is_not_ours_is_told_and_not_touched() {
    let lab = Lab::new("name");
    for (kind, part) in [
        (Kind::Container, "relay"),
        (Kind::Network, "sink"),
        (Kind::Volume, "sink-inbox"),
    ] {
        let foreign = Foreign::new(kind, lab.container(part));
        let run = lab.relaykit(&["up"]).ended_with(4);
        run.says(&[&format!("the name {}", foreign.name), "in use", "--lab"]);
        assert_eq!(described(&lab.objects()), Vec::<String>::new());
        lab.relaykit(&["down", "--volumes"]).succeeded();
        assert_eq!(foreign.found(), Some(foreign.id.clone()), "{kind:?}");
    }
    lab.up();
}
