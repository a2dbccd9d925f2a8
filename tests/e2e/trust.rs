//! Trusted mode through the command: a manifest requests it, and `--trust` or the host's file grants it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::guest::{Guest, feature, hostile};

/// A plugin directory whose manifest requests trust.
struct Asking {
    directory: tempfile::TempDir,
}

impl Asking {
    fn new(guest: Guest, manifest: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("asking")).expect("created");
        let asking = Asking { directory };
        std::fs::copy(guest.path(), asking.path().join("asking.wasm")).expect("copied");
        let manifest = format!("name: asking\nexecution_mode: trusted\n{manifest}");
        std::fs::write(asking.path().join("plugin.yaml"), manifest).expect("written");
        asking
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("asking")
    }

    /// `plugbay COMMAND DIRECTORY …`.
    fn plugbay(&self, command: &str, rest: &[&str]) -> Plugbay {
        let path = self.path();
        Plugbay::new([&[command, path.to_str().expect("UTF-8")], rest].concat())
    }

    fn host_file(&self, text: &str) -> PathBuf {
        let path = self.directory.path().join("plugbay.yaml");
        std::fs::write(&path, text).expect("written");
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn plugin_without_the_operators_trust_exits_with_4() {
    let asking = Asking::new(feature::ECHO, "");
    for command in [&["run", "ping"][..], &["check"], &["call"]] {
        let rest = [&command[1..], &["--json"]].concat();
        let ran = asking.plugbay(command[0], &rest).run().exits_with(4).json();
        assert_eq!(ran["code"], "permission_denied", "{ran}");
        assert_contains(ran["msg"].as_str().unwrap_or_default(), &["execution_mode: trusted"]);
        assert_contains(ran["hint"].as_str().unwrap_or_default(), &["`--trust asking`", "trusted: true", "plugins"]);
    }
    asking.plugbay("run", &["ping", "--trust", "other"]).run().exits_with(4);
}

#[test]
fn plugin_that_the_operator_trusts_runs() {
    let asking = Asking::new(feature::ECHO, "");
    for (command, rest) in [("run", &["ping"][..]), ("check", &[]), ("call", &[])] {
        asking.plugbay(command, &[rest, &["--trust", "other", "--trust", "asking"]].concat()).run().exits_with(0);
    }
    let file = asking.host_file("plugins: [{ url: asking, trusted: true }, { url: elsewhere }]\n");
    asking.plugbay("run", &["ping", "--host-file", text(&file)]).run().exits_with(0);
    for not_given in ["plugins: [{ url: asking }]\n", "plugins: [{ url: elsewhere, trusted: true }]\n"] {
        let file = asking.host_file(not_given);
        asking.plugbay("run", &["ping", "--host-file", text(&file)]).run().exits_with(4);
    }
    let file = asking.host_file("plugins: [{ url: asking, trusted: yes please }]\n");
    let ran = asking.plugbay("run", &["ping", "--host-file", text(&file)]).run().exits_with(2);
    assert_contains(&ran.stderr, &["plugins[0].trusted"]);
}

#[test]
fn inspection_shows_whether_trust_is_requested_and_given() {
    let asking = Asking::new(feature::ECHO, "");
    let ran = asking.plugbay("inspect", &[]).run().exits_with(0);
    assert_contains(&ran.stdout, &["trusted", "does not allow", "--trust asking"]);
    for (grants, trust) in [(&[][..], "not_given"), (&["--trust", "asking"], "given")] {
        let inspection = asking.plugbay("inspect", &[&["--json"], grants].concat()).run().exits_with(0).json();
        assert_eq!(inspection["trust"], trust);
        assert_eq!(inspection["limits"]["fuel"].is_null(), trust == "given", "{inspection}");
    }
}

#[cfg(unix)]
#[test]
fn inspection_shows_where_the_links_of_a_directory_lead() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path().canonicalize().expect("it exists");
    for name in ["granted", "outside"] {
        std::fs::create_dir_all(root.join(name)).expect("created");
    }
    std::os::unix::fs::symlink(root.join("outside"), root.join("granted/link")).expect("linked");
    let (granted, link, missing) = (root.join("granted"), root.join("granted/link"), root.join("granted/missing"));
    let resources = [&granted, &link, &missing].map(|path| json!({ "resource": format!("fs.{}", text(path)) }));
    let asking = Asking::new(feature::WASI, &format!("permissions: {}\n", json!(resources)));
    let grant = format!("fs.{}*:read", text(&granted));
    let ran = asking.plugbay("inspect", &["--grant", &grant, "--json"]).run().exits_with(0).json();
    let directories = ran["directories"].as_array().expect("a list");
    assert_eq!(directories.len(), 3, "{ran}");
    assert_eq!(directories[0], json!({ "path": granted, "resolved": granted, "granted": ["read"] }));
    assert_eq!((&directories[1]["resolved"], &directories[1]["granted"]), (&json!(root.join("outside")), &json!([])));
    let denial = directories[1]["denial"].as_str().unwrap_or_default();
    assert_contains(denial, &[&format!("`fs.{}`", text(&root.join("outside")))]);
    assert_eq!(directories[2]["resolved"], json!(null));

    let ran = asking.plugbay("inspect", &["--grant", &grant]).run().exits_with(0);
    let arrow = format!("{} -> {}  refused: ", text(&link), text(&root.join("outside")));
    assert_contains(&ran.stdout, &["\nDirectories\n", &arrow, "this host cannot open it"]);
    let sandboxed = Plugbay::new(["inspect", text(&feature::WASI.path()), "--json"]).run().exits_with(0).json();
    assert_eq!(sandboxed["directories"], json!([]));
}

#[test]
fn fuel_limit_applies_to_a_trusted_plugin() {
    let asking = Asking::new(hostile::INFINITE_LOOP, "");
    let file = asking.host_file("ceilings: { max_fuel: 100000 }\n");
    for limit in [&["--fuel", "100000"][..], &["--host-file", text(&file)]] {
        let ran = asking.plugbay("run", &[&["attack", "--trust", "asking", "--json"], limit].concat()).run();
        assert_eq!(ran.exits_with(5).json()["code"], json!("out_of_fuel"), "{limit:?}");
    }
    let asking = Asking::new(hostile::INFINITE_LOOP, "resources: { max_fuel: 100000 }\n");
    let ran = asking.plugbay("run", &["attack", "--trust", "asking", "--json"]).run().exits_with(5);
    assert_eq!(ran.json()["code"], "out_of_fuel");
}

#[test]
fn test_file_cannot_trust_its_plugin() {
    let asking = Asking::new(feature::ECHO, "");
    let tests = asking.path().join("plugin.test.yaml");
    std::fs::write(&tests, "tests: [{ name: answers, steps: [{ call: ping }] }]\n").expect("written");
    let ran = asking.plugbay("test", &[]).run().exits_with(4);
    assert_contains(&ran.stdout, &["--trust asking"]);
    asking.plugbay("test", &["--trust", "asking"]).run().exits_with(0);
    for given in ["trusted: true", "trust: [asking]"] {
        let text = format!("tests: [{{ name: answers, {given}, steps: [{{ call: ping }}] }}]\n");
        std::fs::write(&tests, text).expect("written");
        asking.plugbay("test", &[]).run().exits_with(2);
    }
}
