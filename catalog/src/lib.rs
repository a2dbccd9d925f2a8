//! The catalog of a Plugbay host: installed plugins in a database.
//!
//! A package is a manifest, a component and its configuration files. It is downloaded or read ([`Fetcher`]), checked
//! against its digests and its signature ([`Trust`]), compared with the installed version ([`Difference`]) and stored
//! in one transaction ([`CatalogStore`](store::CatalogStore)). Each stage needs the type that the one before returned:
//!
//! ```text
//! reference ─▶ PackageOrigin ─▶ FetchedPackage ─▶ Package ─▶ Candidate ──────────▶ Installed
//!              origin.rs        fetch/            package.rs candidate.rs           store.rs, sqlite/
//!                               digests,          manifest   what is asked for,     one transaction
//!                               signature         checked    what grows
//! ```
//!
//! [`Catalog`] is the whole of it, with the operations of the command and of DockStat's plugin store
//! ([`plugin_store`]). This crate knows neither WebAssembly nor a running plugin: facts of a component come from a
//! [`ComponentReader`](package::ComponentReader), and plugins are loaded by a
//! [`PluginLoader`](plugin_store::PluginLoader).
//!
//! ```no_run
//! use plugbay_catalog::network::NetworkOptions;
//! use plugbay_catalog::package::ComponentReader;
//! use plugbay_catalog::registry::Registries;
//! use plugbay_catalog::{Catalog, Consent, Fetcher, SqliteStore, Trust};
//!
//! # async fn install(reader: impl ComponentReader + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! let fetcher = Fetcher::new(NetworkOptions::default(), Registries::default(), Trust::default())?;
//! let catalog = Catalog::builder(SqliteStore::open("data".as_ref())?, fetcher, reader).build();
//!
//! let candidate = catalog.candidate("oci://ghcr.io/acme/hello:1.0.0", &()).await?;
//! if candidate.difference.widens() {
//!     println!("{} asks for {}", candidate.package.name(), candidate.difference.summary());
//! }
//! // Once the operator has confirmed that:
//! let installed = catalog.install(&candidate, Consent::widening()).await?;
//! println!("installed as number {}", installed.id);
//! # Ok(())
//! # }
//! ```
//!
//! ```
//! use plugbay_catalog::{Digest, PackageOrigin};
//!
//! let origin = PackageOrigin::parse("oci://ghcr.io/acme/hello:1.0.0")?;
//! assert_eq!(origin.to_string(), "oci://ghcr.io/acme/hello:1.0.0");
//! assert!(PackageOrigin::parse("http://example.org/plugin.yaml").is_err(), "it is not encrypted");
//! assert!(Digest::of(b"").to_string().starts_with("sha256:e3b0c442"));
//! # Ok::<(), plugbay_catalog::OriginError>(())
//! ```

#![forbid(unsafe_code)]

mod candidate;
mod catalog;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod difference;
mod digest;
mod error;
mod fail_point;
mod fetch;
mod host_lock;
mod http;
mod installed;
mod key;
pub mod limits;
mod oci;
mod origin;
pub mod package;
pub mod plugin_store;
mod registries;
mod signature;
mod sqlite;
mod statement;
pub mod store;

pub use candidate::{Candidate, Consent};
pub use catalog::{Catalog, CatalogBuilder};
pub use difference::Difference;
pub use digest::Digest;
pub use error::{CatalogError, CatalogProblem};
pub use fetch::{FetchedPackage, Fetcher};
pub use host_lock::{HostLock, HostLockError};
pub use installed::{Installed, PluginKey};
pub use origin::{OriginError, PackageOrigin};
pub use package::Package;
pub use signature::Trust;
pub use sqlite::SqliteStore;

/// Transfers: the operator's settings, their observer, their errors.
pub mod network {
    pub use crate::http::{NetworkOptions, TransferError, TransferObserver, TransferProblem};
}

/// Registries: references to artefacts, the settings of wkg and Docker, publishing.
pub mod registry {
    pub use crate::oci::{OciReference, PublishOptions, Published, publish};
    pub use crate::registries::{Credentials, Registries, RegistriesError};
}

/// Signatures and keys in minisign's format.
pub mod signing {
    pub use crate::key::{PrivateKey, PublicKey, SignatureError, generate_key};
    pub use crate::signature::{SignedBy, Trust};
    pub use crate::statement::Statement;
}

/// Named steps at which a test ends the process.
#[cfg(feature = "fail-points")]
pub mod fail_points {
    pub use crate::fail_point::{FAIL_POINT_VARIABLE, fail_points};
}
