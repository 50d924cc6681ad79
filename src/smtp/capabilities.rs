//! What a server offers in its reply to EHLO (RFC 5321, 4.1.1.1).

use super::Reply;

/// The reply to EHLO, parsed. A refused EHLO offers nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The reply itself, raw lines included.
    pub reply: Reply,
    /// The keyword lines, in order.
    pub keywords: Vec<Keyword>,
}

/// One line of the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// In capitals: `SIZE`; `AUTH=` for the line of broken clients.
    pub name: String,
    /// The words after it, as they stand.
    pub parameters: Vec<String>,
}

impl Capabilities {
    /// Parses a reply to EHLO.
    #[must_use]
    pub fn parse(reply: Reply) -> Self {
        let lines = if reply.is_positive() {
            reply.lines.get(1..)
        } else {
            None
        };
        let keywords = lines
            .unwrap_or_default()
            .iter()
            .filter_map(|line| keyword(line))
            .collect();
        Self { reply, keywords }
    }

    /// The name by which the server introduced itself.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.reply
            .lines
            .first()
            .and_then(|line| line.split_whitespace().next())
            .unwrap_or("")
    }

    /// Whether a line starts with `keyword` (in any case).
    #[must_use]
    pub fn has(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// The words after `keyword` (in any case), of its first line.
    #[must_use]
    pub fn parameters(&self, keyword: &str) -> Option<&[String]> {
        let found = self
            .keywords
            .iter()
            .find(|k| k.name.eq_ignore_ascii_case(keyword));
        found.map(|k| k.parameters.as_slice())
    }

    /// The SASL mechanisms of the `AUTH` line (RFC 4954); empty without one.
    #[must_use]
    pub fn auth_mechanisms(&self) -> &[String] {
        self.parameters("AUTH").unwrap_or_default()
    }

    /// The SASL mechanisms of the `AUTH=` line, which broken clients need.
    #[must_use]
    pub fn auth_equals_mechanisms(&self) -> &[String] {
        self.parameters("AUTH=").unwrap_or_default()
    }

    /// Whether STARTTLS is offered (RFC 3207).
    #[must_use]
    pub fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// The largest message in bytes (RFC 1870); `None` where the server does not say.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.parameters("SIZE")?.first()?.parse().ok()
    }
}

fn keyword(line: &str) -> Option<Keyword> {
    let mut words = line.split_whitespace().map(str::to_owned);
    let first = words.next()?;
    let Some((auth, mechanism)) = first
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("AUTH"))
    else {
        return Some(Keyword {
            name: first.to_ascii_uppercase(),
            parameters: words.collect(),
        });
    };
    let mechanism = (!mechanism.is_empty()).then(|| mechanism.to_owned());
    Some(Keyword {
        name: format!("{}=", auth.to_ascii_uppercase()),
        parameters: mechanism.into_iter().chain(words).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(code: u16, lines: &[&str]) -> Capabilities {
        Capabilities::parse(Reply {
            code,
            lines: lines.iter().map(|&l| l.to_owned()).collect(),
            enhanced: None,
            irregularities: vec![],
        })
    }

    #[test]
    fn keywords_and_parameters_are_found() {
        let lines = [
            "relay.test hello",
            "PIPELINING",
            "size 26214400",
            "AUTH PLAIN LOGIN",
        ];
        let offered = capabilities(250, &lines);
        assert_eq!(offered.domain(), "relay.test");
        assert!(offered.has("pipelining") && !offered.starttls());
        assert_eq!(offered.size(), Some(26_214_400));
        assert_eq!(offered.auth_mechanisms(), ["PLAIN", "LOGIN"]);
        assert!(offered.auth_equals_mechanisms().is_empty());
    }

    #[test]
    fn the_line_of_broken_clients_is_another_line() {
        let offered = capabilities(250, &["relay.test", "AUTH=PLAIN LOGIN", "STARTTLS"]);
        assert!(offered.auth_mechanisms().is_empty());
        assert_eq!(offered.auth_equals_mechanisms(), ["PLAIN", "LOGIN"]);
        assert!(offered.starttls());
    }

    #[test]
    fn a_refusal_offers_nothing() {
        let offered = capabilities(502, &["5.5.1 no", "STARTTLS"]);
        assert!(!offered.starttls());
        assert_eq!(offered.keywords, []);
    }
}
