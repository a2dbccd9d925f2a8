//! Version requirements: which versions of Plugbay or of another plugin are accepted.
//!
//! The rules:
//! - Comparators are separated by commas, and all of them must hold. `*` alone accepts every release.
//! - A partial version stands for all versions that begin with it: `==2.0` and `~2.0` accept every 2.0.x, `!=2.0`
//!   none of them, `>=2.0` begins at 2.0.0, `>2.0` at 2.1.0, `<=2.0` ends before 2.1.0, `<2.0` before 2.0.0.
//! - `^` accepts versions with the same leftmost non-zero number: `^1.2` is `>=1.2, <2`, `^0.3` is `>=0.3, <0.4`.
//!   `~1.2.3` is `>=1.2.3, <1.3`. A version without an operator means `^`, as in Cargo.
//! - A pre-release such as 2.0.0-rc.1 is accepted only if a comparator other than `!=` names a pre-release of the same
//!   three numbers, so that none is selected by accident. `!=2.0` excludes the pre-releases of every 2.0.x too.
//! - Build metadata (`+abc`) is not compared: it is ignored in versions and refused in requirements.

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Op, Version, VersionReq};
use serde::{Serialize, Serializer};

use crate::limits::{COMPARATORS_MAX, REQUIREMENT_CHARS_MAX};
use crate::problem::quoted;

/// A version requirement. The module documentation has the rules; `FromStr` parses it and `Display` writes it.
///
/// ```
/// let accepted: plugbay_manifest::VersionRequirement = ">=2.0, !=2.3, <4".parse()?;
/// assert!(accepted.matches(&"3.1.0".parse()?));
/// assert!(!accepted.matches(&"2.3.7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRequirement {
    /// The comparators as written; empty for `*`.
    comparators: Box<[(Operator, Comparator)]>,
}

/// Why a version requirement cannot be parsed; see its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRequirementError(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
    NotEqual,
    Compatible,
    Tilde,
}

/// The operators. Longer ones come first, because `>=` begins with `>`.
const OPERATORS: [(&str, Operator); 9] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Equal),
    ("^", Operator::Compatible),
    ("~", Operator::Tilde),
];

impl VersionRequirement {
    /// Returns whether the version is accepted.
    pub fn matches(&self, version: &Version) -> bool {
        let (excluded, wanted): (Vec<_>, Vec<_>) =
            self.comparators.iter().partition(|(operator, _)| *operator == Operator::NotEqual);
        let wanted = VersionReq { comparators: wanted.into_iter().map(|(_, comparator)| comparator.clone()).collect() };
        wanted.matches(version) && !excluded.iter().any(|(_, comparator)| begins_with(version, comparator))
    }
}

/// Returns whether the version begins with the partial version.
fn begins_with(version: &Version, partial: &Comparator) -> bool {
    version.major == partial.major
        && partial.minor.is_none_or(|minor| version.minor == minor)
        && partial.patch.is_none_or(|patch| version.patch == patch && version.pre == partial.pre)
}

impl FromStr for VersionRequirement {
    type Err = VersionRequirementError;

    fn from_str(text: &str) -> Result<VersionRequirement, VersionRequirementError> {
        if text.chars().count() > REQUIREMENT_CHARS_MAX {
            let message = format!("a version requirement has at most {REQUIREMENT_CHARS_MAX} characters");
            return Err(VersionRequirementError(message));
        }
        if text.trim() == "*" {
            return Ok(VersionRequirement { comparators: Box::default() });
        }
        let comparators = text.split(',').map(parse_comparator).collect::<Result<Vec<_>, _>>()?;
        if comparators.len() > COMPARATORS_MAX {
            let message = format!("a version requirement has at most {COMPARATORS_MAX} parts");
            return Err(VersionRequirementError(message));
        }
        Ok(VersionRequirement { comparators: comparators.into() })
    }
}

fn parse_comparator(part: &str) -> Result<(Operator, Comparator), VersionRequirementError> {
    let part = part.trim();
    let (operator, version) = OPERATORS
        .iter()
        .find_map(|(spelling, operator)| Some((*operator, part.strip_prefix(spelling)?)))
        .unwrap_or((Operator::Compatible, part));
    let version = version.trim_start();
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        let rule = "write an operator (>= <= > < == ^ ~ !=) and a version, such as `>=2.0`";
        return Err(VersionRequirementError(format!("{} is not a version requirement: {rule}", quoted(part))));
    }
    if version.contains('+') {
        let rule = "build metadata (`+…`) cannot be compared: remove it";
        return Err(VersionRequirementError(format!("{}: {rule}", quoted(part))));
    }
    let explain = |error| VersionRequirementError(format!("{} is not a version: {error}", quoted(version)));
    let comparator = Comparator::parse(version).map_err(explain)?;
    Ok((operator, Comparator { op: operator.semver(), ..comparator }))
}

