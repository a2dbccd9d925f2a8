//! What the layout promises (`ARCHITECTURE.md`, invariants), held by a look at the sources.

use std::path::{Path, PathBuf};

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(directory);
    let mut waiting = vec![root];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("readable");
            waiting.extend(entries.map(|entry| entry.expect("readable").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{directory} has no sources: has it moved?");
    found
}

/// The code of a file: no comments, and nothing from its tests on.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn check(directory: &str, forbidden: &[&str]) {
    for (path, text) in sources(directory) {
        for line in code(&text) {
            for word in forbidden {
                assert!(!line.contains(word), "{}: `{word}` in: {line}", path.display());
            }
        }
    }
}

#[test]
fn library_never_prints_or_exits() {
    // The compile worker speaks to its host through its standard streams; it uses no macro for that.
    check("", &["println!", "print!(", "dbg!(", "process::exit", "anyhow"]);
}

#[test]
fn pure_rooms_do_not_name_wasmtime() {
    for room in ["capability", "admission", "trigger"] {
        check(room, &["wasmtime"]);
    }
}

#[test]
fn rooms_depend_downward_only() {
    check("admission", &["crate::plugin", "crate::service", "crate::dispatch"]);
    check("capability", &["crate::plugin", "crate::service", "crate::admission", "crate::dispatch"]);
}

#[test]
fn every_source_says_what_it_is() {
    for (path, text) in sources("") {
        assert!(text.starts_with("//!"), "{} does not open with what it is", path.display());
    }
}
