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

/// `- before + after` of the mutants at a place.
fn at<'a>(mutants: &'a [Mutant], operator: Operator, place: &str) -> Vec<&'a str> {
    let there = mutants
        .iter()
        .filter(|m| m.operator == operator && m.place == place);
    there.map(|mutant| mutant.after.trim()).collect()
}

#[test]
fn the_default_lab_has_hundreds_by_every_operator() {
    let (proof, lab) = plans("");
    let (all, dropped) = mutants(&proof, &lab);
    for operator in Operator::ALL {
        let count = all.iter().filter(|m| m.operator == operator).count();
        assert!(count > 0, "{operator:?} makes nothing");
    }
    assert!(all.len() > 600, "{}", all.len());
    assert!(dropped > 20, "{dropped}");
}

#[test]
fn every_mutant_changes_its_file_or_has_a_script_and_has_an_id_of_its_own() {
    let (proof, lab) =
        plans("relay: {sender_login: own}\nlimits: {messages_per_login_per_hour: 9}");
    let (all, _) = mutants(&proof, &lab);
    let mut ids = BTreeSet::new();
    for mutant in &all {
        let mut changed = proof.clone();
        mutant.apply(&mut changed);
        assert!(
            changed != proof || mutant.script().is_some(),
            "{} changes nothing",
            mutant.title()
        );
        assert!(ids.insert(&mutant.id), "{} is there twice", mutant.id);
        assert!(!mutant.diff().is_empty());
    }
}

#[test]
fn what_a_test_adds_for_itself_is_left_alone() {
    let all = all("");
    for word in ["xclient", "unbraked", ".sink.test"] {
        let about = |m: &&Mutant| format!("{}{}", m.file, m.before).contains(word);
        assert_eq!(all.iter().find(about), None);
    }
}

#[test]
fn each_operator_does_what_its_name_says() {
    let all = all("");
    let flip = Operator::FlipValue;
    assert_eq!(
        at(&all, flip, "disable_vrfy_command"),
        ["disable_vrfy_command = no"]
    );
    assert!(
        at(&all, flip, "smtpd_tls_security_level").contains(&"smtpd_tls_security_level = none")
    );
    assert_eq!(
        at(&all, Operator::AddPermit, "smtpd_data_restrictions"),
        ["smtpd_data_restrictions = permit, permit_mynetworks, reject"]
    );
    assert_eq!(
        at(&all, Operator::Reorder, "smtpd_data_restrictions"),
        ["smtpd_data_restrictions = reject, permit_mynetworks"]
    );
    assert_eq!(
        at(
            &all,
            Operator::DropElement,
            "submission/inet, smtpd_data_restrictions"
        ),
        [
            "-o smtpd_data_restrictions=reject",
            "-o smtpd_data_restrictions=permit_sasl_authenticated"
        ]
    );
    let swapped = at(&all, Operator::SwapMap, "body_checks");
    assert!(
        swapped.contains(&"body_checks = pcre:/etc/relaykit/postfix/commands"),
        "{swapped:?}"
    );
    let copied = at(
        &all,
        Operator::CopyOption,
        "smtp/inet, smtpd_sasl_auth_enable",
    );
    assert_eq!(copied, ["-o smtpd_sasl_auth_enable=yes"]);
    let chroot = at(&all, Operator::ChangeService, "submission/inet, chroot");
    assert_eq!(chroot, ["submission inet n - y - - smtpd"]);
    let modes = all.iter().filter(|m| m.file.ends_with("relay.key"));
    let modes: Vec<_> = modes.map(|m| m.after.as_str()).collect();
    assert_eq!(modes, ["mode 644", "mode 620", "mode 602"]);
}

#[test]
fn patterns_lose_what_holds_them() {
    let text =
        "# why\n/^Received: [^x]{0,8}(?!by )a\\.b$/\n    REPLACE $1 and ${2}\nif /a/\nendif\n";
    let drafts = table::drafts(text);
    let wider: Vec<_> = drafts
        .iter()
        .filter(|d| d.operator == Operator::WidenPattern)
        .map(|d| d.after.as_str())
        .collect();
    for expected in [
        "/Received: [^x]{0,8}(?!by )a\\.b$/",
        "/^Received: .{0,8}(?!by )a\\.b$/",
        "/^Received: [^x]{0,16}(?!by )a\\.b$/",
        "/^Received: [^x]{0,4}(?!by )a\\.b$/",
        "/^Received: [^x]{0,8}a\\.b$/",
        "/^Received: [^x]{0,8}(?!by )a.b$/",
        "/^Received: [^x]{0,8}(?!by )a\\.b/",
    ] {
        assert!(wider.contains(&expected), "{expected} is not in {wider:#?}");
    }
    let actions = drafts
        .iter()
        .filter(|d| d.operator == Operator::ChangeAction);
    let actions: Vec<_> = actions.map(|d| d.after.lines().nth(1).unwrap()).collect();
    assert_eq!(
        actions,
        [
            "    IGNORE",
            "    DUNNO",
            "    PREPEND X-Was:",
            "    REPLACE  and ${2}",
            "    REPLACE $1 and "
        ]
    );
}

#[test]
fn what_nobody_could_see_is_no_mutant() {
    let all = all("");
    // Postfix's own default, and what a service has from main.cf anyway.
    assert_eq!(at(&all, Operator::DropLine, "myorigin"), Vec::<&str>::new());
    let option = "submission/inet, smtpd_sasl_authenticated_header";
    assert_eq!(at(&all, Operator::DropLine, option), Vec::<&str>::new());
    assert_eq!(at(&all, Operator::DropLine, "biff"), [""]);
}

#[test]
fn a_seed_draws_the_same_ones_again() {
    let ids = |seed| {
        let mut all = all("");
        Random::new(seed).shuffle(&mut all);
        all.into_iter().take(20).map(|m| m.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(3), ids(3));
    assert_ne!(ids(3), ids(4));
}

#[test]
fn a_change_keeps_its_id_as_long_as_the_line_says_the_same() {
    let of = |text: &str| {
        let all = all(text);
        let one = all.iter().find(|m| m.place == "message_size_limit");
        one.unwrap().id.clone()
    };
    assert_eq!(of(""), of("privacy: {received: keep}"));
    assert_ne!(of(""), of("relay: {message_size_limit: 10MiB}"));
}

#[test]
fn every_reason_is_for_a_mutant_that_there_is() {
    let (proof, lab) = plans("");
    let (default, _) = mutants(&proof, &lab);
    let others = [
        "relay: {sender_login: own}\nlimits: {messages_per_login_per_hour: 20}\n\
         lab: {users: [{name: alice, password: wonderland}, {name: bob, password: looking-glass}]}",
        "relay: {domains: [relay-domain.invalid]}\nauth: {listeners: [smtp, submission, submissions]}",
        "privacy: {received: hide}\ntls: {client_certificates: require}",
    ];
    let more = others.iter().flat_map(|text| all(text));
    let every: Vec<Mutant> = default.into_iter().chain(more).collect();
    for harmless in harmless() {
        assert!(harmless.why.ends_with('.'), "{harmless:?}");
        for (before, after) in harmless.changes {
            let found = every.iter().any(|m| {
                let change = (m.before.trim(), m.after.trim());
                change == (*before, *after) && m.harmless() == Some(harmless)
            });
            assert!(
                found,
                "{}: no mutant turns {before:?} into {after:?}",
                harmless.file
            );
        }
    }
}
