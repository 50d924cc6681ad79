//! Containers: files, ports, logs, programs, confinement.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use relaykit::engine::{ContainerRequest, Error, LogRequest, Shells, labels};
use tokio::time::timeout;

use crate::bench::{LOOPBACK, on_engine, tar_with};

/// For what never ends when something is wrong.
const BOUND: Duration = Duration::from_secs(60);

#[test]
fn files_go_into_a_volume_and_not_into_a_read_only_root() {
    on_engine(|bench| async move {
        let volume = bench.name("config");
        bench
            .engine
            .create_volume(&volume, &bench.labels())
            .await
            .unwrap();
        bench
            .engine
            .create_volume(&volume, &bench.labels())
            .await
            .unwrap();
        let foreign = labels::of_object("another", "sink");
        let error = bench
            .engine
            .create_volume(&volume, &foreign)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NameInUse { .. }), "{error}");

        let container = ContainerRequest {
            capabilities: vec!["DAC_OVERRIDE".to_owned()],
            mounts: vec![(volume, "/etc/relaykit".to_owned(), false)],
            ..bench.container(
                "relay",
                "stat -c '%a %u:%g' /etc/relaykit/tls/key; cat /etc/relaykit/tls/key",
            )
        };
        let name = container.name.clone();
        bench.engine.create_container(container).await.unwrap();
        let tar = Bytes::from(tar_with("tls/key", b"secret"));
        // Podman takes it, for the image's own folder and the volume alike.
        if let Err(error) = bench.engine.upload(&name, "/", tar.clone()).await {
            assert!(error.to_string().contains("read-only"), "{error}");
        }
        bench
            .engine
            .upload(&name, "/etc/relaykit", tar)
            .await
            .unwrap();
        bench.engine.start(&name).await.unwrap();
        assert_eq!(bench.engine.wait(&name).await.unwrap(), 0);
        let logs = bench.engine.logs(
            &name,
            LogRequest {
                follow: false,
                tail: None,
                since: None,
            },
        );
        let logs: Vec<String> = logs.try_collect().await.unwrap();
        assert_eq!(logs, ["640 7:8", "secret"]);

        let back = bench
            .engine
            .download(&name, "/etc/relaykit/tls/key")
            .await
            .unwrap();
        let mut archive = tar::Archive::new(std::io::Cursor::new(back.unwrap()));
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
        assert_eq!(content, "secret");
        assert_eq!(
            bench
                .engine
                .download(&name, "/etc/relaykit/none")
                .await
                .unwrap(),
            None
        );
        assert!(
            bench
                .engine
                .download(&bench.name("none"), "/etc")
                .await
                .is_err()
        );
    });
}

#[test]
fn a_port_in_use_names_the_container_or_the_process() {
    on_engine(|bench| async move {
        let socket = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let taken = socket.local_addr().unwrap();
        let publishing = |part: &str, port| ContainerRequest {
            ports: vec![(2525, LOOPBACK, port)],
            ..bench.container(part, "sleep infinity")
        };
        let blocked = publishing("blocked", taken.port());
        let name = blocked.name.clone();
        bench.engine.create_container(blocked).await.unwrap();
        let error = bench.engine.start(&name).await.unwrap_err();
        let Error::PortInUse { port, holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*port, taken.to_string());
        assert!(
            holder.contains(&format!("(pid {})", std::process::id())),
            "{error}"
        );
        drop(socket);

        let holder = bench.run(publishing("holder", 0)).await;
        let facts = bench.engine.inspect(&holder).await.unwrap().unwrap();
        let second = publishing("second", facts.ports[&2525].1);
        let name = second.name.clone();
        bench.engine.create_container(second).await.unwrap();
        let error = bench.engine.start(&name).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("by container {holder}")),
            "{error}"
        );
    });
}

#[test]
fn logs_are_followed_line_by_line_to_the_end() {
    on_engine(|bench| async move {
        let script =
            "printf 'one\\ntw'; echo warning >&2; read -r line < /run/gate; printf 'o\\nlast'";
        let name = bench
            .run(ContainerRequest {
                tmpfs: vec![("/run".to_owned(), "mode=755".to_owned())],
                ..bench.container("talker", &format!("mkfifo /run/gate; {script}"))
            })
            .await;
        let follow = LogRequest {
            follow: true,
            tail: None,
            since: None,
        };
        let mut lines = bench.engine.logs(&name, follow);
        let mut first = [
            lines.next().await.unwrap().unwrap(),
            lines.next().await.unwrap().unwrap(),
        ];
        first.sort();
        assert_eq!(first, ["one", "warning"]);
        let opened = bench
            .engine
            .exec(&name, &["bash", "-c", "echo > /run/gate"], None)
            .await;
        assert_eq!(opened.unwrap().exit_code, 0);
        let rest: Vec<String> = lines.try_collect().await.unwrap();
        assert_eq!(rest, ["two", "last"]);

        let last = bench.engine.logs(
            &name,
            LogRequest {
                follow: false,
                tail: Some(1),
                since: None,
            },
        );
        assert_eq!(last.try_collect::<Vec<_>>().await.unwrap().len(), 1);
        let mut none = bench.engine.logs(&bench.name("none"), follow);
        assert!(none.next().await.unwrap().is_err());
    });
}

