//! What a plugin has stored, as its operator sees and changes it: configuration, jobs, data.
//!
//! These methods ask for no permission of the plugin: the application acts for its operator. A backend has no deadline
//! here; a caller that cannot wait drops the future.

use serde_json::Value;

use super::Plugin;
use crate::error::ConfigureError;
use crate::service::config::ConfigError;
use crate::service::data::{DataError, DataValue, check_key};
use crate::service::jobs::{Job, JobError, JobOutcome, check_id};

impl Plugin {
    /// Sets a configuration value, which is stored and visible to the plugin from its next read on. It takes precedence
    /// over the values of all files and options, as a value that the plugin itself sets.
    ///
    /// # Errors
    /// [`ConfigureError`] if the value does not fit the manifest's `configuration`, a limit was reached, or the value
    /// cannot be stored.
    pub async fn set_configuration(&self, key: &str, value: Value) -> Result<(), ConfigureError> {
        let plugin = self.current.get();
        crate::service::config::check_key(key).map_err(|error| of_config(plugin.name(), error))?;
        let set = plugin.context.config.set(key, value).await;
        set.map_err(|error| of_config(plugin.name(), error))
    }

    /// Returns the plugin's scheduled jobs, by their ids.
    ///
    /// # Errors
    /// [`JobError::Unavailable`] if they cannot be read.
    pub async fn jobs(&self) -> Result<Vec<Job>, JobError> {
        let plugin = self.current.get();
        let queue = &plugin.context.jobs.queue;
        if queue.may_have_jobs() { queue.list().await } else { Ok(Vec::new()) }
    }

    /// Returns the last outcomes of a job, the newest first: at most `limit`.
    ///
    /// # Errors
    /// [`JobError::Invalid`] if `id` cannot be one of a job, [`JobError::Unavailable`] if they cannot be read.
    pub async fn job_outcomes(&self, id: &str, limit: u32) -> Result<Vec<JobOutcome>, JobError> {
        check_id(id)?;
        self.current.get().context.jobs.queue.outcomes(id, limit).await
    }

    /// Pauses or resumes a job, and returns whether that changed anything. A run that has begun goes on.
    ///
    /// # Errors
    /// [`JobError::NotFound`] if no job has this id, or another [`JobError`].
    pub async fn set_job_paused(&self, id: &str, paused: bool) -> Result<bool, JobError> {
        check_id(id)?;
        self.current.get().context.jobs.queue.set_paused(id.to_owned(), paused).await
    }

    /// Removes a job with its outcomes, and returns whether there was one with this id.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn remove_job(&self, id: &str) -> Result<bool, JobError> {
        check_id(id)?;
        self.current.get().context.jobs.queue.remove(id.to_owned()).await
    }

    /// Returns at most `limit` keys of the plugin's data that begin with `prefix` and come after `after`, in the order
    /// of their bytes.
    ///
    /// # Errors
    /// [`DataError::Unavailable`] if they cannot be read.
    pub async fn data_keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, DataError> {
        self.current.get().context.data.store().await?.keys(prefix, after, limit).await
    }

    /// Returns a value of the plugin's data.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn data_value(&self, key: &str) -> Result<Option<DataValue>, DataError> {
        check_key(key)?;
        self.current.get().context.data.store().await?.get(key).await
    }

    /// Removes a value of the plugin's data, and returns whether there was one.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn remove_data_value(&self, key: &str) -> Result<bool, DataError> {
        check_key(key)?;
        let removed = self.current.get().context.data.store().await?.delete(&[key.to_owned()]).await?;
        Ok(removed > 0)
    }
}

fn of_config(plugin: &str, error: ConfigError) -> ConfigureError {
    let plugin = plugin.to_owned();
    match error {
        ConfigError::Invalid(message) => ConfigureError::Invalid { plugin, message },
        ConfigError::Unavailable(message) => ConfigureError::Unavailable { plugin, message },
    }
}
