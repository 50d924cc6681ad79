//! What holds for a session once it is under TLS: it can be resumed, and no more
//! than that; and what is sent in it arrives whole or not at all.

use std::ops::ControlFlow;
use std::time::Duration;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, answer, any_certificate, command, ehlo, log_in, logged_in, login_listener, port,
    require_code, right_certificate, starttls_listeners, tls_versions, under_tls,
};
use super::super::probe::trace;
use super::super::target::{Context, Undelivered};
use super::super::verdict::Judged;
use super::super::verdict::{broken, fail, require, skip};
use crate::config::{Listener, Says};
use crate::report::Severity;
use crate::smtp::{Message, TlsVersion};

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "tls.sessions_are_resumed",
        title: "A client that comes back by STARTTLS resumes its TLS session",
        citation: "row 11; RFC 8446 section 2.2; RFC 5077 section 3.1; Postfix smtpd_tls_session_cache_database",
        severity: Severity::Low,
        about: "Shakes hands twice with each version on every port but 465, the second time with what the \
                relay gave for that: a ticket, or a session's number. Resuming spares both sides \
                most of the computing, and clients that send often a good part of their time.",
        repair: "By hand: set `smtpd_tls_session_cache_database` to a file that Postfix may write, \
                 `lmdb:${data_directory}/smtpd_scache`, and leave NO_TICKET out of \
                 `tls_ssl_options`.",
        needs: &[Need::Built],
        sabotages: &[Sabotage {
            name: "no session cache",
            changes: &[
                Change::Main("smtpd_tls_session_cache_database", ""),
                Change::Main("tls_ssl_options", "NO_RENEGOTIATION, NO_TICKET"),
            ],
            sees: "a full handshake",
        }],
        ..Check::by(&sessions_are_resumed)
    },
    Check {
        id: "tls.submissions_waits_for_no_ticket",
        title: "On 465 no session tickets are sent, which the greeting would wait behind",
        citation: "row 12; RFC 8446 section 4.6.1; RFC 8314 section 3.3",
        severity: Severity::Low,
        about: "Shakes hands by TLS 1.3 on the port with TLS from the first byte, reads the greeting, \
                and shakes hands again with what the relay gave for that, which must be nothing. \
                Postfix writes tickets in small segments, and the greeting waits until the client has \
                acknowledged them: 43 ms in every session, more than a resumed handshake spares.",
        repair: "By hand, a section of OpenSSL's settings with `NumTickets = 0` that tls_config_file \
                 and tls_config_name of the service name, and an empty tls_session_ticket_cipher.",
        needs: &[Need::Built, Need::Listener(Listener::Submissions)],
        sabotages: &[Sabotage {
            name: "tickets before the greeting of 465",
            changes: &[
                Change::Service("submissions/inet", "tls_config_file", "default"),
                Change::Service(
                    "submissions/inet",
                    "tls_session_ticket_cipher",
                    "aes-256-cbc",
                ),
            ],
            sees: "a resumed session",
        }],
        ..Check::by(&submissions_waits_for_no_ticket)
    },
    Check {
        id: "tls.resumption_is_no_login",
        title: "A resumed session has to log in anew, on its own port and on others",
        citation: "RFC 4954 section 4; RFC 3207 section 4.2",
        severity: Severity::Critical,
        about: "Logs in, leaves, and resumes the TLS session on each port that has logins. The \
                relay must offer AUTH again and refuse mail until it is used: a session ticket \
                is kept on disk by clients and tells nothing of who has the password.",
        repair: "Let `smtpd_relay_restrictions` of the submission services permit by login \
                 (`permit_sasl_authenticated`) and by nothing that TLS tells.",
        needs: &[Need::Login],
        sabotages: &[Sabotage {
            name: "whoever names a sender relays by port 587",
            changes: &[
                Change::Service("submission/inet", "smtpd_relay_restrictions", ANY_SENDER),
                Change::Service(
                    "submission/inet",
                    "smtpd_recipient_restrictions",
                    ANY_SENDER,
                ),
            ],
            sees: "250 2.1.5",
        }],
        ..Check::by(&resumption_is_no_login)
    },
    Check {
        id: "tls.messages_arrive_whole_or_not_at_all",
        title: "Mail crosses TLS records whole, and what is cut off is not delivered",
        citation: "RFC 8446 section 6.1; RFC 5321 section 4.1.1.4",
        severity: Severity::High,
        about: "Sends 100 KB through records of 16 KB, which must arrive byte for byte, and before \
                that half a message whose connection then ends without the end of TLS \
                (close_notify), as somebody on the way can do at will. The half must not be \
                delivered.",
        repair: "Look for `message_size_limit`, and for a proxy or content filter in front of \
                 Postfix that takes the end of a connection for the end of the data.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "messages of 60 KB at most",
            changes: &[Change::Main("message_size_limit", "60000")],
            sees: "5.3.4",
        }],
        ..Check::by(&messages_arrive_whole_or_not_at_all)
    },
    Check {
        id: "tls.trace_tells_of_tls",
        title: "Mail without a login says in its trace header which TLS it came by",
        citation: "row 11; RFC 3848 section 1; RFC 8314 section 4.3; Postfix smtpd_tls_received_header",
        severity: Severity::Low,
        about: "Sends a message to a domain of `relay.domains` through port 25 under TLS, without \
                a login, and compares what the relay's trace header says of version and suite \
                with what was agreed on. It is how a recipient learns whether mail was open \
                on its way.",
        repair: "By hand: `smtpd_tls_received_header = yes`.",
        needs: &[
            Need::Listener(Listener::Smtp),
            Need::Inbox,
            Need::Setting("relay.domains", Says::Something),
        ],
        sabotages: &[Sabotage {
            name: "TLS is not told in the trace",
            changes: &[Change::Main("smtpd_tls_received_header", "no")],
            sees: "nothing of TLS",
        }],
        ..Check::by(&trace_tells_of_tls)
    },
];

