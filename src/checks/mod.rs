//! The catalogue of checks and what runs it.
//!
//! A check is a value in the `CHECKS` of its area's file; [`AREAS`] lists the
//! areas, and everything that people see of the catalogue comes from there.
//! `probe` holds the steps that areas share.

mod auth;
mod check;
mod directory;
mod drift;
mod evidence;
mod identity;
mod in_lab;
mod knocking;
mod need;
mod outbound;
mod ports;
mod privacy;
mod probe;
mod protocol;
mod relay;
mod runner;
mod runtime;
mod said;
mod selection;
mod subject;
mod survey;
mod target;
mod tls;
mod variants;
mod verdict;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod testing;

pub use check::{Change, Check, Compares, Judging, Run, Sabotage};
pub use identity::{identity, standing};
pub use in_lab::target;
pub use need::Need;
pub use ports::Ports;
pub use runner::{Options, Site, run, run_at};
pub use selection::{NoneSelected, select};
pub use subject::contained_in_lab;
pub use survey::{Stranger, Survey, Unfit, survey};
pub use target::{Context, Delivered, Inbox, Lab, Lacks, MARK, Moved, Target, Undelivered};
pub use variants::{AS_CONFIGURED, Laboratory, Offered, Unsuitable, images, laboratories, own};
pub use verdict::Judged;

pub use crate::report::Severity;

use crate::report::Entry;

/// Every file with checks and what is in it. An area is one file of this folder;
/// one that outgrows it has further files in a folder of its name.
static AREAS: &[(&str, &[Check])] = &[
    ("tls", tls::CHECKS),
    ("tls/authorities", tls::authorities::CHECKS),
    ("tls/certificate", tls::certificate::CHECKS),
    ("tls/clients", tls::clients::CHECKS),
    ("tls/exchange", tls::exchange::CHECKS),
    ("tls/handshake", tls::handshake::CHECKS),
    ("tls/renewal", tls::renewal::CHECKS),
    ("tls/sessions", tls::sessions::CHECKS),
    ("tls/settings", tls::settings::CHECKS),
    ("tls/starttls", tls::starttls::CHECKS),
    ("tls/suites", tls::suites::CHECKS),
    ("tls/waiting", tls::waiting::CHECKS),
    ("auth", auth::CHECKS),
    ("auth/logins", auth::logins::CHECKS),
    ("auth/exchange", auth::exchange::CHECKS),
    ("auth/refusals", auth::refusals::CHECKS),
    ("auth/guessing", auth::guessing::CHECKS),
    ("auth/referrals", auth::referrals::CHECKS),
    ("auth/servers", auth::servers::CHECKS),
    ("auth/terms", auth::terms::CHECKS),
    ("auth/oracle", auth::oracle::CHECKS),
    ("auth/people", auth::people::CHECKS),
    ("auth/record", auth::record::CHECKS),
    ("auth/outages", auth::outages::CHECKS),
    ("auth/users_file", auth::users_file::CHECKS),
    ("auth/words", auth::words::CHECKS),
    ("relay", relay::CHECKS),
    ("relay/backscatter", relay::backscatter::CHECKS),
    ("relay/destinations", relay::destinations::CHECKS),
    ("relay/impostors", relay::impostors::CHECKS),
    ("relay/limits", relay::limits::CHECKS),
    ("relay/matrix", relay::matrix::CHECKS),
    ("relay/rates", relay::rates::CHECKS),
    ("relay/senders", relay::senders::CHECKS),
    ("relay/sources", relay::sources::CHECKS),
    ("relay/strangers", relay::strangers::CHECKS),
    ("protocol", protocol::CHECKS),
    ("protocol/commands", protocol::commands::CHECKS),
    ("protocol/content", protocol::content::CHECKS),
    ("protocol/domains", protocol::domains::CHECKS),
    ("protocol/envelope", protocol::envelope::CHECKS),
    ("protocol/greeting", protocol::greeting::CHECKS),
    ("protocol/lines", protocol::lines::CHECKS),
    ("protocol/outside", protocol::outside::CHECKS),
    ("protocol/rules", protocol::rules::CHECKS),
    ("protocol/smuggling", protocol::smuggling::CHECKS),
    ("protocol/turns", protocol::turns::CHECKS),
    ("privacy", privacy::CHECKS),
    ("privacy/beside", privacy::beside::CHECKS),
    ("privacy/canaries", privacy::canaries::CHECKS),
    ("privacy/completed", privacy::completed::CHECKS),
    ("privacy/content", privacy::content::CHECKS),
    ("privacy/earlier", privacy::earlier::CHECKS),
    ("privacy/kept", privacy::kept::CHECKS),
    ("privacy/reports", privacy::reports::CHECKS),
    ("privacy/rules", privacy::rules::CHECKS),
    ("privacy/signature", privacy::signature::CHECKS),
    ("privacy/trace", privacy::trace::CHECKS),
    ("privacy/whole", privacy::whole::CHECKS),
    ("privacy/without_login", privacy::without_login::CHECKS),
    ("outbound", outbound::CHECKS),
    ("outbound/certificate", outbound::certificate::CHECKS),
    ("outbound/conversation", outbound::conversation::CHECKS),
    ("outbound/isolation", outbound::isolation::CHECKS),
    ("outbound/manners", outbound::manners::CHECKS),
    ("outbound/login", outbound::login::CHECKS),
    ("outbound/policies", outbound::policies::CHECKS),
    ("outbound/reports", outbound::reports::CHECKS),
    ("outbound/route", outbound::route::CHECKS),
    ("outbound/routes", outbound::routes::CHECKS),
    ("outbound/several", outbound::several::CHECKS),
    ("outbound/suites", outbound::suites::CHECKS),
    ("outbound/waiting", outbound::waiting::CHECKS),
    ("outbound/wishes", outbound::wishes::CHECKS),
    ("directory", directory::CHECKS),
    ("directory/confinement", directory::confinement::CHECKS),
    ("runtime", runtime::CHECKS),
    ("runtime/confinement", runtime::confinement::CHECKS),
    ("runtime/files", runtime::files::CHECKS),
    ("runtime/lifecycle", runtime::lifecycle::CHECKS),
    ("runtime/logs", runtime::logs::CHECKS),
    ("runtime/network", runtime::network::CHECKS),
    ("runtime/overrides", runtime::overrides::CHECKS),
    ("runtime/processes", runtime::processes::CHECKS),
    ("runtime/sasl", runtime::sasl::CHECKS),
    ("runtime/secrets", runtime::secrets::CHECKS),
    ("runtime/services", runtime::services::CHECKS),
    ("runtime/size", runtime::size::CHECKS),
    ("runtime/waits", runtime::waits::CHECKS),
    ("drift", drift::CHECKS),
    ("drift/files", drift::files::CHECKS),
    ("drift/processes", drift::processes::CHECKS),
    ("drift/terms", drift::terms::CHECKS),
];

/// Every registered check, area by area.
pub fn all() -> impl Iterator<Item = &'static Check> + Clone {
    AREAS.iter().flat_map(|(_, checks)| checks.iter())
}

/// Whether two checks stand in the same file of the catalogue.
#[must_use]
pub fn are_near(one: &Check, other: &Check) -> bool {
    let has = |checks: &[Check], id: &str| checks.iter().any(|check| check.id == id);
    AREAS
        .iter()
        .any(|(_, checks)| has(checks, one.id) && has(checks, other.id))
}

/// The catalogue as `--list` shows it.
pub fn entries<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Vec<Entry> {
    checks.into_iter().map(Check::entry).collect()
}
