//! `plugbay wit`: a world for authors whose language has no SDK.

use serde_json::json;
use wit_parser::Resolve;

use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;

#[test]
fn world_has_the_named_interfaces_and_resolves() {
    let directory = tempfile::tempdir().expect("a directory");
    let wit = |arguments: &[&str]| Plugbay::new(arguments).directory(directory.path()).run();
    let told = wit(&["wit", "wit", "--import", "log,data", "--import", "log", "--export", "health", "--json"]);
    let told = told.exits_with(0).json();
    assert_eq!(told["imports"], json!(["data", "log"]));
    assert_eq!(told["exports"], json!(["actions", "health"]));

    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory.path().join("wit")).expect("it resolves");
    let world = resolve.select_world(&[package], Some("plugin")).expect("the world");
    let world = &resolve.worlds[world];
    let imports: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let exports: Vec<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let interface = |name: &str| format!("plugbay:plugin/{name}@0.2.0");
    // The types that both interfaces use are imported with them.
    assert_eq!(imports, ["types", "data", "log"].map(interface));
    assert_eq!(exports, ["actions", "health"].map(interface));
}

#[test]
fn world_without_imports_resolves() {
    let directory = tempfile::tempdir().expect("a directory");
    Plugbay::new(["wit", "wit"]).directory(directory.path()).run().exits_with(0);
    Resolve::default().push_dir(directory.path().join("wit")).expect("it resolves");
}

#[test]
fn unknown_interface_is_refused_with_the_nearest_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |arguments: &[&str], told: &[&str]| {
        let run = Plugbay::new(arguments).directory(directory.path()).run().exits_with(2);
        assert_contains(&run.stderr, told);
    };
    refused(&["wit", "wit", "--import", "dta"], &["--import", "`dta`", "did you mean `data`?"]);
    refused(&["wit", "wit", "--import", "sockets"], &["`sockets`", "use one of ", "config, ", "db, ", "scheduler"]);
    refused(&["wit", "wit", "--import", "acme:shop/stock"], &["`acme:shop/stock`", "an application's own", "`deps`"]);
    refused(&["wit", "wit", "--export", "actoins"], &["--export", "`actoins`", "event-handler, health, lifecycle"]);
    assert!(!directory.path().join("wit").exists(), "nothing was written");
}

#[test]
fn directory_with_files_is_not_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("mine.wit"), "package my:own;").expect("written");
    let run = Plugbay::new(["wit", "."]).directory(directory.path()).run().exits_with(2);
    assert_contains(&run.stderr, &["not empty", "choose another directory"]);
}
