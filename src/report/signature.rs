//! Signatures of reports, as `ssh-keygen -Y` makes and reads them: an armoured SSHSIG
//! (OpenSSH's PROTOCOL.sshsig) in a file of its own beside the report.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

/// What the signature is for, so that one of another use is none of a report:
/// `ssh-keygen -Y verify -n relaykit-report`.
pub const NAMESPACE: &str = "relaykit-report";

/// Why a key file or a list of signers cannot be used; it says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotSigned(String);

/// Where the signature of `report` stands: `REPORT.sig`, as `ssh-keygen -Y sign` has it.
#[must_use]
pub fn signature_of(report: &Path) -> PathBuf {
    let mut path = OsString::from(report);
    path.push(".sig");
    path.into()
}

/// The private key that reports are signed with. Its `Debug` shows the public half alone.
pub struct Signer(PrivateKey);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let print = self.0.fingerprint(HashAlg::Sha256);
        write!(f, "Signer({print})")
    }
}

impl Signer {
    /// Reads an ed25519 key in OpenSSH's format, without a passphrase.
    ///
    /// # Errors
    /// The file cannot be read, is no such key, or has a passphrase.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let shown = path.display();
        let make = "`ssh-keygen -t ed25519 -N '' -f FILE` makes one";
        let text = std::fs::read_to_string(path)
            .map_err(|e| KeyError(format!("reading the key {shown} failed: {e}\n  {make}")))?;
        let key = PrivateKey::from_openssh(&text).map_err(|e| {
            let what = "is no private key in OpenSSH's format";
            KeyError(format!("{shown} {what}: {e}\n  {make}"))
        })?;
        if key.algorithm() != Algorithm::Ed25519 {
            let has = key.algorithm();
            let text = format!("{shown} is a key of {has}, and reports are signed with ed25519");
            return Err(KeyError(format!("{text}\n  {make}")));
        }
        if key.is_encrypted() {
            let text = format!("{shown} has a passphrase, which nobody can type in a test");
            return Err(KeyError(format!("{text}\n  {make}")));
        }
        Ok(Self(key))
    }

    /// The signature of `report`, with a newline at its end.
    ///
    /// # Errors
    /// What the key's code says; an ed25519 key that was read gives none.
    pub fn sign(&self, report: &[u8]) -> Result<String, ssh_key::Error> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, report)?;
        signature.to_pem(LineEnding::LF)
    }
}

/// Somebody whose signature counts.
#[derive(Debug, Clone)]
struct Allowed {
    key: PublicKey,
    /// Who that is: the principals of a line of `allowed_signers`, or a public key's comment.
    name: String,
}

/// Whose signatures count.
#[derive(Debug, Clone)]
pub struct Signers(Vec<Allowed>);

impl Signers {
    /// Reads a public key (`ssh-ed25519 AAAA... comment`), or the list of many that
    /// `ssh-keygen -Y verify -f` takes (ssh-keygen(1), ALLOWED SIGNERS). Keys of other kinds
    /// and of other namespaces are passed over.
    ///
    /// # Errors
    /// The file cannot be read, has no ed25519 key for reports, or a line with an option that
    /// is not judged here; with path and line.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|e| KeyError(format!("reading the signers {shown} failed: {e}")))?;
        let mut all = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let here = |why| KeyError(format!("{shown}:{}: {why}", number + 1));
            all.extend(allowed(line).map_err(here)?);
        }
        if all.is_empty() {
            return Err(KeyError(format!(
                "{shown} has no ed25519 key for the namespace {NAMESPACE}\n  a public key is \
                 expected (`ssh-ed25519 AAAA...`), or lines `NAME ssh-ed25519 AAAA...`"
            )));
        }
        Ok(Self(all))
    }

    /// Who of them has signed these bytes with this armoured signature, in words: a name, if
    /// there is one, and the key's fingerprint.
    ///
    /// # Errors
    /// The signature is none, is of another use or key, or is not of these bytes.
    pub fn verify(&self, report: &[u8], signature: &str) -> Result<String, NotSigned> {
        let signature = SshSig::from_pem(signature)
            .map_err(|e| NotSigned(format!("what is there is no SSH signature: {e}")))?;
        if signature.namespace() != NAMESPACE {
            let other = signature.namespace();
            let text = format!("it is for the namespace {other}, not for {NAMESPACE}");
            return Err(NotSigned(text));
        }
        let print = signature.public_key().fingerprint(HashAlg::Sha256);
        let known = |one: &&Allowed| one.key.key_data() == signature.public_key();
        let Some(signer) = self.0.iter().find(known) else {
            let text = format!("the key {print} has signed it, which is none of the signers");
            return Err(NotSigned(text));
        };
        if signer.key.verify(NAMESPACE, report, &signature).is_err() {
            let text = format!("the report is not what {print} has signed: bytes were changed");
            return Err(NotSigned(text));
        }
        let name = signer.name.as_str();
        Ok([name, &print.to_string()].join(" ").trim().to_owned())
    }
}

