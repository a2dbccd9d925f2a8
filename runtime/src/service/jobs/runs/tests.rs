//! Runs by a clock that the test moves, without a plugin: due jobs, stored outcomes, and what a crash leaves behind.

use super::*;
use crate::clock::{Clock, ManualClock, unix_ms};
use crate::limits::{JOB_ARGS_BYTES_MAX, JOB_ARGS_BYTES_TOTAL_MAX, JOB_OUTCOMES_MAX, JOB_OUTCOMES_TOTAL_MAX, JOBS_MAX};
use crate::service::jobs::SqliteJobs;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
/// 1 January 2026, the manual clock's beginning.
const START: u64 = 1_767_225_600_000;

/// Jobs in memory or in a directory, and their clock.
struct Scene {
    clock: ManualClock,
    jobs: Arc<JobQueue>,
}

impl Scene {
    fn new() -> Self {
        Scene::at(ManualClock::default(), None)
    }

    fn at(clock: ManualClock, directory: Option<&std::path::Path>) -> Self {
        let provider = directory.map_or_else(SqliteJobs::in_memory, SqliteJobs::new);
        let jobs = JobQueue::new("p".into(), Arc::new(clock.clone()), Arc::new(provider));
        Scene { clock, jobs: Arc::new(jobs) }
    }

    async fn add(&self, id: &str, schedule: JobSchedule) -> Result<Option<u64>, JobError> {
        self.add_with(id, schedule, "null", false).await
    }

    async fn add_with(
        &self,
        id: &str,
        schedule: JobSchedule,
        args: &str,
        replace_existing: bool,
    ) -> Result<Option<u64>, JobError> {
        self.jobs.add(id.into(), "act".into(), args.into(), schedule, replace_existing).await
    }

    /// Moves the clock to `ms` milliseconds after the beginning.
    fn set(&self, ms: u64) {
        self.clock.set(crate::clock::from_unix_ms(START + ms).expect("a moment"));
    }

    async fn look(&self) -> Look {
        let claim = self.jobs.claim().await.expect("it can be locked").expect("the claim is free");
        self.jobs.look(claim, 10, |_| true).await.expect("it can be read")
    }

    /// Begins what is due and ends it at once. Returns the jobs' ids with the moment each was due, from the beginning.
    async fn run(&self) -> Vec<(String, u64)> {
        let mut ran = Vec::new();
        for run in self.look().await.begun {
            ran.push((run.job().to_owned(), run.scheduled_ms().saturating_sub(START)));
            self.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
        }
        ran
    }

    /// When a job runs next, from the beginning.
    async fn next(&self, id: &str) -> Option<u64> {
        let job = self.jobs.get(id).await.expect("it can be read");
        job.and_then(|job| job.next_run_ms()).map(|ms| ms.saturating_sub(START))
    }

    async fn outcomes(&self, id: &str) -> Vec<JobOutcome> {
        self.jobs.outcomes(id, u32::MAX).await.expect("it can be read")
    }
}

fn every(seconds: u64) -> JobSchedule {
    JobSchedule::IntervalMs(seconds * SECOND)
}

fn at(ms: u64) -> JobSchedule {
    JobSchedule::DateMs(START + ms)
}

fn cron(expression: &str) -> JobSchedule {
    JobSchedule::Cron { expression: expression.into(), time_zone: String::new() }
}

fn ran(id: &str, ms: u64) -> Vec<(String, u64)> {
    vec![(id.to_owned(), ms)]
}

#[tokio::test]
async fn interval_runs_first_after_one_interval_and_then_again_and_again() {
    let scene = Scene::new();
    assert_eq!(scene.add("j", every(10)).await.expect("added"), Some(START + 10 * SECOND));
    scene.set(9_999);
    assert_eq!(scene.run().await, []);
    scene.set(10_000);
    assert_eq!(scene.run().await, ran("j", 10_000));
    assert_eq!(scene.run().await, [], "once");
    scene.set(20_001);
    assert_eq!(scene.run().await, ran("j", 20_000));
    assert_eq!(scene.next("j").await, Some(30_000));
}

