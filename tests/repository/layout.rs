//! Checks that the sources keep the layout's invariants, as `ARCHITECTURE.md` lists them.

use super::{files_in, root, texts};

/// The lines of code of a file, without comments and up to its tests.
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
    // The compile worker uses its standard streams, but not through a macro.
    for directory in ["compile/src", "runtime/src"] {
        check(directory, &["println!", "print!(", "dbg!(", "process::exit", "anyhow"]);
    }
}

#[test]
fn pure_modules_do_not_name_wasmtime() {
    for module in ["manifest/src", "runtime/src/capability", "runtime/src/admission", "runtime/src/trigger"] {
        check(module, &["wasmtime"]);
    }
}

#[test]
fn modules_depend_downward_only() {
    check("runtime/src/admission", &["crate::plugin", "crate::service", "crate::dispatch"]);
    check("compile/src", &["plugbay_manifest", "plugbay::"]);
    check("runtime/src/capability", &["crate::plugin", "crate::service", "crate::admission", "crate::dispatch"]);
}

/// SECURITY.md lists each place and the argument for it.
#[test]
fn unsafe_code_is_where_security_md_says() {
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

/// A file's name must say what is in it.
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
fn every_source_has_a_module_comment_and_500_lines_at_most() {
    for (path, text) in texts(&files_in(""), "rs") {
        assert!(text.starts_with("//!"), "{} does not open with a `//!` comment", path.display());
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines, 500 at most: split it", path.display());
    }
}
