//! The other systems whose manifests Plugbay accepts, and the version of each that it is compatible with.
//!
//! `framework_version`, `nexus_version` and `api` require a version of another system. They are compared with these
//! levels, not with Plugbay's own version.

use semver::Version;

/// A system whose plugins' manifests are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// XCore (`framework_version`): level 2.0.0.
    XCore,
    /// Nexus (`nexus_version`): level 0.1.0.
    Nexus,
    /// Pup's plugin API (`api`): level 1.0.0.
    Pup,
}

impl System {
    /// Returns the version that Plugbay is compatible with.
    pub const fn level(self) -> Version {
        match self {
            System::XCore => Version::new(2, 0, 0),
            System::Nexus => Version::new(0, 1, 0),
            System::Pup => Version::new(1, 0, 0),
        }
    }

    /// Returns the system's display name.
    pub const fn name(self) -> &'static str {
        match self {
            System::XCore => "XCore",
            System::Nexus => "Nexus",
            System::Pup => "Pup API",
        }
    }
}
