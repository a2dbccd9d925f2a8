//! The question that is asked on a terminal before a plugin is installed.

use std::fs::File;

use serde_json::{Value, json};

use super::scene::{Scene, hello, text};
use crate::e2e::terminal::Screen;
use crate::harness::host::TestPlugin;

/// A plugin that asks for permissions.
fn asking(version: &str, resources: &[&str]) -> TestPlugin {
    let rules: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    hello(version).manifest("permissions", rules.into())
}

/// Runs a command on a terminal, with this answer to its question. Returns the text on the terminal.
fn ask(scene: &Scene, command: &[&str], answer: &str) -> String {
    let (mut screen, program) = Screen::open();
    let input = File::from(program.try_clone().expect("duplicated"));
    let mut process = scene.command(command).stdin(input).start_at(program);
    screen.wait_for("[y/N]");
    screen.enter(answer);
    process.wait().expect("it ends");
    screen.seen
}

#[test]
fn answer_yes_installs_and_any_other_does_not() {
    let scene = Scene::new();
    let file = scene.file("hello.wasm", asking("1.0.0", &["data.*"]));
    for answer in ["", "n", "yes please"] {
        let seen = ask(&scene, &["install", text(&file)], answer);
        assert!(seen.contains("data.*") && seen.contains("Install hello 1.0.0 with that?"), "{seen}");
        assert!(scene.list().is_empty(), "{answer}");
    }
    ask(&scene, &["install", text(&file)], "y");
    assert_eq!(scene.versions().len(), 1);
}

#[test]
fn update_asks_for_what_the_new_version_adds() {
    let scene = Scene::new();
    let file = scene.file("hello.wasm", asking("1.0.0", &["data.*"]));
    scene.run(&["install", text(&file), "--yes"]).exits_with(0);
    scene.file("hello.wasm", asking("2.0.0", &["data.*", "cache.*"]));
    for (answer, version) in [("n", "1.0.0"), ("yes", "2.0.0")] {
        let seen = ask(&scene, &["update", "hello"], answer);
        for words in ["hello 1.0.0 -> 2.0.0 changes:", "cache.*", "Install hello 2.0.0 with that?"] {
            assert!(seen.contains(words), "{seen}");
        }
        assert!(!seen.contains("data.*"), "it is granted already: {seen}");
        assert_eq!(scene.versions()[0].1, version);
    }
}
