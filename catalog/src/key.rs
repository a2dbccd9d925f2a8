//! Keys in minisign's format: reading them, making them, signing with them.

use std::fmt;
use std::io::Cursor;
use std::ops::Range;

use data_encoding::BASE64;
use minisign::{KeyPair, SecretKey, SecretKeyBox};
use minisign_verify::Signature;

use crate::limits::KEY_BYTES_MAX;
use crate::statement::Statement;

/// Bytes of a private key: algorithms, parameters of the password's hash, identifier, key and checksum.
const PRIVATE_KEY_BYTES: usize = 158;
/// The algorithm that hashes the password.
const KDF: Range<usize> = 2..4;
const NO_KDF: [u8; 2] = [0, 0];
const CHECKSUM: Range<usize> = 126..158;

/// The public key of a publisher.
#[derive(Clone)]
pub struct PublicKey {
    key: minisign_verify::PublicKey,
    line: String,
    id: String,
}

/// A private key, ready to sign.
pub struct PrivateKey {
    key: SecretKey,
}

/// A key or a signature cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A text is not a public key.
    #[error("{0} is not a minisign public key: give the key's file, or the line in it that begins with RW")]
    PublicKey(String),
    /// A text is not a private key, or the password is wrong.
    #[error("the private key cannot be used: {0}")]
    PrivateKey(String),
    /// The key needs a password.
    #[error("the private key is protected with a password: give the password")]
    PasswordNeeded,
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Generate(String),
    /// Signing failed.
    #[error("the package could not be signed: {0}")]
    Sign(String),
    /// The signature is not in minisign's format.
    #[error("the signature is not in minisign's format: {0}")]
    Format(String),
    /// The signature names a trusted key, but does not fit the package.
    #[error(
        "the signature by key {key} does not fit the package: the component, its manifest or a configuration file was \
         changed after signing, or the signature is of another package"
    )]
    Wrong {
        /// The key's identifier.
        key: String,
    },
    /// Signatures are required, and the package has none.
    #[error("the package is not signed, and signatures are required: ask the publisher for a signed one")]
    Missing,
    /// Signatures are required, and the package is signed by another key.
    #[error(
        "the package is signed by key {key}, which is not trusted, and signatures are required: add the key if you \
             trust its owner"
    )]
    UnknownKey {
        /// The key's identifier.
        key: String,
    },
    /// Signatures are required, but no key is trusted.
    #[error("signatures are required, but no key is trusted: add the publisher's public key")]
    NoKeys,
}

impl SignatureError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SignatureError::PublicKey(_) | SignatureError::PrivateKey(_) | SignatureError::PasswordNeeded => {
                "invalid_key"
            }
            SignatureError::Generate(_) | SignatureError::Sign(_) => "signing_failed",
            SignatureError::Format(_) | SignatureError::Wrong { .. } => "signature_wrong",
            SignatureError::Missing | SignatureError::UnknownKey { .. } | SignatureError::NoKeys => {
                "signature_required"
            }
        }
    }
}

