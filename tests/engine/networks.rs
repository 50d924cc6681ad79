//! Networks: who is reached from where, and whose name it is.

use std::net::IpAddr;

use relaykit::engine::{ContainerRequest, Error, Kind, NetworkRequest, labels};

use crate::bench::{LOOPBACK, on_engine, wait_for_line};

#[test]
fn a_network_without_masquerading_publishes_on_loopback_and_is_the_gateway() {
    on_engine(|bench| async move {
        // The published network sorts first: see ContainerRequest::networks.
        let host = bench.network("access", false).await;
        let other = bench.network("directory", false).await;
        let inner = bench.network("sink", true).await;
        let script = "exec perl -MIO::Socket::INET -e '$|=1; $s=IO::Socket::INET->new(Listen=>5,LocalPort=>2525,ReuseAddr=>1) or die; print \"ready\\n\"; while ($c=$s->accept) { print $c $c->peerhost; close $c }'";
        let name = bench
            .run(ContainerRequest {
                networks: vec![
                    (host.clone(), vec!["relay".to_owned()]),
                    (other.clone(), vec![]),
                    (inner.clone(), vec!["relay".to_owned()]),
                ],
                ports: vec![(2525, LOOPBACK, 0)],
                ..bench.container("relay", script)
            })
            .await;
        wait_for_line(&bench, &name, "ready").await;

        let facts = bench.engine.inspect(&name).await.unwrap().unwrap();
        let (address, port) = facts.ports[&2525];
        assert_eq!(address, LOOPBACK);
        assert_eq!(facts.addresses.len(), 3);
        let mut client = tokio::net::TcpStream::connect((address, port))
            .await
            .unwrap();
        let mut peer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut client, &mut peer)
            .await
            .unwrap();
        let networks = [host.as_str(), other.as_str(), inner.as_str()];
        let publishers = bench.engine.publishers(&networks).await.unwrap();
        assert!(
            publishers.contains(&peer.parse().unwrap()),
            "connections come from {publishers:?}: {peer}"
        );
        let gateway = bench.engine.gateway(&host).await.unwrap();

        let route = bench
            .engine
            .exec(&name, &["cat", "/proc/net/route"], None)
            .await
            .unwrap();
        let octets = match gateway {
            IpAddr::V4(v4) => u32::from_le_bytes(v4.octets()),
            IpAddr::V6(_) => panic!("an IPv4 gateway"),
        };
        let default = format!("00000000\t{octets:08X}");
        assert!(route.stdout.contains(&default), "{}", route.stdout);
    });
}

#[test]
fn a_network_name_is_given_once_even_to_two_at_the_same_moment() {
    on_engine(|bench| async move {
        let request = || NetworkRequest {
            name: bench.name("net"),
            internal: true,
            masquerade: false,
            labels: bench.labels(),
        };
        let (one, two) = tokio::join!(
            bench.engine.create_network(request()),
            bench.engine.create_network(request())
        );
        let error = one.and(two).unwrap_err();
        assert!(matches!(error, Error::NameInUse { .. }), "{error}");
        let error = bench.engine.create_network(request()).await.unwrap_err();
        assert!(matches!(error, Error::NameInUse { .. }), "{error}");
        let objects = bench
            .engine
            .list(&labels::of_lab(&bench.name))
            .await
            .unwrap();
        assert_eq!(objects.len(), 1, "{objects:?}");
    });
}

#[test]
fn a_network_is_removed_although_a_stranger_is_still_on_it() {
    on_engine(|bench| async move {
        let network = bench.network("net", true).await;
        let stranger = ContainerRequest {
            networks: vec![(network.clone(), vec![])],
            ..bench.container("stranger", "sleep infinity")
        };
        let stranger = bench.run(stranger).await;
        bench.engine.remove(Kind::Network, &network).await.unwrap();
        let facts = bench.engine.inspect(&stranger).await.unwrap().unwrap();
        assert!(facts.running && facts.addresses.is_empty(), "{facts:?}");
    });
}
