//! The catalog as the commands use it: opened with the settings of the command line and of the host's file.

use std::path::{Path, PathBuf};

use http::Method;
use plugbay::compile::CompileIsolation;
use plugbay::error::LoadErrorKind;
use plugbay::manifest::VersionRequirement;
use plugbay::{Policy, Runtime};
use plugbay_catalog::{Catalog, CatalogError, HostLock, Installed, Package};
use plugbay_node::{HostFile, Node, NodeOptions, existing_catalog, open_catalog};

use crate::args::{CatalogArgs, Dependents, HostFileArg};
use crate::error::Error;
use crate::host;
use crate::output::Output;
use crate::progress::Progress;
use crate::remote;
use crate::server_client::ServerClient;

/// An opened catalog, its data directory and the host's file.
pub(crate) struct OpenedCatalog {
    pub(crate) catalog: Catalog,
    pub(crate) data_dir: PathBuf,
    pub(crate) file: HostFile,
}

impl OpenedCatalog {
    /// Opens the catalog, and creates it if the data directory has none.
    pub(crate) fn open(args: &CatalogArgs) -> Result<Self, Error> {
        let file = host_file(&args.file)?;
        let data_dir = data_dir(args, &file)?;
        Ok(OpenedCatalog { catalog: open_catalog(&file, &data_dir)?, data_dir, file })
    }

    /// Opens the catalog if the data directory has one. Creates nothing.
    pub(crate) fn open_existing(args: &CatalogArgs) -> Result<Option<Self>, Error> {
        let file = host_file(&args.file)?;
        let data_dir = data_dir(args, &file)?;
        let catalog = existing_catalog(&file, &data_dir)?;
        Ok(catalog.map(|catalog| OpenedCatalog { catalog, data_dir, file }))
    }

    /// Opens the catalog of an installed plugin. Creates nothing.
    pub(crate) fn of_installed(args: &CatalogArgs) -> Result<Self, Error> {
        let nothing = || {
            let directory = data_dir(args, &host_file(&args.file)?)?;
            Err(Error::NothingInstalled(directory))
        };
        OpenedCatalog::open_existing(args)?.map_or_else(nothing, Ok)
    }

    /// Checks a package as loading does, up to linking, with everything granted that it asks for. None of its code
    /// runs. Values that its configuration lacks and plugins that it requires are noted: the operator may add them
    /// before a host starts.
    pub(crate) fn check(&self, package: &Package, output: Output) -> Result<(), Error> {
        let mut options = NodeOptions::default();
        options.file = self.file.clone();
        options.only_checks = true;
        let builder = Runtime::builder()
            .live_instances(host::LIVE_INSTANCES)
            .run_jobs(false)
            .code_cache(host::code_cache(output))
            .compile_isolation(CompileIsolation::ChildProcess(host::worker()?));
        let node = Node::open(options, builder)?;
        let candidate = node.candidate(package).map_err(|error| Error::Usage(error.to_string()))?;
        let progress = Progress::start(format!("compiling {}", package.name()), output.quiet);
        let checked = host::block_on(node.runtime.check(candidate.policy(Policy::allow_all()).trusted(true)))?;
        drop(progress);
        match checked {
            Ok(_) => Ok(()),
            Err(error) if may_be_added(error.kind()) => {
                output.note(&format!("before a host can load it: {error}"));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the names of the installed and enabled plugins that require the one of this name or number, directly or
    /// through others, each before those that it requires.
    ///
    /// # Errors
    /// [`Error::Required`] if there are any and `dependents` refuses the change, or if the catalog cannot be read.
    pub(crate) async fn dependents(&self, key: &str, dependents: Dependents) -> Result<Vec<String>, Error> {
        let all = self.catalog.list().await?;
        let installed = all.iter().find(|plugin| plugin.name == key || plugin.id.to_string() == key);
        let name = installed.map_or(key, |plugin| &plugin.name);
        let found: Vec<String> = self.catalog.dependents(name).await?.into_iter().map(|plugin| plugin.name).collect();
        if dependents == Dependents::Refuse && !found.is_empty() {
            return Err(Error::Required { plugin: name.to_owned(), by: found });
        }
        Ok(found)
    }

    /// Notes the plugins that cannot be loaded because the one that they require is not there any more.
    pub(crate) fn note_dependents(name: &str, dependents: &[String], output: Output) {
        if !dependents.is_empty() {
            let dependents = dependents.join(", ");
            output.note(&format!("plugins that require `{name}` cannot be loaded without it: {dependents}"));
        }
    }

    /// Notes the installed plugins that require another version of a plugin than the one that is installed now, and
    /// cannot be loaded with it.
    pub(crate) async fn note_unmet(&self, installed: &Installed, output: Output) -> Result<(), CatalogError> {
        let version = &installed.current.version;
        let unmet = |plugin: &Installed| {
            let listed = plugin.current.manifest["requires"].as_array()?;
            let required = listed.iter().find(|one| one["name"] == *installed.name)?["version"].as_str()?;
            let requirement: VersionRequirement = required.parse().ok()?;
            (!requirement.matches(version)).then(|| format!("`{}` ({required})", plugin.name))
        };
        let unmet: Vec<String> = self.catalog.list().await?.iter().filter_map(unmet).collect();
        if !unmet.is_empty() {
            output.note(&format!(
                "plugins that require another version of `{}` cannot be loaded with {version}: {}",
                installed.name,
                unmet.join(", "),
            ));
        }
        Ok(())
    }

    /// Makes the host that runs on the data directory follow the change at once, and notes what it did. One without a
    /// socket, such as `plugbay run --linger`, uses the change when it restarts.
    pub(crate) fn tell_running_host(&self, output: Output) {
        let Ok(Some(holder)) = HostLock::holder(&self.data_dir) else { return };
        let Some(client) = ServerClient::of_data_dir(&self.data_dir) else {
            return output.note(&format!(
                "the host that runs on this data directory, {holder}, uses the change when it restarts"
            ));
        };
        match client.call(Method::POST, "/api/v1/refresh", None) {
            Ok(report) => remote::note_refresh(&report, output),
            Err(error) => output.note(&format!("{holder} does not follow the change: {}", error.text())),
        }
    }
}

/// Whether the operator can remove the cause of the error without another version of the plugin.
fn may_be_added(error: &LoadErrorKind) -> bool {
    matches!(error, LoadErrorKind::Configuration { .. } | LoadErrorKind::Requires { .. })
}

/// Reads the host's file, if one is named.
pub(crate) fn host_file(arg: &HostFileArg) -> Result<HostFile, Error> {
    host::host_file(arg.host_file.as_deref())
}

/// The data directory that the options or the host's file name.
pub(crate) fn data_dir(args: &CatalogArgs, file: &HostFile) -> Result<PathBuf, Error> {
    args.data_dir.clone().or_else(|| file.data_dir()).ok_or_else(|| {
        let text = "this command needs a data directory: name it with --data-dir DIR, PLUGBAY_DATA_DIR, or `data_dir` in \
                    the host's file";
        Error::Usage(text.to_owned())
    })
}

/// Writes a file whole, readable by this user alone if `private`. A file of this name is an error unless it may be
/// replaced.
pub(crate) fn write_file(path: &Path, text: &str, private: bool, replace: bool) -> Result<(), Error> {
    use std::io::Write;

    let failed = |error: std::io::Error| Error::Usage(format!("cannot write {}: {error}", path.display()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!replace);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
