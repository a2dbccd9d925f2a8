//! Problems of a configuration: each names the process, what is wrong, and where.

use plugbay_manifest::{ProcessEntry, Supervision};
use plugbay_supervisor::{LogSeverity, Order, OrderError, SupervisorBuilder};

use crate::harness::{endless, supervised};

#[tokio::test]
async fn working_directory_that_is_missing_is_named() {
    let mut entry = endless("web");
    entry.cwd = Some("missing".into());
    let all = supervised([entry]);
    let Err(OrderError::Start { reason, .. }) = all.order("web", Order::Start).await else { panic!("it started") };
    let missing = all.directory.path().join("missing");
    assert_eq!(reason, format!("its working directory {} does not exist", missing.display()));
}

#[tokio::test]
async fn watched_path_that_is_missing_is_a_warning() {
    let mut entry = endless("web");
    entry.watch = vec!["missing".into(), ".".into()];
    let all = supervised([entry]);
    let lines = all.supervisor.logs("web", 100);
    let warnings: Vec<_> = lines.iter().filter(|line| line.severity == LogSeverity::Warn).collect();
    assert!(warnings.len() == 1 && warnings[0].text.contains("missing does not exist"), "{lines:?}");
}

#[tokio::test]
async fn schedule_without_a_moment_is_refused() {
    let mut supervision = Supervision::default();
    let mut entry = ProcessEntry::new("job", "true");
    entry.cron = Some("0 0 30 2 *".to_owned());
    supervision.processes = vec![entry];
    let error = SupervisorBuilder::new(supervision).check().expect_err("refused").to_string();
    assert!(error.contains("process `job`: `cron` `0 0 30 2 *` has no next moment"), "{error}");
}