const ANY_SENDER: &str = "check_sender_access static:OK, reject";

async fn sessions_are_resumed(context: Context) -> Judged {
    let by_starttls = starttls_listeners(&context)?;
    rows::each(
        &context,
        rows::pairs(by_starttls, tls_versions(&context)),
        |(listener, version)| format!("{version} on {}", port(listener)),
        |context, (listener, version)| async move {
            let tls = any_certificate(&context).only(version).resuming();
            let mut first = under_tls(&context, listener, tls.clone()).await?;
            // TLS 1.3 sends tickets after the handshake, before the next reply.
            ehlo(&mut first, CLIENT).await?;
            let second = under_tls(&context, listener, tls).await?;
            let resumed = second.tls().is_some_and(|facts| facts.resumed);
            require(resumed, "a resumed session", || "a full handshake")
        },
    )
    .await
}

async fn submissions_waits_for_no_ticket(context: Context) -> Judged {
    let newest = any_certificate(&context).only(TlsVersion::Tls13);
    let tls = newest.resuming();
    let mut first = under_tls(&context, Listener::Submissions, tls.clone()).await?;
    ehlo(&mut first, CLIENT).await?;
    let second = under_tls(&context, Listener::Submissions, tls).await?;
    let facts = second.tls();
    let version = facts.map(|facts| facts.version.to_string());
    require(version.as_deref() == Some("TLS 1.3"), "TLS 1.3", || {
        version.clone().unwrap_or_else(|| "no TLS".to_owned())
    })?;
    let resumed = facts.is_some_and(|facts| facts.resumed);
    require(!resumed, "a full handshake", || "a resumed session")
}

