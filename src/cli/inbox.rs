//! `relaykit inbox`.

use clap::{Args, Subcommand};

use super::{at_least_one, duration, lab_name, since};

/// `relaykit inbox`.
#[derive(Debug, Subcommand)]
pub enum Inbox {
    /// List the messages, oldest first.
    List {
        /// Only the newest so many.
        #[arg(long, value_name = "N", value_parser = at_least_one)]
        last: Option<std::num::NonZeroUsize>,
        /// Which lab.
        #[command(flatten)]
        lab: LabName,
    },
    /// Show one message.
    Show {
        /// Its id, from `inbox list`; a unique beginning will do.
        id: String,
        /// Byte for byte as the next hop got it, to a file or a program; a terminal gets what
        /// could drive it written out. There is no JSON of it.
        #[arg(long)]
        raw: bool,
        /// Which lab.
        #[command(flatten)]
        lab: LabName,
    },
    /// Wait for a message that no `wait` has given yet, and print it as `list` does.
    ///
    /// It may have come already: send first, then wait. Every message is given once, so
    /// that a second test does not get the message of the first; --since looks at all from
    /// then on, and `inbox clear` begins anew. A message that other options passed over is
    /// still there for the next `wait`.
    Wait(Wait),
    /// Remove all messages.
    Clear {
        /// Which lab.
        #[command(flatten)]
        lab: LabName,
    },
}

/// `relaykit inbox wait`. All that is given must fit.
#[derive(Debug, Args)]
pub struct Wait {
    /// Only a message whose subject, decoded, contains this.
    #[arg(long, value_name = "S")]
    pub subject: Option<String>,
    /// Only a message to this recipient of the envelope, in any case of letters.
    #[arg(long, value_name = "A")]
    pub to: Option<String>,
    /// Only a message with this envelope sender, or this address in its From field.
    #[arg(long, value_name = "A")]
    pub from: Option<String>,
    /// Any message that came since then, given before or not: 2026-11-30T12:00:00Z, or 5m
    /// for five minutes ago.
    #[arg(long, value_name = "T", value_parser = since)]
    pub since: Option<jiff::Timestamp>,
    /// Wait for so many, and print a list of them.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub count: Option<std::num::NonZeroUsize>,
    /// How long: 10s, 500ms, 2m; a number alone is seconds.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub timeout: std::time::Duration,
    /// Which lab.
    #[command(flatten)]
    pub lab: LabName,
}

/// `--lab`.
#[derive(Debug, Args)]
pub struct LabName {
    /// The lab's name.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = lab_name)]
    pub lab: String,
}
