//! Finding and removing what was made; names; no engine at all.

use std::time::Duration;

use futures_util::future;
use relaykit::engine::{self, ContainerRequest, Environment, Error, Kind, labels};

use crate::bench::on_engine;

#[test]
fn a_name_in_use_is_told() {
    on_engine(|bench| async move {
        let create = || {
            bench
                .engine
                .create_container(bench.container("relay", "true"))
        };
        create().await.unwrap();
        let error = create().await.unwrap_err();
        let expected = bench.name("relay");
        assert!(
            matches!(&error, Error::NameInUse { name, .. } if *name == expected),
            "{error}"
        );
    });
}

#[test]
fn objects_are_found_by_label_and_removed_in_any_state() {
    on_engine(|bench| async move {
        let network = bench.network("net", true).await;
        let volume = bench.name("volume");
        let role = labels::of_object(&bench.name, labels::VOLUME);
        bench.engine.create_volume(&volume, &role).await.unwrap();
        let on_network = ContainerRequest {
            networks: vec![(network.clone(), vec![])],
            mounts: vec![(volume.clone(), "/data".to_owned(), false)],
            ..bench.container("running", "sleep infinity")
        };
        let running = bench.run(on_network).await;
        let created = bench.container("created", "true");
        bench.engine.create_container(created).await.unwrap();

        let mine = labels::of_lab(&bench.name);
        let objects = bench.engine.list(&mine).await.unwrap();
        let mut found: Vec<_> = objects
            .iter()
            .map(|o| (o.kind, o.name.clone(), &*o.state))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                (Kind::Container, bench.name("created"), "created"),
                (Kind::Container, running.clone(), "running"),
                (Kind::Network, network.clone(), ""),
                (Kind::Volume, volume.clone(), ""),
            ]
        );
        let volumes = bench.engine.list(&role).await.unwrap();
        assert_eq!(volumes.len(), 1);
        let any = bench.engine.list(&labels::of_any_lab()).await.unwrap();
        assert!(objects.iter().all(|object| any.contains(object)));

        // All at once, and the container twice: each waits for the others.
        let removals = [
            (Kind::Container, &running),
            (Kind::Container, &running),
            (Kind::Network, &network),
            (Kind::Container, &bench.name("created")),
        ];
        let removals = removals
            .iter()
            .map(|(kind, name)| bench.engine.remove(*kind, name));
        future::try_join_all(removals).await.unwrap();
        bench.engine.remove(Kind::Volume, &volume).await.unwrap();
        assert_eq!(bench.engine.list(&mine).await.unwrap(), []);
        for kind in [Kind::Container, Kind::Network, Kind::Volume] {
            bench.engine.remove(kind, &running).await.unwrap();
        }
        bench.engine.stop(&running, Duration::ZERO).await.unwrap();
        assert_eq!(bench.engine.inspect(&running).await.unwrap(), None);
    });
}

#[test]
fn an_engine_that_is_not_there_is_told_by_its_address() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for address in ["unix:///nonexistent/engine.sock", "tcp://127.0.0.1:1"] {
        let environment = Environment {
            docker_host: Some(address.to_owned()),
            ..Environment::default()
        };
        let error = runtime
            .block_on(engine::connect(&environment))
            .err()
            .unwrap();
        assert!(
            matches!(&error, Error::Unreachable { address: a, .. } if a == address),
            "{error}"
        );
    }
}
