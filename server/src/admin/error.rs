//! Why an operation of the administration failed, and its answer. Callers of the administration are operators, so the
//! texts are complete.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use plugbay::error::{ConfigureError, EventError, LoadErrorKind};
use plugbay::store::{DataError, JobError};
use plugbay::{InvokeError, LoadError};
use plugbay_catalog::{CatalogError, CatalogProblem};
use plugbay_node::{BootError, SetEnabledError};
use serde_json::{Value, json};

use crate::access::{Refusal, TokenStoreError};
use crate::answer;

/// A failed operation.
#[derive(Debug)]
pub(crate) enum AdminError {
    /// The caller may not do this.
    Refused(Refusal),
    /// It failed.
    Failed(Box<Failed>),
}

/// The answer to an operation that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    status: StatusCode,
    code: String,
    message: String,
    details: Option<Value>,
}

impl AdminError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Display) -> Self {
        let (code, message) = (code.to_owned(), message.to_string());
        AdminError::Failed(Box::new(Failed { status, code, message, details: None }))
    }

    /// The request is not valid.
    pub(crate) fn invalid(message: impl Display) -> Self {
        AdminError::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// There is nothing of this name.
    pub(crate) fn not_found(message: impl Display) -> Self {
        AdminError::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// No plugin has this name or number.
    pub(crate) fn unknown_plugin(plugin: &str) -> Self {
        AdminError::new(StatusCode::NOT_FOUND, "not_loaded", format!("no plugin `{plugin}` is loaded or installed"))
    }

    /// This server lacks something that the operation needs.
    pub(crate) fn unsupported(what: &str, needed: &str) -> Self {
        let message = format!("{what} cannot be used: this server runs without {needed}");
        AdminError::new(StatusCode::CONFLICT, "not_supported", message)
    }

    /// The host failed.
    pub(crate) fn host(error: &dyn Display) -> Self {
        AdminError::new(StatusCode::INTERNAL_SERVER_ERROR, "host_error", error)
    }

    fn with_details(self, details: Option<Value>) -> Self {
        match self {
            AdminError::Failed(failed) => AdminError::Failed(Box::new(Failed { details, ..*failed })),
            refused => refused,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        match self {
            AdminError::Refused(refusal) => refusal.into_response(),
            AdminError::Failed(failed) => {
                let Failed { status, code, message, details } = *failed;
                answer::of_error(status, &code, &message, details)
            }
        }
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        AdminError::Refused(refusal)
    }
}

impl From<CatalogError> for AdminError {
    fn from(error: CatalogError) -> Self {
        let status = match error.code() {
            "invalid_reference" | "invalid_manifest" | "unsupported_manifest" | "no_component" | "invalid_key" => 400,
            "unconfirmed"
            | "version_moved"
            | "already_installed"
            | "no_previous_version"
            | "changed_meanwhile"
            | "other_plugin" => 409,
            "signature_required" | "signature_wrong" | "private_address" | "access_denied" => 403,
            "not_installed" | "not_found" => 404,
            "too_large" => 413,
            "catalog_full" | "disk_full" => 507,
            "catalog_busy" => 503,
            "catalog_damaged" | "catalog_newer" | "catalog_unavailable" => 500,
            _ => 422,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let details = match error.problem() {
            CatalogProblem::Unconfirmed(difference) => Some(json!(difference)),
            _ => None,
        };
        AdminError::new(status, error.code(), &error).with_details(details)
    }
}

impl From<LoadError> for AdminError {
    fn from(error: LoadError) -> Self {
        let status = match error.kind() {
            LoadErrorKind::NothingToReload => StatusCode::NOT_FOUND,
            LoadErrorKind::Disabled => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let details = error.to_json().get_mut("details").map(Value::take);
        AdminError::new(status, error.code(), &error).with_details(details)
    }
}

impl From<BootError> for AdminError {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Load(error) => error.into(),
            BootError::Catalog(error) => error.into(),
            other => AdminError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_loadable", other),
        }
    }
}

impl From<SetEnabledError> for AdminError {
    fn from(error: SetEnabledError) -> Self {
        match error {
            SetEnabledError::Catalog(error) => error.into(),
            SetEnabledError::Start(error) => error.into(),
            SetEnabledError::Package(error) => error.into(),
            other => AdminError::host(&other),
        }
    }
}

impl From<InvokeError> for AdminError {
    fn from(error: InvokeError) -> Self {
        let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let details = error.to_json().get_mut("details").map(Value::take);
        AdminError::new(status, error.code(), &error).with_details(details)
    }
}

impl From<JobError> for AdminError {
    fn from(error: JobError) -> Self {
        let (status, code) = match &error {
            JobError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_argument"),
            JobError::Exists(_) => (StatusCode::CONFLICT, "already_exists"),
            JobError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            JobError::Limit(_) => (StatusCode::CONFLICT, "limit_exceeded"),
            JobError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        AdminError::new(status, code, &error)
    }
}

impl From<DataError> for AdminError {
    fn from(error: DataError) -> Self {
        let (status, code) = match &error {
            DataError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_argument"),
            DataError::Limit(_) => (StatusCode::CONFLICT, "limit_exceeded"),
            DataError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        AdminError::new(status, code, &error)
    }
}

impl From<ConfigureError> for AdminError {
    fn from(error: ConfigureError) -> Self {
        let status = match &error {
            ConfigureError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        AdminError::new(status, error.code(), &error)
    }
}

impl From<EventError> for AdminError {
    fn from(error: EventError) -> Self {
        let status = match &error {
            EventError::Topic { .. } => StatusCode::BAD_REQUEST,
            EventError::TooMany { .. } | EventError::Cycle { .. } => StatusCode::CONFLICT,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        AdminError::new(status, error.code(), &error)
    }
}

impl From<TokenStoreError> for AdminError {
    fn from(error: TokenStoreError) -> Self {
        let status = match &error {
            TokenStoreError::Consumer | TokenStoreError::Scopes => StatusCode::BAD_REQUEST,
            TokenStoreError::Unknown { .. } => StatusCode::NOT_FOUND,
            TokenStoreError::Full => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        AdminError::new(status, error.code(), &error)
    }
}
