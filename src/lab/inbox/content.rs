//! What a stored message says to whoever reads it: header fields, text, HTML, links and
//! attachments, without their encodings (RFC 2047, RFC 2045) and charsets.

use std::collections::HashSet;

use html5gum::{Token, Tokenizer};
use linkify::{LinkFinder, LinkKind};
use mail_parser::{HeaderName, MessageParser, MessagePart, MimeHeaders, PartType};

use super::stored::{Head, StoredMessage};

/// A message, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The header fields, in their order.
    pub headers: Vec<Field>,
    /// What its plain text parts say; `None` where there is none.
    pub text: Option<String>,
    /// Its HTML; `None` where there is none.
    pub html: Option<String>,
    /// Where its HTML and then its text point to, each address once.
    pub links: Vec<String>,
    /// Everything else in it.
    pub attachments: Vec<Attachment>,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// Its name as it was written.
    pub name: String,
    /// Unfolded and decoded.
    pub value: String,
}

/// A part that is not the message's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file name that the sender gave it, never to be used as a path.
    pub name: Option<String>,
    /// `image/png`.
    pub content_type: String,
    /// What HTML names it by (`cid:`, RFC 2392).
    pub content_id: Option<String>,
    /// Whether it is meant to be shown in its place (RFC 2183).
    pub inline: bool,
    /// What is in it, decoded.
    pub bytes: Vec<u8>,
}

impl Head {
    /// The decoded `Subject` (RFC 5322 3.6.5), empty where there is none.
    #[must_use]
    pub fn subject(&self) -> String {
        let fields = fields(&self.header);
        let subject = fields
            .into_iter()
            .find(|f| f.name.eq_ignore_ascii_case("subject"));
        subject.map(|field| field.value).unwrap_or_default()
    }

    /// The addresses in its `From` field (RFC 5322 3.6.2).
    #[must_use]
    pub fn authors(&self) -> Vec<String> {
        let message = MessageParser::default().parse_headers(&self.header);
        let from = message.as_ref().and_then(|message| message.from());
        let addresses = from.into_iter().flat_map(|from| from.iter());
        addresses
            .filter_map(|a| a.address().map(str::to_owned))
            .collect()
    }
}

impl StoredMessage {
    /// All that it says.
    #[must_use]
    pub fn content(&self) -> Content {
        let parser = MessageParser::new().with_mime_headers();
        let message = parser.parse(&self.raw).unwrap_or_default();
        let (mut texts, mut pages, mut shown) = (Vec::new(), Vec::new(), HashSet::new());
        for part in message.text_body.iter().chain(&message.html_body) {
            if !shown.insert(*part) {
                continue;
            }
            match message.part(*part).map(|part| &part.body) {
                Some(PartType::Text(text)) => texts.push(text.replace("\r\n", "\n")),
                Some(PartType::Html(page)) => pages.push(page.replace("\r\n", "\n")),
                _ => {}
            }
        }
        let whole = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("\n"));
        let (text, html) = (whole(texts), whole(pages));
        Content {
            headers: fields(&self.header),
            links: links(html.as_deref(), text.as_deref()),
            attachments: message.attachments().map(attachment).collect(),
            text,
            html,
        }
    }
}

/// The header fields, decoded.
fn fields(raw: &[u8]) -> Vec<Field> {
    // A parser that is told of no field at all reads the known ones as what they are.
    let parser = MessageParser::new()
        .header_text(HeaderName::Subject)
        .default_header_text();
    // Of nothing at all it makes nothing.
    let Some(message) = parser.parse_headers(raw) else {
        return Vec::new();
    };
    let field = |header: &mail_parser::Header<'_>| {
        let at = header.offset_field as usize..header.offset_start as usize;
        let name = raw.get(at).map(String::from_utf8_lossy).unwrap_or_default();
        Field {
            name: name.trim_end_matches([':', ' ', '\t']).to_owned(),
            value: header.value.as_text().unwrap_or_default().to_owned(),
        }
    };
    message.headers().iter().map(field).collect()
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let content_type = part.content_type().map(|content| match content.subtype() {
        Some(subtype) => format!("{}/{subtype}", content.ctype()),
        None => content.ctype().to_owned(),
    });
    Attachment {
        name: part.attachment_name().map(str::to_owned),
        // RFC 2045 5.2.
        content_type: content_type.unwrap_or_else(|| "text/plain".to_owned()),
        content_id: part.content_id().map(str::to_owned),
        inline: part
            .content_disposition()
            .is_some_and(mail_parser::ContentType::is_inline),
        bytes: part.contents().to_vec(),
    }
}

