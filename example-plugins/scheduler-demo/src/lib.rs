//! Jobs: a cleanup that recurs, and actions that run once at a moment of the caller's choice.
//!
//! Jobs are kept by the host. They outlive the instance, the plugin's revision and the process; the state of this struct
//! does not.

use std::time::Duration;

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;
use plugbay_sdk::scheduler::{self, Run};

/// What is to be done later.
#[derive(Deserialize, Schema)]
struct Later {
    /// When, as `2026-12-24T18:00:00Z`.
    run_at: String,
    /// Handed to the action when the time has come.
    #[serde(default)]
    #[schema(any)]
    data: Value,
}

#[derive(Serialize, Schema)]
struct Scheduled {
    status: &'static str,
    scheduled: bool,
    /// The job's id: whoever knows it can cancel the job.
    job: String,
}

#[derive(Deserialize, Schema)]
struct Which {
    /// The job's id.
    job: String,
}

#[derive(Default)]
struct SchedulerDemo {
    cleanups: u64,
}

#[plugin]
impl SchedulerDemo {
    /// Takes the place of the job of an earlier load, so that a changed interval takes effect.
    #[on_load]
    fn on_load(&mut self) -> Result<()> {
        let seconds = config::get("cleanup_seconds")?.unwrap_or(300);
        scheduler::every(Duration::from_secs(seconds)).job("cleanup").replace_existing().add()?;
        Ok(())
    }

    /// Runs `scheduled_action` once, at a given moment; at once where it is past.
    #[action]
    fn schedule(&mut self, later: Later, call: &Invocation) -> Result<Scheduled> {
        let Ok(moment) = humantime::parse_rfc3339_weak(&later.run_at) else {
            bail!(code = "bad_moment", "`{}` is no moment such as 2026-12-24T18:00:00Z", later.run_at);
        };
        let job = format!("once-{}", call.request_id());
        scheduler::at(moment).job(&job).action("scheduled_action").args(&later.data).add()?;
        Ok(Scheduled { status: "ok", scheduled: true, job })
    }

    /// Cancels what `schedule` has scheduled. Answers whether it was still to come.
    #[action]
    fn cancel(&mut self, which: Which) -> Result<bool> {
        ensure!(which.job.starts_with("once-"), code = "not_yours", "`{}` is no job of `schedule`", which.job);
        scheduler::remove(&which.job)
    }

    /// Tells what is to come.
    #[action(idempotent)]
    fn jobs(&self) -> Result<Vec<String>> {
        Ok(scheduler::list()?.into_iter().map(|job| format!("{}: {}", job.id, job.schedule)).collect())
    }

    /// What the recurring job runs.
    #[action]
    fn cleanup(&mut self, _: Run<()>) -> u64 {
        self.cleanups += 1;
        log::info!("cleanup", number = self.cleanups);
        self.cleanups
    }

    /// What the one-time jobs run.
    #[action]
    fn scheduled_action(&mut self, run: Run) -> Value {
        log::info!("scheduled action executed", data = run.args.to_string());
        run.args
    }
}
