//! What surrounds the checks in the HTML report: what may be the cause of it all, what
//! was tested, and what the sabotages showed.

use std::collections::BTreeMap;

use super::super::{Agreed, CheckRecord, Identity, Listening, RunReport, Subject, SubjectKind};
use super::markup::Markup;
use super::table::table;

/// What comes before all that comes of it: what daemons of the relay said when they gave
/// up, and each port that is down, with the checks that were not judged for that reason.
pub(super) fn causes(page: &mut Markup, report: &RunReport) {
    let gave_up = report.gave_up();
    if gave_up.is_empty() && report.down.is_empty() {
        return;
    }
    page.raw("<section>\n<h2 id=\"causes\">What may be the cause</h2>\n");
    if !gave_up.is_empty() {
        let words = "A daemon of the relay gave up. It said:";
        page.element("p", &[], words);
        page.element("pre", &[], &gave_up.join("\n"));
    }
    for down in &report.down {
        let port = format!("Port {} ({}) is down", down.port, down.listener);
        page.element("h3", &[], &port);
        page.element("p", &[], &down.why);
        let because = |check: &&CheckRecord| report.down_for(&check.outcome) == Some(down);
        let checks: Vec<_> = report.checks.iter().filter(because).collect();
        if !checks.is_empty() {
            page.element("p", &[], "These could not be judged for that reason:");
            page.raw("<ul class=\"bad\">\n");
            for check in checks {
                page.raw("<li>");
                page.element("a", &[("href", &format!("#{}", check.id))], check.title);
                page.close("li");
            }
            page.close("ul");
        }
    }
    page.close("section");
}

/// The relay's listeners with their TLS, and the containers of a lab.
pub(super) fn subject(page: &mut Markup, report: &RunReport) {
    let Some(subject) = &report.subject else {
        return;
    };
    page.raw("<section>\n<h2 id=\"subject\">What was tested</h2>\n");
    let kind = match subject.kind {
        SubjectKind::Lab => "a lab of relaykit",
        SubjectKind::Host => "a relay, by its address",
    };
    let engine = subject.engine.as_deref();
    let on = engine.map_or_else(String::new, |engine| format!(", on {engine}"));
    page.element("p", &[], &format!("{}, {kind}{on}", subject.hostname));
    if !subject.listeners.is_empty() {
        listeners(page, &subject.listeners);
        certificates(page, &subject.listeners);
    }
    if !subject.containers.is_empty() {
        containers(page, subject);
    }
    accepted(page, subject);
    if let Some(identity) = &subject.identity {
        show_identity(page, identity);
    }
    page.close("section");
}

/// What relay.yaml says is meant.
fn accepted(page: &mut Markup, subject: &Subject) {
    if subject.accepted.is_empty() {
        return;
    }
    page.raw("<h3>Accepted by postfix.accept</h3>\n");
    let rows: Vec<_> = subject
        .accepted
        .iter()
        .map(|one| {
            let words = [one.rule, one.severity, &one.does, &one.place];
            words.map(str::to_owned).to_vec()
        })
        .collect();
    table(page, &["rule", "severity", "what it does", "where"], &rows);
}

