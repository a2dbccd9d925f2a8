//! Assertions on errors, shared by all tests.

use plugbay::error::LimitHit;
use plugbay::{InvokeError, LoadError, Runtime};
use serde_json::Value;

/// The codes of limits. Their errors carry the limit's name, the allowed value and the observed value.
const LIMITS: [&str; 12] = [
    "timeout",
    "out_of_fuel",
    "memory_limit",
    "stack_overflow",
    "payload_too_large",
    "result_too_large",
    "rate_limit_exceeded",
    "busy",
    "resource_limit",
    "call_depth",
    "compile_timeout",
    "compile_memory_limit",
];

/// Asserts the code, that the text names the plugin, and for a limit its name and both numbers.
#[track_caller]
pub(crate) fn assert_invoke_error(error: &InvokeError, plugin: &str, code: &str) {
    assert_eq!((error.code(), error.plugin()), (code, plugin), "{error}");
    let json = error.to_json();
    assert_eq!((json["status"].as_str(), json["code"].as_str()), (Some("error"), Some(code)), "{json}");
    assert!(json["msg"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
    if error.failure().is_some() {
        return;
    }
    let text = error.to_string();
    assert!(text.contains(&format!("`{plugin}`")), "the error does not name the plugin: {text}");
    // A panic's message is the guest's, with the lines that it has.
    assert!(code == "plugin_trapped" || !text.contains('\n'), "more than one line: {text}");
    assert_eq!(error.limit().is_some(), LIMITS.contains(&code), "{error:?}");
    assert_limit(error.limit(), &json);
}

/// Asserts that the JSON error carries the limit's name, the allowed value and the observed value.
#[track_caller]
fn assert_limit(hit: Option<LimitHit>, json: &Value) {
    let Some(hit) = hit else { return };
    for (member, text) in [("limit", hit.limit), ("allowed", &hit.allowed), ("observed", &hit.observed)] {
        assert!(!text.is_empty(), "{hit:?}");
        assert_eq!(json["details"][member], text, "{json}");
    }
}

/// Asserts the code, that the text names the plugin, and for a limit its name and both numbers.
#[track_caller]
pub(crate) fn assert_load_error(error: &LoadError, plugin: &str, code: &str) {
    assert_eq!(error.code(), code, "{error}");
    let text = error.to_string();
    assert!(text.contains(plugin), "the error does not name the plugin: {text}");
    // What a panic or the compiler printed has the lines that it has.
    let is_printed = ["plugin_trapped", "compiler_crashed"].contains(&code);
    assert!(is_printed || !text.contains('\n'), "more than one line: {text}");
    let json = error.to_json();
    assert_eq!((json["status"].as_str(), json["code"].as_str()), (Some("error"), Some(code)), "{json}");
    assert!(error.limit().is_some() || !LIMITS.contains(&code), "{error:?}");
    assert_limit(error.limit(), &json);
}

/// Asserts that the last denial on record is of this use, and that its hint has the line that grants it.
#[track_caller]
pub(crate) fn assert_last_denial(runtime: &Runtime, resource: &str, action: &str) {
    let denial = runtime.audit_trail().pop().expect("a denial").denial;
    assert_eq!((&*denial.resource, denial.action), (resource, action), "{denial}");
    assert_contains(&denial.hint(), &[&line_to_add(resource, action)]);
}

/// The line of a policy that grants a use of a resource without special characters.
pub(crate) fn line_to_add(resource: &str, action: &str) -> String {
    format!("- {{resource: \"{resource}\", actions: [{action}]}}")
}

/// Asserts that a text contains each of these parts.
#[track_caller]
pub(crate) fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
