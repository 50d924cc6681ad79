//! A folder for Docker Compose, after the Compose Specification
//! (<https://github.com/compose-spec/compose-spec>), in the part of it that
//! docker-compose 1.29 understands as well.
//!
//! Its health check asks for what clients need, from inside: each listener's greeting and
//! whoever checks logins. Whether mail can be delivered, only the queue says.

mod certificates;
mod readme;
mod yaml;

use std::net::IpAddr;

use super::files::{Configuration, Source, configuration, data, short};
use super::{Bundle, BundleFile, Error, Format, Text};
use crate::counterparts::Purpose;
use crate::plan::{Container, Limits, Network, Plan, Port, Reach, Role};
use yaml::{Yaml, scalar};

pub(super) const FORMAT: Format = Format {
    name: "compose",
    about: "Docker Compose: compose.yaml after the Compose Specification",
    bundle,
};

fn bundle(plan: &Plan, image: &str) -> Result<Bundle, Error> {
    let relay = plan.container(Role::Relay);
    let relay = relay.filter(|_| plan.resolved.purpose == Purpose::Production);
    let relay = relay.ok_or_else(|| Error::Lab(plan.name.clone()))?;
    let configuration = configuration(relay)?;
    let open = |path: &str, text| BundleFile {
        path: path.to_owned(),
        mode: 0o644,
        text: Text::Open(text),
    };
    let mut files = vec![
        open(
            "README.md",
            readme::readme(plan, relay, &configuration, image),
        ),
        open("compose.yaml", compose(plan, relay, &configuration, image)),
        open(".env", environment(plan)),
    ];
    files.extend(configuration.rendered);
    Ok(Bundle { files })
}

/// The project's name. docker-compose 1.29 refuses `name:` in compose.yaml;
/// every Compose reads this.
fn environment(plan: &Plan) -> String {
    format!(
        "# The name of this deployment, whatever its folder is called: the queue belongs to it.\n\
         COMPOSE_PROJECT_NAME={}\n",
        plan.name
    )
}

fn compose(plan: &Plan, relay: &Container, configuration: &Configuration, image: &str) -> String {
    let mut yaml = Yaml::default();
    yaml.comment(
        0,
        "An authenticated, anonymising mail relay, written by `relaykit export compose`.",
    );
    yaml.comment(
        0,
        "README.md beside this file says how to start it and how to see that it works.",
    );
    yaml.line(0, "services:");
    yaml.line(1, "relay:");
    service(&mut yaml, plan, relay, configuration, image);
    yaml.line(0, "networks:");
    plan.networks
        .iter()
        .for_each(|one| network(&mut yaml, plan, one));
    yaml.line(0, "volumes:");
    for mount in data(relay) {
        yaml.line(1, &format!("{}: {{}}", scalar(volume(plan, &mount.volume))));
    }
    yaml.text
}

/// All of a container: a new field of the plan has to find its place here.
fn service(
    yaml: &mut Yaml,
    plan: &Plan,
    container: &Container,
    configuration: &Configuration,
    image: &str,
) {
    let Container {
        role: _,
        name: _, // Compose makes one from the project's.
        image: _,
        entrypoint: _, // Another than the image's has a lab's counter alone.
        command,
        hostname,
        user,
        networks,
        ports,
        mounts: _, // with `files`, below
        tmpfs,
        capabilities,
        confined: _, // Always, in what an operator gets.
        limits,
        stop_grace,
        files: _,
    } = container;
    yaml.key(2, "image", image);
    if !from_registry(image) {
        yaml.comment(
            2,
            "It comes from `relaykit build` or `docker load`, and never from somebody who",
        );
        yaml.comment(2, "registered this name in a public registry.");
        yaml.key(2, "pull_policy", "never");
    }
    yaml.comment(
        2,
        "What the relay calls itself, and the name in its certificate.",
    );
    yaml.key(2, "hostname", hostname);
    yaml.list(2, "command", command);
    if let Some(user) = user {
        yaml.key(2, "user", user);
    }
    yaml.key(2, "restart", "unless-stopped");
    confinement(yaml, capabilities, tmpfs);
    size(yaml, *limits);
    let addresses = ports.iter().map(published);
    yaml.list(2, "ports", addresses);
    if ports.iter().any(|port| port.bind.is_ipv6()) {
        yaml.comment(
            2,
            "Unless the engine gives this network IPv6 of its own, all IPv6 clients look like",
        );
        yaml.comment(
            2,
            "one to the relay: its network's gateway. Do not put that into trusted_networks.",
        );
    }
    yaml.list(
        2,
        "networks",
        networks.iter().map(|n| short(&plan.name, &n.network)),
    );
    yaml.line(2, "volumes:");
    mounted(yaml, plan, container, configuration);
    yaml.comment(
        2,
        "Postfix ends in well under this; a client that is sending meanwhile gets a",
    );
    yaml.comment(2, "temporary error and sends again.");
    yaml.key(
        2,
        "stop_grace_period",
        &format!("{}s", stop_grace.as_secs()),
    );
    health(yaml);
    yaml.line(2, "logging:");
    yaml.line(3, "driver: json-file");
    yaml.line(3, "options:");
    yaml.key(4, "max-size", "10m");
    yaml.key(4, "max-file", "5");
}

