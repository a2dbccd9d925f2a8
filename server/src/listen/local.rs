//! The local socket, over which the command on this machine speaks to the server of a data directory.
//!
//! The socket is a file that only the user of the host can open. The system also says which user a peer is, so a socket
//! whose permissions were changed still serves that user alone.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{ConnectionInfo, Listen, Server, TOO_MANY_CONNECTIONS};

/// The socket's name in a data directory. It has a dot, so that it is not the directory of a plugin.
pub const LOCAL_SOCKET_NAME: &str = "plugbay.sock";

/// The local socket of a data directory. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    user: u32,
}

impl LocalSocket {
    /// Opens the socket of a data directory. The caller holds the lock of the directory, so a socket that is there was
    /// left by a host that ended.
    ///
    /// # Errors
    /// If the socket cannot be made. Its path may have at most about 100 bytes.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(LOCAL_SOCKET_NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(LocalSocket { listener, path, user: rustix::process::geteuid().as_raw() })
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Server {
    /// Accepts connections of the local socket, as [`Server::serve`] does. Clones of a server share its limits.
    pub async fn serve_local(&self, socket: LocalSocket) {
        self.serve_on(socket).await;
    }
}

impl Listen for LocalSocket {
    type Accepted = UnixStream;
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, ConnectionInfo)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if user == self.user || user == 0 {
                return Ok((stream, ConnectionInfo::Local { user }));
            }
            tracing::warn!(user, "another user's connection to the local socket is refused");
        }
    }

    fn open(&self, stream: UnixStream) -> impl Future<Output = io::Result<UnixStream>> + Send + 'static {
        std::future::ready(Ok(stream))
    }

    fn refuse(&self, stream: &UnixStream) {
        let _ = stream.try_write(TOO_MANY_CONNECTIONS);
    }
}
