//! The variables by which a process of the host finds its server: the address, and a token of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::access::{NewToken, Scope, ScopeKind, TokenStore, TokenStoreError};
use crate::admin::{TELEMETRY_CONSUMER, seconds};

/// The time for which a token of a process is valid, as in Pup. It is made anew with each start of the host.
const TOKEN_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// The variables of the processes of a host, under Pup's names and Plugbay's.
#[derive(Debug)]
pub struct ProcessVariables {
    address: SocketAddr,
    is_tls: bool,
    data_dir: Option<PathBuf>,
    tokens: Option<Arc<TokenStore>>,
    /// The tokens that were made, by process.
    made: Mutex<BTreeMap<String, String>>,
}

impl ProcessVariables {
    /// The variables for a server at an address. Without `tokens`, processes get none. `data_dir` gets a directory for
    /// the data of processes.
    pub fn new(address: SocketAddr, is_tls: bool, data_dir: Option<PathBuf>, tokens: Option<Arc<TokenStore>>) -> Self {
        ProcessVariables { address, is_tls, data_dir, tokens, made: Mutex::default() }
    }

    /// The variables of a process: `API_HOSTNAME`, `API_PORT`, `API_TOKEN`, `DATA_STORAGE` and `TEMP_STORAGE`, each
    /// with `PUP_` and `PLUGBAY_` before it, and `PLUGBAY_API_URL`.
    pub fn of(&self, process: &str) -> Vec<(String, String)> {
        let is_any = self.address.ip().is_unspecified();
        let host = if is_any { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { self.address.ip() };
        let scheme = if self.is_tls { "https" } else { "http" };
        let reached = SocketAddr::new(host, self.address.port());
        let mut variables = vec![("PLUGBAY_API_URL".to_owned(), format!("{scheme}://{reached}"))];
        let mut set = |name: &str, value: String| {
            variables.push((format!("PUP_{name}"), value.clone()));
            variables.push((format!("PLUGBAY_{name}"), value));
        };
        set("API_HOSTNAME", host.to_string());
        set("API_PORT", self.address.port().to_string());
        match self.token(process) {
            Ok(Some(token)) => set("API_TOKEN", token),
            Ok(None) => {}
            Err(error) => tracing::warn!(process, %error, "the process gets no token"),
        }
        for (name, directory) in [("DATA_STORAGE", "data"), ("TEMP_STORAGE", "temp")] {
            let Some(data_dir) = &self.data_dir else { continue };
            let path = data_dir.join("process-files").join(directory);
            match std::fs::create_dir_all(&path) {
                Ok(()) => set(name, path.display().to_string()),
                Err(error) => tracing::warn!(path = %path.display(), %error, "the directory cannot be created"),
            }
        }
        variables
    }

    /// The token of a process, which may read and call. Those that earlier hosts made for it are revoked.
    fn token(&self, process: &str) -> Result<Option<String>, TokenStoreError> {
        let Some(store) = &self.tokens else { return Ok(None) };
        let mut made = self.made.lock();
        if let Some(token) = made.get(process) {
            return Ok(Some(token.clone()));
        }
        let consumer = format!("{TELEMETRY_CONSUMER}{process}");
        let now = seconds(SystemTime::now());
        let old = store.list()?.into_iter().filter(|token| token.consumer == consumer && token.revoked_at.is_none());
        for token in old {
            store.revoke(token.id, now)?;
        }
        let scopes = [Scope::all(ScopeKind::Read), Scope::all(ScopeKind::Call)];
        let created = store.create(&NewToken::new(consumer, scopes).expires_in(TOKEN_LIFETIME), now)?;
        made.insert(process.to_owned(), created.secret.clone());
        Ok(Some(created.secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_gets_one_token_and_those_of_earlier_hosts_are_revoked() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(TokenStore::open(directory.path()).expect("opened"));
        let host = || {
            let address = "0.0.0.0:7070".parse().expect("an address");
            ProcessVariables::new(address, false, Some(directory.path().to_owned()), Some(store.clone()))
        };
        let variable = |variables: &[(String, String)], name: &str| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let first = host();
        let variables = first.of("web");
        assert_eq!(variable(&variables, "PLUGBAY_API_URL").as_deref(), Some("http://127.0.0.1:7070"));
        assert_eq!(variable(&variables, "PUP_API_HOSTNAME").as_deref(), Some("127.0.0.1"));
        let token = variable(&variables, "PUP_API_TOKEN").expect("a token");
        assert_eq!(variable(&first.of("web"), "PLUGBAY_API_TOKEN"), Some(token.clone()));
        assert_ne!(variable(&host().of("web"), "PUP_API_TOKEN"), Some(token));
        let valid = |token: &crate::access::Token| token.revoked_at.is_none();
        assert_eq!(store.list().expect("listed").iter().filter(|token| valid(token)).count(), 1);
        let data = variable(&variables, "PUP_DATA_STORAGE").expect("a directory");
        assert!(std::path::Path::new(&data).is_dir());
    }
}
