//! Commands that are killed at each named step: the catalog is as before the command or as after it, and a host boots.
//!
//! `PLUGBAY_CRASH_ROUNDS` sets how often each step is tried; the default is 1.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use plugbay_catalog::fail_points::{FAIL_POINT_VARIABLE, fail_points};
use serde_json::Value;

use super::scene::{Scene, hello, named, text};
use crate::harness::node::node_on;

const CHANGES: [(&str, &[&str]); 6] = [
    ("install", &["install", "new.wasm"]),
    ("update", &["update", "hello", "next.wasm"]),
    ("rollback", &["rollback", "hello"]),
    ("remove", &["remove", "hello"]),
    ("enable", &["enable", "hello"]),
    ("disable", &["disable", "other"]),
];

fn rounds() -> usize {
    std::env::var("PLUGBAY_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// `hello` in its second version, disabled, and `other`.
fn prepare() -> Scene {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    scene.install(hello("2.0.0"));
    scene.run(&["disable", "hello"]).exits_with(0);
    scene.install(named("other"));
    scene.file("new.wasm", named("new"));
    scene.file("next.wasm", hello("3.0.0"));
    scene
}

/// The files of the data directory, to bring it back to the same state.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).expect("made");
    for entry in from.read_dir().expect("readable") {
        let entry = entry.expect("readable");
        if entry.file_type().expect("known").is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

/// The installed plugins, without the moments at which they were stored.
fn content(scene: &Scene) -> Value {
    let mut plugins = scene.list();
    for plugin in &mut plugins {
        plugin["installed_at"] = Value::Null;
        for version in ["current", "previous"] {
            if plugin[version].is_object() {
                plugin[version]["stored_at"] = Value::Null;
            }
        }
    }
    plugins.into()
}

#[tokio::test]
async fn killed_command_leaves_the_catalog_old_or_new() {
    let scene = prepare();
    let saved = scene.path("saved");
    copy(&scene.data(), &saved);
    for (change, command) in CHANGES {
        copy(&saved, &scene.data());
        let old = content(&scene);
        scene.run(command).exits_with(0);
        let new = content(&scene);
        assert_ne!(old, new, "{change} changes something");
        let points: Vec<String> =
            fail_points().into_iter().filter(|point| point.starts_with(&format!("{change}."))).collect();
        assert_eq!(points.len(), 3, "{change}");
        for point in points {
            for _ in 0..rounds() {
                copy(&saved, &scene.data());
                let killed = scene.command(command).environment(FAIL_POINT_VARIABLE, &point).start();
                let ended = killed.wait_with_output().expect("it ends");
                let said = String::from_utf8_lossy(&ended.stderr);
                assert_eq!(ended.status.signal(), Some(9), "{point} was not reached: {said}");
                let expected = if point.ends_with(".committed") { &new } else { &old };
                assert_eq!(&content(&scene), expected, "{point}");
            }
            // Loading runs the same code in every round.
            let report = node_on(&scene.data()).boot("test", &()).await.expect("it boots");
            assert!(report.errors.is_empty(), "{point}: {:?}", report.errors);
        }
    }
}

#[test]
fn catalog_whose_creation_was_killed_is_created_again() {
    for point in fail_points().into_iter().filter(|point| point.starts_with("create.")) {
        for _ in 0..rounds() {
            let scene = Scene::new();
            let file = scene.file("hello.wasm", hello("1.0.0"));
            let install = ["install", text(&file)];
            let killed = scene.command(&install).environment(FAIL_POINT_VARIABLE, &point).start();
            let ended = killed.wait_with_output().expect("it ends");
            assert_eq!(ended.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&ended.stderr));
            assert!(scene.list().is_empty(), "{point}");
            scene.run(&install).exits_with(0);
            assert_eq!(scene.versions().len(), 1, "{point}");
        }
    }
}
