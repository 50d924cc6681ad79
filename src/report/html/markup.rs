//! Writing HTML. What is not part of the program reaches the page only through
//! [`Markup::text`] and attributes, which escape it.

use std::fmt::Write as _;

use super::super::xml::escape;

/// An attribute's name and value.
pub(crate) type Attribute<'a> = (&'static str, &'a str);

/// A page under way.
#[derive(Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// Markup of the program's own.
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Text from anywhere.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str(&escape(text));
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        let _ = write!(self.0, "<{name}");
        for (name, value) in attributes {
            // Writing to a String cannot fail.
            let _ = write!(self.0, " {name}=\"{}\"", escape(value));
        }
        self.0.push('>');
    }

    /// Closes an element.
    pub(crate) fn close(&mut self, name: &'static str) {
        let _ = writeln!(self.0, "</{name}>");
    }

    /// An element with nothing but text in it.
    pub(crate) fn element(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.open(name, attributes);
        self.text(text);
        let _ = write!(self.0, "</{name}>");
    }

    /// A part that is shut until somebody opens it, or prints the page.
    pub(crate) fn folded(&mut self, label: &str, inside: impl FnOnce(&mut Self)) {
        self.open("details", &[]);
        self.element("summary", &[], label);
        // On paper there is nothing to click on, but still something to read.
        self.element("h3", &[("class", "paper")], label);
        inside(self);
        self.close("details");
    }

    /// As [`Self::folded`], and left out of what is printed.
    pub(super) fn folded_on_screen(&mut self, label: &str, inside: impl FnOnce(&mut Self)) {
        self.open("details", &[("class", "screen")]);
        self.element("summary", &[], label);
        inside(self);
        self.close("details");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}