/// What a reader compares with the relay of another day, or `relaykit verify` does.
fn show_identity(page: &mut Markup, identity: &Identity) {
    page.raw("<h3>Identity</h3>\n<p>What this report was written for. ");
    page.raw("<code>relaykit verify REPORT --lab NAME</code>, with the JSON report, says whether a lab is still this.</p>\n<dl>\n");
    for (term, sum) in [
        ("relay.yaml, SHA-256", &identity.configuration_sha256),
        ("checks, SHA-256", &identity.checks_sha256),
    ] {
        page.element("dt", &[], term);
        page.element("dd", &[("class", "fingerprint")], sum);
    }
    page.close("dl");
    page.folded("relay.yaml with all defaults, secrets masked", |page| {
        page.element("pre", &[], &identity.configuration);
    });
    let rows = identity.files.iter().map(|file| {
        let sum = file
            .sha256
            .as_deref()
            .unwrap_or("a secret, or made by the lab");
        vec![
            file.role.clone(),
            format!("{}\n{}", file.path, file.rights),
            sum.to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let label = format!("Rendered files, {}", rows.len());
    page.folded(&label, |page| {
        table(
            page,
            &["container", "file, mode, owner, group", "SHA-256"],
            &rows,
        );
    });
}

fn listeners(page: &mut Markup, listeners: &[Listening]) {
    page.raw("<h3>TLS</h3>\n");
    let rows: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let why = || listener.no_tls.clone().unwrap_or_else(|| "none".into());
            let agreed = listener.tls.as_ref();
            vec![
                listener.name.clone(),
                listener.address.clone(),
                agreed.map_or_else(why, |tls| tls.protocol.clone()),
                agreed
                    .map(|tls| tls.cipher_suite.clone())
                    .unwrap_or_default(),
                agreed.and_then(|tls| tls.group.clone()).unwrap_or_default(),
            ]
        })
        .collect();
    let columns = ["listener", "address", "protocol", "suite", "key exchange"];
    table(page, &columns, &rows);
}

/// Each certificate once, with the listeners that show it.
fn certificates(page: &mut Markup, listeners: &[Listening]) {
    let mut shown: BTreeMap<&str, (&Agreed, Vec<&str>)> = BTreeMap::new();
    for listener in listeners {
        let Some(tls) = &listener.tls else { continue };
        if let Some(certificate) = &tls.certificate {
            let entry = shown.entry(&certificate.fingerprint);
            entry.or_insert((tls, Vec::new())).1.push(&listener.name);
        }
    }
    for (agreed, names) in shown.into_values() {
        let Some(certificate) = &agreed.certificate else {
            continue;
        };
        page.element("h3", &[], &format!("Certificate on {}", names.join(", ")));
        page.raw("<dl>\n");
        let believed = match agreed.objections.as_slice() {
            [] => "yes".to_owned(),
            why => format!("no: {}", why.join("; ")),
        };
        let valid = format!("{} to {}", certificate.not_before, certificate.not_after);
        for (term, text) in [
            ("subject", certificate.subject.as_str()),
            ("issuer", &certificate.issuer),
            ("names", &certificate.names.join(", ")),
            ("valid", &valid),
            ("trusted", &believed),
        ] {
            page.element("dt", &[], term);
            page.element("dd", &[], text);
        }
        page.element("dt", &[], "SHA-256");
        page.element("dd", &[("class", "fingerprint")], &certificate.fingerprint);
        page.close("dl");
    }
}

fn containers(page: &mut Markup, subject: &Subject) {
    page.raw("<h3>Images and packages</h3>\n");
    let rows: Vec<_> = subject
        .containers
        .iter()
        .map(|container| {
            let packages = container.packages.iter();
            let packages: Vec<_> = packages
                .map(|p| format!("{} {}", p.name, p.version))
                .collect();
            let image = format!(
                "{}\n{}\ncontent {}",
                container.image, container.image_id, container.image_content
            );
            let packages = format!(
                "{}\nall packages, SHA-256 {}",
                packages.join("\n"),
                container.packages_sha256
            );
            vec![container.role.clone(), image, packages]
        })
        .collect();
    table(page, &["container", "image", "packages"], &rows);
}

/// Every sabotage, who saw it and who did not; those that somebody missed first.
pub(super) fn sabotages(page: &mut Markup, report: &RunReport) {
    let Some(proof) = report.proof() else { return };
    let mut seen: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for check in &report.checks {
        for planted in &check.sabotages {
            let (by, not_by) = seen.entry(planted.name).or_default();
            let side = if planted.detected { by } else { not_by };
            side.push(check.id);
        }
    }
    page.raw("<section>\n<h2 id=\"sabotages\">Sabotages</h2>\n");
    let left_out = match proof.not_planted {
        0 => String::new(),
        some => format!(", {some} not planted: the relay of this relay.yaml cannot have them"),
    };
    let (planted, detected) = (proof.planted, proof.detected);
    let text = format!("{planted} planted, {detected} detected{left_out}.");
    page.element("p", &[], &text);
    let mut seen: Vec<_> = seen.into_iter().collect();
    seen.sort_by_key(|(_, (_, not_by))| not_by.is_empty());
    let rows: Vec<_> = seen
        .into_iter()
        .map(|(name, (by, not_by))| {
            let others = report.unclaimed.iter().filter(|u| u.sabotage == name);
            let others: Vec<&str> = others.map(|other| other.check).collect();
            vec![
                name.to_owned(),
                not_by.join("\n"),
                by.join("\n"),
                others.join("\n"),
            ]
        })
        .collect();
    let columns = ["sabotage", "not detected by", "detected by", "also failed"];
    table(page, &columns, &rows);
    unplanted(page, report);
    page.close("section");
}

/// Every sabotage that was left out, for which check and why.
fn unplanted(page: &mut Markup, report: &RunReport) {
    if report.unplanted.is_empty() {
        return;
    }
    page.raw("<h3>Not planted</h3>\n");
    let rows = report.unplanted.iter().map(|unplanted| {
        let columns = [unplanted.sabotage, unplanted.check, &unplanted.why];
        columns.map(str::to_owned).to_vec()
    });
    let rows: Vec<_> = rows.collect();
    table(page, &["sabotage", "for the check", "why"], &rows);
}
