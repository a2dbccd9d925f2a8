//! Podman from Debian, whose service answers Docker's API, and a proxy before its socket that cuts connections.
//!
//! Its containers, images and events are in a directory of the test. Containers are not started: that needs rights over
//! control groups, which a test may not have. They are created and removed, and images are imported, pushed, pulled,
//! tagged and removed. Tests that need it are skipped if it is not installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

use super::patience::PATIENCE;
use super::skipped;

/// The engine with its service.
pub(crate) struct Podman {
    service: Child,
    directory: tempfile::TempDir,
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

impl Podman {
    /// Starts the service. `None` if Podman is not installed.
    pub(crate) fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("podman.sock");
        let url = format!("unix://{}", socket.display());
        let start = |directory: &Path| {
            let mut service = command(directory);
            service.args(["system", "service", "--time=0", &url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let Ok(service) = start(directory.path()) else {
            skipped("podman is not installed (Debian: apt-get install podman)");
            return None;
        };
        let mut podman = Podman { service, directory };
        let since = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(since.elapsed() < PATIENCE, "podman does not listen");
            // The Podmans of a machine share their locks, and one that finds these incomplete ends.
            if podman.service.try_wait().expect("it is a child").is_some() {
                podman.service = start(podman.directory.path()).expect("it is installed");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(podman)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("podman.sock")
    }

    /// Runs a command of Podman, and returns the last line that it prints.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = command(self.directory.path()).args(arguments).output().expect("it is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
    }

    /// Makes an image of one file, which is not a program.
    pub(crate) fn import(&self, name: &str) -> String {
        let archive = self.directory.path().join("image.tar");
        std::fs::write(self.directory.path().join("file"), name).expect("written");
        let tar =
            Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(self.directory.path()).arg("file").status();
        assert!(tar.expect("tar is installed").success());
        self.run(&["import", "-q", archive.to_str().expect("UTF-8"), name])
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new("podman");
    for option in ["root", "runroot", "tmpdir"] {
        command.arg(format!("--{option}={}", directory.join(option).display()));
    }
    command
        .args(["--storage-driver=vfs", "--events-backend=file", "--cgroup-manager=cgroupfs"])
        .env("XDG_RUNTIME_DIR", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// A socket before another one. It is closed with its value.
pub(crate) struct CutProxy {
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: AbortHandle,
}

impl Drop for CutProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl CutProxy {
    pub(crate) fn start(socket: &Path, target: PathBuf) -> Self {
        let listener = UnixListener::bind(socket).expect("it is free");
        let connections: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let accepted = connections.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.clone();
                let connection = tokio::spawn(async move {
                    if let Ok(mut engine) = UnixStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
                    }
                });
                accepted.lock().push(connection.abort_handle());
            }
        });
        CutProxy { connections, accepting: accepting.abort_handle() }
    }

    /// Cuts all connections, in the middle of whatever they carry. Returns the number of those that were open.
    pub(crate) fn cut(&self) -> usize {
        let connections = std::mem::take(&mut *self.connections.lock());
        let open = connections.iter().filter(|connection| !connection.is_finished());
        open.map(AbortHandle::abort).count()
    }
}
