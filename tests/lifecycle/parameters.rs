//! The names that `postfix.main` may have, against the Postfix that runs.

use std::collections::BTreeSet;

use relaykit::config::parameters;

use crate::lab::Lab;

const DEFAULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mutation/defaults.txt");

/// The names that `postconf -d` prints with the configuration in `folder`.
fn names(lab: &Lab, folder: &str) -> BTreeSet<String> {
    let said = lab.exec("relay", None, &["postconf", "-c", folder, "-d"]);
    assert_eq!(said.exit_code, 0, "{said:?}");
    let name = |line: &str| line.split(" =").next().unwrap().to_owned();
    said.stdout.lines().map(name).collect()
}

#[test]
fn the_known_parameters_are_those_of_the_image() {
    let lab = Lab::new("parameters");
    lab.configure(
        "postfix: {main: {smtp_tls_CApath: /etc/ssl/certs, tls_append_default_CA: \"no\", \
         mine: permit, smtpd_end_of_data_restrictions: $mine, smtp_destination_rate_delay: 0s}}\n",
    );
    lab.up();
    let empty = "mkdir /tmp/empty; : >/tmp/empty/main.cf; : >/tmp/empty/master.cf";
    let made = lab.exec("relay", None, &["sh", "-c", empty]);
    assert_eq!(made.exit_code, 0, "{made:?}");
    let own = names(&lab, "/tmp/empty");
    let known: BTreeSet<String> = parameters::names().into_iter().map(str::to_owned).collect();
    assert_eq!(
        own, known,
        "src/config/parameters.txt is not what the image has"
    );

    let said = lab.exec("relay", None, &["postconf", "-c", "/tmp/empty", "-d"]);
    let said: BTreeSet<&str> = said.stdout.lines().map(str::trim_end).collect();
    let defaults = std::fs::read_to_string(DEFAULTS).unwrap();
    let mut kept = defaults.lines().filter(|line| !line.starts_with('#'));
    let stale = kept.find(|line| !said.contains(line.trim_end()));
    assert_eq!(stale, None, "{DEFAULTS} is not what the image has");

    let all = names(&lab, "/etc/relaykit/postfix");
    let of_services: BTreeSet<_> = all.difference(&own).cloned().collect();
    let expected: BTreeSet<String> = parameters::of_services().into_iter().collect();
    assert_eq!(of_services, expected);

    // postconf(1) names what nothing reads.
    let said = lab.exec("relay", None, &["postconf", "-n"]);
    assert!(!said.stderr.contains("unused"), "{said:?}");
    assert!(said.stdout.contains("mine = permit"), "{said:?}");
}
