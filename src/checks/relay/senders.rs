//! Whom a login may send as.

use std::ops::ControlFlow;

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::mail::{self, RECIPIENT, SENDER};
use super::super::probe::people;
use super::super::probe::rows;
use super::super::probe::session::{
    CLIENT, attempt, command, ehlo, logged_in, login_listener, port, require_code,
    right_certificate, under_tls,
};
use super::super::probe::unguarded::another_guard;
use super::super::target::Context;
use super::super::verdict::Judged;
use super::super::verdict::{PASS, broken, fail, require, require_none};
use super::PER_SESSION;
use crate::config::{Listener, Says, User};
use crate::plan::Role;
use crate::report::Severity;
use crate::smtp::{Message, Session};

const ANY_SENDER: Sabotage = Sabotage {
    name: "any sender passes",
    changes: &[Change::Main("smtpd_sender_restrictions", "")],
    sees: "taken from <",
};

const OWN: Need = Need::Settings(&[
    ("relay.sender_login", Says::Is("own")),
    ("lab.users", Says::Items(2)),
]);

const OF_USERS_FILE: Need = Need::Settings(&[
    ("relay.sender_login", Says::Is("own")),
    ("auth.pam.users_file", Says::Something),
]);

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "relay.senders_are_the_logins_own",
        title: "A login sends from its own addresses and from nobody else's, however spelled",
        citation: "RFC 6409 section 6.1; Postfix reject_authenticated_sender_login_mismatch",
        severity: Severity::High,
        about: "Logs in and names senders in MAIL FROM: the login's own address in several \
                spellings, which must be taken, and addresses of another user, of nobody and of \
                nearly the right form, which must not. One stolen password is else enough to \
                write as anybody in the house.",
        repair: "Set relay.sender_login: own. By hand: smtpd_sender_login_maps with the owners of \
                 each address, and reject_authenticated_sender_login_mismatch in \
                 smtpd_sender_restrictions.",
        needs: &[Need::Login, OWN],
        sabotages: &[
            ANY_SENDER,
            Sabotage {
                name: "addresses without an owner are everybody's",
                changes: &[Change::Main(
                    "smtpd_sender_restrictions",
                    "reject_known_sender_login_mismatch",
                )],
                sees: "taken from <nobody",
            },
        ],
        ..Check::by(&senders_are_the_logins_own)
    },
    Check {
        id: "relay.spelling_of_a_login_changes_nothing",
        title: "A login in capitals or with blanks has the rights of the same user, no other",
        citation: "RFC 4517 section 4.2.11; Postfix smtpd_sender_login_maps",
        severity: Severity::Medium,
        about: "A directory compares logins without regard to case and outer blanks, so that \
                ALICE logs in as alice. Whichever spelling it takes must then be able to send \
                from alice's address, or users are locked out for a capital letter, and must not \
                be able to send from another's.",
        repair: "Let smtpd_sender_login_maps give the login attribute of the entry that owns the \
                 address, as relay.sender_login: own does; check that the searching account may \
                 search the addresses and read that attribute.",
        needs: &[Need::Login, OWN],
        sabotages: &[
            ANY_SENDER,
            Sabotage {
                name: "the owner is looked for by another attribute",
                changes: &[
                    Change::Given(Need::Directory),
                    Change::Replace(
                        Role::Relay,
                        "logins.conf",
                        "owners: (&(mail=%a)",
                        "owners: (&(sn=%a)",
                    ),
                ],
                sees: "its own address is refused",
            },
        ],
        ..Check::by(&spelling_of_a_login_changes_nothing)
    },
    Check {
        id: "relay.name_with_blanks_owns_no_address",
        title: "Whoever is named with a blank or a comma gives no address away to another login",
        citation: "Postfix smtpd_sender_login_maps; RFC 6409 section 6.1",
        severity: Severity::High,
        about: "Adds people to the directory whose login is the first user's, then a blank or a comma \
                and more, each with a mail address. The first user logs in and names these \
                addresses in MAIL FROM, which must be refused. Postfix takes the list of owners \
                apart at blanks and commas, so that `john smith` would be two owners, and a login \
                `smith` could send as him.",
        repair: "relaykit's guard names no owner with a blank or a comma, and says so in the log. By \
                 hand, give logins without them, and look up the owner by that attribute.",
        needs: &[Need::Login, Need::Lab, OWN, people::ANY_NAME],
        sabotages: &[
            ANY_SENDER,
            Sabotage {
                name: "owners are handed to Postfix as they are named",
                changes: &[another_guard!(
                    "edit 's/^        my @fit = .*/        my @fit = @$names;/' other/Owners.pm"
                )],
                sees: "taken from <",
            },
        ],
        ..Check::by(&name_with_blanks_owns_no_address)
    },
    Check {
        id: "relay.users_file_says_who_sends",
        title: "The addresses and domains in the users file are what its people send from",
        citation: "row 6; RFC 6409 section 6.1; Postfix smtpd_sender_login_maps",
        severity: Severity::High,
        about: "Adds somebody to the users file who has an address and a whole domain, `@domain`, and \
                somebody else who has an address in that domain. The first must be able to send \
                from the one address and from others of the domain, and not from the second one's, \
                from another address beside the first, or from a domain below.",
        repair: "Write the addresses behind the hash: name:hash:me@a.example,@b.example. \
                 `relaykit users add NAME --address ADDRESS` does.",
        needs: &[Need::Login, Need::Lab, OF_USERS_FILE],
        sabotages: &[
            ANY_SENDER,
            Sabotage {
                name: "domains in the users file own nothing",
                changes: &[another_guard!(
                    "edit 's|for split /,/, .addresses.*|for grep { !/^@/ } split /,/, $addresses;|' other/Accounts.pm"
                )],
                sees: "mail refused from <anybody@",
            },
            Sabotage {
                name: "addresses in the users file own their domain",
                changes: &[another_guard!(
                    "edit 's/^        push @{ .owners.*/        push @{ $owners{ key(s,.*@,@,r) } }, $name for split m{,}, $addresses/' other/Accounts.pm"
                )],
                sees: "mail taken from <",
            },
        ],
        ..Check::by(&users_file_says_who_sends)
    },
    Check {
        id: "relay.null_sender_is_submitted",
        title: "A logged-in client can send from the null sender, and it stays null",
        citation: "RFC 8098 section 3; RFC 5321 section 4.5.5",
        severity: Severity::Medium,
        about: "Submits a message with MAIL FROM:<> on every listener with logins and reads the \
                envelope that the next hop got. Read receipts and automatic answers must have no \
                sender, so that nothing answers them in turn: a relay that refuses it loses them, \
                and one that puts a sender in makes loops.",
        repair: "Take what refuses <> out of smtpd_sender_restrictions, and <> out of canonical \
                 maps. relay.sender_login: own lets it pass.",
        needs: &[Need::Login, Need::Inbox],
        sabotages: &[Sabotage {
            name: "mail without a sender is refused",
            changes: &[Change::Main(
                "smtpd_sender_restrictions",
                "check_sender_access inline:{<>=REJECT}",
            )],
            sees: "554 5.7.1 <>",
        }],
        ..Check::by(&null_sender_is_submitted)
    },
];

