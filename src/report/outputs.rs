//! Report files: opened before the run, so that a bad path is told at once, and
//! rewritten as results come, so that a crash loses next to nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::signature::{Signer, signature_of};
use super::{RunReport, html, json, junit};

/// A file format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The option of `relaykit test` and `relaykit check` without its dashes: `json`.
    pub name: &'static str,
    /// The option's line in `--help`.
    pub about: &'static str,
    /// The whole file.
    pub render: fn(&RunReport) -> Vec<u8>,
}

/// The format that is signed: the one that `relaykit verify` reads.
const JSON: &str = "json";

/// Every format.
pub static FORMATS: &[Format] = &[
    Format {
        name: JSON,
        about: "Write the report to this file as JSON, in the shape of docs/report.schema.json",
        render: json::render,
    },
    Format {
        name: "junit",
        about: "Write the report to this file as JUnit XML, for GitLab, Jenkins and GitHub",
        render: junit::render,
    },
    Format {
        name: "html",
        about: "Write the report to this file as one HTML page that needs nothing else",
        render: html::render,
    },
];

/// A report file could not be written: exit code 6.
#[derive(Debug, thiserror::Error)]
#[error("{action} the {format} report {path} failed: {source}\n  choose a path that can be written", path = path.display())]
pub struct OutputError {
    /// `opening`, `writing` or `signing`.
    action: &'static str,
    /// [`Format::name`].
    format: &'static str,
    /// Where.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// The report files of one run.
#[derive(Debug, Default)]
pub struct Outputs {
    files: Vec<Output>,
    /// Until when files are left as they are.
    rests_until: Option<Instant>,
    /// The signature of each JSON report, and who makes it.
    signatures: Option<(Signer, Vec<Output>)>,
}

/// Writing may take one part in so many of a run: a report grows with its checks,
/// and is rewritten after each of them.
const SHARE: u32 = 20;

#[derive(Debug)]
struct Output {
    format: &'static Format,
    path: PathBuf,
    file: File,
    /// A regular file can be written again from its start; a pipe or a terminal
    /// gets the report once, at the end.
    regular: bool,
    /// Whether it was made for this run and nothing has been written to it yet.
    empty: bool,
}

impl Outputs {
    /// Opens every file, creating it where there is none.
    ///
    /// # Errors
    /// The first path that cannot be opened for writing.
    pub fn open<'a>(
        files: impl IntoIterator<Item = (&'static Format, &'a Path)>,
    ) -> Result<Self, OutputError> {
        files
            .into_iter()
            .map(Output::open)
            .collect::<Result<_, _>>()
            .map(|files| Self {
                files,
                rests_until: None,
                signatures: None,
            })
    }

    /// The final JSON reports get a signature beside them.
    ///
    /// # Errors
    /// The first signature that cannot be opened for writing.
    pub fn signed_by(mut self, signer: Signer) -> Result<Self, OutputError> {
        let reports = self
            .files
            .iter()
            .filter(|output| output.format.name == JSON);
        let opened = reports.map(|one| Output::open((one.format, &signature_of(&one.path))));
        self.signatures = Some((signer, opened.collect::<Result<_, _>>()?));
        Ok(self)
    }

    /// Writes the report as it stands while the run goes on; not where the last
    /// time has taken so long that writing would slow the run.
    ///
    /// # Errors
    /// The first file that cannot be written, for example on a full disk.
    pub fn update(&mut self, report: &RunReport) -> Result<(), OutputError> {
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let mut signatures = self.signatures.iter_mut().flat_map(|(_, all)| all);
        signatures.try_for_each(Output::void)?;
        let mut regular = self.files.iter_mut().filter(|output| output.regular);
        let written = regular.try_for_each(|output| output.write(report));
        self.rests_until = Some(Instant::now() + now.elapsed() * SHARE);
        written
    }

    /// Writes the final report.
    ///
    /// # Errors
    /// The first file that cannot be written; the others are written all the same.
    pub fn finish(&mut self, report: &RunReport) -> Result<(), OutputError> {
        let mut results: Vec<_> = self.files.iter_mut().map(|o| o.write(report)).collect();
        if let Some((signer, signatures)) = &mut self.signatures {
            results.extend(signatures.iter_mut().map(|o| o.sign(report, signer)));
        }
        results.into_iter().collect()
    }
}

