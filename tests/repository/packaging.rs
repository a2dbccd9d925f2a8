//! Checks that each published crate contains all files that it is compiled from.
//!
//! A crate that reads `../wit` builds in a checkout, but not from crates.io. Hence the links `sdk/wit`, `runtime/wit`
//! and `cli/wit`, which cargo packages as the files that they point to. CI also packages the crates (`just package`).

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::{files_in, root, texts};

const PUBLISHED: [&str; 17] = [
    "address",
    "catalog",
    "cli",
    "compile",
    "component-call",
    "docker",
    "files",
    "manifest",
    "node",
    "project",
    "runtime",
    "sdk",
    "sdk/macros",
    "sdk/testing",
    "server",
    "sqlite-memory",
    "supervisor",
];

/// The path that a line of code makes the compiler read, and whether it is relative to the file or to the crate.
fn read_by(line: &str) -> Option<(&str, bool)> {
    let forms = [("include_str!(\"", true), ("include_bytes!(\"", true), ("path: \"", false)];
    let (rest, from_file) = forms.iter().find_map(|(form, from_file)| {
        let (_, rest) = line.split_once(form)?;
        Some((rest, *from_file))
    })?;
    Some((rest.split_once('"')?.0, from_file))
}

/// A path with its `..` resolved as text, without following links.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{}", path.display()),
            other => normal.push(other),
        }
        normal
    })
}

#[test]
fn published_crate_contains_all_of_its_sources() {
    let mut seen = 0;
    for name in PUBLISHED {
        for (file, text) in texts(&files_in(Path::new(name).join("src")), "rs") {
            for (read, from_file) in
                text.lines().filter(|line| !line.trim_start().starts_with("//")).filter_map(read_by)
            {
                let base = if from_file { file.parent().expect("a directory") } else { Path::new(name) };
                let path = normal(&base.join(read));
                assert!(path.starts_with(name), "{} reads {read}, which is not in the package", file.display());
                seen += usize::from(root().join(path).exists());
            }
        }
    }
    assert!(seen >= 8, "only {seen} files and directories were found: does `read_by` miss a form?");
}

/// The list of files that cargo would package.
fn packed(directory: &str) -> String {
    let manifest = root().join(directory).join("Cargo.toml");
    let list = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo starts");
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    String::from_utf8_lossy(&list.stdout).replace('\\', "/")
}

#[test]
fn package_has_its_licences_and_a_readme() {
    for directory in PUBLISHED {
        let list = packed(directory);
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(list.lines().any(|line| line == file), "{directory} has no {file}:\n{list}");
        }
    }
}

#[test]
fn package_that_uses_the_contract_contains_all_of_it() {
    for directory in ["sdk", "runtime", "cli"] {
        let list = packed(directory);
        for file in files_in("wit") {
            let file = file.to_string_lossy().replace('\\', "/");
            assert!(list.lines().any(|line| line == file), "{directory} has no {file}:\n{list}");
        }
    }
}
