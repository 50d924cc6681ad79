//! Clear-signed indexes: RFC 9580 section 7, checked against the pinned keys.

use jiff::{SignedDuration, Timestamp};
use pgp::composed::{CleartextSignedMessage, Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, Tag};

/// How far the clock of a signer may be ahead of ours.
pub(super) const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// The Debian archive's keys for Debian 13: see `images/base/keys/README.md`.
const PINNED: [&[u8]; 3] = [
    include_bytes!("../../../images/base/keys/trixie-automatic.gpg"),
    include_bytes!("../../../images/base/keys/trixie-security-automatic.gpg"),
    include_bytes!("../../../images/base/keys/trixie-stable.gpg"),
];

/// The keys whose signatures count.
#[derive(Debug, Clone)]
pub(super) struct Keyring(Vec<SignedPublicKey>);

impl Keyring {
    /// The keys that are part of relaykit.
    pub(super) fn pinned() -> Result<Self, String> {
        let keys = PINNED
            .iter()
            .map(|bytes| SignedPublicKey::from_bytes(*bytes))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| format!("a pinned key cannot be read: {e}"))?;
        Ok(Self(keys))
    }

    #[cfg(test)]
    pub(super) fn new(keys: Vec<SignedPublicKey>) -> Self {
        Self(keys)
    }

    /// The signed text of a clear-signed message, with `\n` line ends, if at
    /// least one signature on it is by a key that is valid `now`. Nothing
    /// outside the signed text is returned, and nothing may stand outside.
    pub(super) fn verify(&self, message: &str, now: Timestamp) -> Result<String, String> {
        let (message, _) = CleartextSignedMessage::from_string(message)
            .map_err(|e| format!("it is no clear-signed message: {e}"))?;
        let text = message.signed_text();
        let mut reasons = Vec::new();
        for signature in message.signatures() {
            match self.verify_one(signature, text.as_bytes(), now) {
                Ok(()) => return Ok(text.replace("\r\n", "\n")),
                Err(reason) => reasons.push(format!("{}: {reason}", issuer(signature))),
            }
        }
        if reasons.is_empty() {
            reasons.push("it has no signature".to_owned());
        }
        Err(reasons.join("; "))
    }

    fn verify_one(&self, signature: &Signature, text: &[u8], now: Timestamp) -> Result<(), String> {
        if !matches!(
            signature.typ(),
            Some(SignatureType::Text | SignatureType::Binary)
        ) {
            return Err("not a signature over text".to_owned());
        }
        require_strong_hash(signature)?;
        let created = created(signature).ok_or("the signature has no date")?;
        if created > now + CLOCK_SKEW {
            return Err(format!("the signature is of the future ({created})"));
        }
        if let Some(expiry) = expiry(created, signature.signature_expiration_time())
            && expiry <= now
        {
            return Err(format!("the signature expired on {expiry}"));
        }
        let mut reason = "made with a key that is not pinned".to_owned();
        for key in &self.0 {
            if signature.verify(&key.primary_key, text).is_ok() {
                match primary_valid(key, now).and_then(|signs| {
                    signs
                        .then_some(())
                        .ok_or_else(|| "its key is not for signing".to_owned())
                }) {
                    Ok(()) => return Ok(()),
                    Err(e) => reason = e,
                }
            }
            for subkey in &key.public_subkeys {
                if signature.verify(&subkey.key, text).is_ok() {
                    match primary_valid(key, now).and_then(|_| subkey_valid(key, subkey, now)) {
                        Ok(()) => return Ok(()),
                        Err(e) => reason = e,
                    }
                }
            }
            if reason.starts_with("made with") && issued_by(signature, key) {
                "the text does not match its signature".clone_into(&mut reason);
            }
        }
        Err(reason)
    }
}

