//! Sessions with the relay, as far as a check wants them.

use std::ops::ControlFlow;
use std::time::Duration;

use super::super::ports::silence;
use super::super::target::Context;
use super::super::verdict::{Judged, broken, fail, require, skip};
use crate::config::{self, ClientCertificates, Listener, Mechanism, User};
use crate::secret::Secret;
use crate::smtp::{Capabilities, Connect, Error, Failure, Reply, Session, TlsSettings, TlsVersion};

/// What a session of ours says in EHLO.
pub(in super::super) const CLIENT: &str = "client.relaykit.test";

/// How long a stranger's reply is waited for. RFC 5321 section 4.5.3.2 allows five
/// minutes; a relay that looks up its client's name in vain takes half of one.
pub(in super::super) const PATIENCE: Duration = Duration::from_secs(60);

/// The value of an answer. A relay that ends a session without one does what it must
/// not; silence tells nothing, and what this machine could not do breaks the check, too.
pub(in super::super) fn answer<T>(result: Result<T, Error>, expected: &str) -> Judged<T> {
    match result {
        Ok(value) => ControlFlow::Continue(value),
        Err(error) => match error.failure {
            Failure::Connect(_)
            | Failure::Timeout { .. }
            | Failure::Settings(_)
            | Failure::Io(_) => broken(error.to_string()),
            Failure::Declined(why) => skip(why),
            _ => fail(expected, error.to_string()),
        },
    }
}

/// The reply to one command.
pub(in super::super) async fn command(session: &mut Session, line: &str) -> Judged<Reply> {
    answer(session.command(line).await, "a reply")
}

/// Demands that `reply` has `code`.
pub(in super::super) fn require_code(reply: &Reply, code: u16, to: &str) -> Judged {
    require(reply.code == code, &format!("{code} to {to}"), || {
        reply.to_string()
    })
}

/// As [`require_code`], on the way to what a check is about: it is no row of its report.
pub(in super::super) fn pass_by(reply: &Reply, code: u16, to: &str) -> Judged {
    if reply.code == code {
        return ControlFlow::Continue(());
    }
    fail(format!("{code} to {to}"), reply.to_string())
}

/// TLS that accepts any certificate: what a check finds must not depend on it.
/// The certificate is the business of the area `tls`.
pub(in super::super) fn any_certificate(context: &Context) -> TlsSettings {
    let target = context.target();
    shown(
        context,
        TlsSettings::recording(&*target.hostname, Some(&target.ca_pem)),
    )
}

/// TLS that believes the target's CA alone. Passwords travel over nothing else.
pub(in super::super) fn right_certificate(context: &Context) -> TlsSettings {
    let target = context.target();
    shown(
        context,
        TlsSettings::trusting(&*target.hostname, &*target.ca_pem),
    )
}

/// With the client's certificate, where the target demands one.
fn shown(context: &Context, tls: TlsSettings) -> TlsSettings {
    let target = context.target();
    let demanded = target.spec.tls.client_certificates == ClientCertificates::Require;
    match &target.client_certificate {
        Some(issued) if demanded => {
            tls.client_certificate(&*issued.certificate, issued.key.clone())
        }
        _ => tls,
    }
}

/// Connects to `listener`, shakes hands with `wrapper` where that is given, and
/// reads nothing.
pub(in super::super) async fn open(
    context: &Context,
    listener: Listener,
    wrapper: Option<TlsSettings>,
) -> Judged<Session> {
    is_up(context, listener)?;
    open_even_if_silent(context, listener, wrapper).await
}

/// That a port is not known to be down, which says nothing of what a check is about.
pub(in super::super) fn is_up(context: &Context, listener: Listener) -> Judged {
    match context.target().ports.why(listener) {
        Some(why) => broken(why),
        None => ControlFlow::Continue(()),
    }
}

