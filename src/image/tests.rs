mod listening;
mod shelf;

use std::time::Duration;

use self::shelf::{Registry, Shelf};
use super::*;
use crate::engine;

const UPSTREAM: &str = "debian:13-slim";

async fn base_of(shelf: &Shelf, settings: &Settings) -> Result<String, Error> {
    let images = ensure(shelf, &[Image::Base], settings, &Progress::silent()).await?;
    Ok(images[&Image::Base].clone())
}

#[tokio::test]
async fn the_base_asked_for_comes_before_all_others() {
    let own = own_base("relaykit");
    let shelf = Shelf::new(&["mine:1", &own, UPSTREAM], Registry::Refuses);
    let settings = Settings {
        base: Some("mine:1".to_owned()),
        ..Settings::default()
    };
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), "mine:1");

    let settings = Settings {
        base: Some("other:1".to_owned()),
        ..Settings::default()
    };
    let error = base_of(&shelf, &settings).await.unwrap_err().to_string();
    assert!(
        error.contains("other:1") && error.contains("not here"),
        "{error}"
    );
    let shelf = Shelf::new(&[], Registry::Gives);
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), "other:1");
}

#[tokio::test]
async fn our_own_base_comes_before_debians_unless_the_cache_is_off() {
    let own = own_base("relaykit");
    let shelf = Shelf::new(&[&own, UPSTREAM], Registry::Refuses);
    assert_eq!(base_of(&shelf, &Settings::default()).await.unwrap(), own);
    let settings = Settings {
        no_cache: true,
        ..Settings::default()
    };
    assert_eq!(base_of(&shelf, &settings).await.unwrap(), UPSTREAM);
    assert!(shelf.calls().iter().all(|call| call.starts_with("image ")));
}

#[tokio::test]
async fn without_a_base_the_registry_is_asked_then_the_archive() {
    let shelf = Shelf::new(&[], Registry::Gives);
    assert_eq!(
        base_of(&shelf, &Settings::default()).await.unwrap(),
        UPSTREAM
    );
    let shelf = Shelf::new(&[], Registry::Refuses);
    assert!(base_of(&shelf, &Settings::default()).await.is_err());
    assert!(
        shelf.calls().contains(&"about".to_owned()),
        "the bootstrap was begun"
    );
}

#[tokio::test]
async fn a_registry_that_keeps_silent_is_given_up_soon() {
    let shelf = Shelf::new(&[], Registry::KeepsSilent);
    let (settings, progress) = (Settings::default(), Progress::silent());
    let pulled = base::pull(&shelf, "mine:1", &settings, &progress, Duration::ZERO).await;
    let error = pulled.unwrap_err().to_string();
    assert!(
        error.contains("mine:1") && error.contains("no answer within"),
        "{error}"
    );
}

#[tokio::test]
async fn cancelling_ends_a_pull() {
    let shelf = Shelf::new(&[], Registry::KeepsSilent);
    let settings = Settings::default();
    settings.cancel.cancel();
    let error = base_of(&shelf, &settings).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
}

#[tokio::test]
async fn what_is_there_is_not_built_again_and_costs_one_round_trip() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let all = [Image::Relay, Image::Directory];
    let settings = Settings::default();
    let first = ensure(&shelf, &all, &settings, &Progress::silent())
        .await
        .unwrap();
    let calls = shelf.calls();
    let count = |what: &str| calls.iter().filter(|call| *call == what).count();
    for image in all {
        assert_eq!(count(&format!("commit {}", first[&image])), 1, "{calls:?}");
    }
    assert_eq!(count(&format!("create on {UPSTREAM}")), 2, "{calls:?}");
    assert_eq!(count("remove relaykit-build-"), 2, "{calls:?}");

    let again = ensure(&shelf, &all, &settings, &Progress::silent())
        .await
        .unwrap();
    assert_eq!(again, first);
    let calls = shelf.calls();
    assert_eq!(calls.len(), 5, "two images and three bases: {calls:?}");
    assert!(
        calls.iter().all(|call| call.starts_with("image ")),
        "{calls:?}"
    );
}

#[tokio::test]
async fn another_base_under_the_same_name_builds_anew() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let (settings, silent) = (Settings::default(), Progress::silent());
    let first = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    shelf.put_as(UPSTREAM, "sha256:newer");
    shelf.calls();
    let again = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    assert_eq!(again, first);
    assert!(shelf.calls().iter().any(|call| call.starts_with("commit ")));
}

