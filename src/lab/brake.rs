//! The brake on guessed passwords, in a lab that stays while checks are run in it:
//! they fail logins by the dozen, and come from the one address that the lab's users
//! have too.

use super::{Error, Running};
use crate::plan::Role;

/// The list of addresses that the guard does not brake (Brake.pm). It forgets one that
/// nobody has touched for ten minutes, should this program be killed.
const LIST: &str = "/run/saslauthd/unbraked";

/// Lets logins fail as often as they like, from anywhere.
///
/// # Errors
/// When the engine refuses.
pub async fn release_brake(running: &Running) -> Result<(), Error> {
    let script = "umask 022 && echo '0.0.0.0/0 ::/0' >\"$1\"";
    relay(running, &["sh", "-c", script, "sh", LIST]).await?;
    Ok(())
}

/// Brakes again.
///
/// # Errors
/// As [`release_brake`].
pub async fn apply_brake(running: &Running) -> Result<(), Error> {
    relay(running, &["rm", "-f", LIST]).await?;
    Ok(())
}

/// What a command in the relay prints.
///
/// # Errors
/// When the engine refuses, or the command fails.
pub(super) async fn relay(running: &Running, argv: &[&str]) -> Result<String, Error> {
    let relay = running.plan.container(Role::Relay);
    let name = relay.map_or("", |container| container.name.as_str());
    let output = running.engine.exec(name, argv, None).await?;
    if output.exit_code == 0 {
        return Ok(output.stdout);
    }
    Err(Error::Impossible(format!(
        "`{}` in {name} ended with code {}: {}",
        argv.join(" "),
        output.exit_code,
        output.stderr.trim()
    )))
}
