//! The options that write report files, one for each registered format.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::report::{FORMATS, Format};

/// Which reports are wanted, and where: `--json FILE` and its like. Flatten it
/// into the arguments of a command that runs checks.
#[derive(Debug, Default, Clone)]
pub struct Reports(Vec<(&'static Format, PathBuf)>);

impl Reports {
    /// What to write, for [`crate::report::Outputs::open`].
    pub fn files(&self) -> impl Iterator<Item = (&'static Format, &Path)> {
        self.0
            .iter()
            .map(|(format, path)| (*format, path.as_path()))
    }
}

impl Args for Reports {
    fn augment_args(command: Command) -> Command {
        FORMATS.iter().fold(command, |command, format| {
            command.arg(
                Arg::new(format.name)
                    .long(format.name)
                    .value_name("FILE")
                    .help(format.about)
                    .help_heading("Reports")
                    .value_parser(value_parser!(PathBuf)),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Reports {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut reports = Self::default();
        reports.update_from_arg_matches(matches)?;
        Ok(reports)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let file = |format: &'static Format| {
            let path = matches.get_one::<PathBuf>(format.name)?;
            Some((format, path.clone()))
        };
        self.0 = FORMATS.iter().filter_map(file).collect();
        Ok(())
    }
}
