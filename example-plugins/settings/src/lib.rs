//! Configuration: a required secret, a range and a switch, declared in `plugin.yaml`.
//!
//! The host checks every value against that schema, when the plugin is loaded and when a value is set, and keeps the
//! secret out of logs and answers. The plugin itself takes care not to hand it out: it only tells whether there is one.

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;

/// What anybody may see.
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
    /// A fingerprint of the key that this instance was loaded with, to tell when it has changed.
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

    /// Shows the settings, all but the secret.
    #[action(idempotent)]
    fn show(&self) -> Result<Shown> {
        Ok(Shown {
            has_api_key: self.key_length > 0,
            max_retries: config::get("max_retries")?.unwrap_or(3),
            enabled: config::get("enabled")?.unwrap_or(true),
        })
    }

    /// Sets how often to try again.
    #[action(idempotent)]
    fn set_max_retries(&mut self, input: Retries) -> Result<Shown> {
        config::set("max_retries", input.max_retries)?;
        self.show()
    }

    /// Tries to switch the plugin off, which it has not asked to be allowed.
    #[action(idempotent)]
    fn switch_off(&mut self) -> Result<Shown> {
        config::set("enabled", false)?;
        self.show()
    }

    /// Tells whether the plugin is switched on.
    #[health]
    fn health(&self) -> Result<Health> {
        let enabled = config::get("enabled")?.unwrap_or(true);
        Ok(Health::healthy().with_component("configuration", if enabled { "enabled" } else { "disabled" }))
    }
}
