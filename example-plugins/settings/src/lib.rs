//! Configuration: a required secret, a range and a switch, declared in `plugin.yaml`.
//!
//! The host checks every value against that schema, when the plugin is loaded and when a value is set, and masks the
//! secret in logs. The plugin itself does not return the secret, only whether it is set.

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;

/// The settings that every caller may see.
#[derive(Serialize, Schema)]
struct Shown {
    has_api_key: bool,
    max_retries: u8,
    enabled: bool,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Retries {
    #[schema(min = 1, max = 10)]
    max_retries: u8,
}

#[derive(Default)]
struct Settings {
    /// The length of the key with which this instance was loaded, to detect a change.
    key_length: usize,
}

#[plugin]
impl Settings {
    #[on_load]
    fn on_load(&mut self) -> Result<()> {
        let key: String = config::require("api_key")?;
        ensure!(!key.trim().is_empty(), code = "invalid_configuration", "`api_key` is blank");
        self.key_length = key.len();
        log::info!("configured", max_retries = config::get::<u8>("max_retries")?);
        Ok(())
    }

    /// Shows all settings except the secret.
    #[action(idempotent)]
    fn show(&self) -> Result<Shown> {
        Ok(Shown {
            has_api_key: self.key_length > 0,
            max_retries: config::get("max_retries")?.unwrap_or(3),
            enabled: config::get("enabled")?.unwrap_or(true),
        })
    }

    /// Sets the maximum number of retries.
    #[action(idempotent)]
    fn set_max_retries(&mut self, input: Retries) -> Result<Shown> {
        config::set("max_retries", input.max_retries)?;
        self.show()
    }

    /// Tries to disable the plugin, for which it has not requested the permission.
    #[action(idempotent)]
    fn switch_off(&mut self) -> Result<Shown> {
        config::set("enabled", false)?;
        self.show()
    }

    /// Reports whether the plugin is enabled.
    #[health]
    fn health(&self) -> Result<Health> {
        let enabled = config::get("enabled")?.unwrap_or(true);
        Ok(Health::healthy().with_component("configuration", if enabled { "enabled" } else { "disabled" }))
    }
}
