//! Checks that the sources keep the layout's invariants, as `ARCHITECTURE.md` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
    for directory in ["compile/src", "component-call/src", "runtime/src"] {
        check(directory, &["println!", "print!(", "dbg!(", "process::exit", "anyhow"]);
    }
}

#[test]
fn pure_modules_do_not_name_wasmtime() {
    for module in ["manifest/src", "runtime/src/capability", "runtime/src/admission", "runtime/src/trigger"] {
        check(module, &["wasmtime"]);
    }
}

/// The allowed dependencies inside the runtime: a module may name only the modules in its list. The lines are in the
/// order of the layers, so dependencies point down the page. One points up, as the comment at it explains.
const MODULES: &[(&str, &[&str])] = &[
    (
        "runtime",
        &[
            "inspection",
            "handle",
            "trigger",
            "dispatch",
            "component",
            "plugin",
            "page",
            "host_plugin",
            "host",
            "service",
            "event",
            "admission",
            "audit",
            "metrics",
            "lifecycle",
            "invocation",
            "error",
            "capability",
            "scope",
            "clock",
            "plugin_limits",
            "limits",
        ],
    ),
    // Public names for what is inside.
    ("compile", &["runtime", "limits"]),
    ("log", &["service"]),
    ("network", &["service"]),
    ("package", &["plugin"]),
    ("policy", &["capability"]),
    ("process", &["service"]),
    ("api", &["service"]),
    ("inspection", &["plugin", "host", "audit", "capability", "plugin_limits"]),
    (
        "handle",
        &[
            "dispatch",
            "plugin",
            "service",
            "event",
            "invocation",
            "metrics",
            "lifecycle",
            "error",
            "capability",
            "plugin_limits",
        ],
    ),
    (
        "trigger",
        &[
            "dispatch",
            "plugin",
            "host_plugin",
            "host",
            "service",
            "event",
            "page",
            "invocation",
            "error",
            "caller",
            "clock",
            "limits",
        ],
    ),
    ("dispatch", &["plugin", "host_plugin", "host", "event", "invocation", "admission", "error", "caller", "limits"]),
    ("component", &["plugin", "host", "invocation", "error", "plugin_limits"]),
    (
        "plugin",
        &[
            // Up: a check determines the trust that an inspection shows.
            "inspection",
            "host_plugin",
            "host",
            "service",
            "event",
            "metrics",
            "lifecycle",
            "page",
            "invocation",
            "admission",
            "error",
            "capability",
            "clock",
            "plugin_limits",
            "limits",
            "thread_number",
        ],
    ),
    ("store", &["service", "event", "admission", "store_future"]),
    ("extension", &["host"]),
    ("host_plugin", &["metrics", "error", "plugin_limits"]),
    (
        "host",
        &[
            "metrics",
            "invocation",
            "service",
            "event",
            "admission",
            "audit",
            "error",
            "capability",
            "caller",
            "store_future",
            "clock",
            "plugin_limits",
            "limits",
        ],
    ),
    ("service", &["invocation", "sqlite", "admission", "audit", "error", "scope", "store_future", "clock", "limits"]),
    ("event", &["sqlite", "admission", "error", "capability", "scope", "store_future", "clock", "limits"]),
    ("metrics", &["service", "audit", "error", "limits"]),
    ("lifecycle", &[]),
    ("page", &["error", "invocation"]),
    ("tool", &["invocation", "error", "caller"]),
    ("invocation", &["admission", "error", "caller"]),
    ("sqlite", &["scope", "limits"]),
    ("audit", &["capability", "caller", "clock", "limits", "thread_number"]),
    ("admission", &["scope", "store_future"]),
    ("error", &["capability"]),
    ("capability", &["limits"]),
    ("scope", &["clock"]),
    ("caller", &[]),
    ("clock", &[]),
    ("plugin_limits", &["limits"]),
    ("limits", &[]),
    ("thread_number", &[]),
    ("store_future", &[]),
];

