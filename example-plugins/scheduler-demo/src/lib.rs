//! Jobs: a recurring cleanup, and actions that run once at a time that the caller sets.
//!
//! The host stores the jobs. They outlive the instance, the plugin's revision and the process, in contrast to the state
//! of this struct.

use std::time::Duration;

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;
use plugbay_sdk::scheduler::{self, Run};

/// A one-time job to schedule.
#[derive(Deserialize, Schema)]
struct Later {
    /// The time of the run, such as `2026-12-24T18:00:00Z`.
    run_at: String,
    /// The arguments of the action.
    #[serde(default)]
    #[schema(any)]
    data: Value,
}

#[derive(Serialize, Schema)]
struct Scheduled {
    status: &'static str,
    scheduled: bool,
    /// The job's id, with which any caller can cancel the job.
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
    /// Schedules the cleanup. Replaces the job of an earlier load, so that a changed interval takes effect.
    #[on_load]
    fn on_load(&mut self) -> Result<()> {
        let seconds = config::get("cleanup_seconds")?.unwrap_or(300);
        scheduler::every(Duration::from_secs(seconds)).job("cleanup").replace_existing().add()?;
        Ok(())
    }

    /// Runs `scheduled_action` once, at a given time, or immediately if that is in the past.
    #[action]
    fn schedule(&mut self, later: Later, call: &Invocation) -> Result<Scheduled> {
        let Ok(moment) = humantime::parse_rfc3339_weak(&later.run_at) else {
            bail!(code = "bad_moment", "`{}` is not a time such as 2026-12-24T18:00:00Z", later.run_at);
        };
        let job = format!("once-{}", call.request_id());
        scheduler::at(moment).job(&job).action("scheduled_action").args(&later.data).add()?;
        Ok(Scheduled { status: "ok", scheduled: true, job })
    }

    /// Cancels a job of `schedule`. Returns whether it was still pending.
    #[action]
    fn cancel(&mut self, which: Which) -> Result<bool> {
        ensure!(which.job.starts_with("once-"), code = "not_yours", "`{}` is not a job of `schedule`", which.job);
        scheduler::remove(&which.job)
    }

    /// Lists the pending jobs.
    #[action(idempotent)]
    fn jobs(&self) -> Result<Vec<String>> {
        Ok(scheduler::list()?.into_iter().map(|job| format!("{}: {}", job.id, job.schedule)).collect())
    }

    /// The action of the recurring job.
    #[action]
    fn cleanup(&mut self, _: Run<()>) -> u64 {
        self.cleanups += 1;
        log::info!("cleanup", number = self.cleanups);
        self.cleanups
    }

    /// The action of the one-time jobs.
    #[action]
    fn scheduled_action(&mut self, run: Run) -> Value {
        log::info!("scheduled action executed", data = run.args.to_string());
        run.args
    }
}
