//! Images: imported, built, removed.

use std::sync::Arc;

use relaykit::engine::{self, BuildRequest, Error, ImportRequest, labels};
use relaykit::progress::Progress;

use crate::bench::{on_engine, tar_with};

#[test]
fn an_image_is_imported_from_a_stream_built_upon_and_removed() {
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
        assert_eq!((facts.size, &*facts.labels["a"]), (2_000_000, "b"));

        let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let progress = Progress::new(move |event| sink.lock().unwrap().push(format!("{event:?}")));
        let build = |reference: &str, dockerfile: &str| BuildRequest {
            reference: reference.to_owned(),
            context: tar_with("Dockerfile", dockerfile.as_bytes()).into(),
            arguments: [("WORD".to_owned(), "said".to_owned())].into(),
            labels: bench.labels(),
            no_cache: true,
        };
        let task = progress.start("image");
        let request = build(
            &derived,
            &format!("FROM {imported}\nARG WORD\nLABEL word=$WORD\n"),
        );
        engine.build(request, &task).await.unwrap();
        let facts = engine.image(&derived).await.unwrap().unwrap();
        assert_eq!(
            (&*facts.labels["word"], &*facts.labels[labels::LAB]),
            ("said", &*bench.name)
        );
        assert!(
            lines
                .lock()
                .unwrap()
                .iter()
                .any(|line| line.contains("Step 1/"))
        );

        let request = build(&derived, &format!("FROM {imported}\nLABEL word=again\n"));
        engine.build(request, &task).await.unwrap();
        let found = engine.images(&bench.labels()).await.unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], derived);
        let nameless = &found[1];
        let facts = engine.image(nameless).await.unwrap().unwrap();
        assert_eq!(facts.labels["word"], "said");

        let request = build(
            &derived,
            &format!("FROM {}\nRUN echo the last words; exit 3\n", bench.image),
        );
        let error = engine.build(request, &task).await.unwrap_err();
        assert!(matches!(error, Error::Build { .. }), "{error}");
        assert!(error.to_string().contains("  the last words"), "{error}");

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
