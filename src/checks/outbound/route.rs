//! Where mail goes and what the next hop is told of its envelope; and what the
//! relay does where the next hop cannot take a message as it is.

use std::collections::BTreeSet;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::log::Log;
use super::super::probe::mail::{self, ANY_SENDER, RECIPIENT, SENDER};
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::probe::session::{logged_in, login_listener};
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{fail, held, require};
use crate::plan::Role;
use crate::render::next_hops::POOR;
use crate::report::Severity;
use crate::smtp::Message;

pub(super) const UTF8_UNKNOWN: Sabotage = Sabotage {
    name: "SMTPUTF8 is not known",
    changes: &[Change::Main("smtputf8_enable", "no")],
    sees: "555 5.5.4",
};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.every_domain_goes_to_the_next_hop",
        title: "Mail for every domain goes to the next hop, the relay's own name and literals too",
        citation: "RFC 5321 section 5.1; RFC 5321 section 4.1.3; Postfix relayhost",
        severity: Severity::High,
        about: "Sends mail by login to ordinary domains, subdomains, address literals and the \
                relay's own name, and reads in the log where each went. A domain that \
                skips the next hop is delivered by nobody, or straight to a machine inside that \
                the literal names; in a lab it would leave the lab.",
        repair: "Set outbound.next_hop in relay.yaml; by hand, relayhost, an empty mydestination, \
                 and no transport_maps that lead elsewhere.",
        needs: &[Need::Login, Need::Lab],
        long: true,
        sabotages: &[Sabotage {
            name: "the relay's own name is a local domain",
            changes: &[Change::Main("mydestination", "$myhostname, localhost")],
            sees: "this relay has no mailboxes",
        }],
        ..Check::by(&every_domain_goes_to_the_next_hop)
    },
    Check {
        id: "outbound.envelope_arrives_as_given",
        title: "The next hop gets the sender and the recipients that were given, and nobody else",
        citation: "RFC 5321 section 3.3; RFC 5321 section 2.3.11; Postfix always_bcc",
        severity: Severity::High,
        about: "Sends mail with plain, tagged, mixed-case, quoted, long and internationalised \
                addresses, to one and to many recipients, and compares the envelope that the next \
                hop got. A changed sender loses reports, a changed recipient loses mail, and one \
                more recipient reads it all.",
        repair: "By hand, leave always_bcc, sender_bcc_maps, recipient_bcc_maps, \
                 masquerade_domains, canonical_maps and smtp_generic_maps empty.",
        needs: &[ANY_SENDER, Need::Login, Need::Inbox],
        long: true,
        sabotages: &[
            Sabotage {
                name: "a copy of everything goes to an archive",
                changes: &[Change::Main("always_bcc", "archive@elsewhere.example")],
                sees: "archive@elsewhere.example",
            },
            Sabotage {
                name: "senders lose their subdomain",
                changes: &[Change::Main("masquerade_domains", "relaykit.example")],
                sees: "from <sender@relaykit.example>",
            },
        ],
        ..Check::by(&envelope_arrives_as_given)
    },
    Check {
        id: "outbound.eight_bits_are_converted",
        title: "A next hop without 8BITMIME gets the same text in seven bits",
        citation: "RFC 6152 section 3; RFC 2045 section 6.7; Postfix disable_mime_output_conversion",
        severity: Severity::Medium,
        about: "Sends a message in UTF-8 to a next hop that does not offer 8BITMIME. No byte above \
                ASCII may reach it, since what it does with one is anybody's guess; the text must \
                arrive quoted-printable, and be the same when it is decoded.",
        repair: "By hand, leave disable_mime_output_conversion = no.",
        needs: &[Need::Login, Need::Inbox, Need::Lab, PLAYED],
        sabotages: &[Sabotage {
            name: "eight bits to every next hop",
            changes: &[Change::Main("disable_mime_output_conversion", "yes")],
            sees: "bytes above ASCII",
        }],
        ..Check::by(&eight_bits_are_converted)
    },
    Check {
        id: "outbound.utf8_addresses_are_not_mangled",
        title: "A next hop without SMTPUTF8 gets no mail for addresses that need it",
        citation: "RFC 6531 section 3.2; RFC 6531 section 3.5; Postfix SMTPUTF8_README",
        severity: Severity::Medium,
        about: "Sends mail for a recipient with letters beyond ASCII to a next hop that does not \
                offer SMTPUTF8. There is no other spelling of such an address: the message has to \
                be returned with 5.6.7, not sent to somebody whose address looks alike.",
        repair: "By hand, leave smtputf8_enable = yes, so that Postfix knows such mail and what a \
                 next hop can take.",
        needs: &[Need::Login, Need::Lab, PLAYED],
        sabotages: &[UTF8_UNKNOWN],
        ..Check::by(&utf8_addresses_are_not_mangled)
    },
];

/// `HOST` stands for the relay's own name. The addresses and the domains are
/// nobody's (RFC 5737, RFC 3849, RFC 6761).
const RECIPIENTS: [&str; 6] = [
    "recipient@elsewhere.example",
    "recipient@a.deep.sub.domain.elsewhere.example",
    "recipient@[192.0.2.1]",
    "recipient@[IPv6:2001:db8::1]",
    "recipient@HOST",
    "recipient@sub.HOST",
];

