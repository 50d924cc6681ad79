use super::*;
use crate::config;
use crate::counterparts::{Purpose, Resolved};

fn plans(text: &str) -> (Plan, Plan) {
    let text = format!("version: 1\n{text}");
    let spec = config::load(&text, "relay.yaml", std::path::Path::new("/")).unwrap();
    let plan = |purpose| Plan::new(Resolved::new(spec.clone(), purpose), "t");
    (plan(Purpose::Proof), plan(Purpose::Lab))
}

fn all(text: &str) -> Vec<Mutant> {
    let (proof, lab) = plans(text);
    mutants(&proof, &lab).0
}

#[test]
fn the_default_lab_has_hundreds_by_every_operator() {
    let (proof, lab) = plans("");
    let (all, dropped) = mutants(&proof, &lab);
    for operator in Operator::ALL {
        let count = all.iter().filter(|m| m.operator == operator).count();
        println!("{operator:?} {count}");
        assert!(count > 0, "{operator:?} makes nothing");
    }
    println!("{} and {dropped} dropped", all.len());
    assert!(all.len() > 600, "{}", all.len());
}
