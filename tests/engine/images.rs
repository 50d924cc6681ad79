//! Images: imported, committed, removed.

use futures_util::StreamExt as _;
use relaykit::engine::{
    self, CommitRequest, ContainerRequest, ImportRequest, Kind, LogRequest, labels,
};

use crate::bench::{on_engine, tar_with};

#[test]
fn an_image_is_imported_from_a_stream_made_of_a_container_and_removed() {
    on_engine(|bench| async move {
        let engine = &bench.engine;
        let imported = format!("{}/imported:1", bench.name);
        let derived = format!("{}/built:1", bench.name);
        let (mut writer, tar) = engine::written();
        let writing = tokio::task::spawn_blocking(move || {
            std::io::Write::write_all(&mut writer, &tar_with("etc/motd", &vec![b'x'; 2_000_000]))?;
            writer.finish()
        });
        let request = ImportRequest {
            reference: imported.clone(),
            tar,
            changes: vec!["CMD [\"/bin/true\"]".to_owned(), "LABEL a=b".to_owned()],
        };
        engine.import(request).await.unwrap();
        writing.await.unwrap().unwrap();
        let facts = engine.image(&imported).await.unwrap().unwrap();
        // Podman counts what the image's description takes, too.
        assert!((2_000_000..2_100_000).contains(&facts.size), "{facts:?}");
        assert_eq!(facts.labels["a"], "b");

        let container = ContainerRequest {
            unconfined: true,
            ..bench.container("made", "exit")
        };
        let made = container.name.clone();
        engine.create_container(container).await.unwrap();
        let tar = tar_with("etc/motd", b"hello");
        engine.upload(&made, "/", tar.into()).await.unwrap();
        let commit = |word: &str| CommitRequest {
            container: made.clone(),
            reference: derived.clone(),
            changes: vec![
                "ENTRYPOINT [\"/bin/cat\"]".to_owned(),
                "CMD [\"/etc/motd\"]".to_owned(),
                format!("LABEL \"word\"=\"{word}\" \"{}\"=\"\"", labels::ROLE),
            ],
            stop_signal: Some("SIGQUIT".to_owned()),
        };
        engine.commit(commit("said")).await.unwrap();
        let facts = engine.image(&derived).await.unwrap().unwrap();
        // What a container is labelled with, its image is: unless it is told otherwise.
        assert_eq!(
            [
                &*facts.labels["word"],
                &*facts.labels[labels::LAB],
                &*facts.labels[labels::ROLE]
            ],
            ["said", &*bench.name, ""]
        );
        assert_eq!(facts.entrypoint, ["/bin/cat"]);
        assert_eq!(facts.command, ["/etc/motd"]);
        let cat = ContainerRequest {
            name: bench.name("cat"),
            image: derived.clone(),
            // Somebody else's file, which root reads by a capability.
            unconfined: true,
            labels: bench.labels(),
            ..ContainerRequest::default()
        };
        let cat = bench.run(cat).await;
        assert_eq!(engine.wait(&cat).await.unwrap(), 0);
        let lines: Vec<_> = engine.logs(&cat, LogRequest::default()).collect().await;
        assert_eq!(lines, [Ok("hello".to_owned())]);
        engine.remove(Kind::Container, &cat).await.unwrap();

        engine.commit(commit("again")).await.unwrap();
        let ours = labels::of_lab(&bench.name);
        let found = engine.images(&ours).await.unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        // Podman tells the registry that a name without one would be from.
        assert_eq!(found[0].trim_start_matches("docker.io/"), derived);
        let nameless = &found[1];
        let facts = engine.image(nameless).await.unwrap().unwrap();
        assert_eq!(facts.labels["word"], "said");

        for reference in [&derived, nameless, &imported, &imported] {
            engine.remove_image(reference).await.unwrap();
            assert_eq!(engine.image(reference).await.unwrap(), None);
        }
    });
}

#[test]
fn a_tar_that_could_not_be_made_is_told_and_leaves_no_image() {
    on_engine(|bench| async move {
        let reference = format!("{}/broken:1", bench.name);
        let (writer, tar) = engine::written();
        let failing = tokio::task::spawn_blocking(move || {
            writer.fail(std::io::Error::other("checksum of x.deb is wrong"));
        });
        let request = ImportRequest {
            reference: reference.clone(),
            tar,
            changes: vec![],
        };
        let error = bench.engine.import(request).await.unwrap_err();
        failing.await.unwrap();
        assert!(
            error.to_string().contains("checksum of x.deb is wrong"),
            "{error}"
        );
        assert_eq!(bench.engine.image(&reference).await.unwrap(), None);
    });
}
