//! The variants of relay.yaml that let more checks run.

use std::path::PathBuf;

use crate::config::{self, Bind, Credentials, Listener, NextHop, Problems, Says, Spec};
use crate::counterparts::next_hop_login;
use crate::render::next_hops::{AWAY, BUSY, REFUSING};
use crate::secret::Secret;

/// A domain that nobody can have (RFC 6761 section 6.4), for mail that comes
/// without a login.
const RELAY_DOMAIN: &str = "relay-domain.invalid";

/// A second user, who must not be allowed what the first one is.
const SECOND_USER: &str = "{name: bob, password: pool-of-tears}";

/// In each variant that has a directory, so that one directory is enough for them.
const TWO_USERS: Alteration = Where(
    &[("lab.users", Says::Fewer(2))],
    &[Add("lab.users", SECOND_USER)],
);

/// Networks of nobody's: for measurements and for documents (RFC 2544, RFC 3849).
const TRUSTED: [&str; 2] = ["198.18.5.0/24", "2001:db8:5::/48"];

/// Somebody in a group, in use, with mail: as directories of several makers tell it.
const FILTER: &str = "(&(objectClass=posixAccount)(uid=%u)(memberOf=cn=mail,ou=Groups,dc=relaykit,dc=test)\
                      (!(userAccountControl:1.2.840.113556.1.4.803:=2))(mailEnabled=TRUE))";

/// Bytes: a message that is too large is soon sent.
const SIZE: u64 = 1 << 20;

/// Connections of one client at once. The host may use XCLIENT, and has no limit.
const CONNECTIONS: &str = "5";

/// Messages of one login in an hour: soon reached by a check that means to, and
/// not by all that the others send as the first user.
const MESSAGES: &str = "60";

/// A relay whose mail goes where `outbound` says.
const NO_WAY_OF_ITS_OWN: (&str, Says) = (
    "postfix.main",
    Says::Without(&[
        "relayhost",
        "transport_maps",
        "default_transport",
        "relay_transport",
        "smtp_tls_policy_maps",
    ]),
);

/// Next hops one after the other, of which only the last takes mail: see
/// [`Part`](crate::counterparts::Part).
const SEVERAL: &str = "['[one.relaykit.test]:587', '[two.relaykit.test]:587', \
                       three.relaykit.test, '[four.relaykit.test]:587']";

/// A level for each of them; the digest is that of nothing.
const POLICIES: &str = "{'[one.relaykit.test]:587': encrypt, \
                        '[two.relaykit.test]:587': verify, \
                        three.relaykit.test: secure match=mx.relaykit.test, \
                        '[four.relaykit.test]:587': 'fingerprint match=\
                        E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:\
                        27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55'}";

/// Ways by recipient and by sender, of each form, in STARTTLS and from the first byte.
const ROUTES: &str = "[{recipients: [routed.example, .below-routed.example, one@single-routed.example], \
                      next_hop: ['[five.relaykit.test]:587', '[six.relaykit.test]:587']}, \
                      {senders: ['@routed-sender.example', one@single-sender.example], \
                      next_hop: '[seven.relaykit.test]:465'}, \
                      {recipients: [openly-routed.example], next_hop: eight.relaykit.test}]";

/// A change of relay.yaml that lets more checks run.
pub(super) struct Variant {
    pub(super) name: &'static str,
    changes: &'static [Alteration],
}

impl Variant {
    /// The variant of `spec`.
    ///
    /// # Errors
    /// When it does not go together with what relay.yaml says.
    pub(super) fn of(&self, spec: &Spec) -> Result<Spec, Problems> {
        let mut spec = spec.clone();
        let mut changes = self.changes.iter();
        changes.try_for_each(|change| change.apply(&mut spec))?;
        Ok(spec)
    }
}

/// One change of relay.yaml.
enum Alteration {
    /// A setting, by its key, and what it says then, in YAML.
    Set(&'static str, &'static str),
    /// One more item of a list.
    Add(&'static str, &'static str),
    /// The others, where relay.yaml has all these settings.
    Where(&'static [(&'static str, Says)], &'static [Alteration]),
    /// What no value can say, because relay.yaml's own decides.
    By(fn(&mut Spec)),
}

use Alteration::{Add, By, Set, Where};

impl Alteration {
    /// What does not go together with relay.yaml is told, such as a second `BOB`.
    fn apply(&self, spec: &mut Spec) -> Result<(), Problems> {
        match self {
            Set(key, value) => config::set(spec, key, value),
            Add(key, item) => config::add(spec, key, item),
            Where(settings, changes) => {
                let there = settings.iter().all(|(key, says)| says.holds(key, spec));
                let mut changes = changes.iter().filter(|_| there);
                changes.try_for_each(|change| change.apply(spec))
            }
            By(change) => {
                change(spec);
                Ok(())
            }
        }
    }
}

