//! Requirements: the plugins of the host's file and of the catalog that other plugins require, directly or
//! transitively. The remaining plugins of both are not loaded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plugbay::{LoadError, Package};

use crate::Node;

/// Returns the package of the installed plugin of a name; `None` if there is none, or if it is disabled.
pub type FindInstalled<'a, E> = dyn Fn(&str) -> Result<Option<Package>, E> + 'a;

/// A plugin that is to be loaded, with its name and requirements.
struct Described {
    path: PathBuf,
    package: Package,
    name: String,
    requires: Vec<String>,
}

/// The requirements of plugins cannot be resolved. `E` is the error of opening a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementsError<E> {
    /// A package cannot be opened. This is the error of the caller's function.
    #[error("a package that is required cannot be opened")]
    Open(E),
    /// A package is not a plugin.
    #[error(transparent)]
    Load(LoadError),
    /// Two of the named plugins have the same name.
    #[error("{} and {} are both called `{name}`: load one of them", first.display(), second.display())]
    SameName {
        /// Their name.
        name: String,
        /// The path of the first.
        first: PathBuf,
        /// The path of the second.
        second: PathBuf,
    },
}

impl Node {
    /// The packages of `named`, and those of the host's file and of the catalog that they require. `open` opens and
    /// [configures](Self::configured) the package at a path; `installed` that of the [installed](Self::installed)
    /// plugin of a name, if there is one, and is left out if there is no catalog. The host's file takes precedence.
    ///
    /// # Errors
    /// [`RequirementsError`] if a package cannot be opened or two of `named` have the same name.
    pub fn with_requirements<E>(
        &self,
        named: Vec<(PathBuf, Package)>,
        open: impl Fn(&Path) -> Result<Package, E>,
        installed: Option<&FindInstalled<'_, E>>,
    ) -> Result<Vec<Package>, RequirementsError<E>> {
        let mut in_file = self.file.local_plugins();
        let is_alone = named.len() < 2;
        let mut next = in_file.next();
        if is_alone && next.is_none() && installed.is_none() {
            // There is no other plugin to choose from; loading reports missing ones.
            return Ok(named.into_iter().map(|(_, package)| package).collect());
        }
        let mut all: Vec<Described> = Vec::new();
        for (path, package) in named {
            let new = self.described(path, package)?;
            if let Some(known) = all.iter().find(|known| known.name == new.name) {
                let (first, second) = (known.path.clone(), new.path);
                return Err(RequirementsError::SameName { name: new.name, first, second });
            }
            all.push(new);
        }
        let count = all.len();
        let mut asked = BTreeSet::new();
        while let Some(name) = missing(&all, &asked) {
            let (path, package) = match (next.take(), installed) {
                (Some(path), _) => {
                    next = in_file.next();
                    let package = open(&path).map_err(RequirementsError::Open)?;
                    (path, Some(package))
                }
                (None, Some(installed)) => {
                    let package = installed(&name).map_err(RequirementsError::Open)?;
                    asked.insert(name.clone());
                    (PathBuf::from(name), package)
                }
                (None, None) => break,
            };
            let found = package.map(|package| self.described(path, package)).transpose()?;
            // A named plugin takes precedence over one of the file, and that over an installed one.
            all.extend(found.filter(|found| !all.iter().any(|known| known.name == found.name)));
        }
        let mut wanted = wanted(&all, count);
        let mut packages: Vec<Option<Package>> = all.into_iter().map(|one| Some(one.package)).collect();
        wanted.sort_unstable();
        Ok(wanted.into_iter().filter_map(|index| packages[index].take()).collect())
    }

    fn described<E>(&self, path: PathBuf, package: Package) -> Result<Described, RequirementsError<E>> {
        let inspection = self.runtime.inspect(package.clone());
        let manifest = inspection.map_err(|error| RequirementsError::Load(error))?.manifest;
        let requires = manifest.requires.into_iter().map(|required| required.name).collect();
        Ok(Described { path, package, name: manifest.name, requires })
    }
}

/// A plugin that one of them requires, that is not among them and was not asked for yet.
fn missing(all: &[Described], asked: &BTreeSet<String>) -> Option<String> {
    let names: BTreeSet<&str> = all.iter().map(|one| &*one.name).collect();
    let mut required = all.iter().flat_map(|one| &one.requires);
    required.find(|required| !names.contains(&***required) && !asked.contains(*required)).cloned()
}

/// The indexes of the first `named`, and of the plugins that they require, directly or transitively.
fn wanted(all: &[Described], named: usize) -> Vec<usize> {
    let mut wanted: Vec<usize> = (0..named.min(all.len())).collect();
    let mut next = 0;
    while next < wanted.len() {
        for required in &all[wanted[next]].requires {
            let found = all.iter().position(|one| one.name == *required);
            wanted.extend(found.filter(|found| !wanted.contains(found)));
        }
        next += 1;
    }
    wanted
}
