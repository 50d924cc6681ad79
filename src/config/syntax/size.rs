//! Numbers of bytes.

use crate::config::problem::{Refusal, quoted};

const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Below this no real message fits.
const LEAST: u64 = 1 << 10;
/// A mail of this size is a mistake: Postfix counts in C longs and queues on disk.
const MOST: u64 = 1 << 40;

/// `26214400`, `25MiB`, `25 MB`: whole numbers of bytes, decimal or binary units.
pub(in crate::config) fn size(text: &str) -> Result<u64, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(format!(
            "found {}: {what}, expected a size such as 25MiB",
            quoted(text)
        ))
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start_matches(' ');
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err(wrong("not a whole number with a unit"));
    }
    let factor = match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => return Err(wrong("an unknown unit").hint(unit_hint(unit))),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    match bytes {
        Some(0) => Err(wrong("zero, which Postfix takes for no limit at all")),
        Some(bytes) if bytes < LEAST => {
            Err(wrong("less than 1KiB").hint("the unit may be missing"))
        }
        Some(bytes) if bytes <= MOST => Ok(bytes),
        _ => Err(wrong("more than 1024GiB")),
    }
}

fn unit_hint(unit: &str) -> String {
    let same = |name: &str| name.eq_ignore_ascii_case(unit);
    match unit {
        "k" | "K" => "write kB (1000 bytes) or KiB (1024)".to_owned(),
        "m" | "M" => "write MB (1000 kB) or MiB (1024 KiB)".to_owned(),
        "g" | "G" => "write GB (1000 MB) or GiB (1024 MiB)".to_owned(),
        _ => match UNITS.iter().find(|(name, _)| same(name)) {
            Some((name, _)) => format!("write {name}"),
            None => "units are B, kB, KiB, MB, MiB, GB and GiB".to_owned(),
        },
    }
}

/// `bytes` in the largest binary unit that loses nothing.
pub(in crate::config) fn show(bytes: u64) -> String {
    let binary = UNITS.iter().rev().filter(|(name, _)| name.ends_with("iB"));
    for (name, factor) in binary {
        if bytes.is_multiple_of(*factor) {
            return format!("{}{name}", bytes / factor);
        }
    }
    bytes.to_string()
}
