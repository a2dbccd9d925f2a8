//! Conversions from the errors of the libraries to those of commands.

use plugbay::error::BuildError;
use plugbay::{InvokeError, LoadError};
use plugbay_catalog::signing::SignatureError;
use plugbay_catalog::store::StoreError;
use plugbay_catalog::{CatalogError, HostLockError};
use plugbay_component_call::{CallError, ComponentError};
use plugbay_node::{HostFileError, NodeError, OpenCatalogError};
use plugbay_project::ProjectError;
use plugbay_server::access::TokenStoreError;
use plugbay_testing::TestFileError;

use super::Error;

/// Conversions from the library's errors. They are boxed, because their size would make every `Result` large.
macro_rules! error_from {
    ($($variant:ident($source:ty)),* $(,)?) => {$(
        impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Error::$variant(Box::new(error))
            }
        }
    )*};
}
error_from!(Project(ProjectError), Call(CallError), Runtime(BuildError), Catalog(CatalogError), Store(StoreError),);

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Error::Load(error)
    }
}

impl From<InvokeError> for Error {
    fn from(error: InvokeError) -> Self {
        Error::Invoke(error, Vec::new())
    }
}

impl From<ComponentError> for Error {
    fn from(error: ComponentError) -> Self {
        match error {
            ComponentError::Call(error) => error.into(),
            ComponentError::Invoke(error) => error.into(),
        }
    }
}

impl From<HostFileError> for Error {
    fn from(error: HostFileError) -> Self {
        match error {
            HostFileError::Content(error) => Error::HostFile(error),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<OpenCatalogError> for Error {
    fn from(error: OpenCatalogError) -> Self {
        match error {
            OpenCatalogError::DataDir(error) => Error::DataDir(error),
            OpenCatalogError::Store(error) => error.into(),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<HostLockError> for Error {
    fn from(error: HostLockError) -> Self {
        Error::HostLock(error)
    }
}

impl From<TokenStoreError> for Error {
    fn from(error: TokenStoreError) -> Self {
        Error::Token(error)
    }
}

impl From<SignatureError> for Error {
    fn from(error: SignatureError) -> Self {
        Error::Key(error)
    }
}

impl From<NodeError> for Error {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::DataDir(error) => Error::DataDir(error),
            NodeError::Build(error) => error.into(),
            other => Error::Usage(other.to_string()),
        }
    }
}

impl From<TestFileError> for Error {
    fn from(error: TestFileError) -> Self {
        Error::TestFile(error)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Error::Internal(error)
    }
}

/// Every other I/O error has a variant or a text of its own; only writing results ends here.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Output(error)
    }
}
