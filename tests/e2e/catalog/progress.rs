//! The progress of downloads and compilations on a terminal.

use std::fmt::Write;

use super::scene::{Scene, text};
use crate::e2e::terminal::Screen;
use crate::harness::assert::assert_contains;
use crate::harness::core_module::CoreModule;
use crate::harness::host::TestPlugin;
use crate::harness::oci::Artefact;
use crate::harness::server::Server;

/// Installs from a reference on a terminal until these words are shown. Returns everything that was shown.
fn install(scene: &Scene, arguments: &[&str], words: &str) -> String {
    let (mut screen, program) = Screen::open();
    let command = scene.command(&[&["install"], arguments].concat());
    // No code of another run is in this cache.
    let command = command.environment("XDG_CACHE_HOME", scene.path("cache")).environment("TERM", "xterm");
    let mut process = command.start_at(program);
    screen.wait_for(words);
    process.kill().expect("the test owns the process");
    process.wait().expect("it was killed");
    screen.seen
}

#[test]
fn slow_download_has_a_bar_on_a_terminal() {
    let scene = Scene::new();
    let server = Server::start(Artefact::slow());
    let file = scene.host_file(&server.authority(), "");
    let reference = format!("oci://{}/acme/hello:1.0.0", server.authority());
    let seen = install(&scene, &[&reference, "--host-file", text(&file)], "/95.37 MiB");
    assert_contains(&seen, &[&format!("{}/acme/hello:1.0.0 [", server.authority())]);
}

#[test]
fn slow_compilation_is_shown_on_a_terminal() {
    let scene = Scene::new();
    let mut functions = String::new();
    for number in 0..20_000 {
        let sum = "(i32.mul (i32.add ".repeat(30)
            + "(local.get 0)"
            + &format!(" (i32.const {number})) (local.get 0))").repeat(30);
        let _ = write!(functions, "(func (param i32) (result i32) {sum})");
    }
    let plugin = TestPlugin::new("large", CoreModule::default().with(&functions).plugin());
    let file = scene.file("large.wasm", plugin);
    install(&scene, &[text(&file), "--yes"], "compiling large");
}
