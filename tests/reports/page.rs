//! The HTML report, as its file and as people see it in a browser.

use std::path::PathBuf;

use relaykit::report::{Down, Outcome, RunReport};
use serde_json::json;
use tempfile::TempDir;

use crate::browser::Page;
use crate::sample;

fn written(report: &RunReport) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, sample::rendered("html", report)).unwrap();
    (folder, file)
}

#[test]
fn the_page_is_one_file_that_asks_for_nothing() {
    let page = sample::text("html", &sample::report());
    for outside in [
        " src=", "<link", "@import", "url(", "<base", "<iframe", "<form",
    ] {
        let found = page
            .find(outside)
            .map(|at| &page[at..(at + 80).min(page.len())]);
        // What a relay says stands there as text, without its angle brackets.
        assert!(
            found.is_none_or(|text| text.starts_with(" src=x onerror=hacked=1&gt;")),
            "{found:?}"
        );
    }
    assert!(page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"));
    assert!(!page.contains("<script>window"));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains(['\0', '\u{1b}', '\u{ffff}']));
}

#[test]
fn the_verdict_comes_first_and_is_true() {
    let heading = |report: &RunReport| {
        let page = sample::text("html", report);
        let (_, rest) = page.split_once("<h1>").unwrap();
        rest.split_once("</h1>").unwrap().0.to_owned()
    };
    let mut report = sample::report();
    assert_eq!(heading(&report), "relay.relaykit.test fails 1 check");
    report.checks.remove(0);
    assert_eq!(
        heading(&report),
        "The checks have a gap: a change of the relay was not seen"
    );
    report.mutation = None;
    assert_eq!(heading(&report), "1 check could not be judged");
    report.checks.remove(2);
    assert_eq!(heading(&report), "relay.relaykit.test passes 2 checks");
    report.checks[0].sabotages[0].detected = false;
    assert_eq!(
        heading(&report),
        "The proof has a gap: a sabotage was not detected"
    );
    report.checks.clear();
    assert_eq!(heading(&report), "Nothing was checked");
}

#[test]
fn a_port_that_is_down_comes_first_with_all_that_was_not_judged_for_it() {
    let page = |report: &RunReport| sample::text("html", report);
    let mut report = sample::report();
    assert!(!page(&report).contains("What may be the cause"));
    let down = Down {
        listener: "smtp",
        port: 25,
        why: "it gave no greeting".into(),
        said: vec![format!("postfix/smtpd[7]: fatal: {}", sample::HOSTILE)],
    };
    report.checks[3].outcome = Outcome::Broken { why: down.cause() };
    report.down = vec![down];
    let page = page(&report);
    let (cause, rest) = page.split_once("What needs a look").unwrap();
    let (look, _) = rest.split_once("<nav").unwrap();
    for words in [
        "What may be the cause",
        "A daemon of the relay gave up",
        "postfix/smtpd[7]: fatal: &lt;/pre&gt;",
        "Port 25 (smtp) is down",
        "it gave no greeting",
        "href=\"#privacy.bounces_tell_nothing\"",
    ] {
        assert!(cause.contains(words), "{words}");
    }
    assert!(!look.contains("#privacy.bounces_tell_nothing"));
    assert!(look.contains("#auth.plaintext_is_never_offered"));
}

#[test]
fn sources_lead_to_where_they_are_published() {
    let page = sample::text("html", &sample::plain());
    for address in [
        "https://www.rfc-editor.org/rfc/rfc4954#section-4",
        "https://www.postfix.org/postconf.5.html#smtpd_tls_auth_only",
    ] {
        assert!(page.contains(&format!("href=\"{address}\"")), "{address}");
    }
}

const SHOWN: &str = "[...document.querySelectorAll('.check')]\
    .filter(check => check.checkVisibility()).map(check => check.id).join(' ')";

fn choose(page: &mut Page, control: &str, value: &str) {
    page.value(&format!(
        "(() => {{ const control = document.getElementById({control:?}); control.value = {value:?}; \
         control.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
    ));
}

