//! A headless Chromium, driven over its `DevTools` protocol: JSON messages that
//! end with NUL, commands on its file descriptor 3, answers on 4.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take on a slow, busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Debian and others call it.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A page in a browser of its own. Dropping it ends the browser.
pub(crate) struct Page {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    number: u64,
    /// What the browser told beside its answers.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Page {
    /// Opens a file. `None`, loudly, where there is no browser and none is demanded:
    /// `RELAYKIT_BROWSER=required` demands one, and CI sets it.
    pub(crate) fn open(file: &Path) -> Option<Self> {
        let Some(browser) = found() else {
            assert!(
                !is_required(),
                "RELAYKIT_BROWSER=required, and none of {NAMES:?} is installed"
            );
            // Past the test's captured output: what was not tested must be seen.
            let told = "NOT TESTED: the HTML report in a browser; install chromium for it";
            #[allow(clippy::explicit_write, reason = "tests capture what eprintln! writes")]
            writeln!(std::io::stderr(), "\n{told}").unwrap();
            return None;
        };
        let mut page = Self::start(browser);
        let target = page.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", &attach);
        page.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Log", "Network", "Runtime"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        let url = format!("file://{}", file.display());
        page.call("Page.navigate", &json!({"url": url}));
        page.wait_for("Page.loadEventFired");
        Some(page)
    }

    fn start(browser: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
                browser,
            ])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
            ])
            // A container has a small /dev/shm, and no user namespaces for a sandbox.
            .args(["--disable-dev-shm-usage", "--no-sandbox"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let (told, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                if told
                    .send(serde_json::from_slice(&message).unwrap())
                    .is_err()
                {
                    return;
                }
                message.clear();
            }
        });
        Self {
            process,
            commands,
            messages,
            session: None,
            number: 0,
            events: Vec::new(),
            _profile: profile,
        }
    }

    /// The result of a command.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut command = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.commands
            .write_all(format!("{command}\0").as_bytes())
            .unwrap();
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect(method);
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|told| told["method"] == event) {
            let message = self.messages.recv_timeout(PATIENCE).expect(event);
            self.events.push(message);
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Presses and releases the mouse in the middle of an element.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const element = document.querySelector({selector:?}); \
             element.scrollIntoView({{block: 'center'}}); \
             const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types into what has the focus.
    pub(crate) fn insert(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// What was fetched, and what the console holds: errors, and what the page's
    /// policy has refused.
    pub(crate) fn requests_and_complaints(&mut self) -> (Vec<String>, Vec<String>) {
        // What was told before this answer has arrived with it.
        self.value("1");
        let of = |method: &str| -> Vec<String> {
            let told = self.events.iter().filter(|told| told["method"] == method);
            told.map(|told| told["params"].to_string()).collect()
        };
        let mut complaints = of("Log.entryAdded");
        complaints.extend(of("Runtime.exceptionThrown"));
        (of("Network.requestWillBeSent"), complaints)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test program is its own main: it reads the environment"
)]
fn is_required() -> bool {
    std::env::var("RELAYKIT_BROWSER").is_ok_and(|word| word == "required")
}

fn found() -> Option<&'static str> {
    NAMES.into_iter().find(|name| {
        let mut version = Command::new(name);
        version
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    })
}
