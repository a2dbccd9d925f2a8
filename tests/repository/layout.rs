//! What the layout promises (`ARCHITECTURE.md`, invariants), held by a look at the sources.

use super::{files_in, root, texts};

/// The code of a file: no comments, and nothing from its tests on.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn check(directory: &str, forbidden: &[&str]) {
    for (path, text) in texts(&files_in(directory), "rs") {
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
    for directory in ["compile/src", "runtime/src"] {
        check(directory, &["println!", "print!(", "dbg!(", "process::exit", "anyhow"]);
    }
}

#[test]
fn pure_rooms_do_not_name_wasmtime() {
    for room in ["manifest/src", "runtime/src/capability", "runtime/src/admission", "runtime/src/trigger"] {
        check(room, &["wasmtime"]);
    }
}

#[test]
fn rooms_depend_downward_only() {
    check("runtime/src/admission", &["crate::plugin", "crate::service", "crate::dispatch"]);
    check("compile/src", &["plugbay_manifest", "plugbay::"]);
    check("runtime/src/capability", &["crate::plugin", "crate::service", "crate::admission", "crate::dispatch"]);
}

/// SECURITY.md lists where, and argues for each.
#[test]
fn unsafe_code_is_where_the_threat_page_says() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).expect("readable");
    let (_, listed) = page.split_once("## `unsafe`").expect("it has a section on it");
    for crate_directory in ["manifest", "compile", "node", "project", "runtime", "cli"] {
        for (path, text) in texts(&files_in(crate_directory), "rs") {
            let name = path.to_string_lossy().replace('\\', "/");
            let allows = code(&text).any(|line| line.contains("(unsafe_code)") && !line.contains("deny"));
            assert!(!allows || listed.contains(&*name), "{name} has unsafe code that SECURITY.md does not list");
        }
    }
}

/// Where something is to be found is what a name is for.
#[test]
fn names_say_what_is_inside() {
    let empty = ["util", "utils", "common", "helper", "helpers", "misc", "manager"];
    for path in files_in("") {
        let parts = path.with_extension("");
        let named = parts.iter().find(|part| empty.iter().any(|word| *part == *word));
        assert!(named.is_none(), "{} does not say what is inside", path.display());
    }
}

#[test]
fn every_source_says_what_it_is_and_can_be_read_in_one_go() {
    for (path, text) in texts(&files_in(""), "rs") {
        assert!(text.starts_with("//!"), "{} does not open with what it is", path.display());
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines: is there a natural cut?", path.display());
    }
}
