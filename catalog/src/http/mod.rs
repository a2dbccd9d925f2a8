//! Transfers over HTTP: bounded in size and time, encrypted, and to public addresses only.
//!
//! A reference to a package may come from a manifest or from a web form, and a server may redirect to any address. The
//! host must not be used to reach its own network, so an address that is not public is refused unless the operator
//! names its host, after each redirect too. A name is looked up once, and the address that was checked is the one that
//! is connected to. Proxies of the environment are not used.

mod client;
mod connect;
mod error;
mod response;

pub(crate) use self::client::{Authorization, Client, Request};
pub(crate) use self::error::public;
pub use self::error::{TransferError, TransferProblem};
pub(crate) use self::response::Response;

use std::time::Duration;

use crate::limits::{IDLE_TIMEOUT, TRANSFER_TIMEOUT};

/// The operator's settings for transfers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkOptions {
    /// Hosts that may have addresses which are not public, such as `registry.internal` or `127.0.0.1:5000`. Without a
    /// port, all ports of the host are meant. Default: none.
    pub private_hosts: Vec<String>,
    /// Hosts that are reached without encryption, such as a registry on this machine. Default: none.
    pub plain_hosts: Vec<String>,
    /// DER certificates that are trusted in addition to Mozilla's. Default: none.
    pub root_certificates: Vec<Vec<u8>>,
    /// The time limit of a whole transfer. Default: [`TRANSFER_TIMEOUT`].
    pub timeout: Duration,
    /// The time for which a server may send nothing. Default: [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        NetworkOptions {
            private_hosts: Vec::new(),
            plain_hosts: Vec::new(),
            root_certificates: Vec::new(),
            timeout: TRANSFER_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}

/// Callbacks during a transfer, for a progress bar.
pub trait TransferObserver: Send + Sync {
    /// A transfer begins. Its size is what the server announces; nothing if it announces none.
    fn begun(&self, what: &str, bytes: Option<u64>) {
        let _ = (what, bytes);
    }

    /// More bytes arrived or were sent.
    fn moved(&self, bytes: u64) {
        let _ = bytes;
    }

    /// The transfer is complete.
    fn finished(&self) {}
}

/// Observes nothing.
impl TransferObserver for () {}