/// Settings that do not hinder each other share one. A lab is one after the other, in this
/// order.
pub(super) const VARIANTS: &[Variant] = &[
    // A relay that also takes mail without a login, on a listener that has logins
    // too: the hardest case for telling the two apart.
    Variant {
        name: "mixed",
        changes: &[
            TWO_USERS,
            Add("relay.domains", RELAY_DOMAIN),
            Add("relay.domains", REFUSING),
            Add("relay.domains", BUSY),
            Add("relay.domains", AWAY.domain),
            Add("relay.trusted_networks", TRUSTED[0]),
            Add("relay.trusted_networks", TRUSTED[1]),
            Where(
                &[
                    ("listeners.smtp", Says::Something),
                    ("privacy.received", Says::OneOf(&["rewrite", "keep"])),
                ],
                &[
                    Add("auth.listeners", "smtp"),
                    Where(
                        &[("tls.client_certificates", Says::Is("require"))],
                        &[Set("tls.client_certificates", "ask")],
                    ),
                ],
            ),
        ],
    },
    // Everything as strict as it can be.
    Variant {
        name: "strict",
        changes: &[
            Set("auth.outlook_compatible", "false"),
            Set("tls.minimum", "TLSv1.3"),
            By(keep_logins_off_port_25),
            Where(
                &[("auth.listeners", Says::Lacks("smtp"))],
                &[Set("tls.client_certificates", "require")],
            ),
            Set("tls.outbound.level", "secure"),
            Set("tls.outbound.certificate", "generated"),
            By(|spec| spec.outbound.logins = vec![next_hop_login()]),
            By(let_an_account_search),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.next_hop", SEVERAL),
                    By(log_in_at_the_first_and_the_last),
                ],
            ),
            Set("privacy.show_login", "false"),
            Where(
                &[("auth.listeners", Says::Lacks("smtp"))],
                &[Set("privacy.earlier_received", "remove")],
            ),
            Set(
                "privacy.strip_headers",
                "[X-Originating-IP, X-Mailer, User-Agent]",
            ),
            Set("relay.sender_login", "own"),
            By(|spec| spec.relay.message_size_limit = spec.relay.message_size_limit.min(SIZE)),
            Set("limits.connections_per_client", CONNECTIONS),
            Set("limits.messages_per_login_per_hour", MESSAGES),
            TWO_USERS,
        ],
    },
    // The middle setting where there are three, and freedom where relay.yaml is strict.
    Variant {
        name: "ask",
        changes: &[
            TWO_USERS,
            Set("tls.client_certificates", "ask"),
            By(keep_logins_off_port_25),
            Where(
                &[("auth.listeners", Says::Lacks("smtp"))],
                &[
                    Set("privacy.received", "hide"),
                    Set("privacy.earlier_received", "remove"),
                ],
            ),
            Set("relay.sender_login", "any"),
            Set("tls.outbound.level", "may"),
            Set("outbound.credentials", "null"),
            Set("tls.outbound.certificate", "null"),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.next_hop", SEVERAL),
                    Set("tls.outbound.policies", POLICIES),
                ],
            ),
            By(|spec| {
                let servers = &mut spec.auth.ldap.servers;
                if let [only] = servers.as_slice() {
                    servers.push(only.clone());
                }
            }),
        ],
    },
    // Mail as it came.
    Variant {
        name: "keep",
        changes: &[
            TWO_USERS,
            Set("privacy.received", "keep"),
            Set("privacy.add_missing_headers", "false"),
            Where(
                &[NO_WAY_OF_ITS_OWN],
                &[
                    Set("outbound.credentials", "null"),
                    Set("outbound.next_hop", "'[submissions.relaykit.test]:465'"),
                    Set("outbound.routes", ROUTES),
                    By(log_in_on_routes),
                ],
            ),
            // Who may log in is more than a name.
            By(|spec| {
                if spec.auth.users.is_none() && spec.auth.ldap.filter == "(uid=%u)" {
                    FILTER.clone_into(&mut spec.auth.ldap.filter);
                }
            }),
        ],
    },
    // No directory. A lab has people of its own in the place of the file.
    Variant {
        name: "users",
        changes: &[
            Set("auth.pam.users_file", "users/accounts"),
            Set("relay.sender_login", "own"),
        ],
    },
];

/// What Postfix cannot do on port 25, where mail comes without a login too, is no
/// relay's (`config::combine`). Takes logins off it, unless no login would be left.
fn keep_logins_off_port_25(spec: &mut Spec) {
    let logins = &mut spec.auth.listeners;
    if logins.iter().any(|listener| *listener != Listener::Smtp) {
        logins.remove(&Listener::Smtp);
    }
}

/// Who searches the directory has a password there, whatever relay.yaml has.
fn let_an_account_search(spec: &mut Spec) {
    let base = spec.auth.ldap.search_base.clone();
    if spec.auth.users.is_none() {
        spec.auth.ldap.bind.get_or_insert_with(|| Bind {
            dn: format!("cn=searcher,{base}"),
            password: Secret::new("down-the-rabbit-hole"),
            password_file: PathBuf::new(),
        });
    }
}

/// Each of the two has its own login, whatever relay.yaml has.
fn log_in_at_the_first_and_the_last(spec: &mut Spec) {
    let next_hops = &spec.outbound.next_hops;
    let both = next_hops.first().into_iter().chain(next_hops.last());
    let login = |hop: &NextHop| Credentials {
        next_hop: Some(hop.clone()),
        ..next_hop_login()
    };
    spec.outbound.logins = both.map(login).collect();
}

/// The last of the routes has none.
fn log_in_on_routes(spec: &mut Spec) {
    for route in spec.outbound.routes.iter_mut().take(2) {
        let login = |hop: &NextHop| Credentials {
            next_hop: Some(hop.clone()),
            ..next_hop_login()
        };
        route.logins = route.next_hops.iter().map(login).collect();
    }
}
