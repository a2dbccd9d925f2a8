//! Versions of plugins: installed, updated, rolled back, removed. Each change takes effect in the running host at once.

use axum::Json;
use axum::extract::{Request, State};
use plugbay::Policy;
use plugbay::error::LoadErrorKind;
use plugbay_catalog::{Candidate, Catalog, Consent, PackageOrigin};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, Body};
use super::caller::Caller;
use super::error::AdminError;
use super::lifecycle::{Dependents, dependents_of, report};
use super::parameters::{Path, Query};
use super::{AdminState, UPLOAD_BYTES_MAX};
use crate::access::ScopeKind;

/// The name of an uploaded plugin whose manifest has none.
const UPLOADED_NAME: &str = "plugin";

/// What the caller confirms.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Confirmation {
    /// Everything that the plugin asks for.
    yes: bool,
    /// Other content under the version that is installed.
    accept_moved_version: bool,
    /// Nothing: the plugin is only examined, and the answer says what it asks for.
    preview: bool,
}

/// The body of `POST /plugins`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Install {
    /// A URL or a reference in an OCI registry.
    reference: String,
    /// Whether everything that the plugin asks for is confirmed.
    #[serde(default)]
    yes: bool,
    /// Whether other content under the version that is installed is accepted.
    #[serde(default)]
    accept_moved_version: bool,
    /// Whether the plugin is only examined: the answer says what it asks for, and nothing is installed.
    #[serde(default)]
    preview: bool,
}

/// The body of `POST /plugins/{plugin}/update`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Another source. Default: the one that it was installed from.
    reference: Option<String>,
    /// Whether everything that the new version asks for is confirmed.
    #[serde(default)]
    yes: bool,
    /// Whether other content under the version that is installed is accepted.
    #[serde(default)]
    accept_moved_version: bool,
    /// Whether the plugin is only examined: the answer says what it asks for, and nothing is installed.
    #[serde(default)]
    preview: bool,
}

/// The query of `DELETE /plugins/{plugin}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Remove {
    /// Whether its values, tables and jobs are removed too.
    #[serde(default)]
    data: bool,
    /// What becomes of the plugins that require it. Those that are not installed are disabled and not removed.
    #[serde(default)]
    dependents: Dependents,
}

/// `POST /plugins`
pub(super) async fn install(
    State(state): State<AdminState>,
    caller: Caller,
    Body(asked): Body<Install>,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    check_origin(&caller, &asked.reference)?;
    let catalog = state.needed_catalog().await?;
    let candidate = catalog.candidate(&asked.reference, &()).await?;
    let Install { yes, accept_moved_version, preview, .. } = asked;
    store(&state, catalog, &candidate, Confirmation { yes, accept_moved_version, preview }).await
}

/// `POST /plugins/upload`: the body is the component, which has its manifest inside.
pub(super) async fn upload(
    State(state): State<AdminState>,
    caller: Caller,
    Query(confirmation): Query<Confirmation>,
    request: Request,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    let component = body::read(request, UPLOAD_BYTES_MAX).await?;
    let catalog = state.needed_catalog().await?;
    let candidate = catalog.candidate_from_bytes(UPLOADED_NAME, component).await?;
    store(&state, catalog, &candidate, confirmation).await
}

/// `POST /plugins/{plugin}/update`
pub(super) async fn update(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Body(asked): Body<Update>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Manage).await?;
    if let Some(reference) = &asked.reference {
        // Another source is a decision about the host.
        caller.manages()?;
        check_origin(&caller, reference)?;
    }
    let catalog = state.needed_catalog().await?;
    let candidate = catalog.update_candidate(&*name, asked.reference.as_deref(), &()).await?;
    let Update { yes, accept_moved_version, preview, .. } = asked;
    store(&state, catalog, &candidate, Confirmation { yes, accept_moved_version, preview }).await
}

/// `POST /plugins/{plugin}/rollback`
pub(super) async fn rollback(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Manage).await?;
    let catalog = state.needed_catalog().await?;
    let installed = catalog.rollback(&*name).await?;
    let refreshed = state.node()?.refresh(catalog).await?;
    Ok(Json(json!({ "status": "ok", "change": "rolled back", "plugin": installed, "host": report(&refreshed) })))
}

