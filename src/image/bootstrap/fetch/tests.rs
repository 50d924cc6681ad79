use std::sync::{Arc, Mutex};

use super::*;
use crate::image::bootstrap::testing::{Answers, Server};

/// Fetches on a thread that may wait, and gives what was warned of.
async fn get(
    settings: BootstrapSettings,
    url: String,
    limit: u64,
) -> (Result<Vec<u8>, Failure>, Vec<String>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&warnings);
    let warn = move |line| sink.lock().unwrap().push(line);
    let fetcher = Fetcher::new(&settings, CancellationToken::new(), warn).unwrap();
    let result = tokio::task::spawn_blocking(move || fetcher.get(&url, limit))
        .await
        .unwrap();
    let warnings = warnings.lock().unwrap().clone();
    (result, warnings)
}

fn answers(path: &str, answers: &[(u16, &str)]) -> Answers {
    let bodies = answers
        .iter()
        .map(|(status, body)| (*status, body.as_bytes().to_vec()));
    Answers::from([(path.to_owned(), bodies.collect())])
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_and_told() {
    let server = Server::start(answers("/file", &[(503, ""), (200, "content")]));
    let url = format!("{}/file", server.address);
    let (result, warnings) = get(BootstrapSettings::default(), url.clone(), 100).await;
    assert_eq!(result.unwrap(), b"content");
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains(&url) && warnings[0].contains("503"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_server_that_stays_broken_is_asked_three_times() {
    let server = Server::start(answers("/file", &[(500, "")]));
    let (result, warnings) = get(
        BootstrapSettings::default(),
        format!("{}/file", server.address),
        100,
    )
    .await;
    let error = Error::from(result.unwrap_err()).to_string();
    assert!(error.contains("/file") && error.contains("500"), "{error}");
    assert_eq!((server.requests().len(), warnings.len()), (3, 2));
}

#[tokio::test]
async fn a_missing_file_is_asked_for_once() {
    let server = Server::start(Answers::new());
    let (result, warnings) = get(
        BootstrapSettings::default(),
        format!("{}/file", server.address),
        100,
    )
    .await;
    assert!(matches!(result, Err(Failure::Missing(_))));
    assert_eq!((server.requests().len(), warnings.len()), (1, 0));
}

#[tokio::test]
async fn more_than_the_limit_is_refused() {
    let server = Server::start(answers("/file", &[(200, "0123456789")]));
    let (result, _) = get(
        BootstrapSettings::default(),
        format!("{}/file", server.address),
        5,
    )
    .await;
    assert!(matches!(result, Err(Failure::Other(_))));
}

#[tokio::test]
async fn plain_http_goes_through_the_proxy_with_the_whole_address() {
    let url = "http://mirror.invalid/debian/file";
    let proxy = Server::start(answers(url, &[(200, "by proxy")]));
    let with_login = proxy.address.replace("://", "://user:pass@");
    let settings = BootstrapSettings {
        http_proxy: Some(with_login),
        ..BootstrapSettings::default()
    };
    let (result, _) = get(settings, url.to_owned(), 100).await;
    assert_eq!(result.unwrap(), b"by proxy");
    assert_eq!(
        proxy.requests(),
        [format!(
            "GET {url} HTTP/1.1 | Proxy-Authorization: Basic dXNlcjpwYXNz"
        )]
    );
}

#[tokio::test]
async fn a_host_of_no_proxy_is_asked_directly() {
    let server = Server::start(answers("/file", &[(200, "direct")]));
    let settings = BootstrapSettings {
        http_proxy: Some("http://proxy.invalid:3128".to_owned()),
        no_proxy: Some("localhost, 127.0.0.1".to_owned()),
        ..BootstrapSettings::default()
    };
    let (result, _) = get(settings, format!("{}/file", server.address), 100).await;
    assert_eq!(result.unwrap(), b"direct");
}

#[tokio::test]
async fn https_asks_its_proxy_for_a_tunnel() {
    let proxy = Server::start(Answers::new());
    let settings = BootstrapSettings {
        http_proxy: Some(proxy.address.clone()),
        https_proxy: Some(proxy.address.clone()),
        ..BootstrapSettings::default()
    };
    let (result, _) = get(settings, "https://mirror.invalid/file".to_owned(), 100).await;
    assert!(result.is_err());
    assert_eq!(proxy.requests()[0], "CONNECT mirror.invalid:443 HTTP/1.1");
}

#[test]
fn addresses_that_cannot_be_used_are_refused_without_their_password() {
    for address in [
        "ftp://m.example/debian",
        "m.example/debian",
        "",
        "http://u:secret@m.example/debian",
    ] {
        let error = mirror(address).unwrap_err().to_string();
        assert!(
            error.contains("the mirror") && !error.contains("secret"),
            "{error}"
        );
    }
    assert_eq!(
        mirror("http://m.example/debian/").unwrap(),
        "http://m.example/debian"
    );
    let error = proxy("http://u:secret@", "").unwrap_err().to_string();
    assert!(
        error.contains("the proxy") && !error.contains("secret"),
        "{error}"
    );
}
