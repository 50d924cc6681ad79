//! The catalogue of checks and what runs it.
//!
//! A check is a value in the `CHECKS` of its area's file; [`AREAS`] lists the
//! areas, and everything that people see of the catalogue comes from there.
//! `probe` holds the steps that areas share.

mod auth;
mod directory;
mod evidence;
mod in_lab;
mod outbound;
mod ports;
mod privacy;
mod probe;
mod protocol;
mod relay;
mod runner;
mod runtime;
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

use std::collections::BTreeSet;
use std::pin::Pin;

pub use in_lab::target;
pub use ports::Ports;
pub use runner::{Options, Site, run, run_at};
pub use selection::{NoneSelected, select};
pub use survey::{Stranger, Survey, Unfit, survey};
pub use target::{Context, Delivered, Inbox, Lab, Lacks, Moved, Need, Target, Undelivered};
pub use variants::{AS_CONFIGURED, Laboratory, Unsuitable, laboratories, laboratory, to_plant};
pub use verdict::Judged;

pub use crate::report::Severity;

use crate::certs::Flaw;
use crate::config::{Listener, Spec};
use crate::plan::{Plan, Role};
use crate::report::{Entry, Sabotaged};

/// One end-to-end assertion about a relay.
pub struct Check {
    /// `area.what_holds`; the area is the name of the file or folder it stands in.
    pub id: &'static str,
    /// One line that is true of a right relay.
    pub title: &'static str,
    /// Where the claim comes from: `row 16`, `RFC 4954 section 4`, `CVE-2011-0411`,
    /// `Postfix smtpd_tls_auth_only`; several are parted by `; `.
    pub citation: &'static str,
    /// What it costs when the claim does not hold.
    pub severity: Severity,
    /// What the check does and why it matters: whole sentences, for `test --explain`
    /// and the catalogue.
    pub about: &'static str,
    /// What to change in relay.yaml or, for a relay that was built by hand, in
    /// Postfix, when it fails: whole sentences.
    pub repair: &'static str,
    /// What the target must have for the check to be run.
    pub needs: &'static [Need],
    /// Whether it disturbs other checks (stops a process, fills a queue, uses up a
    /// limit): it then runs alone, on a lab that serves such checks only.
    pub exclusive: bool,
    /// Changes under which it must fail.
    pub sabotages: &'static [Sabotage],
    /// Finds out.
    pub run: fn(Context) -> Judging,
}

/// A check under way.
pub type Judging = Pin<Box<dyn Future<Output = Judged> + Send>>;

/// A change of a relay under which a check must fail. Checks that see the same
/// change share its name: it is planted once for all of them.
#[derive(Debug, Clone, Copy)]
pub struct Sabotage {
    /// Short; the same for every check that claims to see these changes, and for
    /// no other changes.
    pub name: &'static str,
    /// What is changed, all of it at once, and where that is a fault.
    pub changes: &'static [Change],
    /// Words that stand in what the check then observes: they tell this reason
    /// for its failure from any other.
    pub sees: &'static str,
}

/// The others change what counts on port 25 alone: submission ports have options of
/// their own in master.cf, or refuse everything before TLS and a login.
const ON_SMTP: Change = Change::Given(Need::Listener(Listener::Smtp));

impl Sabotage {
    /// The same changes as another check sees them.
    #[must_use]
    pub const fn seen_as(self, sees: &'static str) -> Self {
        Self { sees, ..self }
    }

    /// Why a relay of `spec` cannot have this fault; `None`: it can. One that
    /// changes listeners needs one of them: it is planted on those that are on.
    fn misplaced(&self, spec: &Spec) -> Option<String> {
        let missing = self.changes.iter().find_map(|change| match change {
            Change::Given(need) if !variants::permits(*need, spec) => Some(need.text()),
            _ => None,
        });
        let listeners: Vec<Listener> = self.changes.iter().filter_map(Change::listener).collect();
        let off = |l: &Listener| spec.listeners.port(*l).is_none();
        let names = listeners.iter().map(|l| l.name()).collect::<BTreeSet<_>>();
        let all_off = !listeners.is_empty() && listeners.iter().all(off);
        let names = names.into_iter().collect::<Vec<_>>().join(" or ");
        missing.or_else(|| all_off.then(|| format!("the listener {names}")))
    }

