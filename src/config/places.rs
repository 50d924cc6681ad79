//! Where the keys of a file stand, for whoever finds fault with them later.

use super::node::Node;
use super::problem::Report;
use super::tree;

/// The places of a file's keys.
#[derive(Debug)]
pub struct Places(Option<Node>);

/// The places in the `bytes` of a file. What cannot be read has none.
#[must_use]
pub fn places(bytes: &[u8]) -> Places {
    let text = std::str::from_utf8(bytes).ok();
    Places(text.and_then(|text| tree::parse(text, &mut Report::new(""))))
}

impl Places {
    /// Line and column, from one, of the value at `keys`, or else of the nearest key above
    /// it that is written.
    #[must_use]
    pub fn of(&self, keys: &[&str]) -> (usize, usize) {
        let Some(mut node) = self.0.as_ref() else {
            return (1, 1);
        };
        let mut at = node.at;
        for key in keys {
            let Some(entry) = node.entry(key) else {
                break;
            };
            (at, node) = (entry.value.at, &entry.value);
        }
        (at.line, at.column)
    }
}
