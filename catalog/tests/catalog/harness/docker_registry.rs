//! A real registry, Debian's `docker-registry`, on a free port. Tests that need it are skipped where it is missing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::skipped;

/// A running registry with a directory of its own.
pub struct DockerRegistry {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
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
    pub async fn start() -> Option<DockerRegistry> {
        DockerRegistry::start_with("").await
    }

    /// Starts a registry that asks for the user `ada` with the password `lovelace`.
    pub async fn start_with_password() -> Option<DockerRegistry> {
        DockerRegistry::start_with(USERS).await
    }

    async fn start_with(users: &str) -> Option<DockerRegistry> {
        let directory = tempfile::tempdir().expect("a directory");
        let address = format!("127.0.0.1:{}", unused_port());
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{address}'}}\n",
            directory.path().join("storage").display()
        );
        if !users.is_empty() {
            let file = directory.path().join("users");
            std::fs::write(&file, users).expect("written");
            config.push_str(&format!("auth: {{htpasswd: {{realm: tests, path: {}}}}}\n", file.display()));
        }
        let file = directory.path().join("config.yml");
        std::fs::write(&file, config).expect("written");
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            skipped("docker-registry is not installed (Debian: apt-get install docker-registry)");
            return None;
        };
        let mut registry = DockerRegistry { process, address, directory };
        registry.wait().await;
        Some(registry)
    }

    /// Waits until it accepts connections.
    async fn wait(&mut self) {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            let ended = self.process.try_wait().expect("it is a child");
            assert!(ended.is_none(), "docker-registry ended: {ended:?}");
            assert!(start.elapsed() < Duration::from_secs(120), "docker-registry does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes content behind the registry's back: each file with these bytes gets others of the same length.
    pub fn tamper(&self, content: &[u8]) {
        let mut waiting = vec![self.directory.path().join("storage")];
        let mut changed = 0;
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting
                    .extend(std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()));
            } else if std::fs::read(&path).is_ok_and(|found| found == content) {
                let mut other = content.to_vec();
                *other.last_mut().expect("not empty") ^= 1;
                write(&path, &other);
                changed += 1;
            }
        }
        assert!(changed > 0, "the registry does not have this content");
    }
}

/// A port on which nothing listens, below those that the system gives to connections and to servers that ask for any.
fn unused_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        // Test processes that run at the same time begin at different ports.
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id() as u16 & 0x7f00);
        let port = 10_000 + offset % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("written");
}

/// `ada:lovelace`, as `htpasswd -B` writes it.
const USERS: &str = "ada:$2b$05$abcdefghijklmnopqrstuuugyJgZetmHGvxwCJ1rpgM8bgT8KJ8.i\n";
