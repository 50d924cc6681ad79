//! SIGKILL, when no handler runs: the watching process cleans up.

use crate::lab::{Child, Lab, left_of_test, objects_of_test, until};

#[test]
fn a_killed_up_is_cleaned_up_behind() {
    let lab = Lab::new("kill");
    for moment in ["objects", "✓ relay"] {
        let mut up = lab.start(&["up"]);
        match moment {
            "objects" => until(moment, || (!lab.objects().is_empty()).then_some(())),
            line => {
                let said = up.says(line);
                assert!(said, "it ended without {line:?}: {}", up.end());
            }
        }
        up.signal("KILL");
        assert_eq!(up.end().signal, Some(9));
        until("an engine without leftovers", || {
            lab.objects().is_empty().then_some(())
        });
        until("a state folder without the lab", || {
            (!lab.kept().exists()).then_some(())
        });
        lab.assert_nothing_is_left();
    }
    lab.up();
}

#[test]
fn a_killed_test_is_cleaned_up_behind() {
    let lab = Lab::new("killtest");
    for moment in ["objects", "PASS"] {
        let mut test = Child::start(lab.command(&["test"]));
        let id = test.id();
        match moment {
            "objects" => until(moment, || (!objects_of_test(id).is_empty()).then_some(())),
            line => assert!(test.says(line), "{}", test.end()),
        }
        test.signal("KILL");
        assert_eq!(test.end().signal, Some(9));
        until("an engine without leftovers", || {
            left_of_test(id).is_empty().then_some(())
        });
    }
}

#[test]
fn a_lab_that_was_there_survives_a_killed_up() {
    let lab = Lab::new("survives");
    lab.up();
    lab.configure("relay: {message_size_limit: 5MiB}\n");
    let mut up = lab.start(&["up"]);
    assert!(up.says("✓ relay"));
    up.signal("KILL");
    drop(up.end());
    assert!(!lab.inbox().iter().any(serde_json::Value::is_null));
    assert!(lab.kept().exists());
    lab.up();
}
