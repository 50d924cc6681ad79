use pgp::composed::{
    ArmorOptions, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::packet::{SignatureConfig, Subpacket, SubpacketData};
use pgp::types::{Password, SigningKey};
use rand::thread_rng;

use super::*;

const TEXT: &str = "Codename: trixie\n- a line with a dash\nlast line";

/// A key as the archive has them: the primary certifies, a subkey signs.
fn key() -> SignedSecretKey {
    key_with(KeyType::Ed25519Legacy)
}

fn key_with(subkey: KeyType) -> SignedSecretKey {
    key_of(
        SubkeyParamsBuilder::default()
            .key_type(subkey)
            .can_sign(true),
    )
}

fn key_of(subkey: &SubkeyParamsBuilder) -> SignedSecretKey {
    SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .primary_user_id("Test archive <test@relaykit.test>".into())
        .subkeys(vec![subkey.build().unwrap()])
        .build()
        .unwrap()
        .generate(thread_rng())
        .unwrap()
}

fn keyring(keys: &[&SignedSecretKey]) -> Keyring {
    Keyring::new(
        keys.iter()
            .map(|key| SignedPublicKey::from((*key).clone()))
            .collect(),
    )
}

fn config(
    key: &impl SigningKey,
    hash: HashAlgorithm,
    created: Timestamp,
    more: Option<SubpacketData>,
) -> SignatureConfig {
    let seconds = u32::try_from(created.as_second()).unwrap();
    let created = SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(seconds));
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    let mut config = SignatureConfig::v4(SignatureType::Text, key.algorithm(), hash);
    let subpackets = [Some(created), Some(issuer), more];
    config.hashed_subpackets = subpackets
        .into_iter()
        .flatten()
        .map(|data| Subpacket::regular(data).unwrap())
        .collect();
    config
}

fn signed_with(key: &impl SigningKey, config: SignatureConfig) -> String {
    CleartextSignedMessage::new(TEXT, config, key, &Password::empty())
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}

fn signed(key: &SignedSecretKey) -> String {
    let subkey = &key.secret_subkeys[0].key;
    signed_with(
        subkey,
        config(subkey, HashAlgorithm::Sha256, Timestamp::now(), None),
    )
}

#[test]
fn a_good_signature_gives_exactly_the_signed_text() {
    let key = key();
    let text = keyring(&[&self::key(), &key])
        .verify(&signed(&key), Timestamp::now())
        .unwrap();
    assert_eq!(text, TEXT);
}

#[test]
fn one_pinned_signer_among_several_is_enough() {
    let (pinned, other) = (key(), key());
    let sign = |key: &SignedSecretKey, text: &str| {
        let subkey = &key.secret_subkeys[0].key;
        config(subkey, HashAlgorithm::Sha512, Timestamp::now(), None)
            .sign(subkey, &Password::empty(), text.as_bytes())
            .unwrap()
    };
    let message = CleartextSignedMessage::new_many(TEXT, |text| {
        Ok(vec![sign(&other, text), sign(&pinned, text)])
    });
    let message = message
        .unwrap()
        .to_armored_string(ArmorOptions::default())
        .unwrap();
    assert_eq!(
        keyring(&[&pinned])
            .verify(&message, Timestamp::now())
            .unwrap(),
        TEXT
    );
}

#[test]
fn another_key_is_refused_and_named() {
    let (pinned, other) = (key(), key());
    let reason = keyring(&[&pinned])
        .verify(&signed(&other), Timestamp::now())
        .unwrap_err();
    let fingerprint = format!("{:X}", other.secret_subkeys[0].key.fingerprint());
    assert!(
        reason.contains("not pinned") && reason.contains(&fingerprint),
        "{reason}"
    );
}

#[test]
fn changed_text_is_refused() {
    let key = key();
    for (from, to) in [
        ("trixie", "sid"),
        ("last line", "last line\nmore"),
        ("a line", "a  line"),
    ] {
        let message = signed(&key).replace(from, to);
        let reason = keyring(&[&key])
            .verify(&message, Timestamp::now())
            .unwrap_err();
        assert!(reason.contains("does not match"), "{reason}");
    }
}

#[test]
fn text_outside_of_what_is_signed_is_refused() {
    let key = key();
    let good = signed(&key);
    let begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    for message in [
        format!("Codename: sid\n\n{good}"),
        format!("\n{good}"),
        format!("{good}Codename: sid\n"),
        format!("{good}{good}"),
        good.replacen(begin, &format!("{begin}Codename: sid\n"), 1),
        good.replacen(begin, &format!("{begin}Comment: hello\n"), 1),
        good.replacen(begin, &format!("{begin} \n"), 1),
    ] {
        assert!(
            keyring(&[&key]).verify(&message, Timestamp::now()).is_err(),
            "{message}"
        );
    }
}

#[test]
fn text_without_a_signature_is_refused() {
    let key = key();
    let good = signed(&key);
    let body = good.split("-----BEGIN PGP SIGNATURE-----").next().unwrap();
    let empty = format!("{body}-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n");
    for message in [TEXT, body, &empty, ""] {
        assert!(
            keyring(&[&key]).verify(message, Timestamp::now()).is_err(),
            "{message}"
        );
    }
}