/// `DELETE /plugins/{plugin}`
pub(super) async fn remove(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Query(asked): Query<Remove>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Manage).await?;
    let catalog = state.needed_catalog().await?;
    let dependents = dependents_of(&state, &caller, Some(catalog), &name, asked.dependents).await?;
    for dependent in &dependents {
        match catalog.remove(&**dependent).await {
            Ok(_) => {}
            Err(error) if error.code() == "not_installed" => {
                state.node()?.set_enabled(catalog, &**dependent, false).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let removed = catalog.remove(&*name).await?;
    let refreshed = state.node()?.refresh(catalog).await?;
    let data_removed = match asked.data {
        true => state.runtime().remove_data(&name).await.map_err(|error| AdminError::host(&error))?,
        false => false,
    };
    Ok(Json(json!({
        "status": "ok", "change": "removed", "name": name, "plugin": removed, "data_removed": data_removed,
        "host": report(&refreshed),
    })))
}

/// Stores a candidate once it is confirmed and checked, and makes the host run it.
async fn store(
    state: &AdminState,
    catalog: &Catalog,
    candidate: &Candidate,
    confirmation: Confirmation,
) -> Result<Json<Value>, AdminError> {
    let Candidate { package, replaces, difference, .. } = candidate;
    let mut consent = if confirmation.yes { Consent::widening() } else { Consent::none() };
    if confirmation.accept_moved_version {
        consent = consent.and_moved_version();
    }
    let mut notes: Vec<String> = package.manifest.notes.iter().map(ToString::to_string).collect();
    if confirmation.preview {
        notes.extend(check(state, package).await?);
        return Ok(Json(json!({
            "status": "ok", "change": "preview", "plugin": examined(package), "difference": difference, "notes": notes,
        })));
    }
    // A package that the catalog refuses is not compiled first.
    if !difference.unchanged && (consent.widening || !difference.widens()) {
        notes.extend(check(state, package).await?);
    }
    let installed = catalog.install(candidate, consent).await?;
    let change = match replaces {
        None => "installed",
        Some(_) if difference.unchanged => "unchanged",
        Some(_) => "updated",
    };
    let refreshed = state.node()?.refresh(catalog).await?;
    tracing::info!(plugin = installed.name, "{change} through the administration");
    Ok(Json(json!({
        "status": "ok", "change": change, "plugin": installed, "difference": difference, "notes": notes,
        "host": report(&refreshed),
    })))
}

/// What is known of a package that is not installed.
fn examined(package: &plugbay_catalog::Package) -> Value {
    let manifest = &package.manifest;
    json!({
        "name": manifest.name, "version": manifest.version, "description": manifest.description,
        "origin": package.origin, "digest": package.component_digest, "signed_by": package.signed_by.key(),
    })
}

/// Checks a package as loading does, up to linking, with everything granted that it asks for. None of its code runs.
/// Returns a note if the operator has to add something before it can be loaded.
async fn check(state: &AdminState, package: &plugbay_catalog::Package) -> Result<Option<String>, AdminError> {
    let invalid =
        |error: &dyn std::fmt::Display| AdminError::new(http::StatusCode::BAD_REQUEST, "invalid_manifest", error);
    let candidate = state.node()?.candidate(package).map_err(|error| invalid(&error))?;
    match state.runtime().check(candidate.policy(Policy::allow_all()).trusted(true)).await {
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), LoadErrorKind::Configuration { .. } | LoadErrorKind::Requires { .. }) => {
            Ok(Some(format!("before the plugin can be loaded: {error}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a path of this machine from a client on the network.
pub(super) fn check_origin(caller: &Caller, reference: &str) -> Result<(), AdminError> {
    let is_local = matches!(
        PackageOrigin::parse(reference),
        Ok(PackageOrigin::Directory(_) | PackageOrigin::File(_) | PackageOrigin::LocalManifest(_))
    );
    if is_local && !caller.is_local() {
        let message = "a path on the server's machine can be installed through its local socket only: send the component to \
                       /api/v1/plugins/upload instead";
        return Err(AdminError::invalid(message));
    }
    Ok(())
}