#[test]
fn a_program_in_a_container_tells_its_code_and_both_streams() {
    on_engine(|bench| async move {
        let name = bench
            .run(ContainerRequest {
                user: Some("33:33".to_owned()),
                ..bench.container("runner", "sleep infinity")
            })
            .await;
        let argv = ["bash", "-c", "id -u; echo bad >&2; exit 7"];
        let output = bench.engine.exec(&name, &argv, None).await.unwrap();
        assert_eq!(
            (output.exit_code, &*output.stdout, &*output.stderr),
            (7, "0\n", "bad\n")
        );
        let output = bench
            .engine
            .exec(&name, &["id", "-u"], Some("65534"))
            .await
            .unwrap();
        assert_eq!(output.stdout, "65534\n");
        let much = ["bash", "-c", "head -c 20000000 /dev/zero"];
        let output = bench.engine.exec(&name, &much, None).await.unwrap();
        assert_eq!((output.exit_code, output.stdout.len()), (0, 1024 * 1024));
    });
}

#[test]
fn a_shell_runs_programs_as_the_engine_does() {
    on_engine(|bench| async move {
        let name = bench.run(bench.container("shell", "sleep infinity")).await;
        let shells = Shells::new(bench.engine.clone());
        let hard = "it's \"$HOME\"\n*";
        for (argv, user) in [
            (&["bash", "-c", "id -u; echo bad >&2; exit 7"][..], None),
            (&["id", "-u"], Some("65534")),
            (&["printf", "%s", hard], None),
            (&["test", "-d", "/nowhere"], None),
            // Nothing to read, and nothing of what the shell is told.
            (&["cat"], None),
            (&["head", "-c", "300000", "/dev/zero"], None),
        ] {
            let by_engine = bench.engine.exec(&name, argv, user).await.unwrap();
            // What waits for input that nobody gives it would wait for ever.
            let by_shell = timeout(BOUND, shells.exec(&name, argv, user)).await;
            let by_shell = by_shell.expect("an end").unwrap();
            assert_eq!(by_shell, by_engine, "{argv:?}");
        }
        let absent = shells.exec(&name, &["no-such-program"], None).await;
        assert_eq!(absent.unwrap().exit_code, 127);
        // Two that can only end together.
        let (one, other) = tokio::join!(
            shells.exec(
                &name,
                &[
                    "timeout",
                    "10",
                    "bash",
                    "-c",
                    "mkfifo /dev/shm/f; echo 1 >/dev/shm/f"
                ],
                None
            ),
            shells.exec(
                &name,
                &[
                    "bash",
                    "-c",
                    "until [ -p /dev/shm/f ]; do :; done; cat /dev/shm/f"
                ],
                None
            ),
        );
        assert_eq!(one.unwrap().exit_code, 0);
        assert_eq!(other.unwrap().stdout, "1\n");
        // Whoever is dropped half way leaves nothing for the next.
        let waits = shells.exec(&name, &["sleep", "infinity"], None);
        let first = timeout(Duration::from_millis(1), waits).await;
        assert!(first.is_err());
        let next = shells.exec(&name, &["echo", "2"], None).await.unwrap();
        assert_eq!(next.stdout, "2\n");
    });
}

#[test]
fn programs_take_turns_at_a_few_shells() {
    on_engine(|bench| async move {
        let name = bench.run(bench.container("turns", "sleep infinity")).await;
        let shells = Shells::new(bench.engine.clone());
        let echo = |number: usize| {
            let (shells, name) = (&shells, &name);
            async move {
                let number = number.to_string();
                let output = shells.exec(name, &["echo", &number], None).await;
                assert_eq!(output.unwrap().stdout, format!("{number}\n"));
            }
        };
        futures_util::future::join_all((0..12).map(echo)).await;
        let count = ["bash", "-c", "grep -lx sh /proc/[0-9]*/comm | wc -l"];
        let output = bench.engine.exec(&name, &count, None).await.unwrap();
        assert_eq!(output.stdout, "4\n");
    });
}

#[test]
fn a_container_is_confined_unless_it_is_a_build_step() {
    on_engine(|bench| async move {
        let confined = bench
            .run(ContainerRequest {
                capabilities: vec!["CHOWN".to_owned()],
                ..bench.container("confined", "sleep infinity")
            })
            .await;
        let argv = [
            "bash",
            "-c",
            "grep -E 'CapBnd|NoNewPrivs' /proc/self/status; touch /x",
        ];
        let output = bench.engine.exec(&confined, &argv, None).await.unwrap();
        assert_eq!(output.stdout, "CapBnd:\t0000000000000001\nNoNewPrivs:\t1\n");
        assert!(
            output.stderr.contains("Read-only file system"),
            "{}",
            output.stderr
        );

        let step = bench
            .run(ContainerRequest {
                unconfined: true,
                ..bench.container("step", "sleep infinity")
            })
            .await;
        let output = bench.engine.exec(&step, &argv, None).await.unwrap();
        assert!(
            output.stdout.contains("NoNewPrivs:\t0"),
            "{}",
            output.stdout
        );
        assert_eq!((output.exit_code, &*output.stderr), (0, ""));
    });
}
