//! The typed configuration of a plugin, from its layers.
//!
//! The layers, lowest first: the defaults of the manifest's schema, `config/default.yaml` and
//! `config/<environment>.yaml` in the plugin's directory, the options of the host, and the values that the plugin
//! itself has set. Every value is checked against the schema, when it is loaded and when it is set. A stored value that
//! does not fit a newer schema is reported and ignored, and stays stored. If the manifest has no `configuration`, any
//! option is accepted, untyped; otherwise only its keys are.
//!
//! Secrets are available only to the plugin that declares them. They are masked in its log, and nothing here prints a
//! value.

mod stored;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use plugbay_manifest::Setting;
use serde_json::Value;

pub(crate) use self::stored::{ConfigMemory, StoredValues};
use super::limit::ReachedLimit;
use crate::audit::mask::{HIDDEN, Mask};
use crate::error::ConfigProblem;
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_KEY_BYTES_MAX, CONFIG_KEYS_MAX, CONFIG_VALUE_BYTES_MAX};

/// The settings that a manifest declares, by key.
pub(crate) type Schema = BTreeMap<String, Setting>;

/// Why a value was not set, or a key is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// The key or the value does not fit the configuration, or a limit was reached.
    Invalid(String),
    /// The host cannot store the value.
    Unavailable(String),
}

/// Checks that a key is not longer than [`CONFIG_KEY_BYTES_MAX`].
///
/// # Errors
/// [`ConfigError::Invalid`], with both lengths.
pub(crate) fn check_key(key: &str) -> Result<(), ConfigError> {
    if key.len() > CONFIG_KEY_BYTES_MAX {
        return Err(ConfigError::Invalid(
            ReachedLimit::new("config_key_bytes", CONFIG_KEY_BYTES_MAX, key.len()).to_string(),
        ));
    }
    Ok(())
}

/// The values of one origin, such as a file.
#[derive(Clone)]
pub(crate) struct ConfigLayer {
    pub(crate) origin: String,
    pub(crate) values: BTreeMap<String, Value>,
}

/// The configuration of a loaded plugin.
pub(crate) struct PluginConfig {
    schema: Schema,
    /// Whether the plugin may set keys that the schema does not have.
    additional: bool,
    /// The values of all layers below those that the plugin itself has set.
    configured: BTreeMap<String, Value>,
    stored: Arc<StoredValues>,
    seen: RwLock<Seen>,
    /// The log's mask, which receives every secret that the plugin can see.
    mask: Arc<Mask>,
}

/// The values of all layers, as the plugin sees them.
struct Seen {
    /// The number of changes of the stored values that are included. Another revision of the plugin may have made more.
    changes: u64,
    values: BTreeMap<String, Value>,
}

impl PluginConfig {
    /// Merges the layers and checks the result.
    pub(crate) fn new(
        schema: Schema,
        additional: bool,
        layers: Vec<ConfigLayer>,
        stored: Arc<StoredValues>,
        mask: Arc<Mask>,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut configured: BTreeMap<String, Value> =
            schema.iter().filter_map(|(key, setting)| Some((key.clone(), setting.default.clone()?))).collect();
        for layer in layers {
            for (key, value) in layer.values {
                match check(&schema, false, &key, &value) {
                    Ok(()) => drop(configured.insert(key, value)),
                    Err(message) => problems.push(ConfigProblem { key, origin: layer.origin.clone(), message }),
                }
            }
        }
        let seen = Seen { changes: 0, values: BTreeMap::new() };
        let config = PluginConfig { schema, additional, configured, stored, seen: RwLock::new(seen), mask };
        config.see();
        let seen = config.seen();
        for (key, setting) in &config.schema {
            let bad = problems.iter().any(|problem| problem.key == *key);
            if setting.required && !bad && !seen.values.contains_key(key) {
                let description = setting.description.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
                problems.push(ConfigProblem {
                    key: key.clone(),
                    origin: String::new(),
                    message: format!("is required and has no value{description}; set it with `--config {key}=…` or in the host's options"),
                });
            }
        }
        drop(seen);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Returns the values that the plugin has set, for its next revision.
    pub(crate) fn stored(&self) -> Arc<StoredValues> {
        self.stored.clone()
    }

    /// Merges the stored values into the configured ones.
    ///
    /// A newer schema may be narrower than the one that a stored value was checked against. The value stays stored
    /// until it is set again: an older or a later version of the plugin may still accept it.
    fn see(&self) {
        let mut seen = self.seen.write();
        let (changes, stored) = self.stored.read();
        let mut values = self.configured.clone();
        for (key, value) in stored {
            match check(&self.schema, self.additional, &key, &value) {
                Ok(()) => drop(values.insert(key, value)),
                Err(message) => {
                    let place = self.stored.place();
                    tracing::warn!(key, place, "a stored configuration value is not used: {message}");
                }
            }
        }
        self.mask.add(values.iter().filter(|(key, _)| self.is_secret(key)).map(|(_, value)| value));
        *seen = Seen { changes, values };
    }

    /// Returns the values that the plugin sees now.
    fn seen(&self) -> RwLockReadGuard<'_, Seen> {
        let seen = self.seen.read();
        if seen.changes == self.stored.changes() {
            return seen;
        }
        drop(seen);
        self.see();
        self.seen.read()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.seen().values.get(key).cloned()
    }