impl Operator {
    fn semver(self) -> Op {
        match self {
            Operator::AtLeast => Op::GreaterEq,
            Operator::AtMost => Op::LessEq,
            Operator::Above => Op::Greater,
            Operator::Below => Op::Less,
            Operator::Equal | Operator::NotEqual => Op::Exact,
            Operator::Compatible => Op::Caret,
            Operator::Tilde => Op::Tilde,
        }
    }
}

impl fmt::Display for VersionRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.comparators.is_empty() {
            return f.write_str("*");
        }
        for (index, (operator, version)) in self.comparators.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let spelling = OPERATORS.iter().find(|(_, known)| known == operator).map_or("", |(spelling, _)| spelling);
            write!(f, "{separator}{spelling}{}", version.major)?;
            if let Some(minor) = version.minor {
                write!(f, ".{minor}")?;
            }
            if let Some(patch) = version.patch {
                write!(f, ".{patch}")?;
            }
            if !version.pre.is_empty() {
                write!(f, "-{}", version.pre)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for VersionRequirementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for VersionRequirementError {}

impl Serialize for VersionRequirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(requirement: &str, accepted: &[&str], refused: &[&str]) {
        let parsed: VersionRequirement = requirement.parse().expect("the requirement is valid");
        for version in accepted {
            let version = version.parse().expect("a version");
            assert!(parsed.matches(&version), "{requirement} must accept {version}");
        }
        for version in refused {
            let version = version.parse().expect("a version");
            assert!(!parsed.matches(&version), "{requirement} must refuse {version}");
        }
    }

    #[test]
    fn matches_partial_version_matches_its_prefix() {
        check(">=2.0", &["2.0.0", "3.1.4"], &["1.9.9"]);
        check(">2.0", &["2.1.0"], &["2.0.0", "2.0.9"]);
        check("<=2.0", &["2.0.9", "1.0.0"], &["2.1.0"]);
        check("<2.0", &["1.99.0"], &["2.0.0"]);
        check("==2.0", &["2.0.0", "2.0.7"], &["2.1.0"]);
        check("!=2.0", &["2.1.0", "1.0.0"], &["2.0.0", "2.0.7"]);
        check("~2.0", &["2.0.7"], &["2.1.0"]);
        check("~2", &["2.9.0"], &["3.0.0"]);
    }

    #[test]
    fn matches_full_versions_are_compared_exactly() {
        check("==2.0.1", &["2.0.1", "2.0.1+build"], &["2.0.2"]);
        check("!=2.0.1", &["2.0.2"], &["2.0.1", "2.0.1+build"]);
        check("^1.2.3", &["1.2.3", "1.9.0"], &["1.2.2", "2.0.0"]);
        check("^0.3", &["0.3.9"], &["0.4.0", "0.2.0"]);
        check("~1.2.3", &["1.2.9"], &["1.3.0"]);
        check("1.0.0", &["1.4.0"], &["2.0.0"]);
    }

    #[test]
    fn matches_comparators_all_must_hold() {
        check(">=1.0,!=1.5 , <2", &["1.0.0", "1.6.0"], &["1.5.3", "2.0.0", "0.9.0"]);
        check("*", &["0.0.1", "99.0.0"], &["1.0.0-rc.1"]);
        check("!=1.2", &["1.3.0"], &["1.2.3", "1.3.0-rc.1"]);
    }

    #[test]
    fn matches_prerelease_needs_to_be_named() {
        check(">=1.0", &[], &["2.0.0-rc.1"]);
        check(">=2.0.0-rc.1", &["2.0.0-rc.2", "2.0.0"], &["2.0.0-beta", "2.0.1-rc.1"]);
        check(">=2.0.0-rc.1, !=2.0.0-rc.2", &["2.0.0-rc.3"], &["2.0.0-rc.2"]);
        check(">=2.0.1-rc.1, !=2.0", &["2.1.0"], &["2.0.1-rc.1"]);
    }

    #[test]
    fn from_str_malformed_requirement_says_what_to_write() {
        let long = ">=1,".repeat(90);
        for bad in ["", " ", ",", ">=", ">=x", "latest", "=>1", "~=1.0", ">=1.0,", "1.0.0.0", ">=1.0+b", "v1", &long] {
            assert!(bad.parse::<VersionRequirement>().is_err(), "{bad:?} must be refused");
        }
        let error = "latest".parse::<VersionRequirement>().expect_err("not a requirement");
        assert!(error.to_string().contains("such as `>=2.0`"), "{error}");
    }

    #[test]
    fn display_parses_back_to_the_same() {
        for text in [">=2.0, !=2.3, <4", "^1.2.3-rc.1", "*", "~2", "==1.0.0"] {
            let parsed: VersionRequirement = text.parse().expect("valid");
            assert_eq!(parsed.to_string(), text);
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }
}