/// As [`open`], also where nothing that a client says in the clear is answered: what a
/// client says that begins with TLS may be.
pub(in super::super) async fn open_even_if_silent(
    context: &Context,
    listener: Listener,
    wrapper: Option<TlsSettings>,
) -> Judged<Session> {
    let Some(endpoint) = context.target().endpoint(listener) else {
        return broken(format!("the target has no listener {}", listener.name()));
    };
    let manners = context.target().manners.clone();
    let usual = Connect::default();
    let options = Connect {
        timeout: manners.as_ref().map_or(usual.timeout, |_| PATIENCE),
        wrapper,
        transcript: context.transcript().clone(),
        manners,
        ..usual
    };
    let expected = format!("a connection to {}", listener.name());
    let shakes = options.wrapper.is_some();
    let connected = Session::connect(endpoint, &options).await;
    let refused = matches!(&connected, Err(e) if matches!(e.failure, Failure::Closed { .. }));
    if shakes && refused {
        return answer(connected, &expected);
    }
    heard(context, listener, connected, &expected)
}

/// As [`answer`], before a listener has said anything: silence is then the port's.
fn heard<T>(
    context: &Context,
    listener: Listener,
    result: Result<T, Error>,
    expected: &str,
) -> Judged<T> {
    let silent = result.as_ref().err();
    match silent.and_then(|error| silence(error, expected)) {
        Some(why) => {
            context.lose(listener, why.clone());
            let (port, name) = (listener.port(), listener.name());
            broken(format!("port {port} ({name}): {why}"))
        }
        None => answer(result, expected),
    }
}

/// The greeting of a new connection.
pub(in super::super) async fn greeting(
    context: &Context,
    listener: Listener,
    session: &mut Session,
) -> Judged<Reply> {
    let greeting = session.greeting().await;
    heard(context, listener, greeting, "a greeting")
}

/// A session in the clear after its greeting. Not for submissions.
pub(in super::super) async fn in_clear(context: &Context, listener: Listener) -> Judged<Session> {
    let mut session = open(context, listener, None).await?;
    greeted(context, listener, &mut session).await?;
    ControlFlow::Continue(session)
}

/// A session under TLS, by STARTTLS or from the first byte as the listener has
/// it, before its EHLO.
pub(in super::super) async fn under_tls(
    context: &Context,
    listener: Listener,
    tls: TlsSettings,
) -> Judged<Session> {
    if listener == Listener::Submissions {
        let mut session = open(context, listener, Some(tls)).await?;
        greeted(context, listener, &mut session).await?;
        return ControlFlow::Continue(session);
    }
    let mut session = in_clear(context, listener).await?;
    ehlo(&mut session, CLIENT).await?;
    let expected = format!("STARTTLS on {}", listener.name());
    answer(session.starttls(&tls).await.map(|_| ()), &expected)?;
    ControlFlow::Continue(session)
}

/// Demands `extension`, which every relay of relaykit's offers. Somebody else's may do
/// without: what the check is about, it does not have.
pub(in super::super) fn require_extension(
    context: &Context,
    offers: &Capabilities,
    extension: &str,
) -> Judged {
    if offers.has(extension) {
        return ControlFlow::Continue(());
    }
    if context.target().is_stranger() {
        return skip(format!("the relay does not offer {extension}"));
    }
    fail(
        format!("{extension} in the reply to EHLO"),
        format!("without {extension}: {}", offers.reply),
    )
}

/// EHLO and what is offered; demands 250.
pub(in super::super) async fn ehlo(session: &mut Session, name: &str) -> Judged<Capabilities> {
    let offers = answer(session.ehlo(name).await, "a reply to EHLO")?;
    pass_by(&offers.reply, 250, "EHLO")?;
    ControlFlow::Continue(offers)
}

/// The user that checks log in as.
pub(in super::super) fn user(context: &Context) -> Judged<&User> {
    match context.target().users.first() {
        Some(user) => ControlFlow::Continue(user),
        None => broken("the check logs in and did not say that it needs a login"),
    }
}

/// The reply to a login with PLAIN or, where the relay does not have that, LOGIN:
/// an unknown mechanism is refused as a wrong password is.
pub(in super::super) async fn attempt(
    context: &Context,
    session: &mut Session,
    name: &str,
    password: &Secret,
) -> Judged<Reply> {
    let mechanisms = &context.target().spec.auth.mechanisms;
    let mechanism = if mechanisms.contains(&Mechanism::Plain) {
        Mechanism::Plain
    } else {
        Mechanism::Login
    };
    attempt_by(session, mechanism, name, password).await
}

