//! The plugin's configuration: the keys that its manifest's `configuration` schema declares, with the values that the
//! host, the operator and the plugin itself set.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result, error};
use crate::host;

/// The value of a key, or `None` if it has neither a value nor a default.
///
/// # Errors
/// `permission_denied` if the plugin may not read the key, `invalid_configuration` if the manifest does not
/// declare it or the value is not a `T`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    match host::config_get(key).map_err(|failure| about(failure, key))? {
        Some(json) => read(key, &json).map(Some),
        None => Ok(None),
    }
}

/// The value of a key, or `default` if it has neither a value nor a default in the manifest.
///
/// # Errors
/// Those of [`get`].
pub fn get_or<T: DeserializeOwned>(key: &str, default: T) -> Result<T> {
    Ok(get(key)?.unwrap_or(default))
}

/// The value of a key that must have one.
///
/// # Errors
/// Those of [`get`], and `missing_configuration` if it has no value.
pub fn require<T: DeserializeOwned>(key: &str) -> Result<T> {
    get(key)?
        .ok_or_else(|| error(format!("the configuration has no value for `{key}`")).with_code("missing_configuration"))
}

/// All values that the plugin may read, as one struct or map.
///
/// # Errors
/// `invalid_configuration` if the values do not deserialize as a `T`.
pub fn all<T: DeserializeOwned>() -> Result<T> {
    let json = host::config_all().map_err(|failure| about(failure, "*"))?;
    read("*", &json)
}

/// Sets a value. The host checks it against the manifest's schema, and it persists across restarts.
///
/// # Errors
/// `permission_denied` unless the manifest requests `config.<key>` with `write` and the operator grants it,
/// `invalid_configuration` if the value does not match the schema, `unavailable` if the host could not store it.
pub fn set(key: &str, value: impl Serialize) -> Result<()> {
    let json = serde_json::to_string(&value)?;
    host::config_set(key, &json).map_err(|failure| about(failure, key))
}

fn about(failure: Error, key: &str) -> Error {
    failure.context(format_args!("configuration `{key}`"))
}

/// Serde's own message is left out because it would show the value, which may be a secret.
fn read<T: DeserializeOwned>(key: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|_| {
        let wanted = std::any::type_name::<T>();
        error(format!("configuration `{key}`: the value is not a `{wanted}`")).with_code("invalid_configuration")
    })
}
