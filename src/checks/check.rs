//! What a check is: a claim about a relay, what it needs, how it is found out, and the
//! changes of a relay under which it must fail.

use std::collections::BTreeSet;
use std::pin::Pin;

use super::need::Need;
use super::target::{Context, Target};
use super::verdict::Judged;
use crate::certs::Flaw;
use crate::config::{Listener, Spec};
use crate::plan::{Plan, Role};
use crate::report::{Entry, Sabotaged, Severity};
use crate::requirements::of_check;

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
    /// Whether it sends messages, refuses logins or searches files by the dozen: it is then
    /// tried by its own sabotages alone, and stands by at no other.
    pub long: bool,
    /// Whether it reads what its container has logged since it was made, and would find
    /// there what an earlier sabotage did.
    pub reads_old_lines: bool,
    /// What it compares with what relay.yaml gives. There it sees every change, whatever that
    /// does, and so tells nothing of the others where mutants are tried.
    pub compares: Compares,
    /// Changes under which it must fail.
    pub sabotages: &'static [Sabotage],
    /// Finds out.
    pub run: &'static dyn Run,
}

/// What a check compares, word by word, with the files that relay.yaml gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    /// Nothing: it looks at what the relay does, or knows itself what is right.
    Nothing,
    /// The rules of tables.
    Rules,
    /// Whole files.
    Files,
}

/// What finds out whether a claim holds: an async function of a [`Context`].
pub trait Run: Sync {
    /// Begins.
    fn run(&self, context: Context) -> Judging;
}

impl<F, Finding> Run for F
where
    F: Fn(Context) -> Finding + Sync,
    Finding: Future<Output = Judged> + Send + 'static,
{
    fn run(&self, context: Context) -> Judging {
        Box::pin(self(context))
    }
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
pub(super) const ON_SMTP: Change = Change::Given(Need::Listener(Listener::Smtp));

/// A list of restrictions of both submission ports that asks for the login alone.
pub(super) const fn logins_alone(list: &'static str) -> [Change; 2] {
    const ALONE: &str = "permit_sasl_authenticated, reject";
    [
        Change::Service("submission/inet", list, ALONE),
        Change::Service("submissions/inet", list, ALONE),
    ]
}

impl Sabotage {
    /// The same changes as another check sees them.
    #[must_use]
    pub const fn seen_as(self, sees: &'static str) -> Self {
        Self { sees, ..self }
    }

    /// Why a relay of `spec` cannot have this fault; `None`: it can. One that
    /// changes listeners needs one of them: it is planted on those that are on.
    pub(super) fn misplaced(&self, spec: &Spec) -> Option<String> {
        let missing = self.changes.iter().find_map(|change| match change {
            Change::Given(need) if !need.is_promised(spec) => Some(need.text()),
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
    /// A setting, by its key, and another value than relay.yaml has, in YAML; checks go on
    /// believing relay.yaml.
    Setting(&'static str, &'static str),
    /// A setting that is `true` or `false`, turned round; checks go on believing relay.yaml.
    Turned(&'static str),
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
            Self::Setting(key, value) => format!("rendered with {key}: {value}"),
            Self::Turned(key) => format!("rendered with the opposite of {key}"),
            Self::Image(lines) => format!("the relay's image: {}", lines.join("; ")),
            Self::Certificate(flaw) => format!("the relay's certificate: {}", flaw.in_words()),
            Self::Plan(_) => "a container is made otherwise than it is planned".to_owned(),
            Self::Script(role, script) => format!("root runs in the {}: {script}", role.name()),
        }
    }
}

impl Check {
    /// What an ordinary check does not say of itself, of one that finds out by `run`: it
    /// disturbs nobody, is soon done, and needs nothing.
    #[must_use]
    pub const fn by(run: &'static dyn Run) -> Self {
        Self {
            id: "",
            title: "",
            citation: "",
            severity: Severity::Low,
            about: "",
            repair: "",
            needs: &[],
            exclusive: false,
            long: false,
            reads_old_lines: false,
            compares: Compares::Nothing,
            sabotages: &[],
            run,
        }
    }

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
                Need::Login | Need::Listener(_) | Need::Envelope | Need::Recipient | Need::Seen(..)
            )
        };
        !self.exclusive && self.needs.iter().all(foreign)
    }

    pub(super) fn entry(&self) -> Entry {
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
            requirements: of_check(self.id)
                .into_iter()
                .map(|named| named.id)
                .collect(),
        }
    }
}
