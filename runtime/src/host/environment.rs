//! The parts of the host's environment that a plugin can see: environment variables, directories, the network.
//!
//! A manifest's `env` lists all variables that the guest sees. `${NAME}` in a value is replaced by the host's variable
//! if the operator allows `env.NAME`. Directories and the network are for trusted plugins.

use plugbay_manifest::{Effect, ExecutionMode, Manifest, PermissionAction, expand_env};

use super::directory::{Directory, NotOpened};
use super::wasi::WasiGrants;
use crate::capability::{Grants, Refused};
use crate::error::LoadErrorKind;

/// Returns the environment that the guest sees.
pub(crate) fn variables(manifest: &Manifest, grants: &Grants) -> Result<Vec<(String, String)>, LoadErrorKind> {
    let mut variables = Vec::new();
    for (name, value) in &manifest.env {
        let mut denied = None;
        let value = expand_env(value, |variable| {
            let resource = format!("env.{variable}");
            if let Err(denial) = grants.check_operator(&resource, PermissionAction::Read) {
                denied.get_or_insert((variable.to_owned(), denial));
                return Err("is not allowed".to_owned());
            }
            std::env::var(variable).map_err(|_| format!("asks for the host's variable {variable}, which is not set"))
        });
        if let Some((variable, denial)) = denied {
            let what = format!("its variable `env.{name}` asks for the host's variable {variable}");
            return Err(LoadErrorKind::NotGranted { what, denial: Box::new(denial) });
        }
        let value = value.map_err(|message| LoadErrorKind::Environment { name: name.clone(), message })?;
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

/// Returns the host resources behind WASI for this plugin: none unless the plugin is trusted, asked for them and was
/// granted them.
pub(crate) fn wasi_grants(manifest: &Manifest, grants: &Grants) -> Result<WasiGrants, LoadErrorKind> {
    let no_network = match manifest.execution_mode {
        ExecutionMode::Trusted if asked(manifest, "net.").next().is_some() => None,
        ExecutionMode::Trusted => Some(Refused::ByManifest),
        ExecutionMode::Sandboxed | ExecutionMode::Legacy => return Ok(WasiGrants::default()),
    };
    let mut opened = Vec::new();
    for path in directories(manifest) {
        let resource = format!("fs.{path}");
        if grants.check(&resource, PermissionAction::Read).is_err() {
            continue;
        }
        opened.push(Directory::open(path, grants).map_err(|error| match error {
            NotOpened::Io(error) => {
                let message = format!("`{path}` is not a directory that this host can open: {error}");
                LoadErrorKind::Environment { name: resource.clone(), message }
            }
            NotOpened::Denied { resolved, denial } if resolved == path => {
                LoadErrorKind::NotGranted { what: format!("it asks for the directory `{path}`"), denial }
            }
            NotOpened::Denied { resolved, denial } => LoadErrorKind::NotGranted {
                what: format!("it asks for the directory `{path}`, which leads to `{resolved}`"),
                denial,
            },
        })?);
    }
    Ok(WasiGrants { directories: opened, no_network })
}

/// Returns the paths of the directories that a trusted plugin asks for; none for other plugins.
pub(crate) fn directories(manifest: &Manifest) -> impl Iterator<Item = &str> {
    asked(manifest, "fs.").filter(|_| manifest.execution_mode == ExecutionMode::Trusted)
}

/// Returns the parts after `prefix` of the resources that the manifest names. Patterns are left out, because they name
/// no particular resource.
fn asked<'a>(manifest: &'a Manifest, prefix: &'static str) -> impl Iterator<Item = &'a str> {
    manifest
        .permissions
        .iter()
        .filter(|rule| rule.effect == Effect::Allow)
        .filter_map(move |rule| rule.resource.strip_prefix(prefix))
        .filter(move |rest| prefix == "net." || !rest.contains(['*', '?']))
}
