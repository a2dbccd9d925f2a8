//! Commands that are killed at each named step: the catalog is as before the command or as after it, and a host boots.
//!
//! `PLUGBAY_CRASH_ROUNDS` sets how often each step is tried; the default is 1.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use plugbay_catalog::fail_points::{FAIL_POINT_VARIABLE, fail_points};
use serde_json::{Value, json};

use super::scene::{Scene, hello, named, text};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::node::node_on;
use crate::harness::oci::Artefact;
use crate::harness::server::Server;

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
        let (kind, target) = (entry.file_type().expect("known"), to.join(entry.file_name()));
        if kind.is_file() {
            std::fs::copy(entry.path(), target).expect("copied");
        } else if kind.is_dir() {
            copy(&entry.path(), &target);
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
fn removal_of_data_that_was_killed_is_completed_by_the_same_command() {
    let scene = prepare();
    let keeper = TestPlugin::from(feature::DATA).manifest("name", json!("keeper"));
    scene.install(keeper.manifest("permissions", json!([{ "resource": "data.*" }])));
    let run = |action: &str, payload: Value| {
        scene.run(&["run", "keeper", action, &payload.to_string(), "--grant", "data.*"]).exits_with(0).json()
    };
    run("set", json!({ "key": "note", "value": 1 }));
    let (saved, stored) = (scene.path("saved"), scene.data().join("keeper"));
    copy(&scene.data(), &saved);
    let remove = ["remove", "keeper", "--data", "--json"];
    for point in ["remove.begun", "remove.changed", "remove.committed"] {
        for _ in 0..rounds() {
            copy(&saved, &scene.data());
            let killed = scene.command(&remove).environment(FAIL_POINT_VARIABLE, point).start();
            let ended = killed.wait_with_output().expect("it ends");
            assert_eq!(ended.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&ended.stderr));
            // The data is removed last, so that a plugin which is installed has its data.
            let is_installed = scene.versions().iter().any(|(name, _)| name == "keeper");
            assert_eq!(is_installed, point != "remove.committed", "{point}");
            if is_installed {
                assert_eq!(run("get", json!("note")), 1, "{point}");
            }
            assert!(stored.is_dir(), "{point}");
            let removed = scene.run(&remove).exits_with(0).json();
            assert_eq!(
                (removed["plugin"].is_null(), &removed["data_removed"]),
                (!is_installed, &json!(true)),
                "{point}"
            );
            assert!(!stored.exists(), "{point}");
        }
    }
    // A removal that ended between two files of the database.
    copy(&saved, &scene.data());
    scene.run(&["remove", "keeper"]).exits_with(0);
    let log = stored.join("data.sqlite3-wal");
    std::fs::write(&log, "").expect("written");
    std::fs::remove_file(stored.join("data.sqlite3")).expect("it has data");
    assert_eq!(scene.run(&remove).exits_with(0).json()["data_removed"], true);
    assert!(!stored.exists());
}

#[test]
fn download_that_was_killed_leaves_the_catalog_as_it_was() {
    let scene = prepare();
    let (old, files) = (content(&scene), names(&scene.data()));
    let server = Server::start(Artefact::slow());
    let file = scene.host_file(&server.authority(), "");
    let reference = format!("oci://{}/acme/hello:3.0.0", server.authority());
    let commands = [&["install", &reference, "--yes"][..], &["update", "hello", &reference, "--yes"]];
    for command in commands.repeat(rounds()) {
        let begun = server.received().iter().filter(|request| request.line().contains("/blobs/")).count();
        let mut process = scene.command(&[command, &["--host-file", text(&file)]].concat()).start();
        while server.received().iter().filter(|request| request.line().contains("/blobs/")).count() == begun {
            assert_eq!(process.try_wait().expect("it is a child"), None, "{command:?} ended before its download");
            std::thread::yield_now();
        }
        process.kill().expect("the test owns the process");
        process.wait().expect("it was killed");
        assert_eq!(content(&scene), old, "{command:?}");
        assert_eq!(names(&scene.data()), files, "{command:?} leaves no file behind");
    }
}

/// The sorted names of the files of a directory, without the log of the database.
fn names(directory: &Path) -> Vec<std::ffi::OsString> {
    let names = directory.read_dir().expect("readable").map(|entry| entry.expect("readable").file_name());
    let is_log = |name: &std::ffi::OsString| {
        name.to_string_lossy().ends_with("-wal") || name.to_string_lossy().ends_with("-shm")
    };
    let mut names: Vec<_> = names.filter(|name| !is_log(name)).collect();
    names.sort();
    names
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