#[test]
fn a_browser_opens_it_filters_it_and_unfolds_a_failure() {
    let (_folder, file) = written(&sample::report());
    let Some(mut page) = Page::open(&file) else {
        return;
    };
    assert_eq!(
        page.value("document.title"),
        "relaykit: relay.relaykit.test"
    );
    assert_eq!(page.value("document.querySelectorAll('.check').length"), 5);

    page.click("#text");
    page.insert("rfc 4954 WRONG_PASSWORD");
    assert_eq!(page.value(SHOWN), "auth.wrong_password_is_refused");
    assert_eq!(
        page.value("document.getElementById('shown').textContent"),
        "1 of 5 checks"
    );
    let areas = "[...document.querySelectorAll('.area:not([hidden]) h2')].map(h => h.textContent).join(' ')";
    assert_eq!(page.value(areas), "auth");
    choose(&mut page, "text", "");
    choose(&mut page, "outcome", "fail");
    assert_eq!(page.value(SHOWN), "auth.plaintext_is_never_offered");
    choose(&mut page, "severity", "low");
    assert_eq!(page.value(SHOWN), "");
    choose(&mut page, "outcome", "");
    assert_eq!(page.value(SHOWN), "privacy.bounces_tell_nothing");
    choose(&mut page, "severity", "");

    let transcript = "[...document.querySelectorAll('.check.fail pre')]\
        .find(pre => pre.textContent.includes('EHLO')).checkVisibility({contentVisibilityAuto: true})";
    let summary = ".check.fail details:nth-of-type(2) summary";
    let label = page.value(&format!("document.querySelector('{summary}').textContent"));
    assert_eq!(label, "Transcript, 3 lines");
    assert_eq!(page.value(transcript), false);
    page.click(summary);
    assert_eq!(page.value(transcript), true);
    let text = page.value("document.querySelector('.check.fail details[open] pre').textContent");
    let text = text.as_str().unwrap();
    assert!(
        text.contains("S: 250 </pre></script><script>window.hacked = 1"),
        "{text}"
    );

    page.click("#unfold");
    assert_eq!(
        page.value("document.querySelectorAll('.check details:not([open])').length"),
        0
    );
    let marked =
        "[...document.querySelectorAll('mark')].map(m => m.className + m.textContent).join(' ')";
    assert_eq!(page.value(marked), "canary.example leakCANARY.example");

    assert_eq!(page.value("typeof window.hacked"), "undefined");
    let (requests, complaints) = page.requests_and_complaints();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn it_fits_a_phone_paper_and_the_night() {
    let (_folder, file) = written(&sample::report());
    let Some(mut page) = Page::open(&file) else {
        return;
    };
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    page.call("Emulation.setDeviceMetricsOverride", &phone);
    page.value("document.querySelectorAll('details').forEach(part => part.open = true)");
    let width = page.value("document.documentElement.scrollWidth");
    assert!(width.as_u64().unwrap() <= 360, "{width}");
    page.value("document.querySelectorAll('details').forEach(part => part.open = false)");
    page.call("Emulation.clearDeviceMetricsOverride", &json!({}));

    let paper = "getComputedStyle(document.body).backgroundColor";
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    page.call("Emulation.setEmulatedMedia", &dark);
    assert_eq!(page.value(paper), "rgb(13, 17, 23)");

    // Also where no script hears that the page is printed.
    let print =
        json!({"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    page.call("Emulation.setEmulatedMedia", &print);
    assert_eq!(page.value(paper), "rgb(255, 255, 255)");
    // What passed has its transcript on the screen alone.
    let folded = "[...document.querySelectorAll('details:not(.screen) pre')]\
        .filter(pre => !pre.checkVisibility({contentVisibilityAuto: true})).length";
    assert_eq!(page.value(folded), 0);
    let printed = "[...document.querySelectorAll('details.screen')].filter(part => part.checkVisibility()).length";
    assert_eq!(page.value(printed), 0);
    assert_eq!(
        page.value("document.getElementById('filter').checkVisibility()"),
        false
    );
    let printed = page.call("Page.printToPDF", &json!({}));
    assert!(
        printed["data"].as_str().unwrap().starts_with("JVBERi0"),
        "not a PDF"
    );
}
