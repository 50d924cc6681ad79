//! Mutants in the JSON report.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::{Fates, Mutation, Tried};
use super::millis;

#[derive(Serialize)]
pub(super) struct Mutants<'a> {
    seed: u64,
    possible: usize,
    without_effect: usize,
    elapsed_ms: u64,
    counts: Fates,
    by_operator: BTreeMap<&'static str, Fates>,
    tried: Vec<Mutant<'a>>,
}

#[derive(Serialize)]
struct Mutant<'a> {
    number: usize,
    id: &'a str,
    operator: &'static str,
    title: &'a str,
    diff: &'a str,
    laboratory: &'static str,
    fate: &'static str,
    by: &'a str,
    why: &'a str,
    duration_ms: u64,
}

pub(super) fn mutants(mutation: &Mutation) -> Mutants<'_> {
    Mutants {
        seed: mutation.seed,
        possible: mutation.possible,
        without_effect: mutation.dropped,
        elapsed_ms: millis(mutation.elapsed),
        counts: mutation.fates(),
        by_operator: mutation.by_operator(),
        tried: mutation.tried.iter().map(mutant).collect(),
    }
}

fn mutant(tried: &Tried) -> Mutant<'_> {
    Mutant {
        number: tried.number,
        id: &tried.id,
        operator: tried.operator,
        title: &tried.title,
        diff: &tried.diff,
        laboratory: tried.laboratory,
        fate: tried.fate.word(),
        by: tried.fate.by(),
        why: tried.fate.why(),
        duration_ms: millis(tried.took),
    }
}
