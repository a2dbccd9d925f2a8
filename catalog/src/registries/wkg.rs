//! The form of wkg's settings.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Credentials, Mapping, Settings, basic};

#[derive(Deserialize)]
pub(super) struct WkgFile {
    pub(super) default_registry: Option<String>,
    #[serde(default)]
    pub(super) namespace_registries: HashMap<String, Mapping>,
    #[serde(default)]
    pub(super) package_registry_overrides: HashMap<String, Mapping>,
    #[serde(default)]
    pub(super) registry: HashMap<String, WkgRegistry>,
}

#[derive(Deserialize)]
pub(super) struct WkgRegistry {
    #[serde(alias = "type")]
    default: Option<String>,
    oci: Option<WkgOci>,
    local: Option<WkgLocal>,
}

#[derive(Deserialize)]
pub(super) struct WkgOci {
    auth: Option<WkgAuth>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WkgLocal {
    root: PathBuf,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WkgAuth {
    Base64(String),
    Password { username: String, password: String },
}

impl WkgRegistry {
    pub(super) fn read(self) -> Result<Settings, &'static str> {
        let mut settings = Settings::default();
        let is_local = match self.default.as_deref() {
            Some(default) => default == "local",
            None => self.oci.is_none(),
        };
        settings.local_root = self.local.filter(|_| is_local).map(|local| local.root);
        let Some(oci) = self.oci else { return Ok(settings) };
        settings.plain = match oci.protocol.as_deref() {
            None | Some("https") => false,
            Some("http") => true,
            Some(_) => return Err("`protocol` is http or https"),
        };
        settings.credentials = match oci.auth {
            None => None,
            Some(WkgAuth::Password { username, password }) => Some(Credentials::Password { user: username, password }),
            Some(WkgAuth::Base64(text)) => Some(basic(&text).ok_or("`auth` is not the base64 of USER:PASSWORD")?),
        };
        Ok(settings)
    }
}
