//! The catalog of a node, with the settings of the host's file and of the user's registries.
//!
//! The user's registries are those of `wkg` (`wasm-pkg/config.toml`) and the credentials of Docker (`config.json`), in
//! the directories that the environment names as those tools do. The environment may have bearer tokens as for `wkg`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plugbay::Limits;
use plugbay::manifest::{CatalogSettings, Resources};
use plugbay_catalog::network::{NetworkOptions, TransferError};
use plugbay_catalog::registry::{Registries, RegistriesError};
use plugbay_catalog::signing::{PublicKey, SignatureError};
use plugbay_catalog::store::StoreError;
use plugbay_catalog::{Catalog, Fetcher, SqliteStore, Trust};

use crate::component_scanner::ComponentScanner;
use crate::data_dir;
use crate::{DataDirError, HostFile};

/// A catalog cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenCatalogError {
    /// The host's file lists a key that is not one.
    #[error("the host's file: catalog.trusted_keys: {_0}")]
    Key(SignatureError),
    /// The settings of the user's registries are invalid.
    #[error(transparent)]
    Registries(#[from] RegistriesError),
    /// The settings for transfers cannot be used.
    #[error(transparent)]
    Network(#[from] TransferError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The memory of SQL statements of plugins cannot be bounded any more.
    #[error(transparent)]
    SqlMemory(#[from] plugbay::error::SqliteInUse),
}

/// Returns the fetcher of packages with the settings of the host's file.
///
/// # Errors
/// [`OpenCatalogError`] if a setting is invalid.
pub fn fetcher(file: &HostFile) -> Result<Fetcher, OpenCatalogError> {
    let settings = file.catalog();
    let keys: Result<Vec<PublicKey>, SignatureError> =
        settings.trusted_keys.iter().map(|key| PublicKey::parse(key)).collect();
    let trust = Trust::new(keys.map_err(OpenCatalogError::Key)?).required(settings.require_signatures);
    with_trust(file, trust)
}

/// Returns the fetcher for packages of this user, to sign or to publish them: it looks for no signatures.
///
/// # Errors
/// As [`fetcher`].
pub fn own_fetcher(file: &HostFile) -> Result<Fetcher, OpenCatalogError> {
    with_trust(file, Trust::default())
}

fn with_trust(file: &HostFile, trust: Trust) -> Result<Fetcher, OpenCatalogError> {
    let CatalogSettings { private_hosts, plain_hosts, default_namespace, .. } = file.catalog().clone();
    let mut network = NetworkOptions::default();
    network.private_hosts = private_hosts;
    network.plain_hosts = plain_hosts;
    let mut registries = Registries::from_files(wkg_file().as_deref(), docker_file().as_deref())?;
    let texts = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    registries.add_tokens(std::env::vars_os().filter_map(texts));
    if let Some(namespace) = default_namespace {
        registries.set_default_namespace(namespace);
    }
    Ok(Fetcher::new(network, registries, trust)?)
}

/// Opens the catalog of a data directory, and creates both if they do not exist. Call this instead of opening the
/// database directly: it bounds the memory of plugins' SQL statements first, which SQLite permits before its first use.
///
/// # Errors
/// [`OpenCatalogError`] if a setting is invalid, the directory cannot be used, or the catalog is damaged.
pub fn open_catalog(file: &HostFile, data_dir: &Path) -> Result<Catalog, OpenCatalogError> {
    plugbay::bound_sql_memory()?;
    data_dir::prepare(data_dir, false)?;
    with_limits(SqliteStore::open(data_dir)?, file)
}

/// Opens the catalog of a data directory if it has one, and creates nothing.
///
/// # Errors
/// As [`open_catalog`].
pub fn existing_catalog(file: &HostFile, data_dir: &Path) -> Result<Option<Catalog>, OpenCatalogError> {
    plugbay::bound_sql_memory()?;
    let Some(store) = SqliteStore::open_existing(data_dir)? else { return Ok(None) };
    with_limits(store, file).map(Some)
}

/// A catalog in memory, for a host without a data directory whose file names packages at URLs.
pub(crate) fn catalog_in_memory(file: &HostFile) -> Result<Catalog, OpenCatalogError> {
    with_limits(SqliteStore::in_memory()?, file)
}

/// A catalog that compares versions with the runtime's default limits, so that only what is above them is confirmed.
fn with_limits(store: SqliteStore, file: &HostFile) -> Result<Catalog, OpenCatalogError> {
    let Limits { timeout, memory_bytes, fuel, rate, instances, .. } = Limits::default();
    let defaults = Resources {
        timeout,
        max_memory_bytes: Some(memory_bytes),
        max_fuel: fuel,
        rate_limit: rate,
        instances: Some(instances),
    };
    Ok(Catalog::builder(store, fetcher(file)?, ComponentScanner).default_limits(defaults).build())
}

/// The settings of wkg: `$WKG_CONFIG_FILE`, or `wasm-pkg/config.toml` in the user's directory for settings.
fn wkg_file() -> Option<PathBuf> {
    variable("WKG_CONFIG_FILE").or_else(|| {
        let settings = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
        Some(settings.join("wasm-pkg/config.toml"))
    })
}

/// The settings of Docker: `config.json` in `$DOCKER_CONFIG` or `~/.docker`.
fn docker_file() -> Option<PathBuf> {
    let directory = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")))?;
    Some(directory.join("config.json"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
