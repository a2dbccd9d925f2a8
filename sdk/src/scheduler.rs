//! Jobs: actions of this plugin that the host runs later or repeatedly. They persist across restarts.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::scheduler::{self, Run};
//!
//! #[derive(Default)]
//! struct Shop;
//!
//! #[derive(Serialize, Deserialize, Schema)]
//! struct Reminder {
//!     order: u64,
//! }
//!
//! #[plugin]
//! impl Shop {
//!     #[on_load]
//!     fn on_load(&mut self) -> Result<()> {
//!         scheduler::every(Duration::from_secs(300)).job("cleanup").replace_existing().add()?;
//!         let night = scheduler::cron("0 3 * * *").time_zone("Europe/Berlin");
//!         night.job("night").action("report").replace_existing().add()?;
//!         Ok(())
//!     }
//!
//!     /// Reminds of an order in an hour.
//!     #[action]
//!     fn remind_later(&mut self, order: u64) -> Result<()> {
//!         let hour = Duration::from_secs(3600);
//!         scheduler::after(hour).job(format!("remind-{order}")).action("remind").args(&Reminder { order }).add()?;
//!         Ok(())
//!     }
//!
//!     #[action]
//!     fn remind(&mut self, run: Run<Reminder>) -> String {
//!         format!("order {} is waiting", run.args.order)
//!     }
//!
//!     #[action]
//!     fn cleanup(&mut self) {}
//!
//!     #[action]
//!     fn report(&mut self) {}
//! }
//! # fn main() {
//! # let mut shop = native_instance();
//! # shop.load().unwrap();
//! # shop.call("remind_later", 5).unwrap();
//! # assert_eq!(shop.run_job("remind-5").unwrap(), "order 5 is waiting");
//! # assert_eq!(scheduler::list().unwrap().len(), 2);
//! # }
//! ```
//!
//! The manifest requests it: `permissions: [{ resource: "scheduler.*" }]`, and the operator grants it.
//!
//! A job runs **at least once**. If the host dies during a run, the job runs again; after five such runs in a row it is
//! paused. Two runs of one job never overlap, and one run makes up for all that were missed. A run is a call like any
//! other, with the plugin's limits. A run that the rate limit refuses has an [outcome](outcomes) too, and a one-time
//! job is then tried again.
//!
//! # Errors
//!
//! All functions return `permission_denied` if the use of the job was not granted, `invalid_argument` if the job is not
//! valid, `already_exists` and `not_found` for the id of a job, `limit_exceeded` if a limit was reached, and
//! `unavailable` if the host cannot read or store jobs.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::host;
use crate::macros::Schema;

/// A schedule that repeats at an interval of at least a second. The first run is one interval from now.
pub fn every(interval: Duration) -> Plan {
    Plan(Schedule::Every(interval))
}

/// A schedule that runs once, at this time, or immediately if that is in the past.
pub fn at(moment: SystemTime) -> Plan {
    Plan(Schedule::At(moment))
}

/// A schedule that runs once, after a delay.
pub fn after(delay: Duration) -> Plan {
    // The host refuses this time, which no clock reaches.
    at(SystemTime::now().checked_add(delay).unwrap_or(UNIX_EPOCH + Duration::from_millis(u64::MAX / 2)))
}

/// A schedule by a cron expression. Its fields are minute, hour, day of month, month and day of week; seconds come
/// first if there are six. Times are in UTC unless a [time zone](Plan::time_zone) is set.
pub fn cron(expression: impl Into<String>) -> Plan {
    Plan(Schedule::Cron { expression: expression.into(), time_zone: String::new() })
}

/// The schedule of a job that has no id yet.
#[derive(Debug, Clone)]
#[must_use = "a plan is not a job yet: name it with `.job(id)` and add it with `.add()`"]
pub struct Plan(Schedule);

impl Plan {
    /// Sets the time zone of a cron expression, by its name in the IANA database. Default: UTC. Other schedules ignore
    /// it.
    pub fn time_zone(mut self, name: impl Into<String>) -> Plan {
        if let Schedule::Cron { time_zone, .. } = &mut self.0 {
            *time_zone = name.into();
        }
        self
    }

    /// Sets the job's id, of 1 to 128 bytes. By default, the job runs the action with this name.
    pub fn job(self, id: impl Into<String>) -> NewJob {
        let id = id.into();
        NewJob { schedule: self.0, action: id.clone(), id, args: Ok("null".to_owned()), replace_existing: false }
    }
}

