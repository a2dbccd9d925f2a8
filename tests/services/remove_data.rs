//! Removing the data of an unloaded plugin, while a handle of it is still held: the plugin that is loaded next starts
//! with nothing, and what it stores is not lost.

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::{Guest, feature};
use crate::harness::host::{Host, TestPlugin};

/// A guest with all permissions, and how it stores a value and reads it.
struct Case {
    guest: Guest,
    write: (&'static str, Value),
    read: (&'static str, Value),
    stored: Value,
    /// Whether a later process finds what was stored.
    persistent: bool,
}

fn cases() -> [Case; 4] {
    let key_value = |guest, persistent| Case {
        guest,
        write: ("set", json!({ "key": "a", "value": 1 })),
        read: ("get", json!("a")),
        stored: json!(1),
        persistent,
    };
    let database = Case {
        guest: feature::DB,
        write: ("run", json!({ "execute": "CREATE TABLE a (b)" })),
        read: ("run", json!({ "query": "SELECT count(*) AS n FROM a" })),
        stored: json!([{ "n": 0 }]),
        persistent: true,
    };
    [key_value(feature::DATA, true), key_value(feature::CONFIG, true), key_value(feature::CACHE, false), database]
}

async fn act(plugin: &Plugin, (action, payload): &(&str, Value)) -> Value {
    plugin.call(action, payload).await.expect("it answers")
}

#[tokio::test]
async fn plugin_loaded_after_its_data_was_removed_starts_with_nothing() {
    for case in cases() {
        let data = tempfile::tempdir().expect("a directory");
        let kind = case.guest.name().trim_start_matches("feature_");
        let permissions = json!([{ "resource": format!("{kind}.*") }]);
        let plugin = || TestPlugin::from(case.guest).manifest("permissions", permissions.clone());
        let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
        let first = host();
        let held = first.load(plugin()).await;
        let empty = act(&held, &case.read).await;
        act(&held, &case.write).await;
        assert_eq!(act(&held, &case.read).await, case.stored, "{kind}");
        assert!(first.runtime.unload(&held.name()).await);
        first.runtime.remove_data(&held.name()).await.expect("removed");

        let again = first.load(plugin()).await;
        assert_eq!(act(&again, &case.read).await, empty, "{kind}");
        act(&again, &case.write).await;
        assert_eq!(act(&again, &case.read).await, case.stored, "{kind}");
        drop((again, held, first));
        let expected = if case.persistent { case.stored } else { empty };
        assert_eq!(act(&host().load(plugin()).await, &case.read).await, expected, "{kind}: in a later process");
    }
}