#[tokio::test]
async fn missed_runs_are_made_up_for_by_one() {
    let scene = Scene::new();
    scene.add("j", every(10)).await.expect("added");
    scene.add("c", cron("*/5 * * * *")).await.expect("added");
    scene.set(HOUR + 1);
    assert_eq!(scene.run().await, [ran("j", 10_000), ran("c", 300_000)].concat(), "the longest due comes first");
    assert_eq!((scene.next("j").await, scene.next("c").await), (Some(HOUR + 10_000), Some(HOUR + 300_000)));
    assert_eq!(scene.run().await, []);
}

#[tokio::test]
async fn run_that_took_longer_than_the_interval_is_followed_by_one() {
    let scene = Scene::new();
    scene.add("j", every(10)).await.expect("added");
    scene.set(10_000);
    let run = scene.look().await.begun.pop().expect("it is due");
    scene.set(45_000);
    assert!(scene.look().await.begun.is_empty(), "two runs of one job never overlap");
    scene.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
    assert_eq!(scene.run().await, ran("j", 20_000));
    assert_eq!(scene.next("j").await, Some(50_000));
}

#[tokio::test]
async fn date_that_is_past_runs_at_once_and_is_gone_after_its_run() {
    let scene = Scene::new();
    scene.set(HOUR);
    scene.add("j", at(0)).await.expect("added");
    let run = scene.look().await.begun.pop().expect("it is due");
    assert!(scene.jobs.get("j").await.expect("read").is_some(), "it is there while it runs");
    scene.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
    assert!(scene.jobs.get("j").await.expect("read").is_none());
    assert_eq!(scene.outcomes("j").await.len(), 1, "what became of it is still known");
}

#[tokio::test]
async fn clock_set_back_does_not_stall_an_interval() {
    let scene = Scene::new();
    scene.add("j", every(10)).await.expect("added");
    scene.set(HOUR);
    assert_eq!(scene.run().await, ran("j", 10_000));
    scene.set(0);
    assert_eq!(scene.look().await.next_ms, Some(START + 10_000), "one interval from now, not an hour");
    scene.set(10_000);
    assert_eq!(scene.run().await, ran("j", 10_000));
}

#[tokio::test]
async fn clock_set_back_does_not_run_a_cron_job_twice_for_one_moment() {
    let scene = Scene::new();
    scene.add("j", cron("0 3 * * *")).await.expect("added");
    scene.set(3 * HOUR);
    assert_eq!(scene.run().await, ran("j", 3 * HOUR));
    scene.set(2 * HOUR);
    assert_eq!(scene.run().await, []);
    scene.set(3 * HOUR);
    assert_eq!(scene.run().await, []);
    scene.set(27 * HOUR);
    assert_eq!(scene.run().await, ran("j", 27 * HOUR));
}

#[tokio::test]
async fn clock_that_was_far_ahead_does_not_stall_a_cron_job() {
    let scene = Scene::new();
    scene.set(365 * 24 * HOUR);
    scene.add("j", cron("0 3 * * *")).await.expect("added");
    scene.set(0);
    assert_eq!(scene.run().await, []);
    assert_eq!(scene.next("j").await, Some(3 * HOUR));
}

#[tokio::test]
async fn paused_job_does_not_run_and_makes_up_for_it_once() {
    let scene = Scene::new();
    scene.add("j", every(10)).await.expect("added");
    assert!(scene.jobs.set_paused("j".into(), true).await.expect("paused"));
    assert!(!scene.jobs.set_paused("j".into(), true).await.expect("paused already"));
    assert_eq!(scene.next("j").await, None);
    scene.set(HOUR);
    assert_eq!(scene.run().await, []);
    assert!(scene.jobs.set_paused("j".into(), false).await.expect("resumed"));
    assert_eq!(scene.run().await, ran("j", 10_000));
    assert_eq!(scene.next("j").await, Some(HOUR + 10_000));
    let error = scene.jobs.set_paused("x".into(), true).await.expect_err("there is none");
    assert!(matches!(error, JobError::NotFound(_)), "{error:?}");
}