    /// Returns a value as JSON.
    pub(crate) fn get_json(&self, key: &str) -> Option<String> {
        self.seen().values.get(key).map(Value::to_string)
    }

    /// Returns whether the schema declares the key as a secret.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        self.schema.get(key).is_some_and(|setting| setting.secret)
    }

    /// Returns a copy of all values, including secrets.
    pub(crate) fn all(&self) -> BTreeMap<String, Value> {
        self.seen().values.clone()
    }

    /// Returns all values for display, with secrets hidden.
    pub(crate) fn shown(&self) -> BTreeMap<String, Value> {
        self.seen()
            .values
            .iter()
            .map(|(key, value)| (key.clone(), if self.is_secret(key) { HIDDEN.into() } else { value.clone() }))
            .collect()
    }

    /// Checks the limits for a new value: without a schema, a plugin can set any keys.
    fn check_limits(&self, key: &str, value: &Value) -> Result<(), String> {
        let seen = self.seen();
        let values = &seen.values;
        let others = values.iter().filter(|(other, _)| *other != key);
        let (keys, bytes) = others.fold((1, key.len() + value.to_string().len()), |(keys, bytes), (key, value)| {
            (keys + 1, bytes + key.len() + value.to_string().len())
        });
        if keys > CONFIG_KEYS_MAX && !values.contains_key(key) {
            return Err(ReachedLimit::new("config_keys", CONFIG_KEYS_MAX, keys).to_string());
        }
        if bytes > CONFIG_BYTES_MAX {
            return Err(ReachedLimit::new("config_bytes", CONFIG_BYTES_MAX, bytes).to_string());
        }
        Ok(())
    }

    /// Checks a value, stores it, and only then makes it visible to the plugin.
    pub(crate) async fn set(&self, key: &str, value: Value) -> Result<(), ConfigError> {
        check(&self.schema, self.additional, key, &value)
            .map_err(|message| ConfigError::Invalid(format!("{key}: {message}")))?;
        self.check_limits(key, &value).map_err(ConfigError::Invalid)?;
        self.stored.clone().write(key, value).await.map_err(ConfigError::Unavailable)
    }
}

impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PluginConfig").field(&self.shown()).finish()
    }
}

fn check(schema: &Schema, additional: bool, key: &str, value: &Value) -> Result<(), String> {
    let bytes = value.to_string().len();
    if bytes > CONFIG_VALUE_BYTES_MAX {
        return Err(format!("has {bytes} bytes, and {CONFIG_VALUE_BYTES_MAX} are allowed"));
    }
    if schema.is_empty() {
        return Ok(());
    }
    match schema.get(key) {
        Some(setting) => setting.check(value),
        None if additional => Ok(()),
        None => Err(match plugbay_manifest::nearest(key, schema.keys().map(String::as_str)) {
            Some(nearest) => format!("is not in the plugin's configuration; did you mean `{nearest}`?"),
            None => format!(
                "is not in the plugin's configuration, which has: {}",
                schema.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        }),
    }
}
