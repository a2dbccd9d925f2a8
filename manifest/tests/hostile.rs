//! Hostile documents: each is refused with a clear error, in bounded time and memory.

use std::sync::mpsc;
use std::time::Duration;

use plugbay_manifest::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, NODES_MAX, PROBLEMS_MAX};
use plugbay_manifest::{Format, HostFile, Layer, Manifest, ManifestError};
use serde_json::{Value, json};

/// A guard against a hang, far longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Parses and checks on a thread with a small stack, so that recursion without a bound would be seen.
fn outcome(text: String, format: Format) -> Result<Manifest, ManifestError> {
    within_patience(move || {
        HostFile::parse("host", &text, format).err();
        Manifest::from_layers(&[Layer::parse("hostile", &text, format)?])
    })
}

/// What `work` returns on a thread with a small stack; a panic where it does not end.
fn within_patience<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let work = move || sender.send(work());
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).expect("a thread");
    receiver.recv_timeout(PATIENCE).expect("it ends, and does not panic")
}

fn check(text: String, format: Format, code: &str, part: &str) {
    let error = outcome(text, format).expect_err("a hostile document is refused");
    let problem = &error.problems[0];
    assert_eq!(problem.code, code, "{error}");
    assert!(problem.message.contains(part), "{error}");
    assert!(problem.message.len() < 1_000, "the message is short: {}", problem.message.len());
}

#[test]
fn parse_billion_laughs_is_too_large() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
    }
    check(text, Format::Yaml, "too_large", "aliases");
}

#[test]
fn parse_many_aliases_of_a_large_anchor_is_too_large() {
    let mut text = format!("big: &big [{}]\nall:\n", vec!["x"; 5_000].join(","));
    for _ in 0..500 {
        text.push_str("  - *big\n");
    }
    check(text, Format::Yaml, "too_large", "");
}

#[test]
fn parse_deeply_nested_document_is_too_large() {
    let depth = 10_000;
    let brackets = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let block: String = (0..1_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for (text, format) in [
        (format!("tags: {brackets}"), Format::Yaml),
        (objects.clone(), Format::Yaml),
        (block, Format::Yaml),
        (format!("- {}", "- ".repeat(depth)), Format::Yaml),
        (format!("{{\"tags\": {brackets}}}"), Format::Json),
        (objects, Format::Json),
        (format!("tags = {brackets}"), Format::Toml),
        (format!("{}b = 1", "a.".repeat(depth)), Format::Toml),
        (format!("[{}b]\nx = 1", "a.".repeat(depth)), Format::Toml),
    ] {
        check(text, format, "too_large", "nested more than");
    }
}

#[test]
fn from_section_deeply_nested_document_is_too_large() {
    let text = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let error = Layer::from_section("section", text.as_bytes()).expect_err("refused");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn from_value_deeply_nested_value_is_too_large() {
    let mut value = Value::Null;
    for _ in 0..DEPTH_MAX + 2 {
        value = json!([value]);
    }
    let error = Layer::from_value("value", json!({ "tags": value })).expect_err("refused");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn parse_too_many_bytes_or_values_is_too_large() {
    let text = format!("name: {}", "x".repeat(DOCUMENT_BYTES_MAX));
    check(text, Format::Yaml, "too_large", "bytes");
    let items = vec!["1"; NODES_MAX + 1].join(",");
    check(format!("tags: [{items}]"), Format::Yaml, "too_large", "");
    check(format!("{{\"tags\": [{items}]}}"), Format::Json, "too_large", "values");
    check(format!("tags = [{items}]"), Format::Toml, "too_large", "values");
}

#[test]
fn from_section_too_many_documents_are_too_large() {
    let error = Layer::from_section("section", "{}".repeat(100_000).as_bytes()).expect_err("refused");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn from_section_malformed_bytes_name_their_document() {
    for bytes in [&b"{} {} nonsense"[..], b"{}\xff", b"{\"a\": 1", b"[] 1 {", b"\0\0"] {
        let error = Layer::from_section("section", bytes).expect_err("refused");
        assert_eq!(error.problems.len(), 1, "{error}");
    }
    assert!(Layer::from_section("section", b" \n").expect("nothing is fine").is_empty());
}

#[test]
fn parse_values_that_json_cannot_hold_are_refused() {
    check("name: .nan".to_owned(), Format::Yaml, "syntax", "");
    check("name: !secret x".to_owned(), Format::Yaml, "syntax", "");
    check("name = inf".to_owned(), Format::Toml, "syntax", "not numbers");
    check("name: *unknown".to_owned(), Format::Yaml, "syntax", "");
    check("name: a\nname: b".to_owned(), Format::Yaml, "syntax", "name");
}

#[test]
fn from_layers_thousands_of_problems_are_only_counted() {
    let fields: Vec<String> = (0..20_000).map(|index| format!("\"field{index}\": 1")).collect();
    let error = outcome(format!("{{{}}}", fields.join(",")), Format::Json).expect_err("refused");
    assert_eq!(error.problems.len(), PROBLEMS_MAX + 1);
    assert!(error.to_string().len() < 100_000);
}

#[test]
fn from_layers_expensive_patterns_are_refused() {
    for pattern in ["(a{1000}){1000}", "((((a{100}){100}){100}){100})", "\\pL{1000}\\pL{1000}\\pL{1000}"] {
        let text = format!("configuration: {{ x: {{ type: string, pattern: '{pattern}' }} }}");
        check(text, Format::Yaml, "invalid_value", "too large");
    }
}

#[test]
fn check_slow_pattern_on_a_long_value_is_linear() {
    let text = "name: a\nversion: 1.0.0\nconfiguration: { x: { type: string, pattern: '^(a+)+$' } }";
    let manifest = outcome(text.to_owned(), Format::Yaml).expect("a good manifest");
    let value = json!(format!("{}!", "a".repeat(100_000)));
    assert!(within_patience(move || manifest.configuration["x"].check(&value).is_err()));
}

#[test]
fn parse_cut_or_changed_document_never_panics() {
    let text = include_str!("golden/good/dockstat-builder.yaml");
    for end in (0..text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            let cut = Layer::parse("cut", &text[..end], format);
            let _ = cut.and_then(|layer| Manifest::from_layers(&[layer]));
        }
        for inserted in ["\0", "{", "]", ": ", "\u{202e}", "&a *a", "\t"] {
            let changed = format!("{}{inserted}{}", &text[..end], &text[end..]);
            let _ = Layer::parse("changed", &changed, Format::Yaml).and_then(|layer| Manifest::from_layers(&[layer]));
        }
    }
}

#[test]
fn parse_malformed_scalar_is_not_quoted_in_the_message() {
    for (text, format) in [
        ("token: !!int hunter2", Format::Yaml),
        ("token: !!float hunter2", Format::Yaml),
        ("token: !!bool hunter2", Format::Yaml),
        ("token: !!null hunter2", Format::Yaml),
        ("token: !!binary hunter2", Format::Yaml),
        ("token: \"hunter2 \\q\"", Format::Yaml),
        ("token: 'hunter2", Format::Yaml),
        ("token: hunter2: x", Format::Yaml),
        ("token: @hunter2", Format::Yaml),
        ("token = 'hunter2", Format::Toml),
        ("token = 1hunter2", Format::Toml),
        ("token = \"hunter2 \\q\"", Format::Toml),
        ("{\"token\": \"hunter2 \\q\"}", Format::Json),
        ("{\"token\": hunter2}", Format::Json),
    ] {
        let Err(error) = format.parse("x", text) else { continue };
        assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
    }
}
