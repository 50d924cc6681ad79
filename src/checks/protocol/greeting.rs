//! How the two introduce themselves, and the form of every answer.

use std::collections::BTreeSet;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, any_certificate, command, ehlo, greeting, in_clear, mistakes, port, starts_in_clear,
    under_tls,
};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::require_none;
use super::{at_the_door_of, mail_from, rcpt_to, stranger, submission};
use crate::config::{Listener, Says};
use crate::render::MARK;
use crate::report::Severity;
use crate::smtp::{Capabilities, Keyword, Reply};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "protocol.greeting_tells_no_version",
        title: "Neither the greeting nor another answer tells which version of what runs here",
        citation: "RFC 5321 section 7.5; Postfix smtpd_banner",
        severity: Severity::Low,
        about: "Reads the greeting of every port and the answers to EHLO, HELP, NOOP, a mistake and QUIT, and \
                looks for version numbers; in a lab also for the software's name, which \
                relaykit does not tell. Scanners look up the known holes of a version in \
                seconds.",
        repair: "Set smtpd_banner = $myhostname ESMTP.",
        sabotages: &[Sabotage {
            name: "the banner boasts",
            changes: &[Change::Main(
                "smtpd_banner",
                "$myhostname ESMTP $mail_name ($mail_version)",
            )],
            sees: "the greeting: 220",
        }],
        ..Check::by(&greeting_tells_no_version)
    },
    Check {
        id: "protocol.extensions_are_the_expected",
        title: "EHLO offers exactly what this relay serves, before and after STARTTLS",
        citation: "RFC 5321 section 4.1.1.1; RFC 3207 section 4.2; Postfix smtpd_discard_ehlo_keywords",
        severity: Severity::Medium,
        about: "Compares the keywords on every port, in the clear and under TLS, with the list \
                that relaykit promises, and SIZE with message_size_limit. An extension too many \
                (CHUNKING, ETRN) is a way in that nobody watches; one too few makes clients \
                send what the relay could take better.",
        repair: "Set smtpd_discard_ehlo_keywords = chunking, etrn, silent-discard and \
                 smtputf8_enable = yes.",
        needs: &[
            Need::Built,
            Need::Setting(
                "postfix.main",
                Says::Without(&[
                    "smtpd_discard_ehlo_keywords",
                    "smtpd_discard_ehlo_keyword_address_maps",
                    "smtputf8_enable",
                ]),
            ),
        ],
        sabotages: &[Sabotage {
            name: "every extension is offered",
            changes: &[Change::Main("smtpd_discard_ehlo_keywords", "")],
            sees: "CHUNKING is offered",
        }],
        ..Check::by(&extensions_are_the_expected)
    },
    Check {
        id: "protocol.name_of_a_client_does_not_matter",
        title: "What a client that logs in calls itself in EHLO neither bars nor breaks anything",
        citation: "RFC 5321 section 4.1.4; Postfix smtpd_helo_restrictions",
        severity: Severity::Medium,
        about: "Logs in and says EHLO with names of laptops and phones: localhost, bare words, \
                address literals, the relay's own name; mail has to be taken after each. Then \
                with names that are none: empty, 1000 octets, UTF-8, shell and pattern \
                characters, CR and NUL; each gets one answer and the session goes on.",
        repair: "Use no reject_*_helo_hostname on submission ports, or put \
                 permit_sasl_authenticated before it.",
        needs: &[Need::Login, Need::Envelope, Need::Recipient],
        sabotages: &[Sabotage {
            name: "clients must have a full name",
            changes: &[Change::Main(
                "smtpd_helo_restrictions",
                "reject_non_fqdn_helo_hostname",
            )],
            sees: "localhost: 504",
        }],
        ..Check::by(&name_of_a_client_does_not_matter)
    },
    Check {
        id: "protocol.replies_are_well_formed",
        title: "Every answer keeps to the grammar, and has the enhanced status that EHLO promises",
        citation: "RFC 5321 section 4.2; RFC 5321 section 4.5.3.1.5; RFC 2034 section 4",
        severity: Severity::Low,
        about: "Provokes refusals and consents of all kinds and looks at each line: at most 512 \
                octets, printable, CR LF at its end, one code for all lines, and an enhanced \
                status code of the same class. Clients cut or misread what is otherwise, and \
                users then see a wrong reason or none.",
        repair: "Keep smtpd_reject_footer and the texts of access tables short; break them with \
                 \\n.",
        sabotages: &[Sabotage {
            name: "a footer fills more than a line",
            changes: &[Change::Main("smtpd_reject_footer", LONG_FOOTER)],
            sees: "LongLine",
        }],
        ..Check::by(&replies_are_well_formed)
    },
];

