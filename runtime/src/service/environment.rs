//! What a plugin sees of its surroundings: environment variables, directories, the network.
//!
//! A manifest's `env` is a list of values, not a window: the guest sees those and nothing else. `${NAME}` in a value takes the
//! host's variable where the operator allows `env.NAME`. Directories and the network are for trusted plugins.

use std::path::PathBuf;

use plugbay_manifest::{Effect, ExecutionMode, Manifest, PermissionAction, expand_env};

use super::wasi::{Directory, WasiGrants};
use crate::capability::Grants;
use crate::error::LoadFailure;

/// The environment that the guest sees.
pub(crate) fn variables(manifest: &Manifest, grants: &Grants) -> Result<Vec<(String, String)>, LoadFailure> {
    let mut variables = Vec::new();
    for (name, value) in &manifest.env {
        let value = expand_env(value, |variable| {
            if !grants.operator_allows(&format!("env.{variable}"), PermissionAction::Read) {
                return Err(format!(
                    "asks for the host's variable {variable}, which the operator does not allow; allow it with `--grant env.{variable}:read`"
                ));
            }
            std::env::var(variable).map_err(|_| format!("asks for the host's variable {variable}, which is not set"))
        })
        .map_err(|message| LoadFailure::Environment { name: name.clone(), message })?;
        variables.push((name.clone(), value));
    }
    if manifest.execution_mode == ExecutionMode::Trusted {
        for variable in asked(manifest, "env.") {
            // A variable that is not set on the host is not set in the guest.
            if let (Ok(()), Ok(value)) =
                (grants.check(&format!("env.{variable}"), PermissionAction::Read), std::env::var(variable))
                && !manifest.env.contains_key(variable)
            {
                variables.push((variable.to_owned(), value));
            }
        }
    }
    Ok(variables)
}

/// What lies behind WASI for this plugin: nothing, unless it is trusted, asked and was allowed.
pub(crate) fn wasi_grants(manifest: &Manifest, grants: &Grants) -> Result<WasiGrants, LoadFailure> {
    if manifest.execution_mode != ExecutionMode::Trusted {
        return Ok(WasiGrants::default());
    }
    let mut directories = Vec::new();
    for path in asked(manifest, "fs.") {
        let resource = format!("fs.{path}");
        if grants.check(&resource, PermissionAction::Read).is_err() {
            continue;
        }
        let host_path = PathBuf::from(path);
        if !host_path.is_dir() {
            let message = format!("`{path}` is not a directory on this host");
            return Err(LoadFailure::Environment { name: resource, message });
        }
        let writable = grants.check(&resource, PermissionAction::Write).is_ok();
        directories.push(Directory { host_path, guest_path: path.to_owned(), writable });
    }
    Ok(WasiGrants { directories, network: asked(manifest, "net.").next().is_some() })
}

/// What comes after `prefix` in the resources that the manifest asks for by name. A pattern asks for nothing in particular.
fn asked<'a>(manifest: &'a Manifest, prefix: &'static str) -> impl Iterator<Item = &'a str> {
    manifest
        .permissions
        .iter()
        .filter(|rule| rule.effect == Effect::Allow)
        .filter_map(move |rule| rule.resource.strip_prefix(prefix))
        .filter(move |rest| prefix == "net." || !rest.contains(['*', '?']))
}
