//! The typed configuration of a plugin, from its layers.
//!
//! Lowest first: the defaults of the manifest's schema, `config/default.yaml` and `config/<environment>.yaml` in the
//! plugin's directory, the options of the host, and what the plugin itself `set`. Every value is checked against the
//! schema, at load and at set. A stored value that does not fit a newer schema is reported, not used, and stays stored.
//! A manifest without a `configuration` takes any options, untyped; one with it takes only its keys.
//!
//! Secrets are given to the plugin that declares them, and to no other: they are masked in its log, and nothing in here
//! prints a value.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use plugbay_manifest::Setting;
use serde_json::Value;

use super::over_limit;
use crate::audit::mask::HIDDEN;
use crate::error::ConfigProblem;
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_KEY_BYTES_MAX, CONFIG_KEYS_MAX, CONFIG_VALUE_BYTES_MAX};
use crate::scope::{PluginScope, make_private_directory, sync_directory};

/// The settings that a manifest declares, by key.
pub(crate) type Schema = BTreeMap<String, Setting>;

/// A value that was not set, or a key that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// The key or the value is not one of this configuration, or a bound was reached.
    Invalid(String),
    /// The host cannot store the value.
    Unavailable(String),
}

/// Whether a key is no longer than [`CONFIG_KEY_BYTES_MAX`].
///
/// # Errors
/// [`ConfigError::Invalid`], with both lengths.
pub(crate) fn check_key(key: &str) -> Result<(), ConfigError> {
    if key.len() > CONFIG_KEY_BYTES_MAX {
        return Err(ConfigError::Invalid(over_limit("config_key_bytes", CONFIG_KEY_BYTES_MAX, key.len())));
    }
    Ok(())
}

/// Values from one place.
pub(crate) struct ConfigLayer {
    pub(crate) origin: String,
    pub(crate) values: BTreeMap<String, Value>,
}

/// The configuration of one loaded plugin.
pub(crate) struct PluginConfig {
    schema: Schema,
    /// Whether the plugin may set keys that the schema does not have.
    additional: bool,
    values: RwLock<BTreeMap<String, Value>>,
    stored: StoredValues,
}

impl PluginConfig {
    /// Lays the layers over each other and checks the result.
    pub(crate) fn new(
        schema: Schema,
        additional: bool,
        layers: Vec<ConfigLayer>,
        stored: StoredValues,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut values: BTreeMap<String, Value> =
            schema.iter().filter_map(|(key, setting)| Some((key.clone(), setting.default.clone()?))).collect();
        for layer in layers {
            for (key, value) in layer.values {
                match check(&schema, false, &key, &value) {
                    Ok(()) => drop(values.insert(key, value)),
                    Err(message) => problems.push(ConfigProblem { key, origin: layer.origin.clone(), message }),
                }
            }
        }
        for (key, value) in stored.read() {
            // A newer schema may be narrower than the one that a stored value was checked against. The value stays
            // stored until it is set again: an older version of the plugin, or a later one, may still take it.
            match check(&schema, additional, &key, &value) {
                Ok(()) => drop(values.insert(key, value)),
                Err(message) => {
                    tracing::warn!(key, place = stored.place(), "a stored configuration value is not used: {message}");
                }
            }
        }
        for (key, setting) in &schema {
            let bad = problems.iter().any(|problem| problem.key == *key);
            if setting.required && !bad && !values.contains_key(key) {
                let description = setting.description.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
                problems.push(ConfigProblem {
                    key: key.clone(),
                    origin: String::new(),
                    message: format!("is required and has no value{description}; set it with `--config {key}=…` or in the host's options"),
                });
            }
        }
        if problems.is_empty() {
            Ok(PluginConfig { schema, additional, values: RwLock::new(values), stored })
        } else {
            Err(problems)
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The values that must not be printed.
    pub(crate) fn secrets(&self) -> Vec<Value> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        values.iter().filter(|(key, _)| self.is_secret(key)).map(|(_, value)| value.clone()).collect()
    }

    /// Whether the schema declares the key as a secret.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        self.schema.get(key).is_some_and(|setting| setting.secret)
    }

