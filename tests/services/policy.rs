//! Permissions: rules of manifest and operator, their order, changes while running, and the audit trail.

use plugbay::audit::AuditEntry;
use plugbay::manifest::Effect;
use plugbay::{Caller, Invocation, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_last_denial, line_to_add};
use crate::harness::audit::RecordedAudit;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;

#[tokio::test]
async fn first_rule_that_matches_decides_on_both_sides() {
    let rules = json!([
        { "resource": "config.secret", "effect": "deny" },
        { "resource": "config.*", "actions": ["write"] },
    ]);
    let operator = allow(&["config.open:write"]).deny("config.closed").and_then(|policy| policy.allow("config.*"));
    let host = Host::with(|builder| builder.policy(operator.expect("readable")));
    let plugin = host.load(writer().manifest("permissions", rules)).await;
    for (key, refused_by) in
        [("open", None), ("other", None), ("secret", Some("manifest")), ("closed", Some("operator"))]
    {
        let answer = set(&plugin, key).await;
        match refused_by {
            None => assert_eq!(answer, json!("set"), "{key}"),
            Some(side) => assert_contains(denied(&answer), &[side, &format!("config.{key}"), "write"]),
        }
    }
}

#[tokio::test]
async fn resource_without_a_rule_is_denied() {
    let host = Host::new();
    let plugin = host.load(writer()).await;
    assert_contains(denied(&set(&plugin, "a").await), &["operator", "write `config.a`"]);
    assert_last_denial(&host.runtime, "config.a", "write");
    let plugin = TestPlugin::from(feature::CONFIG).manifest("name", json!("unasking"));
    let plugin = host.load(plugin).await;
    assert_contains(denied(&set(&plugin, "a").await), &["manifest", "write `config.a`"]);
    assert_last_denial(&host.runtime, "config.a", "write");
}

#[tokio::test]
async fn policy_of_a_plugin_precedes_the_general_policy() {
    let host = Host::with(|builder| builder.policy(allow(&["config.all"])));
    let own = allow(&["config.mine"]).deny("config.all").expect("readable");
    let plugin = host.runtime.load(writer().package().policy(own)).await.expect("it loads");
    let other = host.load(writer().manifest("name", json!("other"))).await;
    for (plugin, key, allowed) in
        [(&plugin, "mine", true), (&plugin, "all", false), (&other, "mine", false), (&other, "all", true)]
    {
        assert_eq!(set(plugin, key).await == json!("set"), allowed, "{} on {key}", plugin.name());
    }
}

#[tokio::test]
async fn revoked_permission_is_denied_at_the_next_use() {
    let host = Host::new();
    let (one, two) = (host.load(writer()).await, host.load(writer().manifest("name", json!("two"))).await);
    assert_eq!(pings(&one).await, 1);
    for (policy, allowed) in
        [(allow(&["config.*"]), true), (Policy::default(), false), (allow(&["config.a:write"]), true)]
    {
        host.runtime.set_policy(policy);
        for plugin in [&one, &two] {
            assert_eq!(set(plugin, "a").await == json!("set"), allowed);
            assert_eq!(plugin.grants().check("config.a", plugbay::manifest::PermissionAction::Write).is_ok(), allowed);
        }
    }
    assert_eq!(pings(&one).await, 2, "the instance is the same");
    let mut silent = Policy::default();
    silent.push("*", None, Effect::Deny);
    host.runtime.set_policy(silent);
    assert!(get(&one, "a").await["error"]["permission_denied"].is_string(), "default grants can be denied too");
    assert!(!host.runtime.policy().allows("log", plugbay::manifest::PermissionAction::Write));
}

#[tokio::test]
async fn permission_is_revoked_by_a_rule_above_the_others() {
    let host = Host::with(|builder| builder.policy(allow(&["config.*"])));
    let plugin = host.load(writer()).await;
    assert_eq!(set(&plugin, "a").await, json!("set"));
    host.runtime.update_policy(|policy| policy.deny_first("config.a:write")).expect("readable");
    assert_contains(denied(&set(&plugin, "a").await), &["operator's rule about `config.a`"]);
    assert_eq!(set(&plugin, "b").await, json!("set"));
    host.runtime.update_policy(|policy| policy.deny_first("cofnig.a")).expect_err("the kind is unknown");
    host.runtime.update_policy(|policy| policy.allow_first("config.a:write")).expect("readable");
    assert_eq!(set(&plugin, "a").await, json!("set"));
    let unreachable = host.runtime.policy().unreachable_rules();
    assert_eq!(unreachable.len(), 1, "{unreachable:?}");
    assert!(unreachable[0].effect_differs && unreachable[0].rule == "deny config.a:write", "{unreachable:?}");
}

#[tokio::test]
async fn revoked_import_does_not_load_again() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let sockets =
        || TestPlugin::from(hostile::SOCKETS).trusted().manifest("permissions", json!([{ "resource": "net.*" }]));
    host.load(sockets()).await;
    host.runtime.set_policy(Policy::default());
    let error = host.runtime.reload(sockets().package()).await.expect_err("the network grant was revoked");
    assert_eq!(error.code(), "permission_denied");
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("net.*", "execute")]);
}