impl Output {
    fn open((format, path): (&'static Format, &Path)) -> Result<Self, OutputError> {
        let opened = open(path).and_then(|(file, empty)| {
            let regular = file.metadata()?.is_file();
            Ok((file, regular, empty))
        });
        let (file, regular, empty) = opened.map_err(|source| OutputError {
            action: "opening",
            format: format.name,
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            format,
            path: path.to_owned(),
            file,
            regular,
            empty,
        })
    }

    fn write(&mut self, report: &RunReport) -> Result<(), OutputError> {
        let bytes = (self.format.render)(report);
        let written = self.replace(&bytes);
        written.map_err(|source| self.error("writing", source))
    }

    /// Empties the signature of an older report, whose place is about to be taken.
    fn void(&mut self) -> Result<(), OutputError> {
        if !self.regular || self.empty {
            return Ok(());
        }
        let emptied = self.file.set_len(0);
        self.empty = true;
        emptied.map_err(|source| self.error("signing", source))
    }

    /// Writes the signature of what [`Self::write`] writes of the same report.
    fn sign(&mut self, report: &RunReport, signer: &Signer) -> Result<(), OutputError> {
        let text = signer.sign(&(self.format.render)(report));
        let written = text
            .map_err(io::Error::other)
            .and_then(|text| self.replace(text.as_bytes()));
        written.map_err(|source| self.error("signing", source))
    }

    fn error(&self, action: &'static str, source: io::Error) -> OutputError {
        OutputError {
            action,
            format: self.format.name,
            path: self.path.clone(),
            source,
        }
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.empty = false;
        if self.regular {
            self.file.seek(SeekFrom::Start(0))?;
        }
        self.file.write_all(bytes)?;
        if self.regular {
            self.file.set_len(bytes.len() as u64)?;
        }
        self.file.flush()
    }
}

/// A run that ends before its first result leaves no empty file.
impl Drop for Output {
    fn drop(&mut self) {
        if self.empty {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Opens `path` for writing, and says whether it was made. What stands in it stays until
/// there is something else to write.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Made after all where a link points to nothing yet.
            let mut options = OpenOptions::new();
            let file = options
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            Ok((file, false))
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{fail, record, report};
    use super::super::{Outcome, RunReport};
    use super::*;

    fn json() -> &'static Format {
        &FORMATS[0]
    }

    #[test]
    fn a_bad_path_is_told_before_the_run_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("report.json");
        let error = Outputs::open([(json(), path.as_path())]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("opening the json report "), "{text}");
        assert!(text.contains("missing/report.json"), "{text}");
    }

    #[test]
    fn a_shorter_report_leaves_nothing_of_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut outputs = Outputs::open([(json(), path.as_path())]).unwrap();
        outputs
            .update(&report(vec![record("a.b", fail())]))
            .unwrap();
        let last = report(vec![record("a.b", Outcome::Pass)]);
        outputs.finish(&last).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), (json().render)(&last));
    }

    #[test]
    fn a_run_without_a_result_leaves_no_empty_file_and_the_last_report_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        std::fs::write(&old, "the last report").unwrap();
        let files = [(json(), new.as_path()), (json(), old.as_path())];
        drop(Outputs::open(files).unwrap());
        assert!(!new.exists());
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "the last report");
        let mut outputs = Outputs::open(files).unwrap();
        outputs.finish(&report(vec![])).unwrap();
        drop(outputs);
        for path in [new, old] {
            assert_eq!(
                std::fs::read(path).unwrap(),
                (json().render)(&report(vec![]))
            );
        }
    }

    #[test]
    fn a_signature_goes_with_the_report_that_it_was_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let signature = signature_of(&path);
        std::fs::write(&path, "the last report").unwrap();
        std::fs::write(&signature, "the last signature").unwrap();
        let signed = || {
            let outputs = Outputs::open([(json(), path.as_path())]).unwrap();
            outputs.signed_by(Signer::of_test()).unwrap()
        };
        let text = || std::fs::read_to_string(&signature);
        drop(signed());
        assert_eq!(text().unwrap(), "the last signature");
        let run = report(vec![record("a.b", fail())]);
        let mut outputs = signed();
        outputs.update(&run).unwrap();
        assert_eq!(text().unwrap(), "");
        outputs.finish(&run).unwrap();
        let written = std::fs::read(&path).unwrap();
        assert_eq!(text().unwrap(), Signer::of_test().sign(&written).unwrap());
        let mut outputs = signed();
        outputs.update(&run).unwrap();
        drop(outputs);
        assert!(!signature.exists());
    }

    #[test]
    fn what_is_no_regular_file_gets_the_report_once() {
        let device = Path::new("/dev/null");
        let mut outputs = Outputs::open([(json(), device)]).unwrap();
        assert!(!outputs.files[0].regular);
        let run: RunReport = report(vec![]);
        outputs.update(&run).unwrap();
        outputs.finish(&run).unwrap();
    }

    #[test]
    fn format_names_are_unique() {
        let names: std::collections::BTreeSet<_> = FORMATS.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), FORMATS.len());
    }
}
