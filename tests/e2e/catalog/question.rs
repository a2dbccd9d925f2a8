//! The question that is asked on a terminal before a plugin is installed.

use std::fs::File;
use std::io::{Read, Write};

use serde_json::json;

use super::scene::{Scene, hello, text};
use crate::e2e::terminal::terminal;

/// Installs on a terminal, with this answer to the question. Returns the text on the terminal.
fn install(scene: &Scene, answer: &str) -> String {
    let asking = hello("1.0.0").manifest("permissions", json!([{ "resource": "data.*" }]));
    let file = scene.file("hello.wasm", asking);
    let (user, program) = terminal().expect("this system has pseudo terminals");
    let input = File::from(program.try_clone().expect("duplicated"));
    let mut process = scene.command(&["install", text(&file)]).stdin(input).start_at(program);
    let (mut user, mut seen) = (File::from(user), String::new());
    let mut read_until = |user: &mut File, words: &str| {
        while !seen.contains(words) {
            let mut bytes = [0; 1024];
            let read = user.read(&mut bytes).unwrap_or_else(|error| panic!("it ended ({error}) and showed: {seen}"));
            seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    read_until(&mut user, "[y/N]");
    user.write_all(format!("{answer}\n").as_bytes()).expect("written");
    process.wait().expect("it ends");
    drop(user);
    seen
}

#[test]
fn answer_yes_installs_and_any_other_does_not() {
    let scene = Scene::new();
    for answer in ["", "n", "yes please"] {
        let seen = install(&scene, answer);
        assert!(seen.contains("data.*") && seen.contains("Install hello 1.0.0 with that?"), "{seen}");
        assert!(scene.list().is_empty(), "{answer}");
    }
    install(&scene, "y");
    assert_eq!(scene.versions().len(), 1);
}