#[tokio::test]
async fn job_of_an_id_that_is_taken_exists_unless_it_replaces() {
    let scene = Scene::new();
    scene.add("j", every(10)).await.expect("added");
    scene.set(10_000);
    scene.run().await;
    let error = scene.add("j", every(5)).await.expect_err("it is there");
    assert!(matches!(&error, JobError::Exists(text) if text.contains("`j`")), "{error:?}");
    assert_eq!(scene.next("j").await, Some(20_000));
    scene.add_with("j", every(5), "null", true).await.expect("replaced");
    assert_eq!(scene.next("j").await, Some(15_000));
    assert_eq!(scene.outcomes("j").await.len(), 0, "it keeps nothing of the old one");
}

#[tokio::test]
async fn job_replaced_while_it_runs_is_another_job_that_waits_for_the_run() {
    let scene = Scene::new();
    scene.add("j", at(0)).await.expect("added");
    let run = scene.look().await.begun.pop().expect("it is due");
    scene.add_with("j", at(0), "null", true).await.expect("replaced");
    assert!(scene.look().await.begun.is_empty(), "the old one still runs");
    scene.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
    assert_eq!(scene.run().await, ran("j", 0), "the end of the old one did not take the new one away");
    assert_eq!(scene.outcomes("j").await.len(), 2);
}

#[tokio::test]
async fn removed_job_is_gone_with_its_outcomes_and_its_run_goes_on() {
    let scene = Scene::new();
    scene.add("j", every(1)).await.expect("added");
    scene.set(1_000);
    scene.run().await;
    scene.set(2_000);
    let run = scene.look().await.begun.pop().expect("it is due");
    assert!(scene.jobs.remove("j".into()).await.expect("removed"));
    assert!(!scene.jobs.remove("j".into()).await.expect("gone already"));
    assert_eq!(scene.outcomes("j").await.len(), 0);
    scene.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
    assert_eq!((scene.jobs.list().await.expect("read").len(), scene.outcomes("j").await.len()), (0, 1));
}

#[tokio::test]
async fn one_time_job_that_was_turned_away_is_tried_again_and_others_run_when_they_are_due() {
    let scene = Scene::new();
    scene.add("date", at(0)).await.expect("added");
    scene.add("interval", every(1)).await.expect("added");
    scene.set(1_000);
    for run in scene.look().await.begun {
        let refused = Ended::Refused("{}".into(), Some(Duration::from_secs(7)));
        scene.jobs.end(run, refused).await.expect("stored");
    }
    assert_eq!((scene.next("date").await, scene.next("interval").await), (Some(8_000), Some(2_000)));
    assert!(scene.outcomes("date").await[0].answer.is_err());
    scene.set(8_000);
    assert_eq!(scene.run().await, [ran("interval", 2_000), ran("date", 8_000)].concat());
}

#[tokio::test]
async fn run_that_is_put_back_is_due_again_without_an_outcome() {
    let scene = Scene::new();
    scene.add("j", at(0)).await.expect("added");
    let run = scene.look().await.begun.pop().expect("it is due");
    scene.jobs.put_back(run).await.expect("put back");
    assert!(scene.outcomes("j").await.is_empty());
    assert_eq!(scene.run().await, ran("j", 0));
}