/// The builder of a job, which [`NewJob::add`] adds.
#[derive(Debug)]
#[must_use = "a job does not run before it is added: call `.add()`"]
pub struct NewJob {
    schedule: Schedule,
    id: String,
    action: String,
    args: Result<String>,
    replace_existing: bool,
}

impl NewJob {
    /// Sets the action to run, whose payload is a [`Run`]. Default: the action with the name of the job's id.
    pub fn action(mut self, name: impl Into<String>) -> NewJob {
        self.action = name.into();
        self
    }

    /// Sets [`Run::args`]: any value that serde can write as JSON, up to 64 KiB. Default: null.
    pub fn args(mut self, args: &(impl Serialize + ?Sized)) -> NewJob {
        self.args = serde_json::to_string(args).map_err(Error::from);
        self
    }

    /// Replaces a job with the same id completely, if there is one. Default: that is an error.
    pub fn replace_existing(mut self) -> NewJob {
        self.replace_existing = true;
        self
    }

    /// Adds the job, which is on disk when this returns. Returns the time of its first run.
    ///
    /// # Errors
    /// Those of the [module](self).
    pub fn add(self) -> Result<Option<SystemTime>> {
        let NewJob { schedule, id, action, args, replace_existing } = self;
        let added = args.and_then(|args| host::scheduler_add(&id, &action, &args, &schedule, replace_existing));
        Ok(added.map_err(about(&id))?.map(moment))
    }
}

/// The schedule of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Repeatedly, at this interval.
    Every(Duration),
    /// Once, at this time.
    At(SystemTime),
    /// At the times of a cron expression.
    Cron {
        /// Five fields, or six with seconds first.
        expression: String,
        /// A name of the IANA time zone database; empty is `UTC`.
        time_zone: String,
    },
    /// A kind of schedule that this version of the SDK does not know, as JSON.
    Other(String),
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The action to run.
    pub action: String,
    /// The arguments of the action.
    pub args: Value,
    /// When it runs.
    pub schedule: Schedule,
    /// The next run; `None` if the job is paused.
    pub next_run: Option<SystemTime>,
    /// Whether the job is paused.
    pub paused: bool,
}

/// The outcome of one run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The job's id.
    pub job: String,
    /// The time at which the run was due.
    pub scheduled: SystemTime,
    /// The time at which the run began.
    pub started: SystemTime,
    /// The time at which the run ended.
    pub finished: SystemTime,
    /// The action's result, or the error as the host reports it: `{"status":"error","msg","code","details"}`. A result
    /// of more than 4 KiB is replaced by `{"left_out_bytes": n}`.
    pub answer: std::result::Result<Value, Value>,
}

/// The payload of an action that a job runs: `fn cleanup(&mut self, run: Run<Args>)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Run<T = Value> {
    /// The job's id.
    pub job: String,
    /// The arguments with which the job was added.
    pub args: T,
    /// The time at which the run was due, in milliseconds since the Unix epoch. A run that is repeated because the host
    /// died has the same time.
    pub scheduled_ms: u64,
}

impl<T> Run<T> {
    /// The time at which the run was due.
    pub fn scheduled(&self) -> SystemTime {
        moment(self.scheduled_ms)
    }
}

impl Job {
    /// The arguments of the action, as a `T`.
    ///
    /// # Errors
    /// `invalid_data` if they are not a `T`.
    pub fn parse_args<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.args).map_err(|reason| {
            crate::error(format!("the arguments are not a `{}`: {reason}", std::any::type_name::<T>()))
                .with_code("invalid_data")
                .context(format_args!("job `{}`", self.id))
        })
    }
}

/// The job with this id, or `None`.
///
/// # Errors
/// Those of the [module](self).
pub fn get(id: &str) -> Result<Option<Job>> {
    host::scheduler_get(id).map_err(about(id))
}

/// All jobs that the plugin may read, by id.
///
/// # Errors
/// Those of the [module](self).
pub fn list() -> Result<Vec<Job>> {
    host::scheduler_jobs().map_err(about("*"))
}

/// Pauses a job. Returns false if it was already paused.
///
/// # Errors
/// Those of the [module](self).
pub fn pause(id: &str) -> Result<bool> {
    host::scheduler_pause(id).map_err(about(id))
}

