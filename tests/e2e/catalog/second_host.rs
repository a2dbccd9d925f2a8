//! One host for each data directory: a process that runs jobs holds its lock.

use std::io::BufReader;

use super::scene::{Scene, hello};
use crate::harness::assert::assert_contains;
use crate::harness::command::lines_until;

#[test]
fn second_host_is_refused_with_the_process_of_the_first() {
    let scene = Scene::new();
    scene.install(hello("1.0.0"));
    assert_contains(&scene.run(&["status"]).exits_with(0).stdout, &["host", "not running"]);
    let mut first = scene.command(&["run", "hello", "ping", "--linger", "0"]).start();
    // The answer is printed after the lock is taken.
    lines_until(&mut BufReader::new(first.stdout.take().expect("it is piped")), "1", 1);
    let process = format!("process {} (`plugbay run`)", first.id());
    let refused = scene.run(&["run", "hello", "ping", "--linger", "1ms", "--json"]).exits_with(2).json();
    assert_eq!(refused["code"], "data_dir_in_use");
    assert_contains(refused["msg"].as_str().unwrap_or_default(), &[&process, "stop that host first"]);
    assert_eq!(scene.run(&["status", "--json"]).exits_with(0).json()["host"], process);
    let refused = scene.run(&["remove", "hello", "--data", "--json"]).exits_with(2).json();
    assert_eq!(refused["code"], "data_dir_in_use");

    scene.run(&["run", "hello", "ping"]).exits_with(0);
    let changed = scene.run(&["disable", "hello"]).exits_with(0);
    assert_contains(&changed.stderr, &[&process, "when it restarts"]);

    first.kill().expect("the test owns the process");
    first.wait().expect("it was killed");
    scene.run(&["enable", "hello"]).exits_with(0);
    scene.run(&["run", "hello", "ping", "--linger", "1ms"]).exits_with(0);
}