fn health(yaml: &mut Yaml) {
    yaml.comment(
        2,
        "Whether each listener greets, and logins can be checked. It takes a fifth of a",
    );
    yaml.comment(
        2,
        "second and leaves no line in the log; `docker compose ps` shows the outcome.",
    );
    yaml.line(2, "healthcheck:");
    yaml.list(3, "test", ["CMD", "/usr/libexec/relaykit/health"]);
    for (key, seconds) in [
        ("interval", "30s"),
        ("timeout", "45s"),
        ("start_period", "30s"),
    ] {
        yaml.key(3, key, seconds);
    }
    yaml.line(3, "retries: 3");
}

fn confinement(yaml: &mut Yaml, capabilities: &[&str], tmpfs: &[(String, String)]) {
    yaml.comment(
        2,
        "Nothing in the image can be changed, no process can gain privileges, and root",
    );
    yaml.comment(
        2,
        "itself has no more than Postfix needs to change users and bind its ports.",
    );
    yaml.key(2, "read_only", &true);
    yaml.list(2, "security_opt", ["no-new-privileges:true"]);
    yaml.list(2, "cap_drop", ["ALL"]);
    yaml.list(2, "cap_add", capabilities);
    yaml.list(
        2,
        "tmpfs",
        tmpfs
            .iter()
            .map(|(folder, options)| format!("{folder}:{options}")),
    );
}

/// `mem_limit` and `pids_limit`: every Compose reads these, and `deploy` not every one.
fn size(yaml: &mut Yaml, limits: Limits) {
    yaml.comment(
        2,
        "More than Postfix takes at its own limits (500 clients at once): what goes beyond",
    );
    yaml.comment(
        2,
        "is ended and started again in here, and the machine notices nothing.",
    );
    yaml.key(2, "mem_limit", &format!("{}m", limits.memory >> 20));
    yaml.line(2, &format!("pids_limit: {}", limits.processes));
}

fn mounted(yaml: &mut Yaml, plan: &Plan, container: &Container, configuration: &Configuration) {
    configuration
        .from_bundle
        .iter()
        .for_each(|source| bind(yaml, source));
    if !configuration.from_operator.is_empty() {
        yaml.comment(
            3,
            "Your own, from where they are. In a folder the container sees a renewed file; a file",
        );
        yaml.comment(3, "by itself has to be written in place.");
    }
    configuration
        .from_operator
        .iter()
        .for_each(|source| bind(yaml, source));
    yaml.comment(
        3,
        "The queue, mail that was accepted and is not delivered yet, and Postfix's state.",
    );
    for mount in data(container) {
        yaml.line(3, "- type: volume");
        yaml.key(4, "source", volume(plan, &mount.volume));
        yaml.key(4, "target", &mount.target);
        if mount.read_only {
            yaml.key(4, "read_only", &true);
        }
    }
}

fn bind(yaml: &mut Yaml, source: &Source) {
    yaml.line(3, "- type: bind");
    yaml.key(4, "source", &source.host);
    yaml.key(4, "target", &source.container);
    yaml.key(4, "read_only", &true);
}

fn network(yaml: &mut Yaml, plan: &Plan, network: &Network) {
    let name = scalar(short(&plan.name, &network.name));
    match network.reach {
        Reach::World => {
            match &network.ipv6 {
                None => yaml.line(1, &format!("{name}: {{}}")),
                Some(prefix) => {
                    yaml.line(1, &format!("{name}:"));
                    yaml.comment(2, "A next hop is reached by IPv6. These addresses are local ones (RFC 4193), so");
                    yaml.comment(
                        2,
                        "Docker before 27 needs `ip6tables: true` in daemon.json to let them out.",
                    );
                    yaml.key(2, "enable_ipv6", &true);
                    yaml.line(2, "ipam:");
                    yaml.line(3, "config:");
                    yaml.line(4, &format!("- subnet: {}", scalar(prefix)));
                }
            }
        }
        Reach::Members => {
            yaml.line(1, &format!("{name}:"));
            yaml.key(2, "internal", &true);
        }
        Reach::Host => {
            yaml.line(1, &format!("{name}:"));
            yaml.line(2, "driver_opts:");
            yaml.key(3, "com.docker.network.bridge.enable_ip_masquerade", "false");
        }
    }
}

/// A volume's name within the project: `spool`, `state`.
fn volume<'a>(plan: &Plan, name: &'a str) -> &'a str {
    let name = short(&plan.name, name);
    name.strip_prefix("relay-").unwrap_or(name)
}

/// Always with its address: a port alone would be published on IPv6 too, where
/// the engine's proxy hides who connects.
fn published(port: &Port) -> String {
    let Port {
        name: _,
        container,
        host,
        bind,
    } = port;
    let host = if *host == 0 {
        String::new()
    } else {
        host.to_string()
    };
    match bind {
        IpAddr::V4(address) => format!("{address}:{host}:{container}"),
        IpAddr::V6(address) => format!("[{address}]:{host}:{container}"),
    }
}

/// Whether a reference names the registry that it is in; without one it would
/// be looked for in the public one.
fn from_registry(reference: &str) -> bool {
    reference.split_once('/').is_some_and(|(first, _)| {
        first == "localhost" || first.contains('.') || first.contains(':')
    })
}
