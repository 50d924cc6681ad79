//! Whether this machine and its engine can hold a lab, by trying it: one container with
//! all that a relay's has, on networks of its own, for as long as a look takes.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::definition::{self, volume_labels};
use super::examined::Examined;
use super::{Error, Store, Workshop, bind, capacity, down, endpoints_now, inside, places};
use crate::engine::{self, Engine, labels};
use crate::plan::{Image, Plan, Role};

/// How far two clocks may be apart before certificates and log lines do not fit any more.
const APART: SignedDuration = SignedDuration::from_secs(60);

/// How long a published port may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

const PUBLISHED: &str = "published ports";
const REACH: &str = "look for a firewall between this machine and the engine, or run relaykit beside \
                     the engine";

/// What answers in the trial's container, on each port that is given.
const SPEAKER: &str = r#"
use IO::Socket::INET; use IO::Select;
my $all = IO::Select->new(map {
    IO::Socket::INET->new(LocalPort => $_, Listen => 5, ReuseAddr => 1) or die "port $_: $!\n"
} @ARGV);
while (my @ready = $all->can_read) { for (@ready) { my $c = $_->accept or next; print $c "relaykit\n"; } }
"#;

/// Looks at all that `lab` needs, in the order in which it would be needed. `plan` is that
/// lab's under a name of its own, since `lab` may be up. `image`: the relay's, if it is
/// there; without it no container is tried.
///
/// # Errors
/// When the engine does not answer.
pub async fn examine(
    lab: &str,
    plan: &Plan,
    workshop: &Workshop,
    store: &Store,
    image: Option<&str>,
) -> Result<Vec<Examined>, Error> {
    let engine = workshop.engine.as_ref();
    let about = engine.about().await?;
    let mut found = vec![
        Examined::ok(
            "engine",
            format!("{}, API {}, {}", about.name, about.api, about.architecture),
        ),
        state_folder(store),
    ];
    found.extend(limits(engine).await?);
    found.push(addresses(plan, workshop).await);
    found.push(ports(lab, plan, engine).await?);
    match image {
        None => found.push(Examined::warning(
            "images",
            "the relay's image is not there yet: the first `up` makes it, which takes about a minute",
            "relaykit build makes it now; `relaykit doctor` then tries a container, too",
        )),
        Some(image) => {
            found.push(Examined::ok("images", image));
            found.extend(tried(plan, workshop, image).await?);
        }
    }
    Ok(found)
}

fn state_folder(store: &Store) -> Examined {
    match store.id() {
        Ok(_) => Examined::ok("state folder", store.root().display().to_string()),
        Err(error) => Examined::failed(
            "state folder",
            &error,
            "set RELAYKIT_STATE to a folder that you may write to",
        ),
    }
}

async fn limits(engine: &dyn Engine) -> Result<Vec<Examined>, Error> {
    let lacks = capacity::lacks(engine.capacity().await?);
    if lacks.is_empty() {
        return Ok(vec![Examined::ok(
            "limits",
            "memory and processes of a container can be limited, and networks closed",
        )]);
    }
    let warnings = lacks.into_iter().map(|lack| {
        let repair = "nothing, for a lab; for production take an engine that can";
        Examined::warning("limits", lack, repair)
    });
    Ok(warnings.collect())
}

async fn addresses(plan: &Plan, workshop: &Workshop) -> Examined {
    match bind::check(plan, workshop).await {
        Ok(()) => Examined::ok("address", plan.resolved.spec.listeners.bind.to_string()),
        Err(error) => Examined::failed("address", &error, "set listeners.bind to another"),
    }
}

/// Ports with a number of their own, on this machine: those of a lab that is up are its own.
async fn ports(lab: &str, plan: &Plan, engine: &dyn Engine) -> Result<Examined, Error> {
    const WHAT: &str = "ports";
    let relay = labels::of_object(lab, Role::Relay.name());
    let up = !engine.list(&relay).await?.is_empty();
    let here = engine.about().await?.remote_host.is_none() && inside::own(engine).await?.is_none();
    let wanted = plan.containers.iter().flat_map(|c| &c.ports);
    let wanted: Vec<_> = wanted.filter(|port| port.host != 0).collect();
    let numbers = |ports: &[u16]| {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        ports.join(", ")
    };
    if up {
        return Ok(Examined::ok(
            WHAT,
            format!("the lab {lab} is up and has them"),
        ));
    }
    if !here {
        let found = "not looked at: they are another machine's, or another container's";
        return Ok(Examined::ok(WHAT, found));
    }
    let taken = wanted.iter().filter(|port| {
        let tried = TcpListener::bind((port.bind, port.host));
        matches!(tried, Err(error) if error.kind() == ErrorKind::AddrInUse)
    });
    let taken: Vec<u16> = taken.map(|port| port.host).collect();
    if taken.is_empty() {
        let all: Vec<u16> = wanted.iter().map(|port| port.host).collect();
        return Ok(Examined::ok(WHAT, format!("{} are free", numbers(&all))));
    }
    Ok(Examined::fault(
        WHAT,
        format!("another program has {}", numbers(&taken)),
        "end it, or give the listeners other ports in relay.yaml (0: any that is free)",
    ))
}

/// A container as the relay's, which speaks on its ports and does nothing else.
async fn tried(plan: &Plan, workshop: &Workshop, image: &str) -> Result<Vec<Examined>, Error> {
    let trial = trial(plan);
    let looked = tokio::select! {
        looked = look(&trial, workshop, image) => looked,
        () = workshop.cancel.cancelled() => Err(Error::Interrupted),
    };
    // Whatever came of it, and awaited.
    down::down(workshop.engine.as_ref(), &trial.name, true).await?;
    looked
}

