//! The repository: its pages are true, its layout keeps the invariants, its crates can be published.

mod english;
mod layout;
mod packaging;
mod pages;
mod readme;
mod surface;

use std::path::{Path, PathBuf};

/// The directory of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace")
}

/// All files below a directory of the repository, with paths from its root. Build output is left out, and a file with
/// several links is listed once.
fn files_in(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut waiting = vec![root().join(directory)];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let name = path.file_name().unwrap_or_default();
        if path.is_symlink() || name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("readable");
            waiting.extend(entries.map(|entry| entry.expect("readable").path()));
        } else {
            found.push(path.strip_prefix(root()).expect("below the root").to_owned());
        }
    }
    assert!(!found.is_empty(), "no files found: has the directory moved?");
    found.sort();
    found
}

/// The files with this extension, with their text.
fn texts<'a>(files: &'a [PathBuf], extension: &'a str) -> impl Iterator<Item = (&'a Path, String)> {
    let wanted = move |path: &&PathBuf| path.extension().is_some_and(|found| found == extension);
    files.iter().filter(wanted).map(|path| {
        let text = std::fs::read_to_string(root().join(path)).expect("UTF-8");
        (path.as_path(), text)
    })
}