/// Resumes a paused job. One run makes up for all that it missed. Returns whether it was paused.
///
/// # Errors
/// Those of the [module](self).
pub fn resume(id: &str) -> Result<bool> {
    host::scheduler_resume(id).map_err(about(id))
}

/// Removes a job with its outcomes; a run that has begun continues. Returns whether the job existed.
///
/// # Errors
/// Those of the [module](self).
pub fn remove(id: &str) -> Result<bool> {
    host::scheduler_remove(id).map_err(about(id))
}

/// The last outcomes of a job, newest first: at most `limit`, of the 100 that are stored. The outcomes of a one-time
/// job outlive it.
///
/// # Errors
/// Those of the [module](self).
pub fn outcomes(id: &str, limit: u32) -> Result<Vec<Outcome>> {
    host::scheduler_outcomes(id, limit).map_err(about(id))
}

fn about(id: &str) -> impl Fn(Error) -> Error {
    move |failure| failure.context(format_args!("job `{id}`"))
}

/// The time this many milliseconds after the Unix epoch.
pub(crate) fn moment(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

/// Milliseconds since the Unix epoch; 0 for times before it.
pub(crate) fn milliseconds(moment: SystemTime) -> u64 {
    whole_milliseconds(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The schedule in words.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Every(interval) => write!(f, "every {interval:?}"),
            Schedule::At(moment) => write!(f, "once, {} ms after the Unix epoch", milliseconds(*moment)),
            Schedule::Cron { expression, time_zone } if time_zone.is_empty() => write!(f, "{expression} (UTC)"),
            Schedule::Cron { expression, time_zone } => write!(f, "{expression} ({time_zone})"),
            Schedule::Other(json) => f.write_str(json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn added_job_is_listed_with_its_fields() {
        let next = every(Duration::from_secs(60)).job("tick").action("count").args(&json!({ "by": 2 })).add();
        assert!(next.expect("added").is_some_and(|next| next > SystemTime::now()));
        let job = get("tick").expect("readable").expect("there");
        assert_eq!((job.action.as_str(), &job.schedule), ("count", &Schedule::Every(Duration::from_secs(60))));
        assert_eq!(job.parse_args::<std::collections::BTreeMap<String, u8>>().expect("a map")["by"], 2);
        assert_eq!(job.parse_args::<String>().expect_err("it is not text").code(), "invalid_data");
        assert_eq!(list().expect("readable"), [job]);
        assert!(remove("tick").expect("there"));
        assert!(!remove("tick").expect("not there"));
    }

    #[test]
    fn existing_job_is_replaced_only_on_request() {
        let plan = || cron("0 3 * * *").time_zone("Europe/Berlin").job("night");
        plan().add().expect("added");
        let failure = plan().add().expect_err("it is there");
        assert_eq!(failure.code(), "already_exists");
        assert!(failure.message().starts_with("job `night`: "), "{failure}");
        plan().replace_existing().action("other").add().expect("replaced");
        let job = get("night").expect("readable").expect("there");
        assert_eq!((job.action.as_str(), job.schedule.to_string()), ("other", "0 3 * * * (Europe/Berlin)".to_owned()));
    }

    #[test]
    fn paused_job_has_no_next_run() {
        after(Duration::from_secs(60)).job("later").add().expect("added");
        assert!(pause("later").expect("there") && !pause("later").expect("there"));
        assert_eq!(get("later").expect("readable").expect("there").next_run, None);
        assert!(resume("later").expect("there"));
        assert!(get("later").expect("readable").expect("there").next_run.is_some());
        assert_eq!(pause("none").expect_err("not there").code(), "not_found");
    }

    #[test]
    fn invalid_job_is_refused_like_by_the_host() {
        for job in
            [every(Duration::from_millis(999)).job("j"), every(Duration::from_secs(1)).job(""), cron("* *").job("j")]
        {
            assert_eq!(job.add().expect_err("it is not valid").code(), "invalid_argument");
        }
        let failure = at(UNIX_EPOCH).job("j").args(&"x".repeat(70_000)).add().expect_err("too long");
        assert_eq!(failure.code(), "limit_exceeded");
        let no_json = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert_eq!(at(UNIX_EPOCH).job("j").args(&no_json).add().expect_err("no JSON").code(), "internal_error");
        assert_eq!(list().expect("readable"), []);
    }
}