/// 480 octets that a support desk would write.
const LONG_FOOTER: &str = "\\c. This relay is for our customers and refuses everything else. If \
    you believe that this is a mistake then write to the postmaster and tell what you did and \
    when, with the whole text of this answer and with the name and the address of your own \
    server, so that we can find your session in our logs. We keep these for as long as the law \
    demands and no longer. Thank you for your understanding, and please do not try again and \
    again before you have heard from us, since that will not help you, your server, or anybody \
    else at all.";

/// Names that a server has no reason to tell.
const SOFTWARE: [&str; 2] = ["postfix", MARK];

async fn greeting_tells_no_version(context: Context) -> Judged {
    let listeners: Vec<Listener> = context.target().listeners().collect();
    rows::each(&context, listeners, port, |context, listener| async move {
        tells_no_version(&context, listener).await
    })
    .await
}

async fn tells_no_version(context: &Context, listener: Listener) -> Judged {
    let mut session = at_the_door_of(context, listener).await?;
    let mut answers = vec![(
        "the greeting",
        greeting(context, listener, &mut session).await?,
    )];
    let hello = format!("EHLO {CLIENT}");
    for line in [hello.as_str(), "HELP", "NOOP", "XYZZY", "QUIT"] {
        answers.push((line, command(&mut session, line).await?));
    }
    let ours = !context.target().is_stranger();
    let host = &context.target().hostname;
    let mut wrong = Vec::new();
    for (what, reply) in answers {
        let text = reply.text().replace(host.as_str(), "");
        let lower = text.to_ascii_lowercase();
        let named = ours && SOFTWARE.iter().any(|name| lower.contains(name));
        if named || text.split_whitespace().any(is_version) {
            wrong.push(format!("{what}: {reply}"));
        }
    }
    require_none(&wrong, "no version and no name of software")
}

/// `3.10.4`, `(4.97.1)`, `8.17.1/8.17.1`, `V1.2`; no address and no enhanced status.
fn is_version(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let word = word.split('/').next().unwrap_or_default();
    let word = word.trim_start_matches(['v', 'V']);
    let parts: Vec<&str> = word.split('.').collect();
    let numbers = |parts: &[&str]| {
        parts
            .iter()
            .all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_digit()))
    };
    let status = parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts[1].len() == 1;
    (2..=3).contains(&parts.len()) && numbers(&parts) && !status
}

/// Whether relay.yaml leaves it to relaykit what is offered.
async fn extensions_are_the_expected(context: Context) -> Judged {
    let listeners: Vec<Listener> = context.target().listeners().collect();
    let clear = starts_in_clear(&context);
    let clear = clear.into_iter().map(|listener| (listener, false));
    let table: Vec<_> = clear
        .chain(listeners.into_iter().map(|l| (l, true)))
        .collect();
    rows::each(
        &context,
        table,
        |(listener, tls)| {
            format!(
                "{} {}",
                port(listener),
                if tls { "under TLS" } else { "in clear" }
            )
        },
        |context, (listener, tls)| async move {
            let mut session = if tls {
                under_tls(&context, listener, any_certificate(&context)).await?
            } else {
                in_clear(&context, listener).await?
            };
            let offers = ehlo(&mut session, CLIENT).await?;
            let wrong = unexpected(&context, listener, tls, &offers);
            require_none(&wrong, "what relaykit promises")
        },
    )
    .await
}

/// What is offered and should not be, or the other way round.
fn unexpected(
    context: &Context,
    listener: Listener,
    tls: bool,
    offers: &Capabilities,
) -> Vec<String> {
    let target = context.target();
    let names = [
        "PIPELINING",
        "SIZE",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "DSN",
        "SMTPUTF8",
    ];
    let mut expected: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    if !tls {
        expected.insert("STARTTLS".to_owned());
    }
    if tls && target.spec.auth.listeners.contains(&listener) {
        expected.insert("AUTH".to_owned());
        if target.spec.auth.outlook_compatible {
            expected.insert("AUTH=".to_owned());
        }
    }
    if target.xclient {
        expected.insert("XCLIENT".to_owned());
    }
    // Of strangers; trusted networks may ask for reports there.
    let relay = &target.spec.relay;
    let strangers = listener == Listener::Smtp && !relay.domains.is_empty();
    if strangers && (relay.trusted_networks.is_empty() || !offers.has("DSN")) {
        expected.remove("DSN");
    }
    let offered: BTreeSet<String> = offers.keywords.iter().map(|k| k.name.clone()).collect();
    let more = offered
        .difference(&expected)
        .map(|k| format!("{k} is offered"));
    let less = expected
        .difference(&offered)
        .map(|k| format!("{k} is not offered"));
    let mut wrong: Vec<String> = more.chain(less).collect();
    // What no extension of these has (RFC 2920, 6152, 3461, 6531, 3207).
    let bare = |k: &&Keyword| !["SIZE", "AUTH", "AUTH=", "XCLIENT"].contains(&k.name.as_str());
    let worded = offers.keywords.iter().filter(bare);
    let worded = worded.filter(|k| !k.parameters.is_empty());
    wrong.extend(worded.map(|k| format!("{} has a parameter", k.name)));
    let size = target.spec.relay.message_size_limit;
    if offers.size().is_some_and(|offered| offered != size) {
        wrong.push(format!("SIZE is {:?}, not {size}", offers.size()));
    }
    wrong
}

