//! The configuration of a process as JSON, in the names of Pup's configuration.

use plugbay_manifest::{BalanceStrategy, HIDDEN, ProcessEntry, ProcessLogger, RestartPolicy};
use serde_json::{Map, Value, json};

/// The configuration of a process as JSON. Fields that are not set are left out, and values of variables are hidden.
pub fn process_config(entry: &ProcessEntry) -> Value {
    let mut config = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.to_owned(), value);
        }
    };
    let flag = |is_set: bool| is_set.then_some(Value::Bool(true));
    let seconds = |duration: std::time::Duration| json!(duration.as_secs_f64());
    set("id", Some(json!(entry.id)));
    set("cmd", Some(json!(entry.cmd)));
    set("cwd", entry.cwd.as_ref().map(|path| json!(path)));
    let hidden: Map<String, Value> = entry.env.keys().map(|name| (name.clone(), json!(HIDDEN))).collect();
    set("env", (!hidden.is_empty()).then_some(Value::Object(hidden)));
    set("path", entry.path.as_ref().map(|path| json!(path)));
    set("pidFile", entry.pid_file.as_ref().map(|path| json!(path)));
    set("autostart", flag(entry.autostart));
    set("cron", entry.cron.as_ref().map(|cron| json!(cron)));
    set("terminate", entry.terminate.as_ref().map(|cron| json!(cron)));
    set("watch", (!entry.watch.is_empty()).then(|| json!(entry.watch)));
    set("timeout", entry.timeout.map(seconds));
    set("overrun", flag(entry.overrun));
    let restart = |policy| json!(if policy == RestartPolicy::Always { "always" } else { "error" });
    set("restart", entry.restart.map(restart));
    let delay_ms = |delay: std::time::Duration| json!(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
    set("restartDelayMs", entry.restart_delay.map(delay_ms));
    set("restartLimit", entry.restart_limit.map(|limit| json!(limit)));
    set("terminateTimeout", entry.terminate_timeout.map(seconds));
    set("terminateGracePeriod", entry.terminate_grace_period.map(seconds));
    set(
        "cluster",
        entry.cluster.as_ref().map(|cluster| {
            let strategy = match cluster.strategy {
                BalanceStrategy::IpHash => "ip-hash",
                BalanceStrategy::RoundRobin => "round-robin",
                BalanceStrategy::LeastConnections => "least-connections",
            };
            without_null(json!({
                "instances": cluster.instances, "commonPort": cluster.common_port, "startPort": cluster.start_port,
                "strategy": strategy,
            }))
        }),
    );
    set(
        "logger",
        (entry.logger != ProcessLogger::default()).then(|| {
            without_null(json!({
                "console": entry.logger.console, "stdout": entry.logger.stdout, "stderr": entry.logger.stderr,
                "decorateFiles": entry.logger.decorate_files, "decorate": entry.logger.decorate,
            }))
        }),
    );
    set("detach", flag(entry.detach));
    Value::Object(config)
}

/// An object without the fields that are not set.
fn without_null(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_has_the_fields_that_are_set_and_no_values_of_variables() {
        let mut entry = ProcessEntry::new("web", "serve");
        entry.env = [("TOKEN".to_owned(), "hunter2".to_owned())].into();
        entry.restart = Some(RestartPolicy::Error);
        entry.restart_delay = Some(std::time::Duration::from_millis(1_500));
        entry.logger.stdout = Some("web.log".into());
        let expected = json!({
            "id": "web", "cmd": "serve", "env": { "TOKEN": HIDDEN }, "restart": "error", "restartDelayMs": 1_500,
            "logger": { "stdout": "web.log" },
        });
        assert_eq!(process_config(&entry), expected);
    }
}
