//! `plugbay token`: tokens of a data directory, without a server.

use std::path::Path;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran};

fn token(data_dir: &Path, arguments: &[&str]) -> Ran {
    let data_dir = data_dir.to_str().expect("a path");
    Plugbay::new([&["token"], arguments, &["--data-dir", data_dir]].concat()).run()
}

#[test]
fn token_is_printed_once_listed_and_revoked() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let made = token(&data_dir, &["create", "--consumer", "dashboard", "--scope", "read", "--scope", "call:greeter"]);
    let made = made.exits_with(0);
    let secret = made.stdout.trim();
    assert!(secret.starts_with("pbk_") && secret.len() == 40, "{secret}");
    assert_contains(&made.stderr, &["token 1 for read, call:greeter", "shown only now"]);

    let listed = token(&data_dir, &["list"]).exits_with(0).stdout;
    assert_contains(&listed, &["1 token", "dashboard", "read, call:greeter", "active", "never used"]);
    assert!(!listed.contains(&secret[4..20]), "{listed}");

    assert_contains(&token(&data_dir, &["revoke", "1"]).exits_with(0).stdout, &["revoked token 1 of dashboard"]);
    let listed = token(&data_dir, &["list", "--json"]).exits_with(0).json();
    assert_eq!(listed["tokens"][0]["state"], "revoked");
    assert_eq!(listed["tokens"][0]["scopes"][1], "call:greeter");
}

#[test]
fn spelling_without_a_subcommand_makes_a_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = token(directory.path(), &["--consumer", "shop", "--expires-in", "1h", "--json"]).exits_with(0).json();
    assert_eq!((&made["status"], &made["consumer"]), (&"ok".into(), &"shop".into()));
    let lifetime = made["expires_at"].as_u64().zip(made["created_at"].as_u64()).map(|(end, begin)| end - begin);
    assert_eq!(lifetime, Some(3600));
    let for_ever = token(directory.path(), &["create", "--consumer", "a", "--expires-in", "0", "--json"]);
    assert!(for_ever.exits_with(0).json().get("expires_at").is_none());
}

#[test]
fn wrong_arguments_are_refused_with_what_to_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing");
    assert_contains(&token(&missing, &[]).exits_with(2).stderr, &["--consumer NAME"]);
    let wrong = token(&missing, &["create", "--consumer", "a", "--scope", "admin"]).exits_with(2);
    assert_contains(&wrong.stderr, &["`admin` is not a scope", "call:greeter"]);
    let unknown = token(&missing, &["revoke", "7", "--json"]).exits_with(2).json();
    assert_eq!(unknown["code"], "unknown_token");
    assert_contains(&token(&missing, &["list"]).exits_with(0).stdout, &["no token was made"]);
    assert!(!missing.exists(), "looking creates nothing");
    assert_contains(&token(&missing, &["create", "--consumer", ""]).exits_with(2).stderr, &["1 to 100 characters"]);
}

#[test]
fn link_names_the_server_of_the_host_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("plugbay.yaml");
    std::fs::write(&file, "server: { address: 0.0.0.0:7443, hosts: [plugins.example] }").expect("written");
    let file = file.to_str().expect("UTF-8");
    let data_dir = directory.path().join("data");
    let made = token(&data_dir, &["link", "--consumer", "ada", "--scope", "read", "--host-file", file]).exits_with(0);
    let link = made.stdout.trim();
    let code = link.strip_prefix("http://plugins.example:7443/-/sign-in#code=").expect("the link");
    assert!(code.starts_with("pbc_") && code.len() == 40, "{code}");
    assert_contains(&made.stderr, &["ada signs in once", "10 minutes", "read"]);
    let json = token(&data_dir, &["link", "--url", "https://a.example/", "--json"]).exits_with(0).json();
    assert_contains(json["url"].as_str().unwrap_or_default(), &["https://a.example/-/sign-in#code=pbc_"]);
    assert_contains(&token(&data_dir, &["list"]).exits_with(0).stdout, &["no token was made"]);
}
