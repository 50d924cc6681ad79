//! An engine that dies half-way.

use crate::lab::{Child, Lab, Run, until};
use crate::proxy::{Death, Proxy};

/// `up` through an engine that dies after `requests`.
fn up(lab: &Lab, proxy: &Proxy) -> std::process::Command {
    let mut up = lab.command(&["up", "--lab", &lab.name]);
    up.env("DOCKER_HOST", proxy.address());
    up
}

#[test]
fn an_engine_that_dies_at_any_request_is_told_and_down_removes_what_is_left() {
    // A name for each death: the engine may still carry out the last request that
    // it got when the next `up` is there already.
    let mut labs = Vec::new();
    for requests in (0..).step_by(7) {
        let lab = Lab::new(&format!("lost{requests}"));
        let proxy = Proxy::start(requests, Death::Closes);
        let run = Run::of(up(&lab, &proxy));
        if run.code == Some(0) {
            assert!(!proxy.is_dead(), "{run}");
            break;
        }
        let run = run.ended_with(4).says(&["error:", "container engine"]);
        assert!(!run.stderr.contains("panicked"), "{run}");
        lab.relaykit(&["down", "--volumes"]).succeeded();
        labs.push(lab);
    }
    assert!(labs.len() > 3, "`up` takes more requests than that");
    for lab in labs {
        until("an engine without leftovers", || {
            lab.relaykit(&["down", "--volumes"]).succeeded();
            lab.objects().is_empty().then_some(())
        });
        lab.assert_nothing_is_left();
    }
}

#[test]
fn an_engine_that_falls_silent_can_be_left() {
    let lab = Lab::new("silent");
    let proxy = Proxy::start(12, Death::Silence);
    let mut up = Child::start(up(&lab, &proxy));
    until("the engine's silence", || proxy.is_dead().then_some(()));
    up.signal("INT");
    assert!(up.says("once more to leave at once"));
    up.signal("INT");
    let run = up.end().ended_with(130);
    run.says(&["relaykit down --all"]);
    until("an engine without leftovers", || {
        lab.relaykit(&["down", "--volumes"]).succeeded();
        lab.objects().is_empty().then_some(())
    });
}

#[test]
fn status_tells_of_every_container_but_the_one_that_the_engine_is_silent_about() {
    let lab = Lab::new("halfsilent");
    let up = lab.up();
    let sink = up["containers"]["sink"].as_str().unwrap();
    let proxy = Proxy::silent_about(format!("/containers/{sink}/json"));
    let mut status = lab.command(&["status", "--format", "json"]);
    status.env("DOCKER_HOST", proxy.address());
    let labs = Run::of(status).succeeded().json();
    let found = labs.as_array().unwrap().iter();
    let found = found.clone().find(|l| l["lab"] == lab.name.as_str());
    let found = found.unwrap_or_else(|| panic!("{labs}"));
    assert_eq!(found["health"]["relay"], "running", "{labs}");
    let told = "running (the engine does not answer about it)";
    assert_eq!(found["health"]["sink"], told, "{labs}");
    assert_eq!(found["endpoints"], up["endpoints"], "{labs}");
}