/// `plan` with the relay alone, on whatever ports are free.
fn trial(plan: &Plan) -> Plan {
    let mut trial = plan.clone();
    trial.containers.retain(|c| c.role == Role::Relay);
    for container in &mut trial.containers {
        for port in &mut container.ports {
            port.host = 0;
        }
    }
    trial
}

async fn look(plan: &Plan, workshop: &Workshop, image: &str) -> Result<Vec<Examined>, Error> {
    let engine = workshop.engine.as_ref();
    let Some(relay) = plan.container(Role::Relay) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let repair = "the engine's own log says more; `docker network ls` and `docker volume ls` show \
                  what is there";
    let placed = async {
        places::check_networks(plan, workshop).await?;
        places::create_places(plan, &[], workshop).await
    };
    if let Err(error) = placed.await {
        found.push(Examined::failed("networks", &error, repair));
        return Ok(found);
    }
    found.push(Examined::ok("networks", "networks and volumes can be made"));
    let mut request = definition::request(relay, image);
    request.volume_labels = volume_labels(plan);
    let labels = labels::of_object(&plan.name, relay.role.name());
    request.labels = labels::with_owner(labels, &workshop.owner);
    request.entrypoint = ["perl", "-e", SPEAKER].map(str::to_owned).into();
    let ports = relay.ports.iter().map(|port| port.container.to_string());
    request.command = ports.collect();
    let started = async {
        engine.create_container(request).await?;
        engine.start(&relay.name).await?;
        engine.inspect(&relay.name).await
    };
    match started.await {
        Ok(Some(facts)) if facts.running => found.push(Examined::ok(
            "container",
            "runs with a read-only root, few capabilities and limits",
        )),
        Ok(_) => {
            let said = super::log_lines(engine, &relay.name, engine::LogRequest::default()).await;
            let said = format!("ended as soon as it had started: {}", said.trim());
            found.push(Examined::fault("container", said, repair));
            return Ok(found);
        }
        Err(error) => {
            found.push(Examined::failed("container", &error, repair));
            return Ok(found);
        }
    }
    let reachable = async {
        inside::join(plan, engine).await?;
        endpoints_now(plan, engine).await
    };
    found.push(match reachable.await {
        Ok(endpoints) => reached(&endpoints.into_values().collect::<Vec<_>>()).await,
        Err(error) => Examined::failed(PUBLISHED, &error, REACH),
    });
    found.push(clock(engine, &relay.name).await?);
    Ok(found)
}

async fn reached(endpoints: &[SocketAddr]) -> Examined {
    if endpoints.is_empty() {
        return Examined::fault(
            PUBLISHED,
            "the engine published none that this machine can reach",
            REACH,
        );
    }
    for endpoint in endpoints {
        match timeout(ANSWER, hear(*endpoint)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Examined::fault(
                    PUBLISHED,
                    format!("{endpoint} does not answer: {error}"),
                    REACH,
                );
            }
            Err(_) => {
                let seconds = ANSWER.as_secs();
                let found = format!("{endpoint} does not answer in {seconds} s");
                return Examined::fault(PUBLISHED, found, REACH);
            }
        }
    }
    Examined::ok(PUBLISHED, "this machine reaches the container through them")
}

/// Until what speaks in the container is heard. An engine's own proxy takes connections
/// before the container's program listens, and hangs up.
async fn hear(endpoint: SocketAddr) -> std::io::Result<()> {
    loop {
        let mut heard = Vec::new();
        let mut stream = TcpStream::connect(endpoint).await?;
        let mut buffer = [0; 64];
        while !heard.ends_with(b"\n") {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(n) => heard.extend_from_slice(&buffer[..n]),
            }
        }
        if heard == b"relaykit\n" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn clock(engine: &dyn Engine, container: &str) -> Result<Examined, Error> {
    let before = Timestamp::now();
    let told = engine.exec(container, &["date", "+%s"], None).await?;
    let there = told.stdout.trim().parse::<i64>();
    let there = there.ok().and_then(|s| Timestamp::from_second(s).ok());
    Ok(match there {
        Some(there) => compared(before, there),
        None => Examined::warning(
            "clock",
            "the container does not tell the time",
            "none is known",
        ),
    })
}

fn compared(here: Timestamp, there: Timestamp) -> Examined {
    let apart = here.duration_since(there).abs();
    if apart <= APART {
        return Examined::ok("clock", "this machine's and the engine's agree");
    }
    Examined::fault(
        "clock",
        format!(
            "this machine's and the engine's are {} s apart",
            apart.as_secs()
        ),
        "set both by NTP: certificates made here are not in force there",
    )
}

/// The reference of the relay's image, if the engine has it.
///
/// # Errors
/// When the engine cannot be asked.
pub async fn relays_image(workshop: &Workshop) -> Result<Option<&str>, Error> {
    let Some(reference) = workshop.images.get(&Image::Relay) else {
        return Ok(None);
    };
    let there = workshop.engine.image(reference).await?.is_some();
    Ok(there.then_some(reference))
}

#[cfg(test)]
mod tests {
    use super::super::examined::State;
    use super::*;

    #[test]
    fn clocks_may_be_a_little_apart() {
        let here = Timestamp::from_second(1_800_000_000).unwrap();
        let after = |seconds| here + SignedDuration::from_secs(seconds);
        assert_eq!(compared(here, after(59)).state, State::Ok);
        assert_eq!(compared(here, after(-59)).state, State::Ok);
        let late = compared(here, after(-3600));
        assert_eq!(late.state, State::Fault);
        assert!(late.found.contains("3600 s apart"), "{late:?}");
        assert_eq!(compared(here, after(61)).state, State::Fault);
    }
}
