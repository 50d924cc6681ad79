//! Facts about a target, for the reports: what was tested.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::identity::{LISTS_PACKAGES, identity, packages_digest};
use super::probe::session::{any_certificate, under_tls};
use super::target::{Context, Lab, Target};
use crate::audit::Tables;
use crate::config::{Listener, Spec};
use crate::counterparts::{Purpose, Resolved};
use crate::engine::{Engine, Shells};
use crate::lint;
use crate::plan::{Container, Plan, Role};
use crate::report::{
    Accepted, Agreed, Certificate, Contained, Listening, Outcome, Package, Subject, SubjectKind,
};
use crate::smtp::TlsFacts;

/// How long a look at one part may take; a part that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(10);

/// The packages that do the work of a container.
fn packages(role: Role) -> &'static [&'static str] {
    match role {
        Role::Relay => &[
            "postfix",
            "postfix-ldap",
            "sasl2-bin",
            "libsasl2-2",
            "openssl",
            "libssl3t64",
        ],
        Role::Directory => &["slapd", "libssl3t64", "libgnutls30t64"],
        Role::Sink => &["postfix", "openssl", "libssl3t64"],
    }
}

/// Looks at `target`: a handshake with each listener, and into its containers
/// where it has any. What cannot be found out is left out.
pub(super) async fn describe(target: Arc<Target>) -> Subject {
    let context = Context::new(target.clone());
    let listeners = join_all(target.listeners().map(|l| listening(&context, l)));
    let lab = async {
        match &target.lab {
            Some(lab) => (engine(lab).await, containers(lab).await),
            None => (None, Vec::new()),
        }
    };
    let (listeners, (engine, containers)) = tokio::join!(listeners, lab);
    let kind = match target.lab {
        Some(_) => SubjectKind::Lab,
        None => SubjectKind::Host,
    };
    Subject {
        kind,
        hostname: target.hostname.clone(),
        engine,
        identity: target.lab.as_ref().map(|_| identity(&target.spec)),
        listeners,
        containers,
        accepted: accepted(&target.spec),
    }
}

/// What relay.yaml says is meant.
fn accepted(spec: &Spec) -> Vec<Accepted> {
    let told = lint::read(spec, &Unread);
    let found = lint::findings(spec, &told).into_iter();
    let found = found.filter(|finding| finding.accepted);
    found
        .map(|finding| Accepted {
            rule: finding.rule.id,
            severity: finding.rule.severity.word(),
            place: finding.place.in_words(),
            does: finding.does,
        })
        .collect()
}

/// The tables that relaykit does not render are the check's to read.
struct Unread;

impl Tables for Unread {
    fn text(&self, _kind: &str, _path: &str) -> Option<String> {
        None
    }
}

async fn listening(context: &Context, listener: Listener) -> Listening {
    let settings = any_certificate(context);
    let shaken = tokio::time::timeout(PATIENCE, under_tls(context, listener, settings)).await;
    let (tls, no_tls) = match shaken {
        Ok(ControlFlow::Continue(session)) => (session.tls().map(agreed), None),
        Ok(ControlFlow::Break(Outcome::Fail { observed: why, .. } | Outcome::Broken { why })) => {
            (None, Some(why))
        }
        Ok(ControlFlow::Break(_)) => (None, None),
        Err(_) => (
            None,
            Some(format!("no handshake within {} s", PATIENCE.as_secs())),
        ),
    };
    let address = context.target().endpoint(listener);
    Listening {
        name: listener.name().to_owned(),
        address: address.map(|a| a.to_string()).unwrap_or_default(),
        tls,
        no_tls: no_tls.map(|why| context.masked(&why)),
    }
}

fn agreed(facts: &TlsFacts) -> Agreed {
    let objections = [&facts.chain, &facts.name];
    Agreed {
        protocol: facts.version.to_string(),
        cipher_suite: facts.cipher_suite.clone(),
        group: facts.group.clone(),
        certificate: facts.certificates.first().and_then(|der| certificate(der)),
        objections: objections
            .into_iter()
            .filter_map(|r| r.clone().err())
            .collect(),
    }
}