async fn every_domain_goes_to_the_next_hop(context: Context) -> Judged {
    rows::each(
        &context,
        RECIPIENTS,
        str::to_owned,
        |context, recipient| async move {
            let mut log = Log::of(&context, Role::Relay)?;
            let recipient = recipient.replace("HOST", &context.target().hostname);
            let commands = [
                format!("MAIL FROM:<{SENDER}>"),
                format!("RCPT TO:<{recipient}>"),
            ];
            let id = played::submit(&context, &commands, &mail::plain()).await?;
            let fate = log.fate(&context, &id).await?;
            let next_hop = appliance::resolved(&context)?.next_hop;
            let host = next_hop.taking_host().unwrap_or_default();
            let right = fate.status == "sent" && fate.line.contains(&format!("relay={host}["));
            require(right, &format!("relay={host}, status=sent"), || {
                fate.line.clone()
            })
        },
    )
    .await
}

/// Sender and recipients, without angle brackets.
const ENVELOPES: [(&str, &[&str]); 8] = [
    (SENDER, &[RECIPIENT]),
    ("", &[RECIPIENT]),
    (
        "sender+tag@relaykit.example",
        &["recipient+tag@elsewhere.example"],
    ),
    ("Sender@Relaykit.example", &["Recipient@elsewhere.example"]),
    ("sender@sub.relaykit.example", &[RECIPIENT]),
    (
        "\"se nder\"@relaykit.example",
        &["\"re <c> @ipient\"@elsewhere.example"],
    ),
    (
        "sender=with=equals!bang%percent@relaykit.example",
        &["recipient-of-a-local-part-with-sixty-four-characters-in-it-all-0@elsewhere.example"],
    ),
    (
        SENDER,
        &[
            "one@elsewhere.example",
            "two@elsewhere.example",
            "three@somewhere.example",
            "two@nowhere.example",
        ],
    ),
];

async fn envelope_arrives_as_given(context: Context) -> Judged {
    rows::each(
        &context,
        ENVELOPES,
        |(from, to)| format!("from <{from}> to {}", to.join(", ")),
        |context, (from, to)| async move {
            let mut session = logged_in(&context, login_listener(&context)?).await?;
            let mut commands = vec![format!("MAIL FROM:<{from}>")];
            commands.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
            let message = mail::plain();
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            require(
                delivered.envelope_from == from,
                &format!("from <{from}>"),
                || format!("from <{}>", delivered.envelope_from),
            )?;
            let wanted: BTreeSet<&str> = to.iter().copied().collect();
            let got = delivered.envelope_to.iter().map(String::as_str);
            let got: BTreeSet<&str> = got.collect();
            require(got == wanted, &format!("to {wanted:?}"), || {
                format!("to {got:?}")
            })
        },
    )
    .await
}

/// What quoted-printable has to encode, and what it has to leave.
const TEXT: &str =
    "Grüße, 日本語 und ein = Zeichen\r\nblanks at the end  \r\n.\r\n..\r\nFrom the start\r\n";

async fn eight_bits_are_converted(context: Context) -> Judged {
    let message = Message::from_to(SENDER, &played::recipient(POOR.domain))
        .header("Content-Transfer-Encoding", "8bit")
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("MIME-Version", "1.0")
        .body(TEXT)
        .build();
    let mut commands = played::envelope(SENDER, POOR.domain);
    commands[0].push_str(" BODY=8BITMIME");
    played::submit(&context, &commands, &message).await?;
    let raw = mail::arrival(&context, &message).await?.raw;
    let high = raw.iter().filter(|byte| !byte.is_ascii()).count();
    require(high == 0, "ASCII alone", || {
        format!("{high} bytes above ASCII")
    })?;
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let head = head.to_lowercase();
    require(
        head.contains("content-transfer-encoding: quoted-printable"),
        "Content-Transfer-Encoding: quoted-printable",
        || head.clone(),
    )?;
    let decoded = String::from_utf8_lossy(&unquoted(body)).into_owned();
    require(decoded == TEXT, TEXT, || decoded)
}

/// Quoted-printable decoded (RFC 2045 section 6.7).
fn unquoted(text: &str) -> Vec<u8> {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .filter(|_| byte == b'=')
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = &behind[if code.is_some() { 2 } else { 0 }..];
    }
    bytes
}

async fn utf8_addresses_are_not_mangled(context: Context) -> Judged {
    let mut log = Log::of(&context, Role::Relay)?;
    let commands = [
        format!("MAIL FROM:<{SENDER}> SMTPUTF8"),
        format!("RCPT TO:<empfänger@{}>", POOR.domain),
    ];
    let message = played::message(POOR.domain);
    let id = played::submit(&context, &commands, &message).await?;
    let fate = log.fate(&context, &id).await?;
    fate.must_be("bounced")?;
    if fate.line.contains("dsn=5.6.7") {
        return held("dsn=5.6.7", fate.line);
    }
    fail("dsn=5.6.7", fate.line)
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn quoted_printable_is_decoded() {
        assert_eq!(
            unquoted("Gr=C3=BC=C3=9Fe =3D a=\r\nb\r\nc=20\r\n"),
            "Grüße = ab\r\nc \r\n".as_bytes()
        );
        assert_eq!(unquoted("=zz="), b"=zz=");
    }
}