/// The module of `runtime/src` that a file is part of: its top folder, or the file itself.
fn module(path: &Path) -> String {
    let path = path.strip_prefix("runtime/src").expect("a file of the runtime");
    path.iter().next().expect("it has a name").to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a line names.
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
            assert!(seen.contains(&arrow), "`{module}` no longer names `{target}`: remove it from the list");
        }
    }
}

/// The allowed dependencies between crates, other than dev-dependencies.
const CRATES: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "plugbay-component-call",
            "plugbay-server",
            "plugbay-node",
            "plugbay-catalog",
            "plugbay-testing",
            "plugbay-project",
            "plugbay",
            "plugbay-files",
        ],
    ),
    ("server", &["plugbay-node", "plugbay-catalog", "plugbay"]),
    ("component-call", &["plugbay", "plugbay-manifest"]),
    (
        "node",
        &["plugbay", "plugbay-catalog", "plugbay-compile", "plugbay-docker", "plugbay-files", "plugbay-supervisor"],
    ),
    ("catalog", &["plugbay-address", "plugbay-files", "plugbay-manifest"]),
    ("docker", &["plugbay-manifest"]),
    ("supervisor", &["plugbay-manifest"]),
    ("sdk/testing", &["plugbay-project", "plugbay", "plugbay-files"]),
    ("project", &["plugbay-files", "plugbay-manifest"]),
    ("runtime", &["plugbay-address", "plugbay-compile", "plugbay-files", "plugbay-manifest", "plugbay-sqlite-memory"]),
    ("address", &[]),
    ("compile", &[]),
    ("sqlite-memory", &[]),
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
    for module in ["service", "sqlite", "audit", "event"] {
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

/// Loading checks the requests of a manifest. Every use by a running plugin is checked in one place.
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

/// SECURITY.md lists each place and the argument for it. Code for WebAssembly, whose bindings are generated, and the
/// benchmark are not a part of a host.
#[test]
fn unsafe_code_is_where_security_md_says() {
    const UNSAFE: [&str; 3] =
        ["compile/src/code_cache.rs", "compile/src/code_cache/mapped.rs", "sqlite-memory/src/allocator.rs"];
    const NOT_OF_A_HOST: [&str; 4] = ["bench", "example-plugins", "sdk/src", "tests/guests"];
    let page = std::fs::read_to_string(root().join("SECURITY.md")).expect("readable");
    let (_, listed) = page.split_once("## `unsafe`").expect("it has a section on it");
    for place in UNSAFE {
        assert!(listed.contains(place), "SECURITY.md does not list {place}");
    }
    let of_a_host = |path: &Path| !NOT_OF_A_HOST.iter().any(|elsewhere| path.starts_with(elsewhere));
    for (path, text) in texts(&files_in(""), "rs").filter(|(path, _)| of_a_host(path)) {
        let name = path.to_string_lossy().replace('\\', "/");
        let is_unsafe = ["allow(unsafe_code", "expect(unsafe_code", "unsafe {", "unsafe fn", "unsafe extern"];
        let line = code(&text).find(|line| is_unsafe.iter().any(|word| line.contains(word)));
        let line = line.filter(|_| !UNSAFE.contains(&&*name) && !name.ends_with("repository/layout.rs"));
        assert!(line.is_none(), "{name} has unsafe code: {line:?}");
    }
}

/// The other crates have the uses that SECURITY.md lists, generated bindings, or a benchmark.
#[test]
fn crates_without_unsafe_code_forbid_it() {
    for crate_directory in [
        "address",
        "manifest",
        "catalog",
        "component-call",
        "docker",
        "files",
        "node",
        "project",
        "runtime",
        "server",
        "cli",
        "sdk/macros",
        "sdk/testing",
        "supervisor",
    ] {
        let text = std::fs::read_to_string(root().join(crate_directory).join("src/lib.rs")).expect("readable");
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{crate_directory}");
    }
}

/// A file's name must describe its content.
#[test]
fn file_names_describe_their_content() {
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
