//! Progress output, which appears on a terminal and not in a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::hostile;
use crate::harness::host::TestPlugin;

/// The user's side of a pseudo terminal, and everything that was shown on it so far.
pub(super) struct Screen {
    user: File,
    pub(super) seen: String,
}

impl Screen {
    /// Opens a pseudo terminal, and returns its screen and the program's side.
    pub(super) fn open() -> (Self, OwnedFd) {
        let (user, program) = terminal().expect("this system has pseudo terminals");
        (Screen { user: File::from(user), seen: String::new() }, program)
    }

    /// Reads until these words were shown.
    #[track_caller]
    pub(super) fn wait_for(&mut self, words: &str) {
        while !self.seen.contains(words) {
            let (mut bytes, seen) = ([0; 1024], &self.seen);
            let read = self.user.read(&mut bytes);
            let read = read.unwrap_or_else(|error| panic!("it ended ({error}) without `{words}`: {seen}"));
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// Types a line.
    pub(super) fn enter(&mut self, line: &str) {
        self.user.write_all(format!("{line}\n").as_bytes()).expect("written");
    }
}

/// Opens a pseudo terminal, and returns the user's side and the program's side.
fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&user)?;
    unlockpt(&user)?;
    let path = std::ffi::OsString::from_vec(ptsname(&user, Vec::new())?.into_bytes());
    let program = rustix::fs::open(path, rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY, 0.into())?;
    Ok((user, program))
}

/// A plugin that does not answer within the time of a test.
fn endless() -> tempfile::NamedTempFile {
    plugin_file(TestPlugin::from(hostile::SLEEP).resource("timeout_seconds", json!(600)))
}

#[test]
fn progress_is_shown_on_a_terminal_after_a_second() {
    let file = endless();
    let (mut screen, program) = Screen::open();
    let command = Plugbay::new(["run", file.path().to_str().expect("UTF-8"), "attack"]);
    let mut process = command.environment("TERM", "xterm").start_at(program);
    screen.wait_for("running attack");
    process.kill().expect("the test owns the process");
    process.wait().expect("it was killed");
}

#[test]
fn progress_is_not_shown_in_a_pipe() {
    let file = endless();
    let arguments = ["run", file.path().to_str().expect("UTF-8"), "attack", "--timeout", "1500ms"];
    let ran = Plugbay::new(arguments).run().exits_with(5);
    assert!(ran.stderr.starts_with("error[timeout]") && !ran.stderr.contains("running"), "{}", ran.stderr);
}