#[test]
fn a_primary_key_that_may_only_certify_does_not_sign() {
    let key = key();
    let config = config(
        &key.primary_key,
        HashAlgorithm::Sha256,
        Timestamp::now(),
        None,
    );
    let message = signed_with(&key.primary_key, config);
    let reason = keyring(&[&key])
        .verify(&message, Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("not for signing"), "{reason}");
}

#[test]
fn a_subkey_for_other_purposes_does_not_sign() {
    let key = key_of(
        SubkeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_authenticate(true),
    );
    let reason = keyring(&[&key])
        .verify(&signed(&key), Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("not for signing"), "{reason}");
}

#[test]
fn weak_hashes_are_refused() {
    // rPGP itself refuses to make such a signature with a modern key.
    let key = key_with(KeyType::Rsa(2048));
    let subkey = &key.secret_subkeys[0].key;
    let message = signed_with(
        subkey,
        config(subkey, HashAlgorithm::Sha1, Timestamp::now(), None),
    );
    let reason = keyring(&[&key])
        .verify(&message, Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("SHA1 is not accepted"), "{reason}");
}

#[test]
fn a_signature_of_the_future_or_past_its_life_is_refused() {
    let (key, now) = (key(), Timestamp::now());
    let subkey = &key.secret_subkeys[0].key;
    let week = SignedDuration::from_hours(7 * 24);
    let future = config(subkey, HashAlgorithm::Sha256, now + week, None);
    let reason = keyring(&[&key])
        .verify(&signed_with(subkey, future), now)
        .unwrap_err();
    assert!(reason.contains("of the future"), "{reason}");

    let hour = SubpacketData::SignatureExpirationTime(pgp::types::Duration::from_secs(3600));
    let short = config(subkey, HashAlgorithm::Sha256, now, Some(hour));
    let message = signed_with(subkey, short);
    assert!(keyring(&[&key]).verify(&message, now).is_ok());
    let reason = keyring(&[&key]).verify(&message, now + week).unwrap_err();
    assert!(reason.contains("expired"), "{reason}");
}

#[test]
fn a_revoked_key_is_refused() {
    let key = key();
    let mut public = SignedPublicKey::from(key.clone());
    let mut revocation = config(
        &key.primary_key,
        HashAlgorithm::Sha256,
        Timestamp::now(),
        None,
    );
    revocation.typ = SignatureType::KeyRevocation;
    let revocation = revocation
        .sign_key(&key.primary_key, &Password::empty(), &public.primary_key)
        .unwrap();
    public.details.revocation_signatures.push(revocation);
    let reason = Keyring::new(vec![public])
        .verify(&signed(&key), Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("revoked"), "{reason}");
}

#[test]
fn a_revoked_or_unbound_subkey_is_refused() {
    let key = key();
    let mut public = SignedPublicKey::from(key.clone());
    let mut revocation = config(
        &key.primary_key,
        HashAlgorithm::Sha256,
        Timestamp::now(),
        None,
    );
    revocation.typ = SignatureType::SubkeyRevocation;
    let revocation = revocation
        .sign_subkey_binding(
            &key.primary_key,
            &public.primary_key,
            &Password::empty(),
            &public.public_subkeys[0].key,
        )
        .unwrap();
    public.public_subkeys[0].signatures.push(revocation);
    let reason = Keyring::new(vec![public])
        .verify(&signed(&key), Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("revoked"), "{reason}");

    // A stranger's subkey put behind a pinned primary key.
    let stranger = self::key();
    let mut public = SignedPublicKey::from(key);
    public.public_subkeys = SignedPublicKey::from(stranger.clone()).public_subkeys;
    let keyring = Keyring::new(vec![public]);
    let reason = keyring
        .verify(&signed(&stranger), Timestamp::now())
        .unwrap_err();
    assert!(reason.contains("not bound"), "{reason}");
}

#[test]
fn the_pinned_keys_are_valid_until_their_dates() {
    let keys = Keyring::pinned().unwrap().0;
    let at = |date: &str| date.parse::<Timestamp>().unwrap();
    let fingerprints: Vec<_> = keys
        .iter()
        .map(|key| format!("{:X}", key.primary_key.fingerprint()))
        .collect();
    assert_eq!(
        fingerprints,
        [
            "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
            "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
            "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
        ]
    );
    for key in &keys[..2] {
        let subkey = &key.public_subkeys[0];
        assert_eq!(
            subkey_valid(key, subkey, at("2026-11-23T00:00:00Z")),
            Ok(())
        );
        let later = subkey_valid(key, subkey, at("2035-04-01T00:00:00Z"));
        assert!(later.unwrap_err().contains("expired"));
        assert!(primary_valid(key, at("2035-04-01T00:00:00Z")).is_err());
    }
    assert_eq!(
        primary_valid(&keys[2], at("2026-11-23T00:00:00Z")),
        Ok(true)
    );
    assert!(primary_valid(&keys[2], at("2033-04-01T00:00:00Z")).is_err());
}
