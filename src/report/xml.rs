//! Writing XML. Every text goes through [`escape`], which leaves nothing that
//! XML 1.0 forbids.

use std::fmt::Write as _;

use crate::visible::visible;

/// `text` for an element's content or an attribute's value; also right in HTML.
pub(super) fn escape(text: &str) -> String {
    let shown = visible(text);
    let mut escaped = String::with_capacity(shown.len());
    for character in shown.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A document under way: elements are opened and closed in order.
pub(super) struct Document {
    text: String,
    open: Vec<&'static str>,
}

impl Document {
    pub(super) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            open: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            let indent = self.indent();
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{indent}</{name}>");
        }
    }

    /// An element without children; with `content` between its tags.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&str, &str)],
        content: &str,
    ) {
        self.start(name, attributes);
        let _ = if content.is_empty() {
            writeln!(self.text, "/>")
        } else {
            writeln!(self.text, ">{}</{name}>", escape(content))
        };
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let indent = self.indent();
        let _ = write!(self.text, "{indent}<{name}");
        for (name, value) in attributes {
            // A line end in an attribute's value would be read as a space.
            let value = escape(value).replace('\n', "&#10;").replace('\t', "&#9;");
            let _ = write!(self.text, " {name}=\"{value}\"");
        }
    }

    fn indent(&self) -> String {
        "  ".repeat(self.open.len())
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_written_out() {
        assert_eq!(
            escape("<a b='\"'>&\0\x1b\u{ffff}"),
            "&lt;a b=&#39;&quot;&#39;&gt;&amp;\\x00\\x1b\\u{ffff}"
        );
    }

    #[test]
    fn elements_close_in_order() {
        let mut document = Document::new();
        document.open("a", &[("b", "1\n2")]);
        document.element("c", &[], "");
        document.element("d", &[], "]]>");
        let text = String::from_utf8(document.finish()).unwrap();
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"1&#10;2\">\n  <c/>\n  <d>]]&gt;</d>\n</a>\n";
        assert_eq!(text, expected);
    }
}
