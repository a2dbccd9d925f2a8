//! The error of a transfer.

use std::time::Duration;

use crate::digest::Digest;

/// A package could not be downloaded or published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {problem}")]
#[non_exhaustive]
pub struct TransferError {
    /// The URL, without a user, a password and a query, which may hold secrets.
    pub url: String,
    /// The problem.
    pub problem: TransferProblem,
}

/// The problem of a transfer. Its text follows the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferProblem {
    /// The URL cannot be requested.
    #[error("is not an http or https URL of a host")]
    Url,
    /// The URL contains a user or a password.
    #[error("contains a user or a password: give credentials in the settings of the registry")]
    Credentials,
    /// The host is not named for unencrypted transfers.
    #[error("is not encrypted, so the package could be replaced on its way: use https")]
    Plain,
    /// The host has an address that is not public.
    #[error("the host has the address {0}, which is not public: name the host in the settings if you trust it")]
    PrivateAddress(String),
    /// The name of the host cannot be looked up.
    #[error("the host is unknown ({0})")]
    UnknownHost(String),
    /// No connection could be made.
    #[error("no connection could be made ({0})")]
    Connect(String),
    /// The server's certificate is not valid, or it does not speak TLS.
    #[error("no secure connection could be made ({0})")]
    Tls(String),
    /// Connecting took too long.
    #[error("no connection within {} s", .0.as_secs_f64())]
    ConnectTimeout(Duration),
    /// The server stopped sending.
    #[error("the server sent nothing for {} s", .0.as_secs_f64())]
    Idle(Duration),
    /// The transfer took too long.
    #[error("the transfer took longer than {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection broke, or the reply is not HTTP.
    #[error("the connection failed ({0})")]
    Broken(String),
    /// The server does not accept the credentials, or needs some.
    #[error("access is denied (status {0}): check the credentials of the registry")]
    Denied(u16),
    /// The server has no such thing.
    #[error("does not exist (status 404): check the reference")]
    NotFound,
    /// Another status that is not success.
    #[error("the server answered with status {status}{}", shown(.message))]
    Status {
        /// The status.
        status: u16,
        /// The message of a registry.
        message: String,
    },
    /// Too many redirects.
    #[error("redirects more than {0} times")]
    Redirects(usize),
    /// A redirect without a usable target.
    #[error("redirects without a usable location")]
    Location,
    /// The content is larger than it may be.
    #[error("is larger than the {0} bytes that are allowed")]
    TooLarge(u64),
    /// The content does not have the announced size.
    #[error("has {actual} bytes, but {expected} were announced: it is incomplete, or the manifest is wrong")]
    Length {
        /// The announced size.
        expected: u64,
        /// The observed size; one more than the announced one stands for any larger size.
        actual: u64,
    },
    /// The content is compressed although no compression was asked for.
    #[error("is compressed ({0}), which was not asked for")]
    Compressed(String),
    /// The content has another digest.
    #[error("has the digest {actual}, but {expected} is required: it was changed on its way, or the tag moved")]
    Digest {
        /// The required digest.
        expected: Digest,
        /// The observed digest.
        actual: Digest,
    },
    /// The reply is not what the protocol defines.
    #[error("{0}")]
    Protocol(String),
    /// The artefact is not a WebAssembly component.
    #[error("is not a WebAssembly artefact: {0}")]
    NotWasm(String),
    /// Another artefact has the tag.
    #[error("exists already with other content ({0}): publish a new version, or allow it to be overwritten")]
    Exists(Digest),
}

fn shown(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(" ({})", message.chars().take(200).collect::<String>().escape_debug()),
    }
}

impl TransferProblem {
    /// The problem's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            TransferProblem::Url | TransferProblem::Credentials | TransferProblem::Plain => "invalid_reference",
            TransferProblem::PrivateAddress(_) => "private_address",
            TransferProblem::UnknownHost(_) | TransferProblem::Connect(_) | TransferProblem::Tls(_) => "unreachable",
            TransferProblem::ConnectTimeout(_) | TransferProblem::Idle(_) | TransferProblem::Timeout(_) => "timeout",
            TransferProblem::Denied(_) => "access_denied",
            TransferProblem::NotFound => "not_found",
            TransferProblem::TooLarge(_) => "too_large",
            TransferProblem::Length { .. } | TransferProblem::Digest { .. } => "content_differs",
            TransferProblem::NotWasm(_) => "not_wasm",
            TransferProblem::Exists(_) => "already_published",
            TransferProblem::Broken(_)
            | TransferProblem::Status { .. }
            | TransferProblem::Redirects(_)
            | TransferProblem::Location
            | TransferProblem::Compressed(_)
            | TransferProblem::Protocol(_) => "transfer_failed",
        }
    }

    /// The error of this problem at a URL.
    pub(crate) fn at(self, url: &url::Url) -> TransferError {
        TransferError { url: public(url), problem: self }
    }
}

/// A URL without its user, its password, its query and its fragment. Registries sign the URLs of their storage in the
/// query.
pub(crate) fn public(url: &url::Url) -> String {
    let mut url = url.clone();
    // These fail for URLs without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
