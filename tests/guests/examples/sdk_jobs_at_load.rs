//! Adds the jobs of its configuration when it is loaded, and then fails to load if `fail` is set.

use std::time::Duration;

use plugbay_sdk::prelude::*;
use plugbay_sdk::{config, scheduler};

#[derive(Default)]
struct JobsAtLoad;

#[plugin]
impl JobsAtLoad {
    #[on_load]
    fn on_load(&mut self) -> Result<()> {
        let ids: Vec<String> = config::get("jobs")?.unwrap_or_default();
        for id in &ids {
            scheduler::every(Duration::from_secs(60)).job(id).action("work").replace_existing().add()?;
        }
        ensure!(config::get("fail")? != Some(true), code = "not_ready", "it fails as configured");
        Ok(())
    }

    #[action]
    fn work(&self) -> bool {
        true
    }

    #[action]
    fn jobs(&self) -> Result<Vec<String>> {
        Ok(scheduler::list()?.into_iter().map(|job| job.id).collect())
    }
}