/// `docker load` on an engine with another kind of store.
#[tokio::test]
async fn the_same_base_under_another_id_builds_nothing() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let (settings, silent) = (Settings::default(), Progress::silent());
    let first = ensure(&shelf, &[Image::Relay], &settings, &silent)
        .await
        .unwrap();
    shelf.put_as(UPSTREAM, &format!("sha256:{UPSTREAM} as loaded"));
    shelf.calls();
    let again = ensure(&shelf, &[Image::Relay], &settings, &silent).await;
    assert_eq!(again.unwrap(), first);
    assert!(!shelf.calls().iter().any(|call| call.starts_with("commit ")));
}

#[test]
fn another_namespace_or_base_asked_for_means_another_reference() {
    let settings = Settings::default();
    let one = reference(Image::Relay, &settings);
    assert!(one.starts_with("relaykit/relay:") && one.len() == "relaykit/relay:".len() + 12);
    let other = Settings {
        base: Some("mine:1".to_owned()),
        ..settings.clone()
    };
    assert_ne!(one, reference(Image::Relay, &other));
    assert_eq!(reference(Image::Base, &other), "mine:1");
    let other = Settings {
        namespace: "ci/7".to_owned(),
        ..settings
    };
    assert_eq!(
        reference(Image::Relay, &other),
        one.replace("relaykit/", "ci/7/")
    );
}

#[test]
fn labels_follow_the_oci_annotations_and_say_which_base() {
    let base = Base {
        reference: "b:1".to_owned(),
        id: "sha256:1".to_owned(),
        content: "sha256:2".to_owned(),
    };
    let labels = labels("relaykit", Image::Relay, Some(&base));
    let label = |name: &str| {
        labels
            .get(&format!("org.opencontainers.image.{name}"))
            .cloned()
    };
    assert_eq!(label("version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(label("base.name").as_deref(), Some("b:1"));
    assert_eq!(label("base.digest").as_deref(), Some("sha256:1"));
    assert_eq!(labels[BASE_LABEL], "sha256:2");
    assert!(label("licenses").is_some() && label("title").is_some());
    assert!(
        !labels.contains_key(engine::labels::LAB),
        "its containers would belong to a lab"
    );
}

#[tokio::test]
async fn root_makes_the_images_on_a_base_of_somebody_else() {
    for (base, user) in [("of/app:1", " as 0:0"), ("of/root:1", ""), (UPSTREAM, "")] {
        let shelf = Shelf::new(&[base], Registry::Refuses);
        let settings = Settings {
            base: Some(base.to_owned()),
            ..Settings::default()
        };
        let both = [Image::Relay, Image::Directory];
        let made = ensure(&shelf, &both, &settings, &Progress::silent()).await;
        made.unwrap();
        let calls = shelf.calls();
        let times = |what: &str| calls.iter().filter(|call| *call == what).count();
        assert_eq!(times(&format!("create on {base}{user}")), 2, "{calls:?}");
        assert_eq!(times("USER 0:0"), if user.is_empty() { 0 } else { 2 });
        // The directory has a user of its own, which comes last.
        let own = calls
            .iter()
            .rposition(|call| call == "USER 204:204")
            .unwrap();
        assert_eq!(calls[own - 1] == "USER 0:0", !user.is_empty(), "{calls:?}");
    }
}

#[tokio::test]
async fn proxies_reach_the_builds_and_stay_in_no_image() {
    let shelf = Shelf::new(&[UPSTREAM], Registry::Refuses);
    let bootstrap = BootstrapSettings {
        http_proxy: Some("http://u:secret@p.test".to_owned()),
        ..BootstrapSettings::default()
    };
    let settings = Settings {
        bootstrap,
        ..Settings::default()
    };
    let silent = Progress::silent();
    let made = ensure(&shelf, &[Image::Relay], &settings, &silent).await;
    assert_eq!(
        made.unwrap()[&Image::Relay],
        reference(Image::Relay, &Settings::default()),
        "they do not change the tag"
    );
    let calls = shelf.calls();
    let has = |what: &str| calls.iter().any(|call| call == what);
    assert!(has("upload of proxies"), "{calls:?}");
    assert!(has(&format!("create on {UPSTREAM}")), "{calls:?}");
}
