//! The crates as crates.io would have them: whatever they are compiled from is inside each.
//!
//! A crate that reads `../wit` builds here and nowhere else, and nothing in a checkout would tell. Hence the links `sdk/wit`,
//! `runtime/wit` and `cli/wit`, which cargo packages as the files that they lead to. CI packages the crates for real (`just package`).

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::{files_in, root, texts};

const PUBLISHED: [&str; 10] =
    ["cli", "compile", "files", "manifest", "node", "project", "runtime", "sdk", "sdk/macros", "sdk/testing"];

/// What a line of code has the compiler read, and whether that is relative to the file or to the crate.
fn read_by(line: &str) -> Option<(&str, bool)> {
    let forms = [("include_str!(\"", true), ("include_bytes!(\"", true), ("path: \"", false)];
    let (rest, from_file) = forms.iter().find_map(|(form, from_file)| {
        let (_, rest) = line.split_once(form)?;
        Some((rest, *from_file))
    })?;
    Some((rest.split_once('"')?.0, from_file))
}

/// A path without its `..`: as it is written, whatever links there are.
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
fn published_crate_is_compiled_from_what_is_inside_it() {
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
    assert!(seen >= 8, "only {seen} files and directories were found: has `read_by` to learn another form?");
}

/// The files that cargo would put into a package.
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
fn package_has_its_licences_and_a_page() {
    for directory in PUBLISHED {
        let list = packed(directory);
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(list.lines().any(|line| line == file), "{directory} has no {file}:\n{list}");
        }
    }
}

#[test]
fn package_that_binds_to_the_contract_has_all_of_it() {
    for directory in ["sdk", "runtime", "cli"] {
        let list = packed(directory);
        for file in files_in("wit") {
            let file = file.to_string_lossy().replace('\\', "/");
            assert!(list.lines().any(|line| line == file), "{directory} has no {file}:\n{list}");
        }
    }
}
