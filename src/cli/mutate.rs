//! The options of `relaykit test` that change the relay under test at random.

use std::num::NonZero;

use clap::Args;

use super::at_least_one;

/// Which mutants are tried.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Mutants")]
pub struct Mutate {
    /// Then change one line or value of the rendered files at a time, so many of them, and list
    /// the changes that no check sees.
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with_all = ["lab", "keep", "prove", "max_fail"])]
    pub mutate: Option<NonZero<usize>>,
    /// Try the mutants that a run with this number tried; it is told at the start.
    #[arg(long, value_name = "S", requires = "mutate")]
    pub seed: Option<u64>,
    /// Try the mutant of this id; may be given more than once.
    #[arg(long, value_name = "ID", conflicts_with_all = ["mutate", "lab", "keep", "prove", "max_fail"])]
    pub mutant: Vec<String>,
}

impl Mutate {
    /// Whether any mutant is asked for.
    #[must_use]
    pub fn are_meant(&self) -> bool {
        self.mutate.is_some() || !self.mutant.is_empty()
    }
}
