//! The engine's part of a bootstrap: a container of a nearly empty image, into
//! which packages are unpacked and in which dpkg runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tracing::{Span, debug};

use super::fetch::Fetcher;
use super::index::Package;
use super::{DOWNLOADS, deb, root};
use crate::engine::{
    ContainerRequest, Engine, ImportRequest, Kind, Labels, LogRequest, labels, whole,
};
use crate::image::{Error, IMAGE_LABEL, context};
use crate::progress::Task;

/// Bytes of unpacked packages that go to the engine in one request.
const CHUNK: usize = 8 << 20;
/// Lines of dpkg's output that an error shows.
const LOG_LINES: usize = 20;

/// The container and the image that exist only while a base is made.
pub(super) struct Installation<'a> {
    engine: &'a dyn Engine,
    namespace: &'a str,
    name: String,
    image: String,
}

impl<'a> Installation<'a> {
    /// Names of its own, so that two runs side by side do not meet.
    pub(super) fn new(engine: &'a dyn Engine, namespace: &'a str) -> Self {
        let now = jiff::Timestamp::now().as_nanosecond();
        let id = format!("{:x}-{:x}", std::process::id(), now);
        Self {
            engine,
            namespace,
            name: format!("{}-bootstrap-{id}", namespace.replace('/', "-")),
            image: format!("{namespace}/bootstrap:{id}"),
        }
    }

    /// Makes the container from a tar of its first files.
    pub(super) async fn begin(&self, skeleton: Vec<u8>) -> Result<(), Error> {
        let image = ImportRequest {
            reference: self.image.clone(),
            tar: whole(skeleton.into()),
            // Found by its label where this process is killed.
            changes: vec![format!("LABEL {IMAGE_LABEL}={}", self.namespace)],
        };
        self.engine.import(image).await?;
        let container = ContainerRequest {
            name: self.name.clone(),
            image: self.image.clone(),
            command: vec!["/bin/sh".to_owned(), format!("/{}/configure", root::WORK)],
            unconfined: true,
            // For dpkg's database, which it syncs to disk several times a package:
            // in memory that costs nothing, and it takes a third of the time.
            // Scripts of packages are run from there.
            tmpfs: vec![("/run".to_owned(), "rw,exec".to_owned())],
            labels: labels::of_object(&self.name, "bootstrap"),
            stop_grace: Duration::ZERO,
            ..ContainerRequest::default()
        };
        Ok(self.engine.create_container(container).await?)
    }

    /// Downloads and verifies `packages`, and unpacks those of them that are
    /// `essential`. The next ones are on their way while the
    /// engine takes the last ones.
    pub(super) async fn unpack(
        &self,
        packages: Vec<Package>,
        essential: BTreeSet<String>,
        uris: Vec<String>,
        fetcher: &Fetcher,
        task: &Arc<Task>,
    ) -> Result<(), Error> {
        let total = packages.len();
        let (sender, mut receiver) = mpsc::channel(DOWNLOADS);
        let fetcher = fetcher.clone();
        let span = Span::current();
        let downloads = tokio::task::spawn_blocking(move || {
            let _inside = span.entered();
            let excluded = root::excluded();
            let download = |package: &Package| {
                let folders = essential
                    .contains(&package.name)
                    .then_some(excluded.as_slice());
                download(package, &uris[package.archive], &fetcher, folders)
            };
            download_all(&packages, download, &sender);
        });
        let mut chunk = Vec::new();
        let mut arrived = 0;
        while let Some(entries) = receiver.recv().await {
            chunk.append(&mut entries?);
            arrived += 1;
            if chunk.len() >= CHUNK || arrived == total {
                chunk.extend_from_slice(&context::TAR_END);
                let tar = Bytes::from(std::mem::take(&mut chunk));
                self.engine.upload(&self.name, "/", tar).await?;
                task.note(format!(
                    "{arrived} of {total} packages downloaded and verified"
                ));
            }
        }
        downloads.await.map_err(|e| Error::Internal {
            action: "downloading packages",
            reason: e.to_string(),
        })
    }

    /// Lets dpkg install what was unpacked.
    pub(super) async fn configure(&self) -> Result<(), Error> {
        self.engine.start(&self.name).await?;
        let code = self.engine.wait(&self.name).await?;
        if code == 0 {
            return Ok(());
        }
        let request = LogRequest {
            follow: false,
            tail: Some(LOG_LINES),
            since: None,
        };
        let lines: Vec<_> = self.engine.logs(&self.name, request).collect().await;
        let lines = lines.into_iter().filter_map(Result::ok);
        Err(Error::Configure {
            reason: format!("its script ended with code {code}"),
            log: lines
                .map(|line| format!("  {line}"))
                .collect::<Vec<_>>()
                .join("\n"),
        })
    }