    /// A copy of all values, secrets included.
    pub(crate) fn all(&self) -> BTreeMap<String, Value> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All values, for people: secrets are hidden.
    pub(crate) fn shown(&self) -> BTreeMap<String, Value> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        values
            .iter()
            .map(|(key, value)| (key.clone(), if self.is_secret(key) { HIDDEN.into() } else { value.clone() }))
            .collect()
    }

    /// Checks the bounds for a value: without a schema, a plugin can set any keys.
    fn check_room(&self, key: &str, value: &Value) -> Result<(), String> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        let others = values.iter().filter(|(other, _)| *other != key);
        let (keys, bytes) = others.fold((1, key.len() + value.to_string().len()), |(keys, bytes), (key, value)| {
            (keys + 1, bytes + key.len() + value.to_string().len())
        });
        if keys > CONFIG_KEYS_MAX && !values.contains_key(key) {
            return Err(over_limit("config_keys", CONFIG_KEYS_MAX, keys));
        }
        if bytes > CONFIG_BYTES_MAX {
            return Err(over_limit("config_bytes", CONFIG_BYTES_MAX, bytes));
        }
        Ok(())
    }

    /// Checks a value, stores it and only then shows it to the plugin.
    pub(crate) async fn set(&self, key: &str, value: Value) -> Result<(), ConfigError> {
        check(&self.schema, self.additional, key, &value)
            .map_err(|message| ConfigError::Invalid(format!("{key}: {message}")))?;
        self.check_room(key, &value).map_err(ConfigError::Invalid)?;
        self.stored.write(key, value.clone()).await.map_err(ConfigError::Unavailable)?;
        self.values.write().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
        Ok(())
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

/// The values that plugins without a data directory have set, by plugin name. They outlive reloads and unloading.
#[derive(Default)]
pub(crate) struct ConfigInMemory(Mutex<HashMap<Arc<str>, BTreeMap<String, Value>>>);

impl ConfigInMemory {
    /// Removes the values of a plugin. Returns whether there were any.
    pub(crate) fn forget(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }
}

/// The values that one plugin has set: in its directory, or in memory if it has none.
pub(crate) enum StoredValues {
    File(ValuesFile),
    Memory { all: Arc<ConfigInMemory>, name: Arc<str> },
}

impl StoredValues {
    /// The values of the plugin of this scope.
    ///
    /// # Errors
    /// [`ConfigProblem`] if its file is damaged or cannot be read.
    pub(crate) fn open(scope: &PluginScope, in_memory: &Arc<ConfigInMemory>) -> Result<Self, ConfigProblem> {
        Ok(match &scope.directory {
            Some(directory) => StoredValues::File(ValuesFile::open(directory.join("config.json"))?),
            None => StoredValues::Memory { all: in_memory.clone(), name: scope.name.clone() },
        })
    }

    fn read(&self) -> BTreeMap<String, Value> {
        match self {
            StoredValues::File(file) => file.read(),
            StoredValues::Memory { all, name } => {
                all.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
            }
        }
    }

    async fn write(&self, key: &str, value: Value) -> Result<(), String> {
        match self {
            StoredValues::File(file) => file.write(key, value).await,
            StoredValues::Memory { all, name } => {
                let mut all = all.0.lock().unwrap_or_else(PoisonError::into_inner);
                all.entry(name.clone()).or_default().insert(key.to_owned(), value);
                Ok(())
            }
        }
    }

    /// Where the values are, for the operator.
    fn place(&self) -> String {
        match self {
            StoredValues::File(file) => file.path.display().to_string(),
            StoredValues::Memory { name, .. } => format!("memory of plugin `{name}`"),
        }
    }
}

/// The values that a plugin has set, in a file of its own: one JSON object, replaced as a whole and never half-written.
pub(crate) struct ValuesFile {
    path: Arc<Path>,
    values: Arc<tokio::sync::Mutex<BTreeMap<String, Value>>>,
}

impl ValuesFile {
    fn open(path: PathBuf) -> Result<Self, ConfigProblem> {
        let problem = |message: String| ConfigProblem {
            key: "(kept values)".into(),
            origin: path.display().to_string(),
            message,
        };
        let values = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| problem(format!("the file is damaged ({error}); mend or remove it")))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(problem(format!("cannot be read: {error}"))),
        };
        Ok(ValuesFile { path: path.into(), values: Arc::new(tokio::sync::Mutex::new(values)) })
    }

    fn read(&self) -> BTreeMap<String, Value> {
        self.values.try_lock().map(|values| values.clone()).unwrap_or_default()
    }

    async fn write(&self, key: &str, value: Value) -> Result<(), String> {
        let mut values = self.values.clone().lock_owned().await;
        let path = self.path.clone();
        let key = key.to_owned();
        // A task of its own, so that a call that is stopped in the middle cannot leave file and memory apart.
        tokio::task::spawn_blocking(move || {
            let mut next = values.clone();
            next.insert(key, value);
            replace(&path, &next)?;
            *values = next;
            Ok::<_, std::io::Error>(())
        })
        .await
        .map_err(|error| error.to_string())
        .and_then(|written| written.map_err(|error| error.kind().to_string()))
        .map_err(|reason| format!("the value could not be kept: {reason}"))
    }
}

fn replace(path: &Path, values: &BTreeMap<String, Value>) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    make_private_directory(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut file, values)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(directory)
}
