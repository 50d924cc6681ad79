//! Programs in containers: what they are given and what they write.

use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as Fault;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::stream::StreamExt;

use super::{DockerEngine, fault};
use crate::engine::{Conversation, Error, ExecOutput, Said};

/// What is kept of each of a program's streams; the rest is read and dropped.
const OUTPUT_KEPT: usize = 1024 * 1024;
/// An engine may close a program's streams before it knows its exit code.
const EXIT_CODE_WITHIN: Duration = Duration::from_secs(10);
const EXIT_CODE_POLL: Duration = Duration::from_millis(10);

impl DockerEngine {
    pub(super) async fn exec_program(
        &self,
        container: &str,
        argv: &[&str],
        user: Option<&str>,
    ) -> Result<ExecOutput, Error> {
        let program = argv.first().copied().unwrap_or_default();
        let action = format!("running {program} in the container {container}");
        let failed = |fault| fault::classify(&action, container, &fault);
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            user: Some(user.unwrap_or("0")),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(container, options).await;
        let exec = exec.map_err(failed)?;
        let started = self.docker.start_exec(&exec.id, None::<StartExecOptions>);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let StartExecResults::Attached { mut output, .. } = started.await.map_err(failed)? {
            while let Some(chunk) = output.next().await {
                match chunk.map_err(failed)? {
                    LogOutput::StdErr { message } => keep(&mut stderr, &message),
                    other => keep(&mut stdout, other.as_ref()),
                }
            }
        }
        let exit_code = self.exit_code(&exec.id).await.map_err(failed)?;
        Ok(ExecOutput {
            exit_code: exit_code.ok_or_else(|| Error::Refused {
                action: action.clone(),
                status: 0,
                reason: "the program closed its output and did not end".to_owned(),
            })?,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    pub(super) async fn talk_to_program(
        &self,
        container: &str,
        argv: &[&str],
        user: &str,
    ) -> Result<Conversation, Error> {
        let program = argv.first().copied().unwrap_or_default();
        let action = format!("talking to {program} in the container {container}");
        let failed = |fault| fault::classify(&action, container, &fault);
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            user: Some(user),
            ..CreateExecOptions::default()
        };
        // It lasts as long as it is talked to.
        let docker = self.patient();
        let exec = docker.create_exec(container, options).await;
        let exec = exec.map_err(failed)?;
        let started = docker.start_exec(&exec.id, None::<StartExecOptions>);
        match started.await.map_err(failed)? {
            StartExecResults::Attached { output, input } => {
                let container = container.to_owned();
                let output = output.map(move |chunk| match chunk {
                    Ok(LogOutput::StdErr { message }) => Ok(Said::Err(message)),
                    Ok(other) => Ok(Said::Out(other.into_bytes())),
                    Err(fault) => Err(fault::classify(&action, &container, &fault)),
                });
                Ok(Conversation {
                    input,
                    output: output.boxed(),
                })
            }
            StartExecResults::Detached => Err(Error::cannot(action)),
        }
    }

    async fn exit_code(&self, exec: &str) -> Result<Option<i64>, Fault> {
        let deadline = Instant::now() + EXIT_CODE_WITHIN;
        loop {
            let state = self.docker.inspect_exec(exec).await?;
            if state.running != Some(true) && state.exit_code.is_some() {
                return Ok(state.exit_code);
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            tokio::time::sleep(EXIT_CODE_POLL).await;
        }
    }
}

fn keep(kept: &mut Vec<u8>, chunk: &[u8]) {
    let room = OUTPUT_KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_output_is_kept_up_to_a_bound() {
        let mut kept = Vec::new();
        for _ in 0..100 {
            keep(&mut kept, &vec![b'x'; 100_000]);
        }
        assert_eq!(kept.len(), OUTPUT_KEPT);
    }
}