    /// Makes an image of one layer from the container.
    pub(super) async fn finish(&self, reference: &str, labels: &Labels) -> Result<(), Error> {
        let mut changes = vec![r#"CMD ["bash"]"#.to_owned()];
        for (name, value) in labels {
            changes.push(format!(
                "LABEL {name}={}",
                serde_json::Value::from(value.as_str())
            ));
        }
        let image = ImportRequest {
            reference: reference.to_owned(),
            tar: self.engine.export(&self.name).await?,
            changes,
        };
        Ok(self.engine.import(image).await?)
    }

    /// Removes the container and the image that it was made from.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        self.engine.remove(Kind::Container, &self.name).await?;
        if self.engine.image(&self.image).await?.is_some() {
            self.engine.remove_image(&self.image).await?;
        }
        Ok(())
    }
}

/// Sends the entries of each package, in no order; ends at the first error
/// and when nobody listens any more.
fn download_all(
    packages: &[Package],
    download: impl Fn(&Package) -> Result<Vec<u8>, Error> + Sync,
    sender: &mpsc::Sender<Result<Vec<u8>, Error>>,
) {
    let next = AtomicUsize::new(0);
    let span = Span::current();
    let work = || {
        let _inside = span.enter();
        while let Some(package) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let entries = download(package);
            debug!(
                package = package.name,
                bytes = package.file.size,
                "downloaded"
            );
            let failed = entries.is_err();
            if sender.blocking_send(entries).is_err() || failed {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..DOWNLOADS {
            scope.spawn(work);
        }
    });
}

/// A package, for dpkg, and before it its files without those in the `excluded`
/// folders (`None`: no files at all), as entries of a tar.
fn download(
    package: &Package,
    uri: &str,
    fetcher: &Fetcher,
    excluded: Option<&[String]>,
) -> Result<Vec<u8>, Error> {
    let url = format!("{uri}/{}", package.file.path);
    let file = package.file_name();
    let bytes = fetcher.get(&url, package.file.size + 1)?;
    package.file.check(file, &url, &bytes)?;
    let unreadable = |reason| Error::Format {
        file: format!("{file} from {url}"),
        reason,
    };
    let mut entries = match excluded {
        Some(excluded) => deb::data_entries(&bytes, excluded).map_err(unreadable)?,
        None => Vec::new(),
    };
    let path = format!("{}/{}.deb", root::WORK, package.name);
    let itself = root::entry(&path, &bytes).map_err(|e| unreadable(e.to_string()))?;
    entries.extend_from_slice(&itself);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::image::bootstrap::BootstrapSettings;
    use crate::image::bootstrap::release::Listed;
    use crate::image::bootstrap::testing::{Answers, Server};

    /// A package whose listed bytes are `abc`.
    fn package() -> Package {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        Package {
            name: "tool".to_owned(),
            version: "1".to_owned(),
            essential: false,
            priority: 0,
            depends: String::new(),
            provides: String::new(),
            archive: 0,
            file: Listed {
                path: "pool/tool_1_amd64.deb".to_owned(),
                sha256: digest.to_owned(),
                size: 3,
            },
        }
    }

    async fn downloaded(body: &[u8], excluded: Option<Vec<String>>) -> Result<Vec<u8>, Error> {
        let answer = vec![(200, body.to_vec())];
        let path = "/debian/pool/tool_1_amd64.deb".to_owned();
        let server = Server::start(Answers::from([(path, answer)]));
        let settings = BootstrapSettings::default();
        let fetcher = Fetcher::new(&settings, CancellationToken::new(), |_| {}).unwrap();
        let uri = format!("{}/debian", server.address);
        let download = move || download(&package(), &uri, &fetcher, excluded.as_deref());
        tokio::task::spawn_blocking(download).await.unwrap()
    }

    #[tokio::test]
    async fn a_package_arrives_only_if_it_is_what_the_index_lists() {
        let entries = downloaded(b"abc", None).await.unwrap();
        let mut tar = tar::Archive::new(entries.as_slice());
        let entry = tar.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("bootstrap/tool.deb"));
        assert_eq!(entry.size(), 3);

        let error = downloaded(b"abd", None).await.unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("tool_1_amd64.deb from http://127"),
            "{error}"
        );
        assert!(downloaded(b"ab", None).await.is_err());
        assert!(downloaded(b"abcd", None).await.is_err());
    }

    #[tokio::test]
    async fn a_verified_file_that_is_no_package_is_named() {
        let error = downloaded(b"abc", Some(Vec::new())).await.unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
        assert!(error.to_string().contains("tool_1_amd64.deb"), "{error}");
    }
}
