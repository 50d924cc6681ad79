//! The appliance from inside: Postfix's own services and settings.

pub(super) mod confinement;
pub(super) mod files;
pub(super) mod lifecycle;
pub(super) mod logs;
pub(super) mod network;
pub(super) mod overrides;
pub(super) mod processes;
pub(super) mod sasl;
pub(super) mod secrets;
pub(super) mod services;
pub(super) mod size;
pub(super) mod waits;

use std::ops::ControlFlow;

use super::check::{Change, Check, Sabotage};
use super::need::Need;
use super::probe::appliance;
use super::probe::postconf::{self, Postconf};
use super::target::Context;
use super::verdict::Judged;
use super::verdict::{broken, require, require_none};
use crate::counterparts::{Purpose, Resolved};
use crate::lab;
use crate::plan::{File, Plan, Role};
use crate::report::Severity;

pub(super) static CHECKS: &[Check] = &[
    Check {
        id: "runtime.no_service_is_chrooted",
        title: "The chroot column of every service in master.cf is n",
        citation: "row 3; Postfix master",
        severity: Severity::Medium,
        about: "Reads the fifth column of every service with `postconf -M`. A chrooted smtpd cannot \
                reach saslauthd's socket, so that nobody can log in; a chrooted smtp finds no \
                resolver; and each needs the capability SYS_CHROOT, which the container does not \
                have. The container is a closed place already.",
        repair: "Write n into the fifth column of every service of master.cf (`postconf -F \
                 '*/*/chroot = n'`). relaykit's own services have it; look at postfix.master in \
                 relay.yaml.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "a service in a chroot",
            changes: &[Change::Replace(
                Role::Relay,
                "postfix/master.cf",
                "-      n      -      -       showq",
                "-      y      -      -       showq",
            )],
            sees: "showq/unix has \"y\"",
        }],
        ..Check::by(&no_service_is_chrooted)
    },
    Check {
        id: "runtime.no_service_delivers_here",
        title: "No service of master.cf delivers mail into files or runs a program with it",
        citation: "row 1; Postfix master",
        severity: Severity::High,
        about: "Reads the programs of master.cf with `postconf -M`. A relay has no mailboxes: local, \
                virtual, lmtp, pipe and spawn would give whoever gets past the routing a way to \
                write files or to start programs, and a forgotten alias would send mail to both.",
        repair: "Remove these services from master.cf (in relay.yaml, look at postfix.master). Mail \
                 comes by SMTP and goes by SMTP.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "services that deliver here",
            changes: &[
                Change::File(
                    Role::Relay,
                    "postfix/master.cf",
                    "local unix - n n - - local",
                ),
                Change::File(
                    Role::Relay,
                    "postfix/master.cf",
                    "uucp unix - n n - - pipe flags=Fqhu user=nobody argv=/bin/cat",
                ),
            ],
            sees: "uucp/unix is pipe",
        }],
        ..Check::by(&no_service_delivers_here)
    },
    Check {
        id: "runtime.postfix_finds_no_fault",
        title: "`postfix check` has nothing to say",
        citation: "Postfix postfix",
        severity: Severity::Medium,
        about: "Runs Postfix's own check of ownership, modes and missing folders in the relay's \
                container. What it warns of breaks at the next restart or upgrade, or lets somebody \
                else change what Postfix trusts.",
        repair: "Do what the warning says; most are gone after `postfix set-permissions`.",
        needs: &[Need::Lab],
        long: true,
        sabotages: &[Sabotage {
            name: "a queue folder of somebody else",
            changes: &[Change::Script(
                Role::Relay,
                "chown nobody /var/spool/postfix/hold",
            )],
            sees: "hold",
        }],
        ..Check::by(&postfix_finds_no_fault)
    },
    Check {
        id: "runtime.every_parameter_is_known",
        title: "Postfix knows and uses every parameter of main.cf and master.cf",
        citation: "Postfix postconf",
        severity: Severity::Medium,
        about: "Runs `postconf` and `postconf -M` in the relay's container and reads what they warn \
                of: parameters that no program uses, deprecated ones, values that are no values. A \
                typing error in smtpd_recipient_restrictions is nothing but such a warning, and the \
                restriction is not there.",
        repair: "Correct the name that the warning shows; in relay.yaml, look at postfix.main and \
                 postfix.master.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "a parameter with a typing error",
            changes: &[Change::Main("smtpd_recipient_restrictons", "reject")],
            sees: "smtpd_recipient_restrictons",
        }],
        ..Check::by(&every_parameter_is_known)
    },
    Check {
        id: "runtime.xclient_is_for_proofs_alone",
        title: "XCLIENT is allowed for the gateway of a lab under test, and for nobody else",
        citation: "row 1; Postfix smtpd_authorized_xclient_hosts",
        severity: Severity::Critical,
        about: "Renders the files of an ordinary lab and of an export and looks for XCLIENT in them, \
                and asks the running relay who may use it. With XCLIENT a client says itself who it \
                is, address and login included: whoever may use it relays without a password and \
                signs with anybody's name.",
        repair: "Leave smtpd_authorized_xclient_hosts empty in main.cf and master.cf; in relay.yaml, \
                 look at postfix.main.",
        needs: &[Need::Lab],
        sabotages: &[Sabotage {
            name: "XCLIENT for all the world",
            changes: &[Change::Main("smtpd_authorized_xclient_hosts", "0.0.0.0/0")],
            sees: "0.0.0.0/0",
        }],
        ..Check::by(&xclient_is_for_proofs_alone)
    },
];

