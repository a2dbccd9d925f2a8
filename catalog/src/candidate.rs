//! A package that is ready to be installed, with what it asks for.

use crate::difference::Difference;
use crate::installed::Installed;
use crate::package::Package;

/// A checked package, compared with what is installed. Installing it is a decision of the operator.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// The package.
    pub package: Package,
    /// The installed plugin of the same name, as it was when they were compared.
    pub replaces: Option<Installed>,
    /// The difference from the installed version.
    pub difference: Difference,
}

/// The operator's confirmation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    /// Whether everything in [`Difference`] is confirmed. Default: false.
    pub widening: bool,
    /// Whether other content under the version that is installed is accepted. Default: false.
    pub moved_version: bool,
}

impl Consent {
    /// Nothing was confirmed: only versions that ask for no more than the installed one are accepted.
    pub fn none() -> Consent {
        Consent::default()
    }

    /// The difference was shown and confirmed.
    pub fn widening() -> Consent {
        Consent { widening: true, moved_version: false }
    }

    /// Other content under the same version is accepted as well, as during development.
    #[must_use]
    pub fn and_moved_version(self) -> Consent {
        Consent { moved_version: true, ..self }
    }
}
