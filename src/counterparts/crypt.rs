//! crypt(3) hashes with SHA-512, as `{CRYPT}` values in LDIF.
//! <https://www.akkadia.org/drepper/SHA-crypt.txt>

use sha_crypt::{Params, sha512_crypt};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// The alphabet of crypt(3).
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The fewest that the format allows: these are the throwaway passwords of a
/// lab, and each login pays for it.
const ROUNDS: u32 = Params::ROUNDS_MIN;

/// `$6$rounds=1000$SALT$HASH`. The salt follows from `name`, so that the same
/// plan renders the same bytes, and two people with one password differ.
pub(super) fn hash(name: &str, password: &Secret) -> String {
    let salt = salt(name);
    let params = Params::new(ROUNDS).unwrap_or_default();
    let digest = sha512_crypt(password.reveal().as_bytes(), salt.as_bytes(), params);
    format!("$6$rounds={ROUNDS}${salt}${}", encode(&digest))
}

fn salt(name: &str) -> String {
    Sha256::digest(name.as_bytes())
        .iter()
        .take(16)
        .map(|byte| letter(u32::from(*byte)))
        .collect()
}

/// crypt(3)'s own base64: bytes in an order of their own, low bits first.
fn encode(digest: &[u8; 64]) -> String {
    let mut text = String::with_capacity(86);
    let mut group = [0_usize, 21, 42];
    for _ in 0..21 {
        let [high, middle, low] = group.map(|index| u32::from(digest[index]));
        push(&mut text, high << 16 | middle << 8 | low, 4);
        let [first, second, third] = group;
        group = [second + 1, third + 1, first + 1];
    }
    push(&mut text, u32::from(digest[63]), 2);
    text
}

fn push(text: &mut String, mut bits: u32, letters: usize) {
    for _ in 0..letters {
        text.push(letter(bits));
        bits >>= 6;
    }
}

/// The letter for the low six bits.
fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits & 0x3f) as usize])
}

#[cfg(test)]
mod tests {
    use super::{encode, hash};
    use crate::secret::Secret;
    use sha_crypt::{Params, sha512_crypt};

    /// From the specification's own test vectors.
    #[test]
    fn hashes_as_the_specification_does() {
        let params = Params::new(5000).unwrap();
        assert_eq!(
            encode(&sha512_crypt(b"Hello world!", b"saltstring", params)),
            "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
        );
    }

    #[test]
    fn is_reproducible_and_salted_by_name() {
        let password = Secret::new("wonderland");
        assert_eq!(hash("alice", &password), hash("alice", &password));
        assert_ne!(hash("alice", &password), hash("bob", &password));
        assert!(hash("alice", &password).starts_with("$6$rounds=1000$"));
    }
}
