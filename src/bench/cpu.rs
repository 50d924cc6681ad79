//! CPU by process group: what was taken between two looks, and what that is for a message.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::probe::{TOTAL, Taken};

/// Where what is in no group is told: the program that looks, and processes that began and
/// ended between two looks.
const OTHER: &str = "other";

/// What one container has taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cpu {
    /// All of it, in milliseconds.
    pub total_ms: f64,
    /// Of it for each message, or each login where nothing is sent; `None` without any.
    pub per_message_ms: Option<f64>,
    /// By the name of the processes, the most first.
    pub groups: Vec<Group>,
}

/// All processes of one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// `smtpd`, `cleanup`, `guard`, ...
    pub name: String,
    /// As [`Cpu::total_ms`].
    pub total_ms: f64,
    /// As [`Cpu::per_message_ms`].
    pub per_message_ms: Option<f64>,
}

impl Cpu {
    /// What was taken between two looks, for so many messages.
    #[must_use]
    pub fn between(before: &Taken, after: &Taken, messages: u64) -> Self {
        let taken = |name: &str| {
            let before = before.get(name).copied().unwrap_or_default();
            let after = after.get(name).copied().unwrap_or_default();
            after.saturating_sub(before)
        };
        let processes = after.keys().filter(|name| *name != TOTAL);
        let mut groups: BTreeMap<&str, u64> =
            processes.map(|name| (name.as_str(), taken(name))).collect();
        let named: u64 = groups.values().sum();
        // Without a count of the whole container, the groups are what is known.
        let total = if after.contains_key(TOTAL) {
            taken(TOTAL).max(named)
        } else {
            named
        };
        groups.insert(OTHER, total - named);
        let mut groups: Vec<Group> = groups
            .into_iter()
            .filter(|(_, nanoseconds)| *nanoseconds > 0)
            .map(|(name, nanoseconds)| Group {
                name: name.to_owned(),
                total_ms: ms(nanoseconds),
                per_message_ms: each(nanoseconds, messages),
            })
            .collect();
        groups.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms));
        Self {
            total_ms: ms(total),
            per_message_ms: each(total, messages),
            groups,
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "nobody measures the hundred days that 2^53 ns are"
)]
fn ms(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 1e3).round() / 1e3
}

fn each(nanoseconds: u64, messages: u64) -> Option<f64> {
    nanoseconds.checked_div(messages).map(ms)
}

/// What this program has taken of the CPU since it began (`proc_pid_stat(5)`), in steps of a
/// hundredth of a second; `None` where the system does not say so.
#[must_use]
pub fn own() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    of_stat(&stat)
}

/// `utime` and `stime`: the 14th and 15th word, of which the second may hold blanks.
fn of_stat(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ').skip(11);
    let mut ticks = || words.next()?.parse::<u64>().ok();
    // USER_HZ, which Linux tells all programs whatever its own is.
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(of: &[(&str, u64)]) -> Taken {
        let owned = of.iter().map(|(name, ns)| ((*name).to_owned(), *ns));
        owned.collect()
    }

    #[test]
    fn groups_add_up_to_the_whole() {
        let before = taken(&[("smtpd", 1_000_000), ("qmgr", 500_000), (TOTAL, 2_000_000)]);
        let after = taken(&[
            ("smtpd", 5_000_000),
            ("qmgr", 500_000),
            ("cleanup", 2_000_000),
            (TOTAL, 9_000_000),
        ]);
        let cpu = Cpu::between(&before, &after, 4);
        assert_eq!((cpu.total_ms, cpu.per_message_ms), (7.0, Some(1.75)));
        let groups: Vec<_> = cpu
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.total_ms))
            .collect();
        assert_eq!(groups, [("smtpd", 4.0), ("cleanup", 2.0), ("other", 1.0)]);
    }

    #[test]
    fn without_messages_nothing_is_for_one() {
        let after = taken(&[("smtpd", 5_000_000)]);
        let cpu = Cpu::between(&Taken::new(), &after, 0);
        assert_eq!((cpu.total_ms, cpu.per_message_ms), (5.0, None));
    }

    #[test]
    fn own_time_is_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20";
        assert_eq!(of_stat(stat), Some(Duration::from_millis(1680)));
        assert_eq!(of_stat("7"), None);
    }
}
