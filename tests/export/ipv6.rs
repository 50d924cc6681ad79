//! The exported relay reaches a next hop that has IPv6 alone.

use std::process::Command;

use relaykit::counterparts::{Purpose, Resolved};
use relaykit::export::deployment_name;
use relaykit::plan::Plan;

use crate::bench::{export, succeed};
use crate::lab::until;
use crate::users::{Relay, hostname};

const NAME: &str = "ipv6";
const SENDER: &str = "carol@example.org";

/// Postfix's own sink, which takes everything. Dropping it removes it, also on a panic.
struct NextHop(String);

impl NextHop {
    fn at(address: &str, beside: &str) -> Self {
        let image =
            succeed(Command::new("docker").args(["inspect", "-f", "{{.Config.Image}}", beside]));
        let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}";
        let network = succeed(Command::new("docker").args(["inspect", "-f", networks, beside]));
        let name = format!("{beside}-next-hop");
        let mut run = Command::new("docker");
        run.args([
            "run",
            "-d",
            "--rm",
            "--name",
            &name,
            "--network",
            network.trim(),
        ]);
        run.args(["--ip6", address, "--entrypoint", "smtp-sink", image.trim()]);
        run.args(["-u", "nobody", "[::]:25", "100"]);
        succeed(&mut run);
        Self(name)
    }
}

impl Drop for NextHop {
    fn drop(&mut self) {
        let ended = Command::new("docker").args(["rm", "-f", &self.0]).output();
        let good = ended.as_ref().is_ok_and(|output| output.status.success());
        assert!(good || std::thread::panicking(), "{ended:?}");
    }
}

/// The prefix that the deployment's network has, without its length.
fn prefix() -> String {
    let mut spec = relaykit::config::built_in();
    spec.hostname = hostname(NAME);
    spec.outbound.ipv6 = true;
    let name = deployment_name(&spec.hostname);
    let plan = Plan::new(Resolved::new(spec, Purpose::Production), &name);
    let prefix = plan.networks[0].ipv6.clone().unwrap();
    prefix.strip_suffix("/64").unwrap().to_owned()
}

#[test]
fn a_next_hop_with_ipv6_alone_gets_mail() {
    let address = format!("{}25", prefix());
    let more = format!("outbound: {{next_hop: '[{address}]:25'}}");
    let relay = Relay::named(NAME, 88, &more);
    relay.users(
        &["add", "carol", "--address", SENDER],
        Some("looking-glass"),
    );
    succeed(&mut export(
        &relay.path("relay.yaml"),
        &relay.path("bundle"),
    ));
    succeed(&mut relay.compose(&["up", "-d"]));
    let container = succeed(&mut relay.compose(&["ps", "-q", "relay"]));
    let next_hop = NextHop::at(&address, container.trim());
    until("a message is taken", || {
        relay.submit("carol", "looking-glass", SENDER)
    });
    let line = until("what becomes of it", || {
        let log = succeed(&mut relay.compose(&["logs", "--no-color", "relay"]));
        let line = log.lines().find(|line| line.contains("status="));
        line.map(str::to_owned)
    });
    drop(next_hop);
    let by = format!("relay={address}[{address}]:25");
    assert!(
        line.contains(&by) && line.contains("status=sent"),
        "{by}
{line}"
    );
}
