//! Jobs: actions of this plugin that the host runs later, or again and again. They are kept across restarts.
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
//!         scheduler::cron("0 3 * * *").time_zone("Europe/Berlin").job("night").action("report").replace_existing().add()?;
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
//! The manifest asks for it: `permissions: [{resource: "scheduler.*"}]`, and the operator allows it.
//!
//! A job runs **at least once**: where the host dies in the middle of a run, the job is run again; after the fifth time in a
//! row it is paused. Two runs of one job never overlap, and what was missed is made up for by one run. A run is a call like
//! any other, with the plugin's limits. One that is turned away because of the rate limit is an [outcome](outcomes); a
//! one-time job is then tried again.
//!
//! # Errors
//!
//! All functions answer `permission_denied` if the use of the job was not granted, `invalid_argument` if the job
//! cannot be scheduled as it is, `already_exists` and `not_found` for the id of a job, `limit_exceeded` if a bound was
//! reached, and `unavailable` if the host cannot read or keep jobs.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::host;
use crate::macros::Schema;

/// Again and again, so far apart: at least a second. The first run is one interval from now.
pub fn every(interval: Duration) -> Plan {
    Plan(Schedule::Every(interval))
}

/// Once, at this moment; at once where it is past.
pub fn at(moment: SystemTime) -> Plan {
    Plan(Schedule::At(moment))
}

/// Once, after a delay.
pub fn after(delay: Duration) -> Plan {
    // A moment that no clock reaches is refused by the host.
    at(SystemTime::now().checked_add(delay).unwrap_or(UNIX_EPOCH + Duration::from_millis(u64::MAX / 2)))
}

/// Whenever a cron expression says so: minute, hour, day of month, month, day of week, with seconds first where there are
/// six. In UTC unless a [time zone](Plan::time_zone) is named.
pub fn cron(expression: impl Into<String>) -> Plan {
    Plan(Schedule::Cron { expression: expression.into(), time_zone: String::new() })
}

/// When a job is to run, before it is known which one.
#[derive(Debug, Clone)]
#[must_use = "a plan is no job yet: name it with `.job(id)` and `.add()` it"]
pub struct Plan(Schedule);

impl Plan {
    /// The time zone of a cron expression, by its name in the IANA database. Other plans have none and ignore it.
    pub fn time_zone(mut self, name: impl Into<String>) -> Plan {
        if let Schedule::Cron { time_zone, .. } = &mut self.0 {
            *time_zone = name.into();
        }
        self
    }

    /// The job's id, 1 to 128 bytes. Unless another is named, it runs the action of this name.
    pub fn job(self, id: impl Into<String>) -> NewJob {
        let id = id.into();
        NewJob { schedule: self.0, action: id.clone(), id, args: Ok("null".to_owned()), replace_existing: false }
    }
}

/// A job that is not added yet.
#[derive(Debug)]
#[must_use = "a job runs when it was added: `.add()`"]
pub struct NewJob {
    schedule: Schedule,
    id: String,
    action: String,
    args: Result<String>,
    replace_existing: bool,
}

impl NewJob {
    /// The action to run. It gets a [`Run`].
    pub fn action(mut self, name: impl Into<String>) -> NewJob {
        self.action = name.into();
        self
    }

    /// What the action gets as [`Run::args`]: anything that serde can write as JSON, up to 64 KiB. Default: nothing.
    pub fn args(mut self, args: &(impl Serialize + ?Sized)) -> NewJob {
        self.args = serde_json::to_string(args).map_err(Error::from);
        self
    }

    /// Takes the place of a job of the same id, if there is one, which keeps nothing of it. Without this, that is an error.
    pub fn replace_existing(mut self) -> NewJob {
        self.replace_existing = true;
        self
    }

    /// Adds the job. It is on disk when this returns. Answers when it runs first.
    ///
    /// # Errors
    /// Those of the [module](self).
    pub fn add(self) -> Result<Option<SystemTime>> {
        let NewJob { schedule, id, action, args, replace_existing } = self;
        let added = args.and_then(|args| host::scheduler_add(&id, &action, &args, &schedule, replace_existing));
        Ok(added.map_err(about(&id))?.map(moment))
    }
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Again and again, so far apart.
    Every(Duration),
    /// Once.
    At(SystemTime),
    /// Whenever a cron expression says so.
    Cron {
        /// Five fields, or six with seconds first.
        expression: String,
        /// A name of the IANA time zone database; empty is `UTC`.
        time_zone: String,
    },
    /// A kind of schedule that this version of the SDK does not know, as JSON.
    Other(String),
}

