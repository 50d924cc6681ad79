//! The labels that relaykit puts on everything it makes on an engine. Labs are
//! found by them: there is no other state of record.

use super::Labels;

/// The name of the lab that an object belongs to.
pub const LAB: &str = "dev.relaykit.lab";
/// `relay`, `directory`, `sink`, [`WRITER`], [`NETWORK`], [`VOLUME`] or [`IMAGE`].
pub const ROLE: &str = "dev.relaykit.role";
/// SHA-256 of what an object was made from, in hexadecimal.
pub const DIGEST: &str = "dev.relaykit.digest";
/// The relay's host name, on its container.
pub const HOSTNAME: &str = "dev.relaykit.hostname";
/// On a container: which state folder it was brought up from.
pub const OWNER: &str = "dev.relaykit.owner";
/// On a volume that `down` leaves unless it is told otherwise: `true`.
pub const KEEP: &str = "dev.relaykit.keep";

/// On a container in which an image is made: its own name. The image has the label too,
/// empty, and so has whatever is made from it.
pub const BUILD: &str = "dev.relaykit.build";

/// The role of a container that fills volumes of others.
pub const WRITER: &str = "writer";
/// The role of a network.
pub const NETWORK: &str = "network";
/// The role of a volume.
pub const VOLUME: &str = "volume";
/// The role of an image that a lab alone has.
pub const IMAGE: &str = "image";

/// What every object of `lab` carries, for [`super::Engine::list`].
#[must_use]
pub fn of_lab(lab: &str) -> Labels {
    Labels::from([(LAB.to_owned(), lab.to_owned())])
}

/// What every object of any lab carries, for [`super::Engine::list`].
#[must_use]
pub fn of_any_lab() -> Labels {
    of_lab("")
}

/// The labels of an object of `lab` with this role.
#[must_use]
pub fn of_object(lab: &str, role: &str) -> Labels {
    let mut labels = of_lab(lab);
    labels.insert(ROLE.to_owned(), role.to_owned());
    labels
}

/// `labels` with the digest of what the object is made from.
#[must_use]
pub fn with_digest(mut labels: Labels, digest: &str) -> Labels {
    labels.insert(DIGEST.to_owned(), digest.to_owned());
    labels
}

/// `labels` with the state folder that an object was brought up from.
#[must_use]
pub fn with_owner(mut labels: Labels, owner: &str) -> Labels {
    labels.insert(OWNER.to_owned(), owner.to_owned());
    labels
}

/// `labels` with the relay's host name.
#[must_use]
pub fn with_hostname(mut labels: Labels, hostname: &str) -> Labels {
    labels.insert(HOSTNAME.to_owned(), hostname.to_owned());
    labels
}

/// `labels` of a volume that `down` leaves.
#[must_use]
pub fn kept(mut labels: Labels) -> Labels {
    labels.insert(KEEP.to_owned(), "true".to_owned());
    labels
}

/// Whether an object with these labels is a volume that `down` leaves.
#[must_use]
pub fn is_kept(labels: &Labels) -> bool {
    labels.get(KEEP).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_by_its_lab_and_by_any_lab() {
        let object = with_digest(of_object("default", "relay"), "abc");
        assert_eq!(object[LAB], "default");
        assert_eq!(object[ROLE], "relay");
        assert_eq!(object[DIGEST], "abc");
        assert!(
            of_lab("default")
                .iter()
                .all(|(name, value)| object[name] == *value)
        );
        assert_eq!(of_any_lab()[LAB], "");
    }
}
