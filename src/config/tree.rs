//! YAML text to a tree that keeps the place and the spelling of every node.
//!
//! Only what a settings file needs is accepted: one document of mappings, lists
//! and scalars. Anchors, aliases, tags and merge keys are refused, so that what
//! a line says does not depend on another line.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::node::{Entry, Node, Value, join};
use super::problem::{Position, Refusal, Report, quoted};

/// Mappings and lists in each other; `relay.yaml` itself needs five.
const DEPTH: usize = 32;

/// A mapping or list that is still open.
enum Frame {
    List {
        at: Position,
        items: Vec<Node>,
    },
    Mapping {
        at: Position,
        entries: Vec<Entry>,
        key: Option<(String, Position)>,
    },
}

struct Builder<'a> {
    report: &'a mut Report,
    open: Vec<Frame>,
    root: Option<Node>,
    /// Inside a mapping key that is itself a list or mapping: how deep.
    skipping: usize,
}

/// Reads `text`. `None` if there is nothing in it that could be judged further;
/// `report` says why.
pub(super) fn parse(text: &str, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder {
        report,
        open: Vec::new(),
        root: None,
        skipping: 0,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let path = builder.path();
                builder
                    .report
                    .refuse(position(error.marker()), &path, syntax(&error, text));
                return None;
            }
        };
        let at = position(&span.start);
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    let why = Refusal::new("a second YAML document starts here, expected one only")
                        .hint("remove the `---` line, or keep the other document in its own file");
                    builder.report.refuse(at, "", why);
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                builder.plainness(at, anchor, tag.is_some());
                builder.scalar(at, &text, style);
            }
            Event::Alias(_) => {
                builder.refuse(
                    at,
                    "an alias (`*name`) was found, expected the value itself",
                );
                builder.node(Node {
                    at,
                    value: Value::Empty,
                    sound: false,
                });
            }
            Event::SequenceStart(anchor, tag) => {
                builder.plainness(at, anchor, tag.is_some());
                builder.start(Frame::List {
                    at,
                    items: Vec::new(),
                })?;
            }
            Event::MappingStart(anchor, tag) => {
                builder.plainness(at, anchor, tag.is_some());
                builder.start(Frame::Mapping {
                    at,
                    entries: Vec::new(),
                    key: None,
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    builder.root.take()
}

fn position(mark: &Marker) -> Position {
    Position {
        line: mark.line().max(1),
        column: mark.col() + 1,
    }
}

/// The parser's own words, and what most often leads to them.
fn syntax(error: &ScanError, text: &str) -> Refusal {
    let refusal = Refusal::new(format!("this is not YAML: {}", error.info()));
    let mark = error.marker();
    let line = text
        .lines()
        .nth(mark.line().saturating_sub(1))
        .unwrap_or_default();
    let before: String = line.chars().take(mark.col()).collect();
    if before.trim_end().ends_with(']') {
        refusal.hint("a value that begins with `[` needs quotes: '[host]:587', '[::1]/128'")
    } else if line.contains('\t') || error.info().contains("tab") {
        refusal.hint("indent with spaces: YAML does not allow tabs there")
    } else if error.info().contains("mapping values") {
        refusal.hint("a value with `: ` in it needs quotes")
    } else if error.info().contains("unknown escape") {
        refusal.hint(
            "within \"...\" a `\\` begins an escape of YAML's own: write it in single quotes, 'cn=Doe\\, Jane,dc=example'",
        )
    } else {
        refusal.hint("look at the indentation, quotes and brackets here and on the line before")
    }
}

impl Builder<'_> {
    /// The key that is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.open {
            match frame {
                Frame::List { items, .. } => path = format!("{path}[{}]", items.len()),
                Frame::Mapping {
                    key: Some((key, _)),
                    ..
                } => path = join(&path, key),
                Frame::Mapping { .. } => {}
            }
        }
        path
    }

    fn refuse(&mut self, at: Position, message: &str) {
        let path = self.path();
        self.report.refuse(
            at,
            &path,
            Refusal::new(message).hint("write the value out: relay.yaml has no anchors or tags"),
        );
    }

    fn plainness(&mut self, at: Position, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse(at, "an anchor (`&name`) was found, expected a plain value");
        }
        if tagged {
            self.refuse(at, "a tag (`!name`) was found, expected a plain value");
        }
    }

    fn scalar(&mut self, at: Position, text: &str, style: ScalarStyle) {
        if self.skipping > 0 {
            return;
        }
        let plain = style == ScalarStyle::Plain;
        if let Some(Frame::Mapping {
            key: key @ None, ..
        }) = self.open.last_mut()
        {
            *key = Some((text.to_owned(), at));
            if text.is_empty() {
                let path = self.path();
                self.report
                    .refuse(at, &path, Refusal::new("a key without a name was found"));
            }
            return;
        }
        let value = match text {
            "" if plain => Value::Empty,
            "~" | "null" | "Null" | "NULL" if plain => Value::Null,
            _ => Value::Scalar {
                text: text.to_owned(),
                plain,
            },
        };
        self.node(Node {
            at,
            value,
            sound: true,
        });
    }

    fn start(&mut self, frame: Frame) -> Option<()> {
        let at = match &frame {
            Frame::List { at, .. } | Frame::Mapping { at, .. } => *at,
        };
        if self.skipping > 0 {
            self.skipping += 1;
            return Some(());
        }
        if matches!(self.open.last(), Some(Frame::Mapping { key: None, .. })) {
            let why = Refusal::new("a key that is a list or mapping was found, expected a name");
            let path = self.path();
            self.report.refuse(at, &path, why);
            self.skipping = 1;
            return Some(());
        }
        if self.open.len() >= DEPTH {
            let why = Refusal::new(format!(
                "more than {DEPTH} lists and mappings in each other"
            ));
            self.report.refuse(at, "", why);
            return None;
        }
        self.open.push(frame);
        Some(())
    }

    fn end(&mut self) {
        if self.skipping > 0 {
            self.skipping -= 1;
            if self.skipping == 0
                && let Some(Frame::Mapping { key, at, .. }) = self.open.last_mut()
            {
                // Its value is dropped with it, in `node`.
                *key = Some((String::new(), *at));
            }
            return;
        }
        let node = match self.open.pop() {
            Some(Frame::List { at, items }) => Node {
                at,
                value: Value::List(items),
                sound: true,
            },
            Some(Frame::Mapping { at, entries, .. }) => Node {
                at,
                value: Value::Mapping(entries),
                sound: true,
            },
            None => return,
        };
        self.node(node);
    }

    /// Puts a finished node into what is open around it.
    fn node(&mut self, node: Node) {
        if self.skipping > 0 {
            return;
        }
        let path = self.path();
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Mapping { entries, key, .. }) => match key.take() {
                None => *key = Some((String::new(), node.at)),
                Some((key, _)) if key.is_empty() => {}
                Some((key, at)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let why = Refusal::new(format!(
                            "{} was written already on line {}, expected each key once",
                            quoted(&key),
                            first.at.line
                        ))
                        .hint("keep one of the two");
                        self.report.refuse(at, &path, why);
                    } else {
                        entries.push(Entry {
                            key,
                            at,
                            value: node,
                        });
                    }
                }
            },
        }
    }
}