impl PublicKey {
    /// Reads a public key: the text of minisign's key file, or the one line of it that is the key.
    ///
    /// # Errors
    /// [`SignatureError::PublicKey`].
    pub fn parse(text: &str) -> Result<PublicKey, SignatureError> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("untrusted comment:"));
        let read = |line: &str| {
            let key = minisign_verify::PublicKey::from_base64(line).ok()?;
            Some(PublicKey { key, line: line.to_owned(), id: identifier_in(line)? })
        };
        let line = line.filter(|line| line.len() as u64 <= KEY_BYTES_MAX);
        line.and_then(read).ok_or_else(|| SignatureError::PublicKey(shown(text)))
    }

    /// Whether a signature fits a text. Signatures in minisign's older form, which hash nothing first, do not.
    pub(crate) fn verifies(&self, text: &[u8], signature: &Signature) -> bool {
        self.key.verify(text, signature, false).is_ok()
    }

    /// The key's identifier: 16 hexadecimal digits, as minisign shows it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as one line.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The text of the key's file.
    pub fn to_file(&self) -> String {
        format!("untrusted comment: minisign public key {}\n{}\n", self.id, self.line)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

impl PrivateKey {
    /// Reads a private key: the text of minisign's key file. Keys without a password need none.
    ///
    /// # Errors
    /// [`SignatureError::PasswordNeeded`], or [`SignatureError::PrivateKey`] if the text is not a key or the password
    /// is wrong.
    pub fn parse(text: &str, password: Option<&str>) -> Result<PrivateKey, SignatureError> {
        let wrong = |error: minisign::PError| SignatureError::PrivateKey(error.to_string());
        let bytes = text.lines().nth(1).and_then(|line| BASE64.decode(line.trim().as_bytes()).ok());
        let bytes = bytes.filter(|bytes| bytes.len() == PRIVATE_KEY_BYTES);
        let bytes = bytes.ok_or_else(|| SignatureError::PrivateKey("it is not a minisign private key".to_owned()))?;
        let sealed = SecretKeyBox::from_string(text).map_err(wrong)?;
        let key = if bytes[KDF] != NO_KDF {
            // Without a password, the library would ask for one on the terminal.
            let password = password.ok_or(SignatureError::PasswordNeeded)?;
            sealed.into_secret_key(Some(password.to_owned())).map_err(wrong)?
        } else if bytes[CHECKSUM].iter().all(|byte| *byte == 0) {
            // minisign's own command writes no checksum into a key without a password.
            SecretKey::from_bytes(&bytes).map_err(wrong)?
        } else {
            sealed.into_unencrypted_secret_key().map_err(wrong)?
        };
        Ok(PrivateKey { key })
    }

    /// The identifier of the key pair.
    pub fn id(&self) -> String {
        identifier(self.key.keynum())
    }

    /// Signs a statement. `comment` is covered by the signature, such as the plugin's name and version.
    ///
    /// # Errors
    /// [`SignatureError::Sign`].
    pub fn sign(&self, statement: &Statement, comment: &str) -> Result<String, SignatureError> {
        let comment: String = comment.chars().filter(|character| !character.is_control()).collect();
        let text = statement.to_string();
        let signed = minisign::sign(None, &self.key, Cursor::new(text), Some(&comment), Some("signature of a plugin"));
        signed.map(|signed| signed.into_string()).map_err(|error| SignatureError::Sign(error.to_string()))
    }
}

/// Shows the identifier, never the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.id())
    }
}

/// Makes a key pair: the public key, and the text of the private key's file. Without a password the private key is
/// stored as it is. With one, making and reading the key takes a gibibyte of memory and some seconds, by design.
///
/// # Errors
/// [`SignatureError::Generate`].
pub fn generate_key(password: Option<&str>) -> Result<(PublicKey, String), SignatureError> {
    let failed = |error: minisign::PError| SignatureError::Generate(error.to_string());
    let pair = match password {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
        None => KeyPair::generate_unencrypted_keypair(),
    };
    let KeyPair { pk, sk } = pair.map_err(failed)?;
    let public = PublicKey::parse(&pk.to_base64())?;
    let private = sk.to_box(Some("minisign secret key of a plugin publisher")).map_err(failed)?;
    Ok((public, private.into_string()))
}

/// The identifier in the line of a key or a signature: two bytes name the algorithm, eight are the identifier.
pub(crate) fn identifier_in(line: &str) -> Option<String> {
    BASE64.decode(line.trim().as_bytes()).ok()?.get(2..10).map(identifier)
}

/// minisign shows the number of a key as a little-endian integer.
fn identifier(number: &[u8]) -> String {
    number.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    format!("`{}`", line.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_from_their_files() {
        let (public, private) = generate_key(None).expect("a key");
        assert_eq!(PublicKey::parse(&public.to_file()).expect("a key").id(), public.id());
        assert_eq!(PublicKey::parse(public.line()).expect("a key").id(), public.id());
        assert_eq!(PrivateKey::parse(&private, None).expect("a key").id(), public.id());
    }

    #[test]
    fn other_texts_are_not_keys() {
        assert!(PublicKey::parse("RWnonsense").is_err());
        assert!(PrivateKey::parse("nonsense", Some("")).is_err());
    }
}
