//! SMTP smuggling: only CR LF . CR LF ends a message, for the relay and for
//! whoever gets it next (RFC 5321 section 4.1.1.4).

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{CLIENT, answer, command, ehlo, in_clear, port, require_code};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, fail, require_none};
use super::{mail_from, rcpt_to, replies, say, shown, submission, submission_to};
use crate::config::{Listener, Says, Spec};
use crate::report::Outcome;
use crate::report::Severity;
use crate::smtp::{Message, Session};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.only_crlf_dot_crlf_ends_data",
        title: "No other spelling of the end of data lets a second message in",
        citation: "CVE-2023-51764; CVE-2023-51765; CVE-2023-51766; RFC 5321 section 4.1.1.4",
        severity: Severity::High,
        about: "Sends messages with a dot between every mixture of CR, LF, NUL and blanks, in \
                one piece and byte by byte, with commands behind it. A relay that takes one of \
                them for the end of data executes those commands: whoever writes a message's \
                text then sends a second one in the name of anybody. The messages have gone \
                through too many hops, so that none of them is delivered.",
        repair: "Set smtpd_forbid_bare_newline = normalize (or reject) and leave \
                 smtpd_forbid_bare_newline_exclusions empty.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[BARE_NEWLINE.seen_as("LF . LF ended the data")],
        ..Check::by(&only_crlf_dot_crlf_ends_data)
    },
    Check {
        id: "protocol.no_stranger_smuggles",
        title: "Who sends mail to relay.domains without a login cannot smuggle a second message",
        citation: "CVE-2023-51764; RFC 5321 section 4.1.1.4; Postfix smtpd_forbid_bare_newline_exclusions",
        severity: Severity::High,
        about: "The same on port 25 without a login, in the clear, for a recipient of the relay's \
                own domains. Here the second message would pass as one that another server has \
                sent, with all that its name is trusted for; and here an operator is tempted \
                to make an exception for an old server.",
        repair: "Set smtpd_forbid_bare_newline = normalize for port 25 too, and name no network \
                 in smtpd_forbid_bare_newline_exclusions that you do not control.",
        needs: &[Need::Listener(Listener::Smtp), OWN_DOMAIN],
        sabotages: &[Sabotage {
            name: "port 25 takes bare newlines",
            changes: &[Change::Service(
                "smtp/inet",
                "smtpd_forbid_bare_newline",
                "no",
            )],
            sees: "LF . LF ended the data",
        }],
        ..Check::by(&no_stranger_smuggles)
    },
    Check {
        id: "protocol.next_hop_gets_whole_line_ends",
        title: "CR and LF reach the next hop together only, so that nobody behind is smuggled to",
        citation: "CVE-2023-51764; RFC 5321 section 2.3.8; Postfix cleanup_replace_stray_cr_lf",
        severity: Severity::High,
        about: "Sends one message with every mixture of CR and LF around a dot and looks at the \
                bytes that the next hop got. A relay that does not fall for a bare CR or LF can \
                still hand it on to one that does, and its own good name goes with the second \
                message.",
        repair: "Set cleanup_replace_stray_cr_lf = yes and smtpd_forbid_bare_newline = normalize.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "stray CR and LF are passed on",
            changes: &[Change::Main("cleanup_replace_stray_cr_lf", "no")],
            sees: "CR . CR arrived as",
        }],
        ..Check::by(&next_hop_gets_whole_line_ends)
    },
    Check {
        id: "protocol.nul_goes_no_further",
        title: "A NUL in a message is refused or removed, not passed on",
        citation: "RFC 5322 section 2.1; CVE-2023-51765; Postfix message_reject_characters",
        severity: Severity::Low,
        about: "Sends a message with NUL around the dot of an end of data and in a header. NUL \
                is no character of mail; a next hop that skips it sees an end of data where \
                there is none, and one that stops at it sees less than was signed.",
        repair: "Set message_reject_characters = \\0.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "NUL is passed on",
            changes: &[Change::Main("message_reject_characters", "")],
            sees: "NUL at the next hop",
        }],
        ..Check::by(&nul_goes_no_further)
    },
];

const OWN_DOMAIN: Need = Need::Setting("relay.domains", Says::Something);

/// A domain of `relay.domains` that is a plain name, not a pattern.
fn own_domain(spec: &Spec) -> Option<&str> {
    let domains = spec.relay.domains.iter();
    domains.map(String::as_str).find(|d| !d.starts_with('.'))
}

/// The hole of 2023.
const BARE_NEWLINE: Sabotage = Sabotage {
    name: "a bare newline ends a line",
    changes: &[Change::Main("smtpd_forbid_bare_newline", "no")],
    sees: "",
};

/// A spelling of the end of data that is none.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    name: &'static str,
    bytes: &'static [u8],
}

const fn spelling(name: &'static str, bytes: &'static [u8]) -> Spelling {
    Spelling { name, bytes }
}