#[tokio::test]
async fn denial_is_recorded_with_its_call() {
    let audit = RecordedAudit::default();
    let host = Host::with(|builder| builder.audit_sink(audit.clone()));
    let plugin = host.load(writer()).await;
    let call = Invocation::new("set").payload(&json!({ "key": "a", "value": 1 }));
    let call = call.caller(Caller::Plugin("boss".to_owned())).request_id("request-7");
    plugin.invoke(call).await.expect("it answers");
    assert_eq!(audit.lines(), ["permission.deny feature_config write config.a plugin:boss"]);
    let trail = host.runtime.audit_trail();
    let [AuditEntry { plugin, denial, caller, request_id, .. }] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!((&**plugin, &*denial.resource, denial.action), ("feature_config", "config.a", "write"));
    assert_eq!((caller.as_deref(), request_id.as_deref()), (Some("plugin:boss"), Some("request-7")));
}

#[tokio::test]
async fn denied_import_is_recorded() {
    let audit = RecordedAudit::default();
    let host = Host::with(|builder| builder.audit_sink(audit.clone()));
    let asks = TestPlugin::from(hostile::SOCKETS).manifest("permissions", json!([{ "resource": "net.*" }]));
    host.try_load(asks).await.expect_err("sockets are for trusted plugins");
    assert_eq!(audit.lines(), ["permission.deny hostile_sockets execute net.* -"]);
    assert_eq!(host.runtime.audit_trail().len(), 1);
}

#[tokio::test]
async fn allowed_use_is_counted_and_recorded_on_request() {
    for (audit, recorded) in [(RecordedAudit::default(), 0), (RecordedAudit::of_everything(), 1)] {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()).audit_sink(audit.clone()));
        let plugin = host.load(writer()).await;
        assert_eq!(set(&plugin, "a").await, json!("set"));
        let metrics = plugin.metrics();
        assert_eq!((metrics.allows, metrics.denials), (1, 0));
        assert_eq!(audit.lines().len(), recorded);
        assert!(host.runtime.audit_trail().is_empty());
    }
}

#[tokio::test]
async fn denials_in_a_loop_are_counted_but_not_all_recorded() {
    let audit = RecordedAudit::default();
    let host = Host::with(|builder| builder.audit_sink(audit.clone()));
    let plugin = host.load(writer()).await;
    let asked = 50 * u64::from(limits::AUDIT_RECORDS_MAX);
    for _ in 0..asked {
        denied(&set(&plugin, "a").await);
    }
    let metrics = plugin.metrics();
    let recorded = audit.lines().len() as u64;
    assert_eq!((metrics.denials, metrics.denials_unrecorded + recorded), (asked, asked));
    assert!(recorded < asked / 2, "{recorded} of {asked}");
    assert_eq!(host.runtime.audit_trail().len() as u64, recorded);
}

#[tokio::test]
async fn denied_name_of_megabytes_is_cut_in_error_and_record() {
    let host = Host::new();
    let plugin = host.load(writer()).await;
    let answer = set(&plugin, &"k".repeat(1 << 20)).await;
    assert!(denied(&answer).len() < 4_000);
    assert!(host.runtime.audit_trail()[0].denial.resource.len() <= limits::RESOURCE_QUOTED_BYTES_MAX);
}

#[tokio::test]
async fn line_of_a_denial_grants_only_what_was_denied() {
    for key in ["plain", "a b", "a:b", "it's \"quoted\"", "a*b", "?", r"back\slash", "ä€"] {
        let host = Host::new();
        let plugin = host.load(writer()).await;
        denied(&set(&plugin, key).await);
        let line = host.runtime.audit_trail().pop().expect("a denial").denial.line();
        let file = format!("policy:\n  {line}\n");
        let file = plugbay::manifest::HostFile::parse("plugbay.yaml", &file, plugbay::manifest::Format::Yaml);
        host.runtime.set_policy(Policy::from_rules(&file.unwrap_or_else(|error| panic!("{line}: {error}")).policy));
        assert_eq!(set(&plugin, key).await, json!("set"), "{line}");
        for other in ["axb", "x", "a*bc"] {
            denied(&set(&plugin, other).await);
        }
    }
}

/// A plugin with additional configuration, which requests writing all keys.
fn writer() -> TestPlugin {
    TestPlugin::from(feature::CONFIG).manifest("permissions", json!([{ "resource": "config.*" }]))
}

fn allow(permissions: &[&str]) -> Policy {
    permissions.iter().fold(Policy::default(), |policy, permission| policy.allow(permission).expect("readable"))
}

async fn set(plugin: &Plugin, key: &str) -> Value {
    plugin.call("set", &json!({ "key": key, "value": 1 })).await.expect("it answers")
}

async fn get(plugin: &Plugin, key: &str) -> Value {
    plugin.call("get", key).await.expect("it answers")
}

#[track_caller]
fn denied(answer: &Value) -> &str {
    answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"))
}
