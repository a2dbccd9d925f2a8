//! Progress output, which appears on a terminal and not in a pipe.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::harness::command::{Plugbay, plugin_file};
use crate::harness::guest::hostile;
use crate::harness::host::TestPlugin;

/// Opens a pseudo terminal, and returns the user's side and the program's side.
pub(super) fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
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
    let (user, program) = terminal().expect("this system has pseudo terminals");
    let command = Plugbay::new(["run", file.path().to_str().expect("UTF-8"), "attack"]);
    let mut process = command.environment("TERM", "xterm").start_at(program);
    let mut seen = String::new();
    let mut user = File::from(user);
    while !seen.contains("running attack") {
        let mut bytes = [0; 1024];
        let read = user.read(&mut bytes).unwrap_or_else(|error| panic!("it ended ({error}) and showed: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
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
