//! The text of a secret: a prefix for its kind, as `pbk_` of a token, 30 random characters and six of a checksum.
//!
//! The prefix and the checksum let scanners find leaked secrets, and let the server refuse a mistyped one without
//! looking it up. The random part has 178 bits, which are too many to try, so a plain hash protects it.

use sha2::{Digest, Sha256};

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A token of a client.
    Token,
    /// The session of a browser, as the value of its cookie.
    Session,
    /// A code that begins one session.
    Code,
    /// A token of a plugin.
    Plugin,
}

impl SecretKind {
    /// The beginning of every secret of this kind.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            SecretKind::Token => "pbk_",
            SecretKind::Session => "pbs_",
            SecretKind::Code => "pbc_",
            SecretKind::Plugin => "pbp_",
        }
    }
}

/// Random characters: log2(62) * 30 = 178 bits.
const RANDOM_CHARS: usize = 30;
/// Characters of the checksum. 62^6 exceeds 2^32.
const CHECKSUM_CHARS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The SHA-256 of a secret: all that is stored of it.
pub(crate) type SecretDigest = [u8; 32];

/// Makes a secret.
///
/// # Errors
/// If the system has no random bytes.
pub(crate) fn generate(kind: SecretKind) -> Result<String, getrandom::Error> {
    let mut random = String::with_capacity(RANDOM_CHARS);
    let mut bytes = [0; 64];
    while random.len() < RANDOM_CHARS {
        getrandom::fill(&mut bytes)?;
        // Bytes from 248 on would make the first eight letters more likely than the others.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| ALPHABET[usize::from(byte % 62)]);
        random.extend(letters.take(RANDOM_CHARS - random.len()).map(char::from));
    }
    Ok(format!("{}{random}{}", kind.prefix(), checksum(&random)))
}

/// The digest of a text that has the form of a secret of this kind and the right checksum; `None` for any other.
pub(crate) fn digest(kind: SecretKind, text: &str) -> Option<SecretDigest> {
    let rest = text.strip_prefix(kind.prefix())?;
    let is_secret = rest.len() == RANDOM_CHARS + CHECKSUM_CHARS && rest.bytes().all(|byte| ALPHABET.contains(&byte));
    let (random, sum) = is_secret.then(|| rest.split_at(RANDOM_CHARS))?;
    (checksum(random) == sum).then(|| Sha256::digest(text.as_bytes()).into())
}

/// The CRC-32 of the random part, in base 62.
fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::SecretKind::{Code, Session, Token};
    use super::*;

    #[test]
    fn generated_token_has_the_form_and_is_never_the_same() {
        let tokens: Vec<String> = (0..50).map(|_| generate(Token).expect("random bytes")).collect();
        for token in &tokens {
            assert_eq!(token.len(), 40, "{token}");
            assert!(digest(Token, token).is_some(), "{token}");
        }
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
    }

    #[test]
    fn checksum_is_that_of_the_random_part() {
        // CRC-32 of thirty zeros, as other implementations compute it.
        assert_eq!(checksum(&"0".repeat(30)), "2C8GjS");
        assert!(digest(Token, &format!("pbk_{}2C8GjS", "0".repeat(30))).is_some());
    }

    #[test]
    fn text_of_another_form_has_no_digest() {
        let token = generate(Token).expect("random bytes");
        let mut mistyped = token.clone().into_bytes();
        mistyped[10] = if mistyped[10] == b'a' { b'b' } else { b'a' };
        let mistyped = String::from_utf8(mistyped).expect("ASCII");
        let longer = format!("{token}0");
        for wrong in ["", "pbk_", &token[4..], &token[..39], &longer, &mistyped, &token.replace("pbk_", "pbl_")] {
            assert_eq!(digest(Token, wrong), None, "{wrong}");
        }
        assert_eq!(digest(Token, &format!("pbk_{}", "é".repeat(18))), None, "36 bytes that are not ASCII");
        let session = generate(Session).expect("random bytes");
        assert!(digest(Session, &session).is_some());
        assert!(digest(Token, &session).is_none() && digest(Code, &session).is_none(), "secrets of other kinds");
    }
}