fn certificate(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let digest = Sha256::digest(der);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names: names(&parsed),
        not_before: date(parsed.validity().not_before),
        not_after: date(parsed.validity().not_after),
        fingerprint: pairs.join(":"),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets)
                .ok()
                .map(|o| std::net::IpAddr::from(o).to_string()),
            16 => <[u8; 16]>::try_from(*octets)
                .ok()
                .map(|o| std::net::IpAddr::from(o).to_string()),
            _ => None,
        },
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

fn date(time: ASN1Time) -> String {
    Timestamp::from_second(time.timestamp()).map_or_else(|_| time.to_string(), |t| t.to_string())
}

async fn engine(lab: &Lab) -> Option<String> {
    let about = tokio::time::timeout(PATIENCE, lab.engine.about()).await;
    let about = about.ok()?.ok()?;
    Some(format!("{}, {}", about.name, about.architecture))
}

async fn containers(lab: &Lab) -> Vec<Contained> {
    let looks = lab.plan.containers.iter().map(async |container| {
        let look = tokio::time::timeout(
            PATIENCE,
            contained(lab.engine.as_ref(), lab.shells.as_deref(), container),
        );
        look.await.ok().flatten()
    });
    join_all(looks).await.into_iter().flatten().collect()
}

/// What is in the container with `role` of the lab `name`; `None` where there is none.
pub async fn contained_in_lab(
    engine: &dyn Engine,
    name: &str,
    spec: &Spec,
    role: Role,
) -> Option<Contained> {
    let plan = Plan::new(Resolved::new(spec.clone(), Purpose::Lab), name);
    contained(engine, None, plan.container(role)?).await
}

/// What is in a container, asked through `shells` where these are in it.
async fn contained(
    engine: &dyn Engine,
    shells: Option<&Shells>,
    container: &Container,
) -> Option<Contained> {
    let exec = async |argv: &[&str]| match shells {
        Some(shells) => shells.exec(&container.name, argv, None).await,
        None => engine.exec(&container.name, argv, None).await,
    };
    let wanted = packages(container.role);
    let query = [
        "dpkg-query",
        "--show",
        "--showformat=${Package} ${Version}\n",
    ];
    let argv: Vec<&str> = query.iter().chain(wanted).copied().collect();
    let every = ["sh", "-c", LISTS_PACKAGES];
    let (facts, all, listed) = tokio::join!(
        engine.inspect(&container.name),
        exec(&every),
        // It lists what there is, and ends with 1 where one is missing.
        exec(&argv),
    );
    let image = facts.ok()??.image;
    let known = engine.image(&image).await.ok().flatten();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let known = known.unwrap_or_default();
    let all = all.map(|output| output.stdout).unwrap_or_default();
    Some(Contained {
        role: container.role.name().to_owned(),
        image,
        image_id: known.id,
        image_content: known.content,
        packages_sha256: packages_digest(&all),
        packages: listed.lines().filter_map(package).collect(),
    })
}

/// A line of dpkg-query; one of a package that is not installed has no version.
fn package(line: &str) -> Option<Package> {
    let (name, version) = line.trim().split_once(' ')?;
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Relay;
    use super::*;

    #[test]
    fn only_installed_packages_are_listed() {
        let found: Vec<_> = "postfix 3.10.4-1\nopenssl \n\n"
            .lines()
            .filter_map(package)
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].version, "3.10.4-1");
    }

    #[tokio::test]
    async fn a_relay_without_tls_is_described_all_the_same() {
        let relay = Relay::that(|_| "502 no").await;
        let subject = describe(Arc::new(relay.target())).await;
        assert_eq!(subject.kind, SubjectKind::Host);
        assert!(subject.containers.is_empty());
        let smtp = &subject.listeners[0];
        assert_eq!(smtp.name, "smtp");
        assert!(smtp.tls.is_none() && smtp.no_tls.is_some(), "{smtp:?}");
    }
}
