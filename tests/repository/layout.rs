//! What the layout promises (`ARCHITECTURE.md`, invariants), held by a look at the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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

/// Every arrow inside the runtime: a module may name those that are listed after it, and no others. The lines are in the
/// order of the layers, so an arrow runs down the page. Two run up, which the comment beside them explains.
const MODULES: &[(&str, &[&str])] = &[
    (
        "runtime",
        &[
            "inspection",
            "handle",
            "trigger",
            "component",
            "plugin",
            "host",
            "service",
            "admission",
            "audit",
            "sqlite",
            "error",
            "capability",
            "scope",
            "clock",
            "limits",
        ],
    ),
    ("inspection", &["plugin", "audit", "limits"]),
    ("handle", &["dispatch", "plugin", "event", "invocation", "metrics", "error", "capability", "limits"]),
    ("trigger", &["dispatch", "plugin", "service", "invocation", "error", "caller", "clock", "limits"]),
    ("dispatch", &["plugin", "host", "event", "invocation", "admission", "error", "caller", "limits", "thread_number"]),
    ("component", &["plugin", "host", "invocation", "error", "limits"]),
    (
        "plugin",
        &[
            // Up: an instance calls any export by the description that `component` makes of it, and a check finds the trust
            // that an inspection shows.
            "component",
            "inspection",
            "host",
            "service",
            "event",
            "metrics",
            "admission",
            "error",
            "capability",
            "limits",
            "thread_number",
        ],
    ),
    ("compile", &["limits"]),
    ("host", &["service", "event", "admission", "audit", "error", "capability", "caller", "clock", "limits"]),
    ("service", &["sqlite", "admission", "audit", "error", "scope", "clock", "limits"]),
    ("event", &["error", "capability"]),
    ("metrics", &["audit", "error", "limits"]),
    ("invocation", &["admission", "error", "caller"]),
    ("sqlite", &["scope", "limits"]),
    ("audit", &["capability", "caller", "clock", "limits", "thread_number"]),
    ("admission", &[]),
    ("error", &["capability"]),
    ("capability", &["limits"]),
    ("scope", &["clock"]),
    ("caller", &[]),
    ("clock", &[]),
    ("limits", &[]),
    ("thread_number", &[]),
];

/// The module of `runtime/src` to which a file belongs: its first folder, or the file itself.
fn module(path: &Path) -> String {
    let path = path.strip_prefix("runtime/src").expect("a file of the runtime");
    path.iter().next().expect("it has a name").to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that a line names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn modules_of_the_runtime_name_only_those_below() {
    let allowed: BTreeMap<&str, &[&str]> = MODULES.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for (path, text) in texts(&files_in("runtime/src"), "rs") {
        let module = module(path);
        if module == "lib" || path.ends_with("tests.rs") {
            continue;
        }
        let targets = allowed.get(&*module).unwrap_or_else(|| panic!("`{module}` is not in the table of modules"));
        for line in code(&text) {
            for named in named(line).filter(|named| allowed.contains_key(named) && *named != module) {
                assert!(targets.contains(&named), "{}: `{module}` names `{named}`: {line}", path.display());
                seen.insert((module.clone(), named.to_owned()));
            }
        }
    }
    for (module, targets) in MODULES {
        for target in *targets {
            let arrow = (module.to_string(), target.to_string());
            assert!(seen.contains(&arrow), "`{module}` does not name `{target}` any more: take the arrow out");
        }
    }
}

/// Every arrow between crates, development alone excepted.
const CRATES: &[(&str, &[&str])] = &[
    ("cli", &["plugbay-node", "plugbay-testing", "plugbay-project", "plugbay", "plugbay-files"]),
    ("node", &["plugbay"]),
    ("sdk/testing", &["plugbay-project", "plugbay", "plugbay-files"]),
    ("project", &["plugbay-files", "plugbay-manifest"]),
    ("runtime", &["plugbay-compile", "plugbay-files", "plugbay-manifest"]),
    ("compile", &[]),
    ("files", &[]),
    ("sdk", &["plugbay-sdk-macros"]),
    ("sdk/macros", &["plugbay-manifest"]),
    ("manifest", &[]),
];

#[test]
fn crates_depend_on_those_below_only() {
    for (directory, allowed) in CRATES {
        let text = std::fs::read_to_string(root().join(directory).join("Cargo.toml")).expect("a crate");
        let mut section = String::new();
        for line in text.lines() {
            if line.starts_with('[') {
                section = line.to_owned();
            }
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if section.ends_with("dependencies]") && !section.contains("dev-") && name.starts_with("plugbay") {
                assert!(allowed.contains(&name), "{directory} depends on {name}");
            }
        }
    }
}

#[test]
fn services_know_neither_wit_nor_wasmtime_nor_grants() {
    for module in ["service", "sqlite", "audit", "event.rs"] {
        check(
            &format!("runtime/src/{module}"),
            &["wasmtime", "bindings", "wit::", "Grants", "plugbay_manifest::Manifest"],
        );
    }
}

#[test]
fn only_the_host_names_wit_types() {
    for (path, text) in texts(&files_in("runtime/src"), "rs").filter(|(path, _)| module(path) != "host") {
        for line in code(&text) {
            for word in ["wit::", "host::bindings", "bindgen!", "derive(ComponentType"] {
                assert!(!line.contains(word), "{}: `{word}` in: {line}", path.display());
            }
        }
    }
}

/// A load checks what a manifest asks for; every use by a plugin that runs is checked in one place.
#[test]
fn grants_are_used_in_one_place() {
    let checks = ["grants.check", "grants().check", ".operator_names(", ".check_service("];
    let at_load = ["plugin/check.rs", "host/environment.rs", "host/directory.rs", "inspection.rs"];
    for (path, text) in texts(&files_in("runtime/src"), "rs") {
        let is_place = path.ends_with("host/permissions.rs") || module(path) == "capability";
        if is_place || at_load.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        for line in code(&text) {
            let used = checks.iter().find(|check| line.contains(*check));
            let by_permissions = line.contains("permissions.");
            assert!(used.is_none() || by_permissions, "{}: {line}", path.display());
        }
    }
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
