//! Discovery of the plugins in a directory: `NAME/` and `CATEGORY/NAME/`, sorted by path.
//!
//! A directory with a manifest, a component or a `Cargo.toml` is a plugin. Any other directory is a category, and each
//! directory in it is a plugin, so that one without a component is reported and not passed over. Names that begin with
//! `_` or `.` are skipped at both levels, and so are files. Links are followed: the directory is the operator's.

use std::io;
use std::path::{Path, PathBuf};

use plugbay::manifest::FILE_NAMES;
use plugbay::manifest::limits::HOST_PLUGINS_MAX;

/// The directory of plugins cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// A directory cannot be listed.
    #[error("the plugins in {} cannot be listed: {error}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// It has too many entries.
    #[error("{} has more than the {HOST_PLUGINS_MAX} entries that are allowed", .0.display())]
    TooMany(PathBuf),
}

/// Returns the directories of the plugins in `directory`, sorted by path.
///
/// # Errors
/// [`DiscoveryError`] if the directory or a category cannot be listed, or has too many entries.
pub fn discover(directory: &Path) -> Result<Vec<PathBuf>, DiscoveryError> {
    let mut plugins = Vec::new();
    for entry in directories(directory)? {
        match is_plugin(&entry)? {
            true => plugins.push(entry),
            false => plugins.extend(directories(&entry)?),
        }
        if plugins.len() > HOST_PLUGINS_MAX {
            return Err(DiscoveryError::TooMany(directory.to_owned()));
        }
    }
    Ok(plugins)
}

/// The subdirectories whose names are not skipped, sorted.
fn directories(directory: &Path) -> Result<Vec<PathBuf>, DiscoveryError> {
    let mut found = Vec::new();
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(b"_") && !name.starts_with(b".") && path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a directory is a plugin and not a category.
fn is_plugin(directory: &Path) -> Result<bool, DiscoveryError> {
    let is_mark = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        let is_known = FILE_NAMES.iter().any(|known| name == *known) || name == "Cargo.toml";
        is_known || path.extension().is_some_and(|extension| extension == "wasm")
    };
    Ok(entries(directory)?.iter().any(is_mark))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, DiscoveryError> {
    let failed = |error| DiscoveryError::Io { path: directory.to_owned(), error };
    let mut found = Vec::new();
    for entry in directory.read_dir().map_err(failed)? {
        if found.len() == HOST_PLUGINS_MAX {
            return Err(DiscoveryError::TooMany(directory.to_owned()));
        }
        found.push(entry.map_err(failed)?.path());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[&str], expected: &[&str]) {
        let directory = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let found = discover(directory.path()).expect("it can be listed");
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(directory.path()).expect("inside")).collect();
        assert_eq!(found, expected.iter().map(Path::new).collect::<Vec<_>>());
    }

    #[test]
    fn plugins_and_those_of_categories_are_found_in_order() {
        check(
            &["zebra/plugin.yaml", "shop/orders/plugin.json", "shop/cart/cart.wasm", "alpha/Cargo.toml", "readme.md"],
            &["alpha", "shop/cart", "shop/orders", "zebra"],
        );
    }

    #[test]
    fn names_with_an_underscore_or_a_dot_are_skipped() {
        let files =
            ["_off/plugin.yaml", ".git/plugin.yaml", "shop/_off/plugin.yaml", "shop/.x/a.wasm", "a/plugin.toml"];
        check(&files, &["a"]);
    }

    #[test]
    fn directory_without_a_component_counts_in_a_category_only() {
        check(&["shop/broken/notes.txt", "empty/notes.txt"], &["shop/broken"]);
        check(&["a/plugin.yaml", "a/src/lib.rs"], &["a"]);
    }

    #[test]
    fn directory_that_does_not_exist_is_an_error() {
        let error = discover(Path::new("/nonexistent/plugins")).expect_err("missing").to_string();
        assert!(error.contains("/nonexistent/plugins"), "{error}");
    }
}