/// The first two users with their addresses.
fn two(context: &Context) -> Judged<[(&User, String); 2]> {
    let resolved = appliance::resolved(context)?;
    match context.target().spec.lab.users.as_slice() {
        [first, second, ..] => ControlFlow::Continue([
            (first, resolved.address(first)),
            (second, resolved.address(second)),
        ]),
        _ => broken("the check needs two users and did not say so"),
    }
}

/// Whether the relay lets the client of `session` send from `sender`, which
/// stands as it is in angle brackets. Where it does not refuse the recipient
/// either, DATA can still; the session is then of no use any more.
async fn allows(session: &mut Session, sender: &str) -> Judged<bool> {
    let mail = command(session, &format!("MAIL FROM:<{sender}>")).await?;
    if !mail.is_positive() {
        return ControlFlow::Continue(false);
    }
    let accepted = command(session, &format!("RCPT TO:<{RECIPIENT}>")).await?;
    let reset = command(session, "RSET").await?;
    require_code(&reset, 250, "RSET")?;
    ControlFlow::Continue(accepted.is_positive())
}

async fn senders_are_the_logins_own(context: Context) -> Judged {
    let [(_, own), (other, others)] = two(&context)?;
    let (name, domain) = own.split_once('@').unwrap_or((&own, ""));
    let upper = |address: &str| address.to_uppercase();
    let mut cases = vec![
        (own.clone(), true),
        (upper(&own), true),
        (format!("\"{name}\"@{domain}"), true),
        (others.clone(), false),
        (upper(&others), false),
        (format!("@{domain}:{others}"), false),
        (format!("\"{}\"@{domain}", other.name), false),
        (format!("nobody@{domain}"), false),
        (format!("{own}@elsewhere.example"), false),
        (format!("*@{domain}"), false),
        (SENDER.replace('@', "@not-"), false),
    ];
    if !context
        .target()
        .spec
        .postfix
        .main
        .contains_key("recipient_delimiter")
    {
        cases.push((format!("{name}+lists@{domain}"), false));
    }
    let chunks: Vec<&[(String, bool)]> = cases.chunks(PER_SESSION).collect();
    let table = rows::pairs(context.target().login_listeners(), &chunks);
    rows::each(
        &context,
        table,
        |(listener, _)| port(listener),
        |context, (listener, cases)| async move {
            let mut session = logged_in(&context, listener).await?;
            let mut wrong = Vec::new();
            for (sender, right) in cases {
                match (allows(&mut session, sender).await?, *right) {
                    (true, false) => wrong.push(format!("mail taken from <{sender}>")),
                    (false, true) => wrong.push(format!("mail refused from <{sender}>")),
                    _ => {}
                }
            }
            require_none(&wrong, "mail from the login's own addresses alone")
        },
    )
    .await
}

