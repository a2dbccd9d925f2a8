//! The names that an application meets at the root of `plugbay`. They are few: the others are in modules, each of which
//! says what it is for.

use super::root;

/// The names at the root, in alphabetical order.
const NAMES: [&str; 16] = [
    "Caller",
    "Ceilings",
    "Event",
    "Failure",
    "HostPlugin",
    "Invocation",
    "InvokeError",
    "Limits",
    "LoadError",
    "LoadedPlugins",
    "Outcome",
    "Package",
    "Plugin",
    "Policy",
    "Runtime",
    "RuntimeBuilder",
];

/// The public modules, with those that are crates of others, and one function.
const MODULES: [&str; 26] = [
    "api",
    "audit",
    "bound_sql_memory",
    "bytes",
    "clock",
    "compile",
    "component",
    "error",
    "event",
    "extension",
    "host_plugin",
    "http",
    "inspection",
    "invocation",
    "lifecycle",
    "log",
    "manifest",
    "metrics",
    "network",
    "package",
    "page",
    "policy",
    "process",
    "store",
    "tool",
    "wasmtime",
];

#[test]
fn root_of_the_library_has_these_names_and_modules() {
    let library = std::fs::read_to_string(root().join("runtime/src/lib.rs")).expect("the library");
    let declared = library.lines().filter_map(|line| line.strip_prefix("pub "));
    let (mut names, mut modules) = (Vec::new(), Vec::new());
    for declared in declared {
        let declared = declared.trim_end_matches(';');
        if let Some(module) = declared.strip_prefix("mod ") {
            modules.push(module.to_owned());
        }
        let Some(used) = declared.strip_prefix("use ") else { continue };
        let last = used.rsplit("::").next().expect("a name");
        for name in last.trim_matches(['{', '}']).split(", ") {
            let name = name.rsplit(" as ").next().expect("a name").to_owned();
            if name.starts_with(char::is_uppercase) { names.push(name) } else { modules.push(name) }
        }
    }
    names.sort();
    modules.sort();
    assert_eq!((names, modules), (NAMES.map(str::to_owned).to_vec(), MODULES.map(str::to_owned).to_vec()));
}

#[test]
fn public_module_says_what_it_is_for() {
    for module in MODULES
        .into_iter()
        .filter(|module| !["bound_sql_memory", "bytes", "http", "manifest", "wasmtime"].contains(module))
    {
        let source = root().join("runtime/src");
        let file = [source.join(format!("{module}.rs")), source.join(module).join("mod.rs")];
        let text = file.iter().find_map(|path| std::fs::read_to_string(path).ok()).expect(module);
        assert!(text.starts_with("//! "), "{module}");
    }
}
