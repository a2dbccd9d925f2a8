//! Resources are released after attacks: memory, file descriptors, threads and slots of the pool.
//!
//! The measured numbers are those of the process, so each test runs alone in a child process: the same test binary,
//! running one ignored test.

use std::process::Command;

use plugbay::lifecycle::RestartPolicy;
use serde_json::{Value, json};

use crate::harness::core_module::CoreModule;
use crate::harness::guest::{Guest, feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};

/// Attacks before the measurement, which fill caches, arenas and pools.
const WARM_UP: u32 = 30;
const ATTACKS: u32 = 200;
/// The most by which the resident memory may grow over all measured attacks. Each leaked instance would add at least 64
/// KiB.
const GROWTH_BYTES_MAX: u64 = 8 << 20;

#[test]
fn two_hundred_attacks_leave_nothing_behind() {
    alone("adversarial::release::attacks_alone");
}

#[test]
fn a_hundred_loads_and_unloads_leave_nothing_behind() {
    alone("adversarial::release::loads_alone");
}

#[tokio::test]
#[ignore = "measures the whole process: run by two_hundred_attacks_leave_nothing_behind"]
async fn attacks_alone() {
    let tight = |guest: Guest| {
        let plugin =
            TestPlugin::from(guest).resource("max_fuel", json!(20_000_000)).resource("max_memory_mb", json!(4));
        plugin.resource("timeout_seconds", json!(10))
    };
    let trap = CoreModule::attacking("(unreachable)").plugin();
    let host = Host::with(|builder| builder.restarts(RestartPolicy::always()));
    let neighbour = host.load(feature::ECHO.into()).await;
    let attackers = [
        (tight(hostile::INFINITE_LOOP).resource("max_fuel", json!(1_000_000)), "out_of_fuel"),
        (tight(hostile::SLEEP).resource("timeout_seconds", json!(0.005)), "timeout"),
        (tight(hostile::MEMORY), "memory_limit"),
        (tight(hostile::RECURSION), "stack_overflow"),
        (tight(hostile::PANIC), "plugin_trapped"),
        (tight(hostile::HANDLES), "resource_limit"),
        (TestPlugin::new("trap", trap), "plugin_trapped"),
    ];
    let mut plugins = Vec::new();
    for (plugin, code) in attackers {
        plugins.push((host.load(plugin).await, code));
    }

    let mut before = None;
    for round in 0..WARM_UP + ATTACKS {
        if round == WARM_UP {
            before = Some(Held::now());
        }
        for (plugin, code) in &plugins {
            let error = plugin.call::<Value>("attack", &()).await.expect_err("an attack does not succeed");
            assert_eq!(error.code(), *code, "{error}");
        }
    }
    for (plugin, _) in &plugins {
        assert_eq!(pings(plugin).await, 1);
    }
    assert_eq!(pings(&neighbour).await, 1);
    Held::now().assert_no_more_than(&before.expect("the warm-up ran"));
}

#[tokio::test]
#[ignore = "measures the whole process: run by a_hundred_loads_and_unloads_leave_nothing_behind"]
async fn loads_alone() {
    let host = Host::new();
    let broken = CoreModule::default().with("(func $broken (unreachable)) (start $broken)").plugin();
    let mut before = None;
    for round in 0..130 {
        if round == WARM_UP {
            before = Some(Held::now());
        }
        for plugin in [TestPlugin::from(feature::ECHO), TestPlugin::from(feature::ECHO).trusted()] {
            let plugin = host.load(plugin).await;
            assert_eq!(pings(&plugin).await, 1);
            assert!(host.runtime.unload(&plugin.name()).await);
        }
        host.try_load(TestPlugin::new("broken", broken.clone())).await.expect_err("it never starts");
    }
    Held::now().assert_no_more_than(&before.expect("the warm-up ran"));
}

/// Runs one ignored test of this binary in a process of its own.
pub(super) fn alone(test: &str) {
    let this = std::env::current_exe().expect("the test binary has a path");
    let output =
        Command::new(this).args(["--exact", test, "--ignored", "--test-threads=1"]).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the test was not found: {text}");
}

/// Resources that this process holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) resident_bytes: u64,
    file_descriptors: usize,
    threads: usize,
    maps: usize,
}

impl Held {
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Self {
        let entries = |path| std::fs::read_dir(path).expect("Linux has /proc").count();
        let text = |path| std::fs::read_to_string(path).expect("Linux has /proc");
        let status = text("/proc/self/status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
        let resident_kib: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        Held {
            resident_bytes: resident_kib << 10,
            file_descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            maps: text("/proc/self/maps").lines().count(),
        }
    }

    /// On other systems only the pool is checked: leaked instances would exhaust it.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Self {
        Held { resident_bytes: 0, file_descriptors: 0, threads: 0, maps: 0 }
    }

    #[track_caller]
    fn assert_no_more_than(&self, before: &Held) {
        assert!(self.resident_bytes <= before.resident_bytes + GROWTH_BYTES_MAX, "{before:?} grew to {self:?}");
        // Executors start another thread now and then; leaks would add one for each attack.
        assert!(self.file_descriptors <= before.file_descriptors + 4, "{before:?} grew to {self:?}");
        assert!(self.threads <= before.threads + 4, "{before:?} grew to {self:?}");
        // Allocators map and unmap a few; leaked instances would add six for each attack.
        assert!(self.maps <= before.maps + 50, "{before:?} grew to {self:?}");
    }
}
