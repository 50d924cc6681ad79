//! What the sink takes of the machine, and how an inbox is read that holds many messages;
//! as ratios, which are the same on a busy machine.

use relaykit::smtp::Message;

use crate::figure::Figure;
use crate::lab::{Door, Lab, submit};
use crate::time::timed;

/// Messages that are sent to see what one costs.
const SENT: u32 = 200;
/// Messages of a large inbox.
const MANY: u32 = 20_000;

/// The sink's CPU beside the relay's, and a look into an inbox with many messages beside
/// one into an inbox with few.
pub(crate) fn of_sink(runs: usize) -> Vec<Figure> {
    eprintln!("sink");
    let lab = Lab::new("sink");
    let up = lab.up();
    let cost = (0..runs).map(|_| {
        let before = [cpu(&lab, "sink"), cpu(&lab, "relay")];
        let began = jiff::Timestamp::now().to_string();
        for _ in 0..SENT {
            let message = Message::from_to("alice@relay.relaykit.test", "bob@example.org").build();
            submit(&up, Door::Submissions, &message).unwrap();
        }
        let count = SENT.to_string();
        let wait = [
            "inbox",
            "wait",
            "--since",
            &began,
            "--count",
            &count,
            "--timeout",
            "5m",
        ];
        lab.relaykit(&wait).succeeded();
        let [sink, relay] = [
            cpu(&lab, "sink") - before[0],
            cpu(&lab, "relay") - before[1],
        ];
        sink / relay
    });
    let cost = cost.collect();

    let last = || timed(|| lab.relaykit(&["inbox", "list", "--last", "20"]).succeeded()).0;
    let few: Vec<f64> = (0..runs).map(|_| last()).collect();
    let many = MANY.to_string();
    let filled = lab.exec("sink", Some("inbox"), &["perl", "-e", FILL, &many]);
    assert_eq!(filled.exit_code, 0, "{filled:?}");
    let ratios = few.iter().map(|few| last() / few).collect();
    vec![
        Figure::new(
            "CPU of the sink for a message, of the relay's",
            "times",
            cost,
            Some(0.6),
        ),
        Figure::new(
            "inbox list --last 20 of 20,000 messages, of few",
            "times",
            ratios,
            Some(3.0),
        ),
    ]
}

/// Copies the first message of an inbox, with names that come before it.
const FILL: &str = r"
chdir '/var/mail/inbox/new' or die $!;
my ($first) = sort glob '*.eml';
open my $file, '<', $first or die $!;
local $/;
my $text = <$file>;
for my $number (1 .. $ARGV[0]) {
    open my $copy, '>', sprintf '1000000000.%09d.eml', $number or die $!;
    print $copy $text;
}
";

/// Seconds of CPU that a container has taken: cgroup v2, else v1.
fn cpu(lab: &Lab, role: &str) -> f64 {
    let script = "sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat 2>/dev/null | grep . || \
                  sed 's/...$//' /sys/fs/cgroup/cpuacct/cpuacct.usage";
    let read = lab.exec(role, None, &["sh", "-c", script]);
    let microseconds: f64 = read
        .stdout
        .trim()
        .parse()
        .unwrap_or_else(|e| panic!("{e}: {read:?}"));
    microseconds / 1e6
}