    fn in_words(&self) -> Sabotaged {
        Sabotaged {
            name: self.name,
            changes: self
                .changes
                .iter()
                .map(|change| change.in_words())
                .collect(),
        }
    }
}

/// What a sabotage changes. All but commands are changes of the plan, and the
/// relay is made anew from it.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// No change, but what a relay must have for the others to be a fault of it.
    Given(Need),
    /// A parameter of main.cf and its value.
    Main(&'static str, &'static str),
    /// An `-o` option of a service in master.cf: service, parameter, value.
    Service(&'static str, &'static str, &'static str),
    /// A line added to an injected file: container, file name, line. `SEARCH_BASE` in it
    /// is `auth.ldap.search_base`.
    File(Role, &'static str, &'static str),
    /// A text in an injected file and what stands there instead: container, file
    /// name, old, new. The old text must be there.
    Replace(Role, &'static str, &'static str, &'static str),
    /// Another setting than relay.yaml has; checks go on believing relay.yaml.
    Spec(fn(&mut Spec)),
    /// Instructions of a Dockerfile: the relay's containers run an image that is
    /// made from ours with these.
    Image(&'static [&'static str]),
    /// Anything else about the plan.
    Plan(fn(&mut Plan)),
    /// A certificate of the relay's with this flaw.
    Certificate(Flaw),
    /// What a shell does in a container, as root, once the daemons have started. It
    /// is not given long: what it waits for has to come.
    Script(Role, &'static str),
}

impl Change {
    /// The listener whose line of master.cf is changed.
    #[must_use]
    pub fn listener(&self) -> Option<Listener> {
        let Self::Service(service, ..) = self else {
            return None;
        };
        let name = service.strip_suffix("/inet")?;
        Listener::ALL.into_iter().find(|l| l.name() == name)
    }

    /// In the words of the file that is changed.
    fn in_words(self) -> String {
        match self {
            Self::Given(need) => format!("in a relay with {}", need.text()),
            Self::Main(parameter, value) => {
                format!("main.cf: {parameter} = {value}").trim().to_owned()
            }
            Self::Service(service, parameter, value) => {
                format!("master.cf, {service}: -o {parameter}={value}")
            }
            Self::File(role, name, line) => {
                format!("{name} of the {}: one more line, {line}", role.name())
            }
            Self::Replace(role, name, old, new) => {
                format!("{name} of the {}: {new:?} instead of {old:?}", role.name())
            }
            Self::Spec(_) => "rendered from another setting than relay.yaml has".to_owned(),
            Self::Image(lines) => format!("the relay's image: {}", lines.join("; ")),
            Self::Certificate(flaw) => format!("the relay's certificate: {}", flaw.in_words()),
            Self::Plan(_) => "a container is made otherwise than it is planned".to_owned(),
            Self::Script(role, script) => format!("root runs in the {}: {script}", role.name()),
        }
    }
}

/// Every file with checks and what is in it. An area is one file of this folder;
/// one that outgrows it has further files in a folder of its name.
static AREAS: &[(&str, &[Check])] = &[
    ("tls", tls::CHECKS),
    ("tls/authorities", tls::authorities::CHECKS),
    ("tls/certificate", tls::certificate::CHECKS),
    ("tls/clients", tls::clients::CHECKS),
    ("tls/handshake", tls::handshake::CHECKS),
    ("tls/sessions", tls::sessions::CHECKS),
    ("tls/starttls", tls::starttls::CHECKS),
    ("tls/suites", tls::suites::CHECKS),
    ("tls/waiting", tls::waiting::CHECKS),
    ("auth", auth::CHECKS),
    ("auth/logins", auth::logins::CHECKS),
    ("auth/exchange", auth::exchange::CHECKS),
    ("auth/refusals", auth::refusals::CHECKS),
    ("auth/guessing", auth::guessing::CHECKS),
    ("auth/servers", auth::servers::CHECKS),
    ("auth/oracle", auth::oracle::CHECKS),
    ("auth/people", auth::people::CHECKS),
    ("auth/record", auth::record::CHECKS),
    ("auth/outages", auth::outages::CHECKS),
    ("relay", relay::CHECKS),
    ("relay/backscatter", relay::backscatter::CHECKS),
    ("relay/destinations", relay::destinations::CHECKS),
    ("relay/limits", relay::limits::CHECKS),
    ("relay/rates", relay::rates::CHECKS),
    ("relay/senders", relay::senders::CHECKS),
    ("relay/sources", relay::sources::CHECKS),
    ("relay/strangers", relay::strangers::CHECKS),
    ("protocol", protocol::CHECKS),
    ("protocol/commands", protocol::commands::CHECKS),
    ("protocol/content", protocol::content::CHECKS),
    ("protocol/envelope", protocol::envelope::CHECKS),
    ("protocol/greeting", protocol::greeting::CHECKS),
    ("protocol/lines", protocol::lines::CHECKS),
    ("protocol/smuggling", protocol::smuggling::CHECKS),
    ("protocol/turns", protocol::turns::CHECKS),
    ("privacy", privacy::CHECKS),
    ("privacy/beside", privacy::beside::CHECKS),
    ("privacy/completed", privacy::completed::CHECKS),
    ("privacy/content", privacy::content::CHECKS),
    ("privacy/kept", privacy::kept::CHECKS),
    ("privacy/reports", privacy::reports::CHECKS),
    ("privacy/signature", privacy::signature::CHECKS),
    ("privacy/trace", privacy::trace::CHECKS),
    ("privacy/whole", privacy::whole::CHECKS),
    ("privacy/without_login", privacy::without_login::CHECKS),
    ("outbound", outbound::CHECKS),
    ("outbound/login", outbound::login::CHECKS),
    ("outbound/route", outbound::route::CHECKS),
    ("outbound/waiting", outbound::waiting::CHECKS),
    ("directory", directory::CHECKS),
    ("directory/confinement", directory::confinement::CHECKS),
    ("runtime", runtime::CHECKS),
    ("runtime/confinement", runtime::confinement::CHECKS),
    ("runtime/files", runtime::files::CHECKS),
    ("runtime/lifecycle", runtime::lifecycle::CHECKS),
    ("runtime/logs", runtime::logs::CHECKS),
    ("runtime/network", runtime::network::CHECKS),
    ("runtime/processes", runtime::processes::CHECKS),
    ("runtime/sasl", runtime::sasl::CHECKS),
    ("runtime/secrets", runtime::secrets::CHECKS),
    ("runtime/size", runtime::size::CHECKS),
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

impl Check {
    /// The part of the id before the dot.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split('.').next().unwrap_or_default()
    }

    /// Whether `target` has all that it needs.
    #[must_use]
    pub fn suits(&self, target: &Target) -> bool {
        self.exclusive == target.disposable && self.needs.iter().all(|n| n.is_met(target))
    }

    /// Whether it can run against a relay that relaykit did not build, given a
    /// login and a recipient.
    #[must_use]
    pub fn suits_any_relay(&self) -> bool {
        let foreign = |need: &Need| {
            matches!(
                need,
                Need::Login
                    | Need::Listener(_)
                    | Need::Envelope
                    | Need::Recipient
                    | Need::Seen { .. }
            )
        };
        !self.exclusive && self.needs.iter().all(foreign)
    }

    fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            title: self.title,
            citation: self.citation,
            severity: self.severity.word(),
            about: self.about,
            repair: self.repair,
            needs: self.needs.iter().map(|need| need.text()).collect(),
            disturbs: self.exclusive,
            sabotages: self.sabotages.iter().map(Sabotage::in_words).collect(),
        }
    }
}
