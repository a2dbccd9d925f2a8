//! A real registry, Debian's `docker-registry`, on a free port. Tests that need it are skipped if it is not installed.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::patience::PATIENCE;
use super::port::unused_port;
use super::skipped;

/// A running registry with a directory of its own.
pub(crate) struct DockerRegistry {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    directory: tempfile::TempDir,
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl DockerRegistry {
    /// Starts a registry. `None` if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let address = format!("127.0.0.1:{}", unused_port());
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{address}'}}\n",
            directory.path().join("storage").display()
        );
        let file = directory.path().join("config.yml");
        std::fs::write(&file, config).expect("written");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            skipped("docker-registry is not installed (Debian: apt-get install docker-registry)");
            return None;
        };
        let mut registry = DockerRegistry { process, address, directory };
        let since = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            let ended = registry.process.try_wait().expect("it is a child");
            assert!(ended.is_none(), "docker-registry ended: {ended:?}");
            assert!(since.elapsed() < PATIENCE, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(registry)
    }

    /// Changes content behind the registry's back: each file with these bytes gets others of the same length.
    pub(crate) fn tamper(&self, content: &[u8]) {
        let (mut waiting, mut changed) = (vec![self.directory.path().join("storage")], 0);
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(path.read_dir().expect("readable").map(|entry| entry.expect("readable").path()));
            } else if std::fs::read(&path).is_ok_and(|found| found == content) {
                let mut other = content.to_vec();
                *other.last_mut().expect("not empty") ^= 1;
                std::fs::write(&path, &other).expect("written");
                changed += 1;
            }
        }
        assert!(changed > 0, "the registry does not have this content");
    }
}