fn links(html: Option<&str>, text: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for token in html.into_iter().flat_map(Tokenizer::new) {
        let Ok(Token::StartTag(tag)) = token else {
            continue;
        };
        let points = matches!(tag.name.as_slice(), b"a" | b"area");
        if let Some(link) = tag.attributes.get(&b"href"[..]).filter(|_| points) {
            found.push(String::from_utf8_lossy(link).trim().to_owned());
        }
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    found.extend(
        text.into_iter()
            .flat_map(|text| finder.links(text))
            .map(|link| link.as_str().to_owned()),
    );
    let mut seen = HashSet::new();
    found.retain(|link| !link.is_empty() && seen.insert(link.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: &str) -> StoredMessage {
        let head = "relaykit-inbox: 1\nreceived: 1764000000.25\nfrom: <a@b>\nto: <c@d>\n\n";
        let text = format!(
            "{head}Received: by sink; date\r\n{}",
            raw.replace('\n', "\r\n")
        );
        StoredMessage::parse("1.eml", text.as_bytes()).unwrap()
    }

    #[test]
    fn subjects_are_decoded() {
        for (written, meant) in [
            ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
            ("=?utf-8?B?5pel5pys?=\n =?utf-8?B?6Kqe?=", "日本語"),
            ("=?iso-8859-1?q?caf=E9?= at noon", "café at noon"),
            ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            ("two\n words", "two words"),
            ("Grüße, unencoded", "Grüße, unencoded"),
            ("=?no-such-charset?q?a?=", "a"),
        ] {
            let subject = message(&format!("Subject: {written}\n\nbody\n")).subject();
            assert_eq!(subject, meant, "{written}");
        }
        for none in ["From: x@y\n\nbody\n", "\nbody\n", ""] {
            assert_eq!(message(none).subject(), "", "{none:?}");
        }
    }

    #[test]
    fn bodies_links_and_attachments_are_decoded() {
        let raw = "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nX-Odd:\tone\n\ttwo\n\
            MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n\
            --m\nContent-Type: multipart/alternative; boundary=a\n\n\
            --a\nContent-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\n\
            Preis: 5=A4. See (https://example.org/a?b=3Dc&d), please.\n\n\
            --a\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n\
            PHA+PGEgaHJlZj0iaHR0cHM6Ly9leGFtcGxlLm9yZy9yZXNldD90PTEmYW1wO3U9MiI+Z288L2E+PC9wPg==\n\
            --a--\n\
            --m\nContent-Type: application/pdf; name*=utf-8''R%C3%A9sum%C3%A9.pdf\n\
            Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERg==\n\
            --m--\n";
        let message = message(raw);
        assert_eq!(message.authors(), ["j@example.org"]);
        let content = message.content();
        let field = |name: &str| {
            let field = content.headers.iter().find(|f| f.name == name).unwrap();
            field.value.clone()
        };
        assert_eq!(field("From"), "Jürgen <j@example.org>");
        assert_eq!(field("X-Odd"), "one two");
        assert!(field("Content-Type").starts_with("multipart/mixed;"));
        let text = content.text.unwrap();
        assert_eq!(
            text.trim(),
            "Preis: 5€. See (https://example.org/a?b=c&d), please."
        );
        assert!(content.html.unwrap().starts_with("<p><a "));
        let links = [
            "https://example.org/reset?t=1&u=2",
            "https://example.org/a?b=c&d",
        ];
        assert_eq!(content.links, links);
        let attachment = &content.attachments[0];
        assert_eq!(content.attachments.len(), 1);
        assert_eq!(attachment.name.as_deref(), Some("Résumé.pdf"));
        assert_eq!(attachment.content_type, "application/pdf");
        assert_eq!(
            (attachment.bytes.as_slice(), attachment.inline),
            (&b"%PDF"[..], false)
        );
    }

    #[test]
    fn what_is_no_mime_is_text_and_what_is_broken_is_no_panic() {
        let plain = message("Subject: x\n\njust text\n").content();
        assert_eq!(plain.text.as_deref().map(str::trim), Some("just text"));
        assert_eq!((plain.html, plain.attachments.len()), (None, 0));
        for raw in [
            "",
            "no header at all",
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\nContent-Type: /\n\n=",
            "Content-Transfer-Encoding: base64\n\n!!!!",
            "Content-Type: text/html\n\n<a href=",
        ] {
            drop(message(raw).content());
        }
        let page = message("Content-Type: text/html\n\n<b>x</b>\n").content();
        assert_eq!((page.text, page.html.is_some()), (None, true));
    }
}
