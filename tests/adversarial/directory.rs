//! Directories under other names: `..`, `//`, links that exist and links that a plugin creates. A grant names a place,
//! not a text.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use plugbay::{LoadError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

/// A directory `granted`, and next to it a directory `outside` with a secret.
struct Scene {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("created");
        let root = directory.path().canonicalize().expect("it exists");
        for (name, text) in [("granted", "granted"), ("outside", "a secret")] {
            std::fs::create_dir(root.join(name)).expect("created");
            std::fs::write(root.join(name).join("file"), text).expect("written");
        }
        Scene { _directory: directory, root }
    }

    /// A path below the root, not normalised.
    fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.root.display())
    }

    /// A host with these rules of the operator; `$` stands for the root.
    fn host(&self, rules: &[&str]) -> Host {
        let policy = rules.iter().fold(Policy::default(), |policy, rule| {
            let rule = rule.replace('$', self.root.to_str().expect("UTF-8"));
            match rule.strip_prefix("deny ") {
                Some(rule) => policy.deny(rule).expect("readable"),
                None => policy.allow(&rule).expect("readable"),
            }
        });
        Host::with(|builder| builder.policy(policy))
    }
}

fn asks_for(path: &str) -> TestPlugin {
    let permissions = json!([{ "resource": format!("fs.{path}") }]);
    TestPlugin::from(feature::WASI).trusted().manifest("permissions", permissions)
}

async fn read(plugin: &Plugin, path: &str) -> Result<String, Value> {
    let answer: Value = plugin.call("read", &json!({ "path": path })).await.expect("it answers");
    answer.as_str().map(str::to_owned).ok_or(answer)
}

#[track_caller]
fn assert_denied(error: &LoadError, resource: &str) {
    assert_load_error(error, "feature_wasi", "permission_denied");
    assert_contains(&error.to_string(), &[&format!("`fs.{resource}`"), "operator"]);
}

#[tokio::test]
async fn path_that_is_not_normalised_is_a_manifest_problem() {
    let scene = Scene::new();
    let host = scene.host(&["fs.*"]);
    let normal = scene.path("granted");
    for path in [
        scene.path("granted/../outside"),
        scene.path("granted/./"),
        scene.path("granted/"),
        format!("/{normal}"),
        normal.replacen('/', "", 1),
        "..".to_owned(),
        "granted".to_owned(),
    ] {
        let error = host.try_load(asks_for(&path)).await.expect_err(&path);
        assert_load_error(&error, "feature_wasi", "invalid_manifest");
        assert_contains(&error.to_string(), &["permissions[0].resource"]);
    }
}

#[tokio::test]
async fn link_is_granted_only_with_its_target() {
    let scene = Scene::new();
    symlink("../outside", scene.root.join("granted/out")).expect("linked");
    std::fs::create_dir(scene.root.join("granted/real")).expect("created");
    symlink("real", scene.root.join("granted/in")).expect("linked");
    let host = scene.host(&["fs.$/granted*"]);
    let error = host.try_load(asks_for(&scene.path("granted/out"))).await.expect_err("it leads out");
    assert_denied(&error, &scene.path("outside"));
    assert_contains(&error.to_string(), &[&scene.path("granted/out")]);
    host.load(asks_for(&scene.path("granted/in"))).await;
    let host = scene.host(&["fs.$/outside", "fs.$/granted*"]);
    let plugin = host.load(asks_for(&scene.path("granted/out"))).await;
    assert_eq!(read(&plugin, &scene.path("granted/out/file")).await.as_deref(), Ok("a secret"));
}

#[tokio::test]
async fn denied_directory_is_not_reached_under_another_name() {
    let scene = Scene::new();
    symlink("outside", scene.root.join("alias")).expect("linked");
    symlink("/", scene.root.join("everything")).expect("linked");
    let host = scene.host(&["deny fs.$/outside*", "fs.*"]);
    for (path, resolved) in [("alias", scene.path("outside")), ("everything", "/".to_owned())] {
        let error = host.try_load(asks_for(&scene.path(path))).await.expect_err(path);
        assert_denied(&error, &resolved);
    }
    host.load(asks_for(&scene.path("granted"))).await;
    host.runtime.unload("feature_wasi").await;
    // A path of the same directory that the system provides.
    if Path::new("/proc/self/root").exists() {
        let path = format!("/proc/self/root{}", scene.path("outside"));
        let error = host.try_load(asks_for(&path)).await.expect_err("it is the same directory");
        assert_denied(&error, &scene.path("outside"));
    }
}