/// The reply to a login with this mechanism.
pub(in super::super) async fn attempt_by(
    session: &mut Session,
    mechanism: Mechanism,
    name: &str,
    password: &Secret,
) -> Judged<Reply> {
    let reply = match mechanism {
        Mechanism::Plain => session.auth_plain("", name, password).await,
        Mechanism::Login => session.auth_login(name, password).await,
    };
    answer(reply, "a reply to AUTH")
}

/// Whether a stranger's relay has looked at a login: one that brakes whoever has failed
/// too often answers 454 to what it would refuse, and the check can tell nothing then.
pub(in super::super) fn judged(context: &Context, reply: &Reply) -> Judged {
    if context.target().is_stranger() && reply.code == 454 {
        return skip(format!(
            "the relay puts off an address from which logins have failed: {reply}"
        ));
    }
    ControlFlow::Continue(())
}

/// Logs in; demands 235.
pub(in super::super) async fn log_in(context: &Context, session: &mut Session) -> Judged {
    let user = user(context)?;
    let reply = attempt(context, session, &user.name, &user.password).await?;
    pass_by(&reply, 235, "AUTH")
}

/// A session under verified TLS that is logged in.
pub(in super::super) async fn logged_in(context: &Context, listener: Listener) -> Judged<Session> {
    let tls = right_certificate(context);
    let mut session = under_tls(context, listener, tls).await?;
    ehlo(&mut session, CLIENT).await?;
    log_in(context, &mut session).await?;
    ControlFlow::Continue(session)
}

/// How many mistakes one session may make. A stranger may end it at the fourth, as Exim
/// does (RFC 5321 section 7.8); that tells nothing of what is asked.
pub(in super::super) fn mistakes(context: &Context, of_ours: usize) -> usize {
    if context.target().is_stranger() {
        3
    } else {
        of_ours
    }
}

/// The listeners where a session begins in the clear.
pub(in super::super) fn starts_in_clear(context: &Context) -> Vec<Listener> {
    let listeners = context.target().listeners();
    listeners.filter(|l| *l != Listener::Submissions).collect()
}

/// The listeners where TLS can be had. Of a stranger that does without, one check
/// says so; those that judge the TLS itself have nothing to judge.
pub(in super::super) fn tls_listeners(context: &Context) -> Judged<Vec<Listener>> {
    let target = context.target();
    let listeners = target.listeners().filter(|l| target.speaks_tls(*l));
    some(listeners.collect(), "no port speaks TLS")
}

/// The listeners where TLS begins with STARTTLS.
pub(in super::super) fn starttls_listeners(context: &Context) -> Judged<Vec<Listener>> {
    let mut listeners = tls_listeners(context)?;
    listeners.retain(|l| *l != Listener::Submissions);
    some(listeners, "no port offers STARTTLS")
}

/// The versions of TLS that the target speaks, of those that are any good.
pub(in super::super) fn tls_versions(context: &Context) -> &'static [TlsVersion] {
    let target = context.target();
    match target.spec.tls.minimum {
        _ if target.lacks.tls13 => &[TlsVersion::Tls12],
        config::TlsVersion::V1_2 => &[TlsVersion::Tls12, TlsVersion::Tls13],
        config::TlsVersion::V1_3 => &[TlsVersion::Tls13],
    }
}

fn some(listeners: Vec<Listener>, otherwise: &str) -> Judged<Vec<Listener>> {
    if listeners.is_empty() {
        return skip(otherwise);
    }
    ControlFlow::Continue(listeners)
}

/// What a row about one listener is called.
pub(in super::super) fn port(listener: Listener) -> String {
    format!("port {}", listener.port())
}

/// The listener that a check submits to when any will do.
pub(in super::super) fn login_listener(context: &Context) -> Judged<Listener> {
    let target = context.target();
    // Any will do, so that one that is down need not be it.
    let up = target
        .login_listeners()
        .filter(|l| target.ports.why(*l).is_none());
    match up.last().or_else(|| target.login_listeners().last()) {
        Some(listener) => ControlFlow::Continue(listener),
        None => broken("the check logs in and did not say that it needs a login"),
    }
}

/// Demands the greeting of a listener that is open. That it sends clients away is known
/// before checks; where that begins later, nothing can be judged either.
pub(in super::super) async fn greeted(
    context: &Context,
    listener: Listener,
    session: &mut Session,
) -> Judged {
    let greeting = greeting(context, listener, session).await?;
    pass_by(&greeting, 220, "a new connection")
}
