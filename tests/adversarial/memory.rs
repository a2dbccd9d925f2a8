//! Guests that exhaust memories, tables, stacks and handles.

use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::attack::Attack;
use crate::harness::core_module::CoreModule;
use crate::harness::guest::hostile;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::limits;

#[tokio::test]
async fn growing_memory_hits_the_memory_limit() {
    let aftermath = Attack::by(hostile::MEMORY).resource("max_memory_mb", json!(8)).ends_in("memory_limit").await;
    let hit = aftermath.error.limit().expect("memory is a limit");
    assert_eq!(hit.allowed, format!("{} bytes", 8 << 20));
    let observed: u64 = hit.observed.trim_end_matches(" bytes").parse().expect("a number of bytes");
    assert!(observed > 8 << 20, "{hit:?}");
}

#[tokio::test]
async fn growing_memory_in_trusted_mode_hits_the_memory_limit() {
    let attack = Attack::by(hostile::MEMORY).trusted();
    attack.resource("max_memory_mb", json!(8)).ends_in("memory_limit").await;
}

#[tokio::test]
async fn one_huge_growth_hits_the_memory_limit() {
    let attack = CoreModule::attacking("(drop (memory.grow (i32.const 65000))) (i32.const 16)");
    let aftermath = Attack::by_bytes(attack.plugin()).ends_in("memory_limit").await;
    let observed = aftermath.error.limit().expect("memory is a limit").observed;
    assert_eq!(observed, format!("{} bytes", 65_002_u64 << 16));
}

#[tokio::test]
async fn minimum_memory_above_the_limit_fails_the_load() {
    let host = Host::new();
    let plugin = CoreModule { memory: "1024".to_owned(), ..CoreModule::default() };
    let plugin = TestPlugin::new("greedy", plugin.plugin()).resource("max_memory_mb", json!(16));
    let error = host.try_load(plugin).await.expect_err("64 MiB are more than 16");
    assert_load_error(&error, "greedy", "memory_limit");
}

#[tokio::test]
async fn memories_above_the_limit_together_hit_the_memory_limit() {
    // Each of the four memories may grow to 16 MiB; together they exceed the limit of 32 MiB.
    let grow = (0..3).map(|n| format!("(drop (call $grow{n} (i32.const 255)))")).collect::<String>();
    let bytes = with_more_memories(3, &format!("{grow} (i32.const 16)"));
    let aftermath = Attack::by_bytes(bytes).ends_in("memory_limit").await;
    let hit = aftermath.error.limit().expect("memory is a limit");
    assert_eq!(hit.allowed, format!("{} bytes", 32 << 20));
}

#[tokio::test]
async fn more_memories_than_allowed_fail_the_load() {
    let host = Host::new();
    let bytes = with_more_memories(limits::MEMORIES_MAX, "(i32.const 16)");
    let error = host.try_load(TestPlugin::new("hoarder", bytes)).await.expect_err("nine memories are too many");
    assert_load_error(&error, "hoarder", "component_too_large");
    assert_contains(&error.to_string(), &["9 ", "memories", "8"]);
}

#[tokio::test]
async fn infinite_recursion_overflows_the_stack() {
    Attack::by(hostile::RECURSION).ends_in("stack_overflow").await;
}

#[tokio::test]
async fn infinite_recursion_in_trusted_mode_overflows_the_stack() {
    Attack::by(hostile::RECURSION).trusted().ends_in("stack_overflow").await;
}

#[tokio::test]
async fn growing_table_hits_a_resource_limit() {
    let forever = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 100))) (br $again)) (unreachable)";
    let attacker = CoreModule::attacking(forever).with("(table $t 1 funcref)");
    let aftermath = Attack::by_bytes(attacker.plugin()).ends_in("resource_limit").await;
    assert_eq!(aftermath.error.limit().expect("tables are limited").limit, "table_elements");
}

#[tokio::test]
async fn leaking_host_resources_hits_a_resource_limit() {
    let aftermath = Attack::by(hostile::HANDLES).ends_in("resource_limit").await;
    let hit = aftermath.error.limit().expect("resources are limited");
    assert!(hit.allowed.contains("1000"), "{hit:?}");
}

/// A plugin made of several modules with a memory each, which `$grow0`, `$grow1`, … grow.
///
/// `wit-component` supports one memory per component, so the plugin's module is wrapped by hand.
fn with_more_memories(count: u32, attack: &str) -> Vec<u8> {
    let imports = (0..count)
        .map(|n| format!("(import \"more{n}\" \"grow\" (func $grow{n} (param i32) (result i32)))"))
        .collect::<String>();
    let main = CoreModule::attacking(attack).text().replacen("(module", &format!("(module {imports}"), 1);
    let instances = (0..count).map(|n| format!("(core instance $more{n} (instantiate $more))")).collect::<String>();
    let with = (0..count).map(|n| format!("(with \"more{n}\" (instance $more{n}))")).collect::<String>();
    let handle = crate::harness::core_module::HANDLE;
    let text = format!(
        r#"(component
            (import "plugbay:plugin/types@0.2.0" (instance $types
                (type $text string)
                (export "json" (type $json (eq $text)))
                (type $record (record
                    (field "code" string) (field "message" string)
                    (field "details" (option $json)) (field "status-code" (option u16))))
                (export "failure" (type (eq $record)))))
            (alias export $types "failure" (type $failure))
            (core module $more
                (memory 1 256)
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
            (core module $main {main_fields})
            {instances}
            (core instance $main (instantiate $main {with}))
            (func $handle (param "action" string) (param "payload" string) (result (result string (error $failure)))
                (canon lift (core func $main "{handle}")
                    (memory (core memory $main "memory")) (realloc (core func $main "cabi_realloc"))))
            (component $actions
                (import "handle" (func $handle))
                (export "handle" (func $handle)))
            (instance $actions (export "handle" (func $handle)))
            (export "plugbay:plugin/actions@0.2.0" (instance $actions)))"#,
        main_fields =
            main.trim().strip_prefix("(module").and_then(|fields| fields.strip_suffix(')')).expect("a module"),
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
