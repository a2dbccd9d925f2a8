//! A data directory that cannot be written: what is stored can be read, and a write fails with the reason.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran, plugin_file, run_with_data};
use crate::harness::guest::{Guest, feature};
use crate::harness::host::TestPlugin;

/// Makes a data directory read-only until it is dropped, as a read-only mount does.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn new(directory: &'a Path) -> Self {
        set_modes(directory, 0o400, 0o500);
        ReadOnly(directory)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        set_modes(self.0, 0o600, 0o700);
    }
}

fn set_modes(path: &Path, file: u32, directory: u32) {
    let is_directory = path.is_dir();
    if is_directory {
        // Entries of a directory that cannot be written may still change their modes.
        std::fs::read_dir(path)
            .expect("readable")
            .flatten()
            .for_each(|entry| set_modes(&entry.path(), file, directory));
    }
    let mode = if is_directory { directory } else { file };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

fn plugin(guest: Guest) -> (TestPlugin, String) {
    let permission = format!("{}.*", guest.name().trim_start_matches("feature_"));
    (TestPlugin::from(guest).manifest("permissions", json!([{ "resource": permission }])), permission)
}

fn run_restricted(guest: Guest, data: &Path, action: &str, payload: &Value) -> Ran {
    let (plugin, permission) = plugin(guest);
    let file = plugin_file(plugin);
    let (path, data) = (file.path().to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let payload = payload.to_string();
    let arguments = ["run", path, action, &payload, "--data-dir", data, "--grant", &permission];
    Plugbay::new(arguments).restricted().run()
}

#[test]
fn stored_values_are_read_and_writes_name_the_reason() {
    let set = json!({ "key": "a", "value": 1 });
    let table = json!([{ "execute": "CREATE TABLE a (b)" }, { "execute": "INSERT INTO a VALUES (1)" }]);
    let select = json!([{ "query": "SELECT b FROM a" }]);
    for (guest, write, read, stored) in [
        (feature::DATA, ("set", set.clone()), ("get", json!("a")), json!(1)),
        (feature::CONFIG, ("set", set), ("get", json!("a")), json!(1)),
        (feature::DB, ("run_all", table), ("run_all", select), json!([[{ "b": 1 }]])),
    ] {
        let data = tempfile::tempdir().expect("a directory");
        let (plugin, permission) = plugin(guest);
        run_with_data(plugin, data.path(), Some(&permission), write.0, &write.1).exits_with(0);
        let _read_only = ReadOnly::new(data.path());
        let ran = run_restricted(guest, data.path(), read.0, &read.1).exits_with(0);
        assert_eq!(ran.json(), stored, "{guest:?}: {}", ran.stderr);
        assert_contains(&ran.stderr, &["note", "cannot be written"]);
        let again = if guest == feature::DB { json!([{ "execute": "DELETE FROM a" }]) } else { write.1 };
        let refused = run_restricted(guest, data.path(), write.0, &again).exits_with(0).json().to_string();
        assert_contains(&refused, &["unavailable"]);
        assert!(refused.contains("cannot be written") || refused.contains("permission denied"), "{refused}");
    }
}

#[test]
fn plugin_that_has_stored_nothing_reads_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let _read_only = ReadOnly::new(data.path());
    let ran = run_restricted(feature::DATA, data.path(), "get", &json!("a")).exits_with(0);
    assert_eq!(ran.json(), json!({ "absent": true }));
    let set = json!({ "key": "a", "value": 1 });
    let refused = run_restricted(feature::DATA, data.path(), "set", &set).exits_with(0).json();
    assert_contains(refused["error"]["unavailable"].as_str().unwrap_or_default(), &["cannot be written", "operator"]);
    let tables = run_restricted(feature::DB, data.path(), "run_all", &json!([{ "query": "SELECT 1 AS n" }]));
    assert_eq!(tables.exits_with(0).json(), json!([[{ "n": 1 }]]));
}