/// The key of a line, if it is one for reports.
fn allowed(line: &str) -> Result<Option<Allowed>, String> {
    let fields = fields(line);
    if fields.first().is_none_or(|first| first.starts_with('#')) {
        return Ok(None);
    }
    let Some(at) = fields.iter().position(|field| field == "ssh-ed25519") else {
        return Ok(None);
    };
    for option in fields.iter().take(at).skip(1).flat_map(|all| options(all)) {
        match option.split_once('=') {
            Some(("namespaces", names)) => {
                let names = names.trim_matches('"');
                if !names.split(',').any(|name| name == NAMESPACE) {
                    return Ok(None);
                }
            }
            _ => {
                return Err(format!(
                    "the option {option} is not judged by relaykit\n  `ssh-keygen -Y verify -n \
                     {NAMESPACE}` does; or leave it out of a list for relaykit"
                ));
            }
        }
    }
    let key = fields.get(at..at + 2).unwrap_or_default().join(" ");
    let key = PublicKey::from_openssh(&key).map_err(|e| format!("this is no public key: {e}"))?;
    let name = match at {
        0 => fields.get(2..).unwrap_or_default().join(" "),
        _ => fields[0].trim_matches('"').to_owned(),
    };
    Ok(Some(Allowed { key, name }))
}

/// The words of a line; blanks between quotes are part of one.
fn fields(line: &str) -> Vec<String> {
    split(line, char::is_whitespace)
}

/// The options of a field, at commas outside quotes.
fn options(field: &str) -> Vec<String> {
    split(field, |c| c == ',')
}

fn split(text: &str, at: impl Fn(char) -> bool) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && at(c)
    });
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use ssh_key::private::Ed25519Keypair;

    use super::*;

    impl Signer {
        pub(in super::super) fn of_test() -> Self {
            signer(1)
        }
    }

    fn signer(seed: u8) -> Signer {
        Signer(PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])))
    }

    fn public(of: &Signer) -> String {
        of.0.public_key().to_openssh().unwrap()
    }

    fn read(text: &str) -> Result<Signers, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Signers::read(file.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_signature_holds_for_its_bytes_and_for_no_others() {
        let one = signer(1);
        let signature = one.sign(b"{\"a\": 1}\n").unwrap();
        let signers = read(&format!("{} audit\n", public(&one))).unwrap();
        let by = signers.verify(b"{\"a\": 1}\n", &signature).unwrap();
        assert!(by.starts_with("audit SHA256:"), "{by}");
        let changed = signers.verify(b"{\"a\": 2}\n", &signature).unwrap_err();
        assert!(changed.to_string().contains("bytes were changed"));
        let none = signers.verify(b"{\"a\": 1}\n", "hello").unwrap_err();
        assert!(none.to_string().contains("no SSH signature"));
    }

    #[test]
    fn another_key_and_another_namespace_are_told() {
        let (one, other) = (signer(1), signer(2));
        let signers = read(&public(&one)).unwrap();
        let error = signers
            .verify(b"x", &other.sign(b"x").unwrap())
            .unwrap_err();
        assert!(error.to_string().contains("none of the signers"), "{error}");
        let file = one.0.sign("file", HashAlg::Sha512, b"x").unwrap();
        let file = file.to_pem(LineEnding::LF).unwrap();
        let error = signers.verify(b"x", &file).unwrap_err();
        assert!(error.to_string().contains("namespace file"), "{error}");
    }

    #[test]
    fn a_list_of_signers_is_read_as_ssh_keygen_reads_it() {
        let one = signer(1);
        let (key, signature) = (public(&one), one.sign(b"x").unwrap());
        let held = |line: &str| {
            let signers = read(line)?;
            signers.verify(b"x", &signature).map_err(|e| e.to_string())
        };
        let by = held(&format!("# audit\n\na@example.net,b@example.net {key}\n")).unwrap();
        assert!(
            by.starts_with("a@example.net,b@example.net SHA256:"),
            "{by}"
        );
        held(&format!("a namespaces=\"git,{NAMESPACE}\" {key}\n")).unwrap();
        let error = held(&format!("a namespaces=\"git\" {key}\n")).unwrap_err();
        assert!(error.contains("has no ed25519 key"), "{error}");
        let error = held(&format!("\na valid-before=\"20200101\" {key}\n")).unwrap_err();
        assert!(error.contains(":2: the option valid-before"), "{error}");
        assert!(
            held("ssh-rsa AAAA\n")
                .unwrap_err()
                .contains("no ed25519 key")
        );
        assert!(
            held("ssh-ed25519 AAAA\n")
                .unwrap_err()
                .contains(":1: this is no public key")
        );
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "-----BEGIN RSA PRIVATE KEY-----\n").unwrap();
        let error = Signer::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("ssh-keygen -t ed25519"), "{error}");
    }
}