/// A job as the host keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The action that it runs.
    pub action: String,
    /// What the action gets.
    pub args: Value,
    /// When it runs.
    pub schedule: Schedule,
    /// When it runs next; none where it is paused.
    pub next_run: Option<SystemTime>,
    /// Whether it is paused.
    pub paused: bool,
}

/// How one run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The job's id.
    pub job: String,
    /// When it was due.
    pub scheduled: SystemTime,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub finished: SystemTime,
    /// The action's answer, or the error as the host reports it: `{"status":"error","msg","code","details"}`. Answers of
    /// more than 4 KiB are not kept: `{"left_out_bytes": n}`.
    pub answer: std::result::Result<Value, Value>,
}

/// The payload of an action that a job runs: `fn cleanup(&mut self, run: Run<Args>)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Run<T = Value> {
    /// The job's id.
    pub job: String,
    /// What the job was added with.
    pub args: T,
    /// When the job was due, in milliseconds since the Unix epoch. The same for a run that is repeated because the host
    /// died in the middle of it.
    pub scheduled_ms: u64,
}

impl<T> Run<T> {
    /// When the job was due.
    pub fn scheduled(&self) -> SystemTime {
        moment(self.scheduled_ms)
    }
}

impl Job {
    /// What the action gets, as a `T`.
    ///
    /// # Errors
    /// `invalid_data` if it is none.
    pub fn parse_args<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.args).map_err(|reason| {
            crate::error(format!("the arguments are not a `{}`: {reason}", std::any::type_name::<T>()))
                .with_code("invalid_data")
                .context(format_args!("job `{}`", self.id))
        })
    }
}

/// The job of this id, or `None`.
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

/// Keeps a job from running. Answers whether it was not paused before.
///
/// # Errors
/// Those of the [module](self).
pub fn pause(id: &str) -> Result<bool> {
    host::scheduler_pause(id).map_err(about(id))
}

/// Lets a paused job run again; what it missed is made up for by one run. Answers whether it was paused.
///
/// # Errors
/// Those of the [module](self).
pub fn resume(id: &str) -> Result<bool> {
    host::scheduler_resume(id).map_err(about(id))
}

/// Removes a job with its outcomes; a run that has begun goes on. Answers whether it was there.
///
/// # Errors
/// Those of the [module](self).
pub fn remove(id: &str) -> Result<bool> {
    host::scheduler_remove(id).map_err(about(id))
}

/// The last outcomes of a job, the newest first: at most `limit`, and never more than 100. Those of a one-time job are kept
/// when it has gone.
///
/// # Errors
/// Those of the [module](self).
pub fn outcomes(id: &str, limit: u32) -> Result<Vec<Outcome>> {
    host::scheduler_outcomes(id, limit).map_err(about(id))
}

fn about(id: &str) -> impl Fn(Error) -> Error {
    move |failure| failure.context(format_args!("job `{id}`"))
}

/// The moment this many milliseconds after the Unix epoch.
pub(crate) fn moment(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

/// Milliseconds since the Unix epoch; 0 for what was before it.
pub(crate) fn milliseconds(moment: SystemTime) -> u64 {
    whole_milliseconds(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As a person would write it.
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
    fn job_that_was_added_is_listed_as_it_was() {
        let next = every(Duration::from_secs(60)).job("tick").action("count").args(&json!({ "by": 2 })).add();
        assert!(next.expect("added").is_some_and(|next| next > SystemTime::now()));
        let job = get("tick").expect("readable").expect("there");
        assert_eq!((job.action.as_str(), &job.schedule), ("count", &Schedule::Every(Duration::from_secs(60))));
        assert_eq!(job.parse_args::<std::collections::BTreeMap<String, u8>>().expect("a map")["by"], 2);
        assert_eq!(job.parse_args::<String>().expect_err("no text").code(), "invalid_data");
        assert_eq!(list().expect("readable"), [job]);
        assert!(remove("tick").expect("there"));
        assert!(!remove("tick").expect("not there"));
    }

    #[test]
    fn job_that_is_there_is_replaced_only_if_asked() {
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
    fn job_that_cannot_be_is_refused_like_by_the_host() {
        for job in
            [every(Duration::from_millis(999)).job("j"), every(Duration::from_secs(1)).job(""), cron("* *").job("j")]
        {
            assert_eq!(job.add().expect_err("it cannot be").code(), "invalid_argument");
        }
        let failure = at(UNIX_EPOCH).job("j").args(&"x".repeat(70_000)).add().expect_err("too long");
        assert_eq!(failure.code(), "limit_exceeded");
        let no_json = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert_eq!(at(UNIX_EPOCH).job("j").args(&no_json).add().expect_err("no JSON").code(), "internal_error");
        assert_eq!(list().expect("readable"), []);
    }
}