async fn spelling_of_a_login_changes_nothing(context: Context) -> Judged {
    let [(user, own), (_, others)] = two(&context)?;
    let spellings = [
        user.name.to_uppercase(),
        format!(" {}", user.name),
        format!("{} ", user.name),
    ];
    let listener = login_listener(&context)?;
    let (user, own, others) = (&user, &own, &others);
    rows::each(
        &context,
        spellings,
        |spelling| format!("logged in as {spelling:?}"),
        |context, spelling| async move {
            let Some(mut session) = session_as(&context, listener, &spelling, user).await? else {
                return PASS;
            };
            let allowed = allows(&mut session, own).await?;
            require(allowed, "mail from its own address", || {
                let what = if allowed { "taken" } else { "refused" };
                format!("its own address is {what}, <{own}>")
            })?;
            let allowed = allows(&mut session, others).await?;
            require(!allowed, "no mail from another's address", || {
                let what = if allowed { "taken" } else { "refused" };
                format!("mail {what} from <{others}>")
            })
        },
    )
    .await
}

async fn name_with_blanks_owns_no_address(context: Context) -> Judged {
    let [(user, own), _] = two(&context)?;
    let domain = own.split_once('@').map_or("", |(_, domain)| domain);
    let rest = people::name("smith");
    let mut addresses = Vec::new();
    for (number, between) in [" ", ",", ", "].into_iter().enumerate() {
        let address = format!("{rest}-{number}@{domain}");
        let name = format!("{}{between}{rest}-{number}", user.name);
        people::add_with_address(&context, &name, "what nobody else knows", &address).await?;
        addresses.push(address);
    }
    let mut session = logged_in(&context, login_listener(&context)?).await?;
    let mut wrong = Vec::new();
    for address in &addresses {
        if allows(&mut session, address).await? {
            wrong.push(format!("mail taken from <{address}>"));
        }
    }
    require_none(&wrong, "no mail from addresses of people with longer names")
}

async fn users_file_says_who_sends(context: Context) -> Judged {
    let own = people::name("sends");
    let [one, all, below] = ["one", "all", "below.all"].map(|d| format!("{own}.{d}.example"));
    let owned = format!("me@{one},@{all}");
    let user = people::add_with_address(&context, &own, "what it knows", &owned).await?;
    let (other, others) = (people::name("other"), format!("other@{all}"));
    people::add_with_address(&context, &other, "what another knows", &others).await?;
    let listener = login_listener(&context)?;
    let session = session_as(&context, listener, &user.name, &user).await?;
    let Some(mut session) = session else {
        return fail("a login", format!("{own} cannot log in"));
    };
    let mut wrong = Vec::new();
    for (sender, right) in [
        (format!("me@{one}"), true),
        (format!("ME@{}", one.to_uppercase()), true),
        (format!("anybody@{all}"), true),
        (others, false),
        (format!("another@{one}"), false),
        (format!("me@{below}"), false),
    ] {
        match (allows(&mut session, &sender).await?, right) {
            (true, false) => wrong.push(format!("mail taken from <{sender}>")),
            (false, true) => wrong.push(format!("mail refused from <{sender}>")),
            _ => {}
        }
    }
    require_none(&wrong, "mail from what the users file has behind the name")
}

/// A session of `user` under another spelling of the login, where the relay
/// takes that.
pub(super) async fn session_as(
    context: &Context,
    listener: Listener,
    spelling: &str,
    user: &User,
) -> Judged<Option<Session>> {
    let mut session = under_tls(context, listener, right_certificate(context)).await?;
    ehlo(&mut session, CLIENT).await?;
    let reply = attempt(context, &mut session, spelling, &user.password).await?;
    let judged = reply.code == 235 || reply.is_permanent();
    require(judged, "a login, or a refusal for good", || {
        reply.to_string()
    })?;
    ControlFlow::Continue((reply.code == 235).then_some(session))
}

async fn null_sender_is_submitted(context: Context) -> Judged {
    rows::each(
        &context,
        context.target().login_listeners(),
        port,
        |context, listener| async move {
            let mut session = logged_in(&context, listener).await?;
            let message = Message::from_to(SENDER, RECIPIENT).build();
            let commands = ["MAIL FROM:<>".to_owned(), format!("RCPT TO:<{RECIPIENT}>")];
            mail::send_with(&mut session, &commands, &message).await?;
            let delivered = mail::arrival(&context, &message).await?;
            require(
                delivered.envelope_from.is_empty(),
                "the null sender",
                || format!("envelope sender {:?}", delivered.envelope_from),
            )
        },
    )
    .await
}
