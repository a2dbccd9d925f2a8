//! References to artefacts in registries: `ghcr.io/acme/hello:1.0.0` or `ghcr.io/acme/hello@sha256:…`.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::limits::REFERENCE_CHARS_MAX;

/// Characters of a tag, as the distribution specification bounds them.
const TAG_CHARS_MAX: usize = 128;

/// A reference to an artefact. The registry is always part of it: there is no default registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OciReference {
    /// The registry's host, with its port unless that is the default one.
    pub registry: String,
    /// The repository, such as `acme/hello`.
    pub repository: String,
    /// The tag. A reference with neither tag nor digest has the tag `latest`.
    pub tag: Option<String>,
    /// The digest of the artefact's manifest. It decides if both are given.
    pub digest: Option<Digest>,
}

impl OciReference {
    /// The same artefact, pinned to a digest.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> OciReference {
        OciReference { digest: Some(digest), ..self.clone() }
    }

    /// The part of a request that names the artefact: the digest, or the tag.
    pub(crate) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for OciReference {
    type Err = String;

    /// Reads a reference without `oci://`. The error says what is wrong and what to write instead.
    fn from_str(text: &str) -> Result<OciReference, String> {
        if text.chars().count() > REFERENCE_CHARS_MAX {
            return Err(format!("a reference has at most {REFERENCE_CHARS_MAX} characters"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?)),
            None => (text, None),
        };
        let Some((registry, path)) = rest.split_once('/') else {
            return Err("it has no repository: write REGISTRY/REPOSITORY:TAG".to_owned());
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_registry(registry) {
            return Err(format!(
                "`{}` is not a registry: write its host, such as ghcr.io or localhost:5000",
                registry.escape_debug()
            ));
        }
        if !is_repository(repository) {
            let rule = "use lower-case letters, digits, `.`, `_` and `-`, and `/` between parts";
            return Err(format!("`{}` is not a repository: {rule}", repository.escape_debug()));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            let rule = "use letters, digits, `_`, `.` and `-`, 128 at most";
            return Err(format!("`{}` is not a tag: {rule}", tag.escape_debug()));
        }
        Ok(OciReference {
            registry: registry.to_ascii_lowercase(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// A host that cannot be mistaken for the first part of a repository: with a dot or a port, or `localhost`.
pub(crate) fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let (host, port) = if text.ends_with(']') { (text, None) } else { (host, port) };
    let port_is_number = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')),
    };
    let distinct = host.contains('.') || port.is_some() || literal.is_some() || host == "localhost";
    port_is_number && is_host && distinct && url::Host::parse(host).is_ok()
}

/// Parts of a repository begin and end with a letter or a digit, so `..` and empty parts are none.
fn is_repository(text: &str) -> bool {
    text.split('/').all(|part| {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(edge)
            && part.ends_with(edge)
            && part.chars().all(|c| edge(c) || matches!(c, '.' | '_' | '-'))
            && !part.contains("..")
    })
}

pub(crate) fn is_tag(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    begins
        && text.len() <= TAG_CHARS_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_reference_is_read_back() {
        let digest = Digest::of(b"");
        for text in [
            "ghcr.io/acme/hello:1.0.0".to_owned(),
            "localhost:5000/hello".to_owned(),
            "localhost/a/b/c:x".to_owned(),
            "[::1]:5000/hello:1".to_owned(),
            format!("ghcr.io/acme/hello@{digest}"),
            format!("ghcr.io/acme/hello:1@{digest}"),
        ] {
            assert_eq!(text.parse::<OciReference>().map(|reference| reference.to_string()), Ok(text));
        }
    }

    #[test]
    fn digest_decides_over_the_tag() {
        let digest = Digest::of(b"");
        let reference: OciReference = format!("ghcr.io/acme/hello:1@{digest}").parse().expect("a reference");
        assert_eq!(reference.wanted(), digest.to_string());
        let reference: OciReference = "ghcr.io/acme/hello".parse().expect("a reference");
        assert_eq!(reference.wanted(), "latest");
    }

    #[test]
    fn path_tricks_are_refused() {
        for wrong in [
            "",
            "hello",
            "acme/hello:1",
            "ghcr.io/",
            "ghcr.io/../etc:1",
            "ghcr.io/a/../b:1",
            "ghcr.io/a..b:1",
            "ghcr.io/A:1",
            "ghcr.io//a:1",
            "ghcr.io/a?x:1",
            "ghcr.io/a%2f:1",
            "ghcr.io/a:../1",
            "ghcr.io/a:",
            "ghcr.io/a@sha256:12",
            "ghcr.io:0/a:1",
            "ghcr.io:x/a:1",
            "user@ghcr.io/a:1",
            "[::1/a:1",
        ] {
            assert!(wrong.parse::<OciReference>().is_err(), "{wrong}");
        }
    }
}
