//! What surrounds the checks in the HTML report: what was tested, and what the
//! sabotages showed.

use std::collections::BTreeMap;

use super::super::{Agreed, Listening, RunReport, Subject, SubjectKind};
use super::markup::Markup;

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
    page.close("section");
}

fn listeners(page: &mut Markup, listeners: &[Listening]) {
    page.raw("<h3>TLS</h3>\n");
    table(
        page,
        &["listener", "address", "protocol", "suite", "key exchange"],
    );
    for listener in listeners {
        let agreed = listener.tls.as_ref();
        let why = listener.no_tls.as_deref().unwrap_or("none");
        row(
            page,
            &[
                &listener.name,
                &listener.address,
                agreed.map_or(why, |tls| &tls.protocol),
                agreed.map_or("", |tls| &tls.cipher_suite),
                agreed
                    .and_then(|tls| tls.group.as_deref())
                    .unwrap_or_default(),
            ],
        );
    }
    page.raw("</tbody></table></div>\n");
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
    table(page, &["container", "image", "packages"]);
    for container in &subject.containers {
        let packages = container.packages.iter();
        let packages: Vec<_> = packages
            .map(|p| format!("{} {}", p.name, p.version))
            .collect();
        let image = format!("{}\n{}", container.image, container.image_id);
        row(page, &[&container.role, &image, &packages.join("\n")]);
    }
    page.raw("</tbody></table></div>\n");
}

/// Every sabotage, who saw it and who did not.
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
    let text = format!("{} planted, {} detected.", proof.planted, proof.detected);
    page.element("p", &[], &text);
    table(
        page,
        &["sabotage", "detected by", "not detected by", "also failed"],
    );
    for (name, (by, not_by)) in seen {
        let others = report
            .unclaimed
            .iter()
            .filter(|other| other.sabotage == name);
        let others: Vec<&str> = others.map(|other| other.check).collect();
        row(
            page,
            &[name, &by.join("\n"), &not_by.join("\n"), &others.join("\n")],
        );
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

fn table(page: &mut Markup, columns: &[&str]) {
    page.raw("<div class=\"wide\"><table class=\"stack\"><thead><tr>");
    for column in columns {
        page.element("th", &[("scope", "col")], column);
    }
    page.raw("</tr></thead><tbody>\n");
}

/// The first cell is the row's heading; a cell's lines stand below each other.
fn row(page: &mut Markup, cells: &[&str]) {
    page.raw("<tr>");
    for (number, cell) in cells.iter().enumerate() {
        let (name, scope): (_, &[_]) = match number {
            0 => ("th", &[("scope", "row")]),
            _ => ("td", &[]),
        };
        page.open(name, scope);
        for (number, line) in cell.lines().enumerate() {
            if number > 0 {
                page.raw("<br>");
            }
            page.text(line);
        }
        page.close(name);
    }
    page.close("tr");
}
