//! Files that are not plugins: they are refused before any part of them is compiled, with a message that says why.

use std::fmt::Write;
use std::time::Duration;

use plugbay::Package;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::core_module::CoreModule;
use crate::harness::guest::{command, component, feature};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;
use crate::harness::processor::Moment;

#[tokio::test]
async fn empty_file_is_refused() {
    refused(Vec::new(), "not_wasm", &["empty"]).await;
}

#[tokio::test]
async fn random_bytes_are_refused() {
    // A fixed sequence, so that a failure can be reproduced.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in [1, 7, 8, 100, 100_000] {
        let bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        refused(bytes.take(length).collect(), "not_wasm", &["not WebAssembly"]).await;
    }
}

#[tokio::test]
async fn random_bytes_after_a_component_header_are_refused() {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend((0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    let error = Host::new().runtime.load(raw(bytes)).await.expect_err("it is noise");
    assert!(["malformed_component", "truncated_component"].contains(&error.code()), "{} {error}", error.code());
}

#[tokio::test]
async fn truncated_component_is_refused_wherever_it_is_cut() {
    let whole = feature::ECHO.bytes();
    let host = Host::new();
    let cuts = (1..8).chain((8..whole.len()).step_by(whole.len() / 40));
    for cut in cuts {
        let error = host.runtime.load(Package::from_bytes("cut", &whole[..cut])).await;
        let error = error.err().unwrap_or_else(|| panic!("{cut} bytes of {} were loaded", whole.len()));
        assert!(!["host_error", "link_error"].contains(&error.code()), "{cut}: {error}");
        assert_contains(&error.to_string(), &["cut"]);
    }
}

#[tokio::test]
async fn flipped_bytes_never_harm_the_host() {
    let whole = feature::FAILURE.bytes();
    let host = Host::new();
    let neighbour = host.load(feature::ECHO.into()).await;
    for place in (8..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        let plugin = TestPlugin::new("flipped", bytes).resource("timeout_seconds", json!(1));
        // Some of these load and even work, because the byte is part of a message or a name.
        if let Ok(plugin) = host.try_load(plugin).await {
            if let Err(error) = plugin.call::<serde_json::Value>("ping", &()).await {
                assert_ne!(error.code(), "host_error", "byte {place}: {error}");
            }
            assert!(host.runtime.unload("flipped").await);
        }
    }
    assert_eq!(pings(&neighbour).await, 1);
}

#[tokio::test]
async fn core_module_is_refused_with_advice() {
    let module = wat::parse_str(CoreModule::default().text()).expect("valid text");
    refused(module, "contract_mismatch", &["core module", "wasm32-wasip2", "legacy"]).await;
}

#[tokio::test]
async fn preview_1_command_outside_legacy_mode_is_refused() {
    let module = std::fs::read(command::PLAIN.preview1_path()).expect("it was built");
    refused(module, "contract_mismatch", &["core module", "legacy"]).await;
}

#[tokio::test]
async fn compiled_artefact_is_refused() {
    let mut elf = b"\x7fELF\x02\x01\x01\0".to_vec();
    elf.resize(4096, 0);
    refused(elf, "compiled_artifact", &["machine code"]).await;
}

/// An artefact from the host's own code cache, loaded as a plugin.
#[tokio::test]
async fn compiled_artefact_of_this_host_is_refused() {
    let cache = tempfile::tempdir().expect("a directory");
    let host = Host::with(|builder| {
        builder.code_cache(plugbay::compile::CodeCacheLocation::Directory(cache.path().join("code")))
    });
    host.load(feature::ECHO.into()).await;
    let artefacts = files(cache.path());
    assert!(!artefacts.is_empty(), "nothing was cached");
    let compiled = artefacts.into_iter().map(|path| std::fs::read(path).expect("readable")).max_by_key(Vec::len);
    let error = host.runtime.load(raw(compiled.expect("there is one"))).await.expect_err("never accepted");
    assert!(["compiled_artifact", "not_wasm"].contains(&error.code()), "{} {error}", error.code());
}

#[tokio::test]
async fn webassembly_text_is_refused_with_advice() {
    for text in ["(component)", "  \n(module)", ";; a comment\n(component)"] {
        refused(text.into(), "wasm_text", &["text"]).await;
    }
}

#[tokio::test]
async fn component_without_the_contract_is_refused() {
    refused(component::GEOMETRY.bytes(), "contract_mismatch", &["plugbay:plugin/actions"]).await;
    refused(wat::parse_str("(component)").expect("valid text"), "contract_mismatch", &["plugbay:plugin/actions"]).await;
}

#[tokio::test]
async fn command_outside_legacy_mode_is_refused_with_advice() {
    refused(command::PLAIN.bytes(), "contract_mismatch", &["legacy"]).await;
}

/// Compiling this would take the better part of a minute.
#[tokio::test]
async fn huge_function_is_refused_before_compiling() {
    let body = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(400_000);
    refused_soon(&CoreModule::default().with(&format!("(func {body})"))).await;
}

/// Compiling this would take the better part of a minute and gigabytes of memory.
#[tokio::test]
async fn huge_number_of_functions_is_refused_before_compiling() {
    refused_soon(&CoreModule::default().with(&"(func)".repeat(400_000))).await;
}

#[tokio::test]
async fn million_segment_elements_are_refused_before_compiling() {
    let elements = " $f".repeat(1_000_000);
    let module = CoreModule::default().with(&format!("(table 1 funcref) (func $f) (elem func{elements})"));
    refused_soon(&module).await;
}

#[tokio::test]
async fn function_with_fifty_thousand_locals_is_compiled_soon() {
    let many = format!("(func {})", "(local i64)".repeat(49_000));
    let plugin = TestPlugin::new("locals", CoreModule::default().with(&many).plugin());
    ends(Host::new().try_load(plugin)).await.expect("the scan lets it through, and compiling it ends");
}

#[tokio::test]
async fn deeply_nested_component_is_refused() {
    let mut text = String::new();
    for _ in 0..500 {
        text.push_str("(component ");
    }
    text.push_str(&")".repeat(500));
    // The text parser has its own bound on nesting, so build this in bytes.
    let bytes = wat::parse_str(&text).unwrap_or_else(|_| nested(500));
    let error = Host::new().runtime.load(raw(bytes)).await.expect_err("no toolchain nests so deeply");
    assert_eq!(error.code(), "component_too_large", "{error}");
}

/// Reading these by recursion, as compilers do, would overflow this process's stack.
#[tokio::test]
async fn deeply_nested_types_are_refused_before_parsing() {
    for kind in [0x41, 0x42] {
        let mut section = vec![1];
        (0..100_000).for_each(|_| section.extend([kind, 1, 0x01]));
        section.push(0x7f);
        let mut component = wasm_encoder::Component::new();
        component
            .section(&wasm_encoder::RawSection { id: wasm_encoder::ComponentSectionId::Type.into(), data: &section });
        refused(component.finish(), "component_too_large", &["levels of nesting"]).await;
    }
}

#[tokio::test]
async fn component_that_instantiates_exponentially_is_refused() {
    // Each component instantiates the one before it ten times: 10⁸ instances in a few hundred bytes.
    let mut text = "(component $c0)".to_owned();
    for level in 1..=8 {
        let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
        let aliases = format!("(alias outer 1 $c{0} (component $c{0}))", level - 1);
        let _ = write!(text, "(component $c{level} {aliases} {inner})");
    }
    let text = format!("(component {text} (instance (instantiate $c8)))");
    let bytes = wat::parse_str(&text).expect("valid text");
    let error = ends(Host::new().runtime.load(raw(bytes))).await.expect_err("it has no actions, whatever else it is");
    assert_ne!(error.code(), "host_error", "{error}");
}

/// Component sections within component sections, as bytes.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut bytes = HEADER.to_vec();
    for _ in 0..depth {
        let mut outer = HEADER.to_vec();
        outer.push(4);
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&bytes);
        bytes = outer;
    }
    bytes
}

async fn refused(bytes: Vec<u8>, code: &str, words: &[&str]) {
    let host = Host::new();
    let error = host.runtime.load(raw(bytes)).await.expect_err("it is not a plugin");
    assert_load_error(&error, "intruder", code);
    assert_contains(&error.to_string(), words);
    assert!(host.runtime.plugins().is_empty(), "nothing of it remains");
}

async fn refused_soon(module: &CoreModule) {
    let bytes = module.plugin();
    let start = Moment::now();
    let error = Host::new().try_load(TestPlugin::new("costly", bytes)).await.expect_err("it is too large");
    assert_load_error(&error, "costly", "component_too_large");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// A package of these bytes alone: adding a manifest section would make an empty file valid.
fn raw(bytes: Vec<u8>) -> Package {
    Package::from_bytes("intruder", bytes)
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