async fn resumption_is_no_login(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let tls = right_certificate(&context).resuming();
            // relaykit's 465 gives nothing to resume with.
            let mut others = context.target().login_listeners();
            let other = others.find(|listener| *listener != Listener::Submissions);
            let giving = other.map_or_else(|| login_listener(&context), ControlFlow::Continue)?;
            let mut first = under_tls(&context, giving, tls.clone()).await?;
            ehlo(&mut first, CLIENT).await?;
            log_in(&context, &mut first).await?;
            drop(first);
            let mut second = under_tls(&context, listener, tls).await?;
            if second.tls().is_some_and(|facts| !facts.resumed) {
                context
                    .transcript()
                    .note("the relay did not resume the session");
            }
            let offers = ehlo(&mut second, CLIENT).await?;
            require(!offers.auth_mechanisms().is_empty(), "AUTH offered", || {
                offers.reply.to_string()
            })?;
            command(&mut second, &format!("MAIL FROM:<{SENDER}>")).await?;
            let reply = command(&mut second, &format!("RCPT TO:<{RECIPIENT}>")).await?;
            // Postfix's own default is to put it off (454).
            require(
                !reply.is_positive(),
                "a refusal of RCPT without a login",
                || reply.to_string(),
            )
        },
    )
    .await
}

async fn messages_arrive_whole_or_not_at_all(context: Context) -> Judged {
    let listener = login_listener(&context)?;
    let line = format!("{}\r\n", "0123456789".repeat(7));
    let half = mail::plain();
    let mut cut = logged_in(&context, listener).await?;
    for line in [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{RECIPIENT}>"),
    ] {
        let reply = command(&mut cut, &line).await?;
        require_code(&reply, 250, &line)?;
    }
    let reply = command(&mut cut, "DATA").await?;
    require_code(&reply, 354, "DATA")?;
    let sent = cut.write_raw(half.bytes()).await;
    answer(sent, "a server that reads")?;
    drop(cut);

    // Some records' worth, where so much is allowed.
    let limit = context.target().spec.relay.message_size_limit;
    let lines = usize::try_from(limit / 2).unwrap_or(usize::MAX) / line.len();
    let whole = Message::from_to(SENDER, RECIPIENT)
        .body(line.repeat(lines.min(1400)))
        .build();
    let mut session = logged_in(&context, listener).await?;
    let delivered = mail::relayed(&context, &mut session, &whole).await?;
    require(
        whole.trace_in(&delivered.raw).is_some(),
        "the message as it was sent, below the trace",
        || "another one",
    )?;
    // Had the half been taken, it would have been on its way before the whole one.
    let Some(inbox) = &context.target().inbox else {
        return broken("the check reads the inbox and did not say that it needs one");
    };
    match inbox.wait_for(half.token(), Duration::ZERO).await {
        Ok(_) => fail("no half message", "the half message was delivered"),
        Err(Undelivered::Absent(_)) => ControlFlow::Continue(()),
        Err(unreadable @ Undelivered::Unreadable(_)) => broken(unreadable.to_string()),
    }
}

async fn trace_tells_of_tls(context: Context) -> Judged {
    let domains = &context.target().spec.relay.domains;
    let Some(domain) = domains.iter().find(|domain| !domain.starts_with('.')) else {
        return skip("relay.domains has no domain");
    };
    let recipient = format!("someone@{domain}");
    let message = Message::from_to(SENDER, &recipient).build();
    let tls = any_certificate(&context);
    let mut session = under_tls(&context, Listener::Smtp, tls).await?;
    ehlo(&mut session, CLIENT).await?;
    let commands = [
        format!("MAIL FROM:<{SENDER}>"),
        format!("RCPT TO:<{recipient}>"),
    ];
    mail::send_with(&mut session, &commands, &message).await?;
    let delivered = mail::arrival(&context, &message).await?;
    let trace = trace::newest(&delivered)?;
    let Some(facts) = session.tls() else {
        return broken("the session does not know its own TLS");
    };
    require(
        trace.with.as_deref() == Some("ESMTPS"),
        "with ESMTPS",
        || trace.raw.clone(),
    )?;
    // `using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)`
    let told = trace.comments.iter().find(|c| c.starts_with("using TLS"));
    let Some(told) = told else {
        return fail(
            "version and suite in a comment",
            format!("nothing of TLS in: {}", trace.raw),
        );
    };
    let version = facts.version.to_string().replace("TLS ", "TLSv");
    // Below TLS 1.3 the suite goes by OpenSSL's name.
    let suite = facts.version == TlsVersion::Tls12 || told.contains(&facts.cipher_suite);
    require(
        told.contains(&version) && suite,
        &format!("{version} with {}", facts.cipher_suite),
        || told.clone(),
    )
}
