//! What a run of checks tells: events while it runs, and the [`RunReport`] that
//! every file format, the terminal and the exit code are made from.
//!
//! A format is one file and one line in [`FORMATS`]. Nothing here prints:
//! writers are handed in.

mod bounds;
mod catalogue;
mod citation;
mod down;
mod event;
mod exhibit;
mod html;
mod human;
mod identity;
mod json;
mod junit;
mod lint;
mod list;
mod markdown;
mod mutants;
mod mutation;
mod outputs;
mod proved;
mod reference;
mod requirements;
mod rows;
mod run;
mod seen;
mod signature;
mod subject;
mod verdicts;
mod xml;

pub use crate::audit::Severity;
pub use catalogue::catalogue;
pub use down::Down;
pub use event::{Event, Fact};
pub use exhibit::{Exhibit, Piece};
pub(crate) use html::{Markup, head, table};
pub use human::{Colours, Human, Progress};
pub use identity::{Difference, Identity, RenderedFile, files as differing_files};
pub use json::render as render_json;
pub use lint::lint;
pub use list::{Entry, Sabotaged, explanation, list_human, list_json};
pub use mutants::mutants;
pub use mutation::{Fate, Fates, Mutation, Tried};
pub use outputs::{FORMATS, Format, OutputError, Outputs};
pub use proved::{Planted, Proof, Unclaimed, Unplanted};
pub use reference::reference;
pub use requirements::{Answered, Asked, list_of_profile, requirements};
pub use rows::rows;
pub use run::{CheckRecord, CutShort, Outcome, RunReport, Summary, exit};
pub use seen::{Seen, summary_of};
pub use signature::{KeyError, NAMESPACE, NotSigned, Signer, Signers, signature_of};
pub use subject::{
    Accepted, Agreed, Certificate, Contained, Listening, Package, Subject, SubjectKind,
};
pub use verdicts::{Judgement, Verdict};
