//! The guardian: a small shell that ends the processes of a host that was killed.
//!
//! A host that is killed cannot end its processes. The guardian reads the groups that run from a pipe whose other end
//! only the host has; at the end of the pipe it ends those that are left. It is in a process group of its own, so that
//! keys of a terminal do not reach it. A signal of the kernel at the death of a parent would reach neither
//! grandchildren nor processes that change their user, and cannot be asked for without unsafe code.
//!
//! A process that was started in the moment before the host was killed may not have been reported yet, and daemons that
//! left their group are not ended by it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use parking_lot::Mutex;

/// Reads `+ GROUP` and `- GROUP`, and ends the groups that are left at the end.
const SCRIPT: &str = r#"
groups=
while read -r change group; do
    case $change in
    +) groups="$groups $group" ;;
    -) left=
        for each in $groups; do [ "$each" = "$group" ] || left="$left $each"; done
        groups=$left ;;
    esac
done
for each in $groups; do kill -TERM "-$each"; kill -CONT "-$each"; done
tries=0
while [ "$tries" -lt 5 ]; do
    alive=
    for each in $groups; do kill -0 "-$each" && alive=1; done
    [ -n "$alive" ] || exit 0
    sleep 1
    tries=$((tries + 1))
done
for each in $groups; do kill -KILL "-$each"; done
"#;

/// The guardian of a supervisor. It is started with the first process.
#[derive(Debug, Default)]
pub(crate) struct Guardian(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    groups: BTreeSet<i32>,
    shell: Option<(Child, ChildStdin)>,
}

impl Guardian {
    /// Reports a group that runs.
    pub(crate) fn add(&self, group: i32) {
        let mut state = self.0.lock();
        state.groups.insert(group);
        state.report(&format!("+ {group}\n"));
    }

    /// Reports a group that has ended, or is left running on purpose.
    pub(crate) fn remove(&self, group: i32) {
        let mut state = self.0.lock();
        if state.groups.remove(&group) {
            state.report(&format!("- {group}\n"));
        }
    }
}

impl State {
    fn report(&mut self, line: &str) {
        let sent = self.shell.as_mut().map(|(_, pipe)| pipe.write_all(line.as_bytes()));
        if matches!(sent, Some(Ok(()))) || self.groups.is_empty() {
            return;
        }
        // It was not started yet, or was ended: another one receives all groups.
        end(self.shell.take());
        match self.start() {
            Ok(shell) => self.shell = Some(shell),
            Err(error) => tracing::warn!(%error, "processes would outlive this host if it is killed: no guardian"),
        }
    }

    fn start(&self) -> io::Result<(Child, ChildStdin)> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT]).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let mut pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let lines: String = self.groups.iter().map(|group| format!("+ {group}\n")).collect();
        pipe.write_all(lines.as_bytes())?;
        Ok((child, pipe))
    }
}

/// Closes the pipe, and reaps the shell when it has ended.
fn end(shell: Option<(Child, ChildStdin)>) {
    if let Some((mut child, pipe)) = shell {
        drop(pipe);
        // It ends within milliseconds, unless groups are left.
        std::thread::spawn(move || child.wait());
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        end(self.0.get_mut().shell.take());
    }
}
