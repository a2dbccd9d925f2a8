//! The command under a limit on its address space that the memory pool does not fit in.

use std::process::Command;

use crate::harness::assert::assert_contains;
use crate::harness::build::target_directory;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::core_module::{CoreModule, with_more_modules};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// Two memories with 4 GiB of addresses each do not fit.
const ADDRESS_SPACE_KIB: u32 = 8_000_000;

#[test]
fn command_without_a_memory_pool_runs_plugins() {
    let echo = feature::ECHO.path();
    let echo = echo.to_str().expect("UTF-8");
    assert_eq!(limited(&["run", echo, "ping"], &[]).exits_with(0).stdout.trim(), "1");
    // Compiled anew, in a child process.
    let off = [("PLUGBAY_CACHE_DIR", "off")];
    assert_eq!(limited(&["run", echo, "ping"], &off).exits_with(0).stdout.trim(), "1");
}

#[test]
fn command_without_a_memory_pool_runs_trusted_plugins() {
    let file = plugin_file(TestPlugin::from(feature::ECHO).trusted());
    let path = file.path().to_str().expect("UTF-8");
    let ran = limited(&["run", path, "ping", "--trust", "feature_echo"], &[]);
    assert_eq!(ran.exits_with(0).stdout.trim(), "1");
}

#[test]
fn component_too_large_for_an_instance_is_a_limit_error_without_a_pool() {
    let plugin = with_more_modules(CoreModule::default().plugin(), crate::harness::limits::CORE_INSTANCES_MAX);
    let file = plugin_file(TestPlugin::new("many", plugin));
    let path = file.path().to_str().expect("UTF-8");
    let error = limited(&["run", path, "ping", "--json"], &[]).exits_with(5).json();
    assert_eq!(error["details"]["limit"], "core_instances", "{error}");
    assert_eq!(error["details"]["allowed"], "64", "{error}");
}

#[test]
fn doctor_warns_of_a_missing_memory_pool() {
    let ran = limited(&["doctor"], &[]);
    assert_contains(&ran.stdout, &["warning  engine", "ulimit -v unlimited"]);
    assert!(Plugbay::new(["doctor"]).run().stdout.contains("its memory pool can be reserved"));
}

/// `plugbay` with these arguments and variables.
fn limited(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_plugbay-e2e")]).args(arguments);
    shell.env("XDG_CACHE_HOME", target_directory().join("xdg-cache")).envs(variables.iter().copied());
    shell.output().expect("there is a shell").into()
}