/// Without NUL: these are normalised.
const LINE_ENDS: [Spelling; 13] = [
    spelling("LF . LF", b"\n.\n"),
    spelling("LF . CR LF", b"\n.\r\n"),
    spelling("CR LF . LF", b"\r\n.\n"),
    spelling("CR . CR", b"\r.\r"),
    spelling("CR . CR LF", b"\r.\r\n"),
    spelling("CR LF . CR", b"\r\n.\r"),
    spelling("CR . LF", b"\r.\n"),
    spelling("LF . CR", b"\n.\r"),
    spelling("LF CR . LF CR", b"\n\r.\n\r"),
    spelling("CR CR LF . CR CR LF", b"\r\r\n.\r\r\n"),
    spelling("CR LF . CR CR LF", b"\r\n.\r\r\n"),
    spelling("CR LF . SP CR LF", b"\r\n. \r\n"),
    spelling("CR LF SP . CR LF", b"\r\n .\r\n"),
];

const NULS: [Spelling; 5] = [
    spelling("CR LF NUL . CR LF", b"\r\n\0.\r\n"),
    spelling("CR LF . NUL CR LF", b"\r\n.\0\r\n"),
    spelling("CR NUL LF . CR LF", b"\r\0\n.\r\n"),
    spelling("CR LF . CR NUL LF", b"\r\n.\r\0\n"),
    spelling("NUL LF . NUL LF", b"\0\n.\0\n"),
];

/// More than any loop detection lets pass (RFC 5321 section 6.3 speaks of 100).
const TOO_MANY_HOPS: usize = 150;

/// How messages are handed over.
#[derive(Debug, Clone, Copy)]
enum Door {
    Login(Listener),
    /// Port 25, for a recipient of the relay's own.
    Stranger,
}

impl Door {
    /// A session in a transaction, before DATA.
    async fn open(self, context: &Context) -> Judged<Session> {
        let (mut session, rcpt) = match self {
            Self::Login(listener) => (submission_to(context, listener).await?, rcpt_to(context)),
            Self::Stranger => {
                let mut session = in_clear(context, Listener::Smtp).await?;
                ehlo(&mut session, CLIENT).await?;
                let domain = own_domain(&context.target().spec).unwrap_or_default();
                (session, format!("RCPT TO:<recipient@{domain}>"))
            }
        };
        for line in [mail_from(context), rcpt] {
            require_code(&command(&mut session, &line).await?, 250, &line)?;
        }
        ControlFlow::Continue(session)
    }
}

async fn only_crlf_dot_crlf_ends_data(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move { let_no_second_in(&context, Door::Login(listener)).await },
    )
    .await
}

async fn no_stranger_smuggles(context: Context) -> Judged {
    let_no_second_in(&context, Door::Stranger).await
}

async fn let_no_second_in(context: &Context, door: Door) -> Judged {
    let spellings: Vec<Spelling> = LINE_ENDS.into_iter().chain(NULS).collect();
    let ControlFlow::Break(outcome) = ends_nothing(context, door, &spellings).await else {
        return PASS;
    };
    // Which of them it was takes a session each.
    let mut wrong = Vec::new();
    for spelling in spellings {
        let judged = ends_nothing(context, door, &[spelling]).await;
        if let ControlFlow::Break(Outcome::Fail { observed, .. }) = judged {
            wrong.push(observed);
        }
    }
    require_none(&wrong, "one reply to one message")?;
    ControlFlow::Break(outcome)
}

/// Sends all `spellings` in one message with commands behind each, in one piece
/// and byte by byte. One reply to the message and one to QUIT may come.
async fn ends_nothing(context: &Context, door: Door, spellings: &[Spelling]) -> Judged {
    let mut session = door.open(context).await?;
    require_code(&command(&mut session, "DATA").await?, 354, "DATA")?;
    let hop = b"Received: by hop.relaykit.example; Mon, 23 Nov 2026 03:14:01 +0000\r\n";
    let mut text = hop.repeat(TOO_MANY_HOPS);
    text.extend_from_slice(b"Subject: relaykit looks for the end of data\r\n\r\n");
    for spelling in spellings {
        text.extend_from_slice(b"text");
        text.extend_from_slice(spelling.bytes);
        text.extend_from_slice(b"RSET\r\n");
    }
    say(&mut session, &text).await?;
    for spelling in spellings {
        say(&mut session, b"text").await?;
        for byte in spelling.bytes.chunks(1) {
            say(&mut session, byte).await?;
        }
        say(&mut session, b"RSET\r\n").await?;
    }
    say(&mut session, b"\r\n.\r\nQUIT\r\n").await?;
    let replies = replies(&mut session).await?;
    let more = replies
        .iter()
        .skip(1)
        .any(|reply| reply.code / 10 != 22 && reply.code != 421);
    if more {
        let names: Vec<&str> = spellings.iter().map(|s| s.name).collect();
        return fail(
            "one reply to one message",
            format!("{} ended the data: {}", names.join(" or "), shown(&replies)),
        );
    }
    PASS
}