#[tokio::test]
async fn directory_above_a_denied_one_is_denied() {
    let scene = Scene::new();
    let host = scene.host(&["deny fs.$/outside/deep", "fs.*"]);
    for path in [scene.path("outside"), scene.root.display().to_string(), "/".to_owned()] {
        let error = host.try_load(asks_for(&path)).await.expect_err("what is below it is denied");
        assert_denied(&error, &path);
        assert_contains(&error.to_string(), &["outside/deep"]);
    }
    let host = scene.host(&["deny fs.$/outside/deep:write", "fs.*"]);
    let plugin = host.load(asks_for(&scene.path("outside"))).await;
    assert_eq!(read(&plugin, &scene.path("outside/file")).await.as_deref(), Ok("a secret"));
    let write = json!({ "path": scene.path("outside/new"), "text": "x" });
    let answer: Value = plugin.call("write", &write).await.expect("it answers");
    assert!(answer["error"].is_string(), "{answer}");
}

#[tokio::test]
async fn link_that_a_plugin_creates_leads_nowhere() {
    let scene = Scene::new();
    let host = scene.host(&["fs.$/granted*"]);
    let granted = scene.path("granted");
    let plugin = host.load(asks_for(&granted)).await;
    for (to, name) in [("../outside", "relative"), ("/etc", "absolute")] {
        let plant = json!({ "directory": granted, "to": to, "name": name });
        let _: Value = plugin.call("symlink", &plant).await.expect("it answers");
    }
    assert!(scene.root.join("granted/relative").is_symlink(), "relative links can be created");
    for path in ["relative/file", "absolute/passwd"] {
        read(&plugin, &scene.path(&format!("granted/{path}"))).await.expect_err(path);
    }
    let accomplice = asks_for(&scene.path("granted/relative")).manifest("name", json!("accomplice"));
    let error = host.try_load(accomplice).await.expect_err("it leads out");
    assert_load_error(&error, "accomplice", "permission_denied");
    assert_contains(&error.to_string(), &[&scene.path("outside")]);
}

/// Each call gets a fresh instance, with the directory that was opened when the plugin was loaded.
#[tokio::test]
async fn directory_replaced_by_a_link_stays_the_granted_one() {
    let scene = Scene::new();
    let host = scene.host(&["fs.$/granted*"]);
    let path = scene.path("granted");
    let plugin = asks_for(&path).resource("instances", json!("per_call"));
    let loaded = host.load(plugin.clone()).await;
    std::fs::rename(scene.root.join("granted"), scene.root.join("moved")).expect("moved");
    symlink("outside", scene.root.join("granted")).expect("linked");
    assert_eq!(read(&loaded, &format!("{path}/file")).await.as_deref(), Ok("granted"));
    let write = json!({ "path": format!("{path}/new"), "text": "x" });
    let answer: Value = loaded.call("write", &write).await.expect("it answers");
    assert_eq!(answer, Value::Null);
    assert!(scene.root.join("moved/new").exists() && !scene.root.join("outside/new").exists());
    let error = host.runtime.reload(plugin.package()).await.expect_err("it is a link by now");
    assert_denied(&error, &scene.path("outside"));
}

#[tokio::test]
async fn revoked_directory_is_missing_in_the_next_instance() {
    let scene = Scene::new();
    let host = scene.host(&["fs.$/granted"]);
    let path = scene.path("granted");
    let plugin = host.load(asks_for(&path).resource("instances", json!("per_call"))).await;
    assert_eq!(read(&plugin, &format!("{path}/file")).await.as_deref(), Ok("granted"));
    host.runtime.update_policy(|policy| policy.deny_first(&format!("fs.{path}:write"))).expect("readable");
    let write = json!({ "path": format!("{path}/new"), "text": "x" });
    let answer: Value = plugin.call("write", &write).await.expect("it answers");
    assert!(answer["error"].is_string(), "{answer}");
    host.runtime.update_policy(|policy| policy.deny_first(&format!("fs.{path}"))).expect("readable");
    read(&plugin, &format!("{path}/file")).await.expect_err("it was revoked");
    assert_eq!(
        host.runtime.audit_trail().last().map(|entry| entry.denial.resource.clone()),
        Some(format!("fs.{path}"))
    );
}