/// What a relay is made of by somebody's Dockerfile who does not think of it: one
/// image for all checks that see a part of it.
const CARELESS: Sabotage = Sabotage {
    name: "a careless Dockerfile",
    changes: &[Change::Image(&[
        "ENV SASL_PASSWORD=let-me-in TZ=EST5",
        "RUN set -e; chmod u+s /usr/bin/su; \
         echo '-----BEGIN PRIVATE KEY-----' >/etc/ssl/private/relay.pem; \
         chmod 0666 /etc/default/postfix; \
         chown postfix /usr/libexec/relaykit/inbox; \
         sed -i 's/^shadow:.*/&postfix/' /etc/group; \
         sed -i 's/s6-setuidgid saslauthd //' /etc/s6/services/saslauthd/run; \
         sed -i '0,/^Status: install ok installed/s//Status: install ok half-configured/' \
             /var/lib/dpkg/status",
    ])],
    sees: "",
};

async fn no_service_is_chrooted(context: Context) -> Judged {
    let services = postconf::services(&context).await?;
    require(!services.is_empty(), "services in master.cf", || "none")?;
    let chrooted: Vec<_> = services
        .iter()
        .filter(|service| service.chroot != "n")
        .map(|service| format!("{} has {:?}", service.name, service.chroot))
        .collect();
    require_none(&chrooted, "n in the fifth column of each service")
}

async fn no_service_delivers_here(context: Context) -> Judged {
    // trivial-rewrite, cleanup and the like touch the queue alone.
    const DELIVERS: [&str; 5] = ["local", "virtual", "lmtp", "pipe", "spawn"];
    let services = postconf::services(&context).await?;
    let wrong: Vec<_> = services
        .iter()
        .filter(|service| DELIVERS.contains(&service.program.as_str()))
        .map(|service| format!("{} is {}", service.name, service.program))
        .collect();
    require_none(&wrong, &format!("no {}", DELIVERS.join(", no ")))
}

async fn postfix_finds_no_fault(context: Context) -> Judged {
    let check = ["sh", "-c", "postfix check 2>&1"];
    let (code, said, _) = appliance::exec(&context, Role::Relay, &check, None).await?;
    let said: Vec<_> = said.lines().map(str::to_owned).collect();
    require_none(&said, "no word of `postfix check`")?;
    require(code == 0, "exit code 0 of `postfix check`", || {
        code.to_string()
    })
}

async fn every_parameter_is_known(context: Context) -> Judged {
    let script = "{ postconf && postconf -M && postconf -P; } 2>&1 >/dev/null";
    let (code, said, _) =
        appliance::exec(&context, Role::Relay, &["sh", "-c", script], None).await?;
    let said: Vec<_> = said.lines().map(str::to_owned).collect();
    require_none(&said, "no warning of postconf")?;
    require(code == 0, "exit code 0 of postconf", || code.to_string())
}

async fn xclient_is_for_proofs_alone(context: Context) -> Judged {
    let lab = appliance::lab(&context)?;
    let spec = &context.target().spec;
    let plans = [
        (
            "a lab",
            Plan::new(Resolved::new(spec.clone(), Purpose::Lab), "other"),
        ),
        (
            "an export",
            Plan::new(Resolved::new(spec.clone(), Purpose::Production), "other"),
        ),
    ];
    for (name, plan) in plans {
        let files = plan.container(Role::Relay).map(|relay| &relay.files);
        let named = |file: &File| format!("{file:?}").to_lowercase().contains("xclient");
        let found: Vec<_> = files
            .into_iter()
            .flatten()
            .filter(|f| named(f))
            .map(|f| f.path.clone())
            .collect();
        require_none(
            &found,
            &format!("no word of XCLIENT in the files of {name}"),
        )?;
    }
    let postconf = Postconf::read(&context).await?;
    let allowed: Vec<_> = postconf
        .everywhere("smtpd_authorized_xclient_hosts")
        .filter(|(_, value)| !value.is_empty())
        .map(|(place, value)| format!("{place}: {value}"))
        .collect();
    match lab.plan.resolved.purpose {
        Purpose::Lab | Purpose::Production => require_none(&allowed, "XCLIENT for nobody"),
        Purpose::Proof => {
            let gateway = gateway(&context, &lab.plan).await?;
            let file = postconf.main("smtpd_authorized_xclient_hosts");
            let one = file.starts_with('/') && allowed.len() == 1;
            require(one, "one file with the gateway's address", || {
                allowed.join("\n")
            })?;
            let hosts = appliance::output(&context, Role::Relay, &["cat", file]).await?;
            require(hosts.trim() == gateway, &format!("{gateway} alone"), || {
                hosts.clone()
            })
        }
    }
}

/// How this host looks to the relay.
async fn gateway(context: &Context, plan: &Plan) -> Judged<String> {
    let container = appliance::container(context, Role::Relay)?;
    let networks = container.networks.iter();
    let networks: Vec<&str> = networks.map(|n| n.network.as_str()).collect();
    if networks.is_empty() {
        return broken(format!("the relay of {} has no network", plan.name));
    }
    let engine = appliance::lab(context)?.engine.clone();
    match lab::clients_addresses(engine.as_ref(), &networks).await {
        Ok(addresses) => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            ControlFlow::Continue(addresses.join("\n"))
        }
        Err(error) => broken(error.to_string()),
    }
}