/// Whether the primary key may sign, or why it is not valid at all.
fn primary_valid(key: &SignedPublicKey, now: Timestamp) -> Result<bool, String> {
    let primary = &key.primary_key;
    let revoked = key.details.revocation_signatures.iter();
    if revoked
        .filter(|s| s.typ() == Some(SignatureType::KeyRevocation))
        .any(|s| s.verify_key(primary).is_ok())
    {
        return Err("its key is revoked".to_owned());
    }
    let certifications = key.details.users.iter().flat_map(|user| {
        user.signatures.iter().filter(|signature| {
            signature
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        })
    });
    let newest = certifications
        .filter(|signature| require_strong_hash(signature).is_ok())
        .max_by_key(|signature| created(signature))
        .ok_or("its key has no valid self-signature")?;
    if newest.typ() == Some(SignatureType::CertRevocation) {
        return Err("its key's name is revoked".to_owned());
    }
    require_unexpired(key_created(primary), newest, now)?;
    Ok(newest.key_flags().sign())
}

fn subkey_valid(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    now: Timestamp,
) -> Result<(), String> {
    let primary = &key.primary_key;
    let valid = |signature: &&Signature| {
        require_strong_hash(signature).is_ok()
            && signature
                .verify_subkey_binding(primary, &subkey.key)
                .is_ok()
    };
    let revocation =
        |signature: &&Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
    if subkey
        .signatures
        .iter()
        .filter(revocation)
        .any(|s| valid(&s))
    {
        return Err("its key is revoked".to_owned());
    }
    let newest = subkey
        .signatures
        .iter()
        .filter(valid)
        .max_by_key(|signature| created(signature))
        .ok_or("its key is not bound to a pinned key")?;
    // A signing subkey must itself agree to belong to the primary key.
    let agrees = newest.embedded_signature().is_some_and(|back| {
        back.verify_primary_key_binding(&subkey.key, primary)
            .is_ok()
    });
    if !newest.key_flags().sign() || !agrees {
        return Err("its key is not for signing".to_owned());
    }
    require_unexpired(key_created(&subkey.key), newest, now)
}

fn require_unexpired(
    key_created: Option<Timestamp>,
    binding: &Signature,
    now: Timestamp,
) -> Result<(), String> {
    let key_created = key_created.ok_or("its key has no usable date")?;
    match expiry(key_created, binding.key_expiration_time()) {
        Some(expiry) if expiry <= now => Err(format!("its key expired on {expiry}")),
        _ => Ok(()),
    }
}

fn require_strong_hash(signature: &Signature) -> Result<(), String> {
    match signature.hash_alg() {
        Some(
            HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => Ok(()),
        Some(weak) => Err(format!("the hash algorithm {weak} is not accepted")),
        None => Err("the signature's form is not known".to_owned()),
    }
}

fn created(signature: &Signature) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(signature.created()?.as_secs())).ok()
}

fn key_created(key: &impl KeyDetails) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(key.created_at().as_secs())).ok()
}

/// A lifetime of zero means for ever (RFC 9580 sections 5.2.3.13 and 5.2.3.18).
fn expiry(start: Timestamp, lifetime: Option<pgp::types::Duration>) -> Option<Timestamp> {
    let seconds = lifetime
        .map(pgp::types::Duration::as_secs)
        .filter(|s| *s > 0)?;
    start
        .checked_add(SignedDuration::from_secs(i64::from(seconds)))
        .ok()
}

/// Whether the signature names `key` or one of its subkeys as its maker.
fn issued_by(signature: &Signature, key: &SignedPublicKey) -> bool {
    let ids = signature.issuer_key_id();
    let fingerprints = signature.issuer_fingerprint();
    let names = |id, fingerprint| ids.contains(&&id) || fingerprints.contains(&&fingerprint);
    names(
        key.primary_key.legacy_key_id(),
        key.primary_key.fingerprint(),
    ) || key
        .public_subkeys
        .iter()
        .any(|subkey| names(subkey.key.legacy_key_id(), subkey.key.fingerprint()))
}

fn issuer(signature: &Signature) -> String {
    match (
        signature.issuer_fingerprint().first(),
        signature.issuer_key_id().first(),
    ) {
        (Some(fingerprint), _) => format!("{fingerprint:X}"),
        (None, Some(id)) => format!("{id:?}"),
        (None, None) => "a signature".to_owned(),
    }
}

#[cfg(test)]
mod tests;