async fn next_hop_gets_whole_line_ends(context: Context) -> Judged {
    let message = carrying(&LINE_ENDS, "X-Odd: a\rb\r\n");
    let mut session = submission(&context).await?;
    for line in [mail_from(&context), rcpt_to(&context)] {
        require_code(&command(&mut session, &line).await?, 250, &line)?;
    }
    let bytes = [message.bytes(), b"\r\n.\r\n"].concat();
    let reply = answer(session.data_raw(&bytes).await, "a reply to DATA")?;
    if reply.is_permanent() {
        return PASS;
    }
    require_code(&reply, 250, "the message")?;
    let delivered = mail::arrival(&context, &message).await?;
    let mut wrong: Vec<String> = LINE_ENDS
        .iter()
        .filter_map(|spelling| told_apart(spelling, &delivered.raw))
        .collect();
    if wrong.is_empty() && has_bare(&delivered.raw) {
        wrong.push("a bare CR in a header arrived as one".to_owned());
    }
    require_none(&wrong, "no CR without LF and no LF without CR")
}

/// A message with each spelling between its name and `|`.
fn carrying(spellings: &[Spelling], header: &str) -> Message {
    let plain = Message::from_to(SENDER, RECIPIENT).build();
    let mut bytes = [header.as_bytes(), plain.headers(), b"\r\n"].concat();
    for spelling in spellings {
        bytes.extend_from_slice(format!("<{}>", spelling.name).as_bytes());
        bytes.extend_from_slice(spelling.bytes);
        bytes.extend_from_slice(b"|\r\n");
    }
    Message::exact(bytes, plain.token())
}

/// What is wrong with a spelling as it arrived.
fn told_apart(spelling: &Spelling, raw: &[u8]) -> Option<String> {
    let name = format!("<{}>", spelling.name);
    let Some(start) = find(raw, name.as_bytes()) else {
        return Some(format!(
            "{} did not arrive: the message ends before",
            spelling.name
        ));
    };
    let rest = &raw[start + name.len()..];
    let arrived = match find(rest, b"|") {
        Some(end) => &rest[..end],
        None => return Some(format!("the message ends with {}", spelling.name)),
    };
    has_bare(arrived).then(|| {
        format!(
            "{} arrived as {:?}",
            spelling.name,
            arrived.escape_ascii().to_string()
        )
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether a CR or an LF stands alone.
fn has_bare(bytes: &[u8]) -> bool {
    let cr = bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    let lf = bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r'));
    cr || lf
}

async fn nul_goes_no_further(context: Context) -> Judged {
    let mut wrong = Vec::new();
    for (what, message) in [
        ("in the body", carrying(&NULS, "")),
        ("in a header", carrying(&[], "X-Odd: a\0b\r\n")),
    ] {
        let mut session = submission(&context).await?;
        for line in [mail_from(&context), rcpt_to(&context)] {
            require_code(&command(&mut session, &line).await?, 250, &line)?;
        }
        let bytes = [message.bytes(), b"\r\n.\r\n"].concat();
        let reply = answer(session.data_raw(&bytes).await, "a reply to DATA")?;
        if reply.is_permanent() {
            continue;
        }
        require_code(&reply, 250, "the message")?;
        if mail::arrival(&context, &message).await?.raw.contains(&0) {
            wrong.push(format!("{what}: NUL at the next hop"));
        }
    }
    require_none(&wrong, "a refusal, or a message without NUL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_is_the_right_one() {
        for spelling in LINE_ENDS.iter().chain(&NULS) {
            assert_eq!(
                find(spelling.bytes, b"\r\n.\r\n"),
                None,
                "{}",
                spelling.name
            );
        }
    }

    #[test]
    fn a_cr_or_lf_alone_is_found_anywhere() {
        for bare in ["\r", "\n", "a\rb", "\r\r\n", "\n\r\n", "\r\n\n", "\r\n\r"] {
            assert!(has_bare(bare.as_bytes()), "{bare:?}");
        }
        for whole in ["", "a", "\r\n", "a\r\n\r\nb"] {
            assert!(!has_bare(whole.as_bytes()), "{whole:?}");
        }
    }

    #[test]
    fn what_arrives_otherwise_is_named() {
        let spelling = spelling("CR . CR", b"\r.\r");
        assert_eq!(told_apart(&spelling, b"x<CR . CR> . |y"), None);
        let wrong = told_apart(&spelling, b"<CR . CR>\r.\r|").unwrap();
        assert!(wrong.starts_with("CR . CR arrived as"), "{wrong}");
        let cut = told_apart(&spelling, b"nothing").unwrap();
        assert!(cut.contains("did not arrive"), "{cut}");
    }
}
