//! Signatures of packages in minisign's format, and which of them a host trusts.
//!
//! A signature covers a package's [`Statement`]. It is stored in a file beside the package or in an annotation of its
//! OCI manifest. An attacker can remove a signature as well as forge one, so only a policy that requires signatures
//! ([`Trust::required`]) keeps unsigned packages out. A signature by a trusted key that does not fit the package is
//! refused under every policy.

use minisign_verify::Signature;
use serde::Serialize;

use crate::key::{PublicKey, SignatureError, identifier_in};
use crate::limits::SIGNATURE_BYTES_MAX;
use crate::statement::Statement;

/// The publishers that an operator trusts.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
    required: bool,
}

/// The signer of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "signature", rename_all = "snake_case")]
pub enum SignedBy {
    /// A trusted key. The signature fits the package.
    Key {
        /// The key's identifier: 16 hexadecimal digits.
        id: String,
        /// The comment that the signature covers.
        comment: String,
    },
    /// A key that is not among the trusted ones. Nothing is known of the package.
    UnknownKey {
        /// The identifier that the signature names.
        id: String,
    },
    /// No signature was found.
    Unsigned,
    /// No keys are configured, so no signature was looked for.
    Unchecked,
}

impl SignedBy {
    /// The identifier of the trusted key.
    pub fn key(&self) -> Option<&str> {
        match self {
            SignedBy::Key { id, .. } => Some(id),
            _ => None,
        }
    }
}

impl Trust {
    /// Trusts these keys. Unsigned packages are accepted and shown as such.
    pub fn new(keys: Vec<PublicKey>) -> Trust {
        Trust { keys, required: false }
    }

    /// Whether each package needs a signature by a trusted key. Default: false.
    #[must_use]
    pub fn required(mut self, required: bool) -> Trust {
        self.required = required;
        self
    }

    /// Whether a signature is worth looking for.
    pub fn looks_for_signatures(&self) -> bool {
        self.required || !self.keys.is_empty()
    }

    /// Checks the signature of a package, if it has one.
    ///
    /// # Errors
    /// [`SignatureError::Wrong`] or [`SignatureError::Format`] for a signature that is wrong;
    /// [`SignatureError::Missing`], [`SignatureError::UnknownKey`] or [`SignatureError::NoKeys`] if signatures are
    /// required.
    pub fn check(&self, statement: &Statement, signature: Option<&str>) -> Result<SignedBy, SignatureError> {
        if !self.looks_for_signatures() {
            return Ok(SignedBy::Unchecked);
        }
        if self.keys.is_empty() {
            return Err(SignatureError::NoKeys);
        }
        let Some(text) = signature else {
            return if self.required { Err(SignatureError::Missing) } else { Ok(SignedBy::Unsigned) };
        };
        let (signature, id) = parse_signature(text)?;
        // The maker of a key chooses its identifier, so several trusted keys may have the same one.
        let mut keys = self.keys.iter().filter(|key| key.id() == id).peekable();
        if keys.peek().is_none() {
            return match self.required {
                true => Err(SignatureError::UnknownKey { key: id }),
                false => Ok(SignedBy::UnknownKey { id }),
            };
        }
        let text = statement.to_string();
        if !keys.any(|key| key.verifies(text.as_bytes(), &signature)) {
            return Err(SignatureError::Wrong { key: id });
        }
        let comment = signature.trusted_comment().chars().filter(|character| !character.is_control()).collect();
        Ok(SignedBy::Key { id, comment })
    }
}

/// Reads a signature and the identifier of its key.
fn parse_signature(text: &str) -> Result<(Signature, String), SignatureError> {
    if text.len() as u64 > SIGNATURE_BYTES_MAX {
        return Err(SignatureError::Format(format!("it has more than {SIGNATURE_BYTES_MAX} bytes")));
    }
    let signature = Signature::decode(text).map_err(|error| SignatureError::Format(error.to_string()))?;
    let id = text.lines().nth(1).and_then(identifier_in);
    let id = id.ok_or_else(|| SignatureError::Format("its second line is not base64".to_owned()))?;
    Ok((signature, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::key::{PrivateKey, generate_key};

    fn statement(component: &[u8]) -> Statement {
        Statement::of(Digest::of(component), None, &[])
    }

    fn key() -> (PublicKey, PrivateKey) {
        let (public, private) = generate_key(None).expect("a key");
        (public, PrivateKey::parse(&private, None).expect("a private key"))
    }

    #[test]
    fn signature_fits_its_package_only() {
        let (public, private) = key();
        assert_eq!(public.id(), private.id());
        let signature = private.sign(&statement(b"a"), "hello 1.0.0").expect("signed");
        let trust = Trust::new(vec![public]);
        let signed = trust.check(&statement(b"a"), Some(&signature)).expect("it fits");
        assert!(matches!(&signed, SignedBy::Key { comment, .. } if comment == "hello 1.0.0"), "{signed:?}");
        let error = trust.check(&statement(b"b"), Some(&signature)).expect_err("another component");
        assert!(matches!(error, SignatureError::Wrong { .. }), "{error}");
    }

    #[test]
    fn changed_comment_is_refused() {
        let (public, private) = key();
        let signature = private.sign(&statement(b"a"), "hello 1.0.0").expect("signed");
        let forged = signature.replace("hello 1.0.0", "hello 2.0.0");
        assert!(Trust::new(vec![public]).check(&statement(b"a"), Some(&forged)).is_err());
    }

    #[test]
    fn unsigned_package_is_refused_if_signatures_are_required() {
        let (public, _) = key();
        let trust = Trust::new(vec![public]);
        assert_eq!(trust.check(&statement(b"a"), None), Ok(SignedBy::Unsigned));
        assert_eq!(trust.required(true).check(&statement(b"a"), None), Err(SignatureError::Missing));
        assert_eq!(Trust::default().check(&statement(b"a"), None), Ok(SignedBy::Unchecked));
        let without_keys = Trust::default().required(true);
        assert_eq!(without_keys.check(&statement(b"a"), None), Err(SignatureError::NoKeys));
    }

    #[test]
    fn key_that_is_not_trusted_counts_as_unknown() {
        let ((trusted, _), (_, other)) = (key(), key());
        let signature = other.sign(&statement(b"a"), "").expect("signed");
        let trust = Trust::new(vec![trusted]);
        let signed = trust.check(&statement(b"a"), Some(&signature)).expect("accepted");
        assert_eq!(signed, SignedBy::UnknownKey { id: other.id() });
        let error = trust.required(true).check(&statement(b"a"), Some(&signature)).expect_err("required");
        assert_eq!(error, SignatureError::UnknownKey { key: other.id() });
    }

    #[test]
    fn text_that_is_not_a_signature_is_refused() {
        let (public, _) = key();
        let trust = Trust::new(vec![public]);
        let (_, private) = key();
        let signature = private.sign(&statement(b"a"), "").expect("signed");
        let mut lines: Vec<&str> = signature.lines().collect();
        lines[3] = "AAAA";
        let short = lines.join("\n");
        for wrong in ["", "untrusted comment: x", "a\nb\nc\nd", &"x".repeat(5000), &short] {
            let error = trust.check(&statement(b"a"), Some(wrong)).expect_err("it is not a signature");
            assert!(matches!(error, SignatureError::Format(_)), "{error}");
        }
    }
}