/// Legal names that a client may have (RFC 5321 section 4.1.3).
const NAMES: [&str; 6] = [
    "localhost",
    "WIN-7Q2",
    "laptop.local",
    "[192.168.1.7]",
    "[IPv6:fe80::1]",
    "HOST",
];

/// What some program will say some day. Only the empty one is surely a mistake.
const ODD_NAMES: [&str; 12] = [
    "",
    "gr\u{fc}\u{df}e.local",
    "my_laptop",
    "$(id)`id`",
    "${x}%s%n%x",
    "a;b|c&d",
    "../../etc/passwd",
    "<script>",
    "(.*)*+[",
    "]",
    "a\rRSET",
    "a\0b",
];

async fn name_of_a_client_does_not_matter(context: Context) -> Judged {
    let host = &context.target().hostname;
    let mut session = submission(&context).await?;
    let mut wrong = Vec::new();
    for name in NAMES {
        let name = name.replace("HOST", host);
        let hello = format!("EHLO {name}");
        for line in [&hello, &mail_from(&context), &rcpt_to(&context), "RSET"] {
            let reply = command(&mut session, line).await?;
            if reply.code != 250 {
                wrong.push(format!("{name}: {reply}"));
                break;
            }
        }
    }
    let long = "x".repeat(1000);
    let odd: Vec<&str> = ODD_NAMES.into_iter().chain([long.as_str()]).collect();
    for names in odd.chunks(mistakes(&context, odd.len())) {
        let mut session = submission(&context).await?;
        for name in names {
            let reply = command(&mut session, &format!("EHLO {name}")).await?;
            let next = command(&mut session, "NOOP").await?;
            let known = matches!(reply.code, 250 | 500..=504 | 550);
            if !known || next.code != 250 || next.lines.len() > 1 {
                wrong.push(format!("{name:?}: {reply}; then to NOOP: {next}"));
            }
        }
    }
    require_none(&wrong, "250 to honest names, one answer to any other")
}

async fn replies_are_well_formed(context: Context) -> Judged {
    let mut wrong = Vec::new();
    let lines = [
        "NOOP",
        "RSET",
        "HELP",
        "VRFY postmaster",
        "XYZZY",
        "DATA",
        "RCPT TO:<a@b.example>",
        "MAIL FROM:<a@b.example> XYZZY=1",
        "MAIL FROM:<a@b",
        "QUIT",
    ];
    for lines in lines.chunks(mistakes(&context, lines.len())) {
        let mut session = stranger(&context).await?;
        let offers = ehlo(&mut session, CLIENT).await?;
        let enhanced = offers.has("ENHANCEDSTATUSCODES");
        wrong.extend(odd(&offers.reply).map(|odd| format!("EHLO: {odd}")));
        for line in lines {
            let reply = command(&mut session, line).await?;
            // 3xx has none (RFC 2034 section 4).
            let lacks = enhanced && !reply.is_intermediate() && reply.enhanced.is_none();
            if lacks {
                wrong.push(format!("{line}: no enhanced status code: {reply}"));
            }
            wrong.extend(odd(&reply).map(|odd| format!("{line}: {odd}")));
        }
    }
    require_none(&wrong, "replies as RFC 5321 section 4.2 has them")
}

/// What is odd in a reply.
fn odd(reply: &Reply) -> Option<String> {
    (!reply.irregularities.is_empty()).then(|| format!("{:?}: {reply}", reply.irregularities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_addresses_and_states() {
        for version in ["3.10.4", "(4.97.1)", "8.17.1/8.17.1", "v1.2"] {
            assert!(is_version(version), "{version}");
        }
        for other in [
            "2.0.0",
            "5.5.1",
            "192.0.2.1",
            "relay.test",
            "ESMTP",
            "25",
            "a.1",
        ] {
            assert!(!is_version(other), "{other}");
        }
    }
}