#[tokio::test]
async fn run_that_was_killed_is_an_outcome_and_runs_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Scene::at(ManualClock::default(), Some(directory.path()));
    first.add_with("j", at(0), r#"{"to": "Ada"}"#, false).await.expect("added");
    let run = first.look().await.begun.pop().expect("it is due");
    assert_eq!(run.payload(), format!(r#"{{"job":"j","args":{{"to": "Ada"}},"scheduled_ms":{START}}}"#));
    // Killed, so its end is never reported.
    drop((run, first.jobs));
    let second = Scene::at(first.clock, Some(directory.path()));
    second.set(5_000);
    assert_eq!(second.run().await, ran("j", 0));
    let outcomes = second.outcomes("j").await;
    let interrupted = &outcomes[1];
    assert!(interrupted.answer.as_ref().is_err_and(|error| error.contains("interrupted")), "{outcomes:?}");
    assert_eq!((interrupted.scheduled_ms, interrupted.started_ms), (START, START));
    assert!(second.jobs.get("j").await.expect("read").is_none());
}

#[tokio::test]
async fn job_during_which_the_host_ends_again_and_again_is_paused_until_it_is_resumed() {
    let directory = tempfile::tempdir().expect("a directory");
    let restarted = || Scene::at(ManualClock::default(), Some(directory.path()));
    restarted().add("j", every(1)).await.expect("added");
    let killed = || async {
        let host = restarted();
        host.set(1_000);
        host.look().await.begun.len()
    };
    for time in 0..JOB_INTERRUPTIONS_MAX {
        assert_eq!(killed().await, 1, "{time}");
    }
    assert_eq!(killed().await, 0, "it is not begun once more");

    let host = restarted();
    assert!(host.jobs.get("j").await.expect("read").is_some_and(|job| job.state.paused));
    let outcomes = host.outcomes("j").await;
    assert_eq!(outcomes.len(), JOB_INTERRUPTIONS_MAX as usize);
    assert!(outcomes[0].answer.as_ref().is_err_and(|error| error.contains("paused")), "{:?}", outcomes[0]);

    // Resuming resets the count, and so does a run that ended.
    host.jobs.set_paused("j".into(), false).await.expect("resumed");
    drop(host);
    assert_eq!(killed().await, 1);
    let host = restarted();
    host.set(1_000);
    assert_eq!(host.run().await, ran("j", 1_000));
    drop(host);
    for _ in 1..JOB_INTERRUPTIONS_MAX {
        let host = restarted();
        host.set(2_000);
        assert_eq!(host.look().await.begun.len(), 1);
    }
}

#[tokio::test]
async fn another_process_may_not_run_the_same_jobs_until_the_last_run_has_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let one = Scene::at(ManualClock::default(), Some(directory.path()));
    let other = Scene::at(ManualClock::default(), Some(directory.path()));
    one.add("j", at(0)).await.expect("added");
    let run = one.look().await.begun.pop().expect("it is due");
    assert!(other.jobs.claim().await.expect("it can be opened").is_none());
    one.jobs.end(run, Ended::With(Ok("1".into()))).await.expect("stored");
    assert!(other.jobs.claim().await.expect("it can be opened").is_some());
}

#[tokio::test]
async fn capacity_bounds_the_runs_that_begin_and_a_withheld_job_stays() {
    let scene = Scene::new();
    for id in ["a", "b", "c"] {
        scene.add(id, at(0)).await.expect("added");
    }
    let claim = scene.jobs.claim().await.expect("locked").expect("free");
    let look = scene.jobs.look(claim, 1, |id| id != "a").await.expect("read");
    let begun: Vec<&str> = look.begun.iter().map(Run::job).collect();
    assert_eq!((begun, look.withheld), (vec!["b"], vec!["a".to_owned()]));
    assert_eq!((scene.jobs.running(), look.next_ms), (1, None));
}

#[tokio::test]
async fn jobs_and_their_arguments_are_bounded() {
    let scene = Scene::new();
    let args = format!("\"{}\"", "x".repeat(JOB_ARGS_BYTES_MAX - 2));
    let fitting = JOB_ARGS_BYTES_TOTAL_MAX / JOB_ARGS_BYTES_MAX;
    for n in 0..fitting {
        scene.add_with(&format!("large-{n}"), every(1), &args, false).await.expect("it fits");
    }
    let error = scene.add("one-more", every(1)).await.expect_err("the arguments reach the limit");
    assert!(matches!(&error, JobError::Limit(limit) if limit.to_string().contains("8388608 allowed, 8388612")));
    scene.add_with("large-0", every(1), "1", true).await.expect("it replaces a job");
    for n in fitting..JOBS_MAX {
        scene.add_with(&format!("small-{n}"), every(1), "1", false).await.expect("it fits");
    }
    let error = scene.add("one-more", every(1)).await.expect_err("there are enough");
    assert!(matches!(&error, JobError::Limit(limit) if limit.to_string().contains("1000 allowed, 1001")));
    scene.add_with("small-999", every(2), "1", true).await.expect("it replaces a job");
}

#[tokio::test]
async fn job_that_fails_ten_thousand_times_keeps_its_last_outcomes_only() {
    let scene = Scene::new();
    scene.add("j", every(1)).await.expect("added");
    for n in 1..=10_000_u64 {
        scene.set(n * SECOND);
        for run in scene.look().await.begun {
            scene.jobs.end(run, Ended::With(Err(format!("{{\"n\":{n}}}")))).await.expect("stored");
        }
    }
    let outcomes = scene.outcomes("j").await;
    assert_eq!(outcomes.len(), JOB_OUTCOMES_MAX as usize);
    assert_eq!(outcomes[0].answer, Err("{\"n\":10000}".to_owned()), "the newest first");
}

#[tokio::test]
async fn outcomes_of_jobs_that_ran_once_are_bounded_together() {
    let scene = Scene::new();
    let more = JOB_OUTCOMES_TOTAL_MAX + 50;
    for n in 0..more {
        scene.add(&format!("j{n}"), at(0)).await.expect("added");
        scene.run().await;
    }
    assert!(scene.outcomes("j49").await.is_empty());
    assert_eq!(scene.outcomes("j50").await.len(), 1);
}

#[tokio::test]
async fn long_answers_are_left_out_and_long_errors_are_cut() {
    let scene = Scene::new();
    for (id, answer) in [
        ("answer", Ok(format!("\"{}\"", "x".repeat(5_000)))),
        ("error", Err(json!({ "status": "error", "code": "c", "msg": "ü".repeat(5_000), "details": {} }).to_string())),
    ] {
        scene.add(id, at(0)).await.expect("added");
        let run = scene.look().await.begun.pop().expect("it is due");
        scene.jobs.end(run, Ended::With(answer)).await.expect("stored");
    }
    assert_eq!(scene.outcomes("answer").await[0].answer, Ok(r#"{"left_out_bytes":5002}"#.to_owned()));
    let error = scene.outcomes("error").await.remove(0).answer.expect_err("it failed");
    assert!(error.len() < JOB_ANSWER_BYTES_MAX && error.contains(r#""code":"c""#) && error.contains("üüü"), "{error}");
}

#[tokio::test]
async fn jobs_survive_in_a_directory_and_are_private() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Scene::at(ManualClock::default(), Some(directory.path()));
    let files = directory.path().join("p");
    assert!(!first.jobs.may_have_jobs() && !files.exists(), "nothing is created before the first use");
    first.add("j", cron("0 3 * * *")).await.expect("added");
    drop(first);
    let second = Scene::at(ManualClock::default(), Some(directory.path()));
    assert!(second.jobs.may_have_jobs());
    assert_eq!(second.next("j").await, Some(3 * HOUR));
    assert_eq!(unix_ms(second.clock.now()), START);
    drop(second.look().await);
    #[cfg(unix)]
    for entry in std::fs::read_dir(&files).expect("readable").flatten() {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().expect("there").permissions());
        assert_eq!(mode & 0o077, 0, "{entry:?}");
    }
}
