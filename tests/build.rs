//! Generates a constant for each guest (see `harness/guest.rs`).
//!
//! It builds no guest: a check or a clippy run would wait for WebAssembly that it does not need.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut guests = Vec::new();
    for (directory, target) in [("guests/examples", "Library"), ("guests/src/bin", "Command")] {
        println!("cargo::rerun-if-changed={directory}");
        for name in names(Path::new(directory))? {
            let (suite, short) = name.split_once('_').ok_or_else(|| {
                io::Error::other(format!("{directory}/{name}.rs: a guest is called SUITE_NAME, such as hostile_panic"))
            })?;
            guests.push((suite.to_owned(), short.to_owned(), name.clone(), target));
        }
    }
    let examples = "../example-plugins";
    println!("cargo::rerun-if-changed={examples}");
    for name in names(Path::new(examples))? {
        guests.push(("example".to_owned(), name.clone(), name, "Example"));
    }
    guests.sort();

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    fs::write(out.join("guests.rs"), constants(&guests))
}

/// The names of the source files or directories in a directory.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_guest = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|_| is_guest) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A module for each suite, a constant for each guest.
fn constants(guests: &[(String, String, String, &str)]) -> String {
    let mut text = String::new();
    for suite in guests.chunk_by(|a, b| a.0 == b.0) {
        let _ = writeln!(text, "pub(crate) mod {} {{\n    use super::Guest;", suite[0].0);
        for (_, short, name, target) in suite {
            let constant = short.to_uppercase().replace('-', "_");
            let _ = writeln!(text, "    pub(crate) const {constant}: Guest = Guest::{target}({name:?});");
        }
        text.push_str("}\n");
    }
    text
}
