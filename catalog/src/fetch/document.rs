//! Manifest documents that name or contain their component, as DockStat's do in the field `plugin`.
//!
//! The component is a URL, a path or base64 (plain, or as `data:application/wasm;base64,…`). A document that contains
//! it is as large as the component, far above the bound of a manifest, so the field is taken out before the rest is
//! parsed.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use plugbay_manifest::{Format, ManifestError};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::CatalogProblem;
use crate::limits::{COMPONENT_BYTES_MAX, DOCUMENT_BYTES_MAX, REFERENCE_CHARS_MAX};
use crate::package::ManifestDocument;

/// The first bytes of WebAssembly.
const WASM_MAGIC: &[u8] = b"\0asm";
const DATA_URL: &str = "data:application/wasm;base64,";

/// A manifest document, and where its component is.
pub(super) struct ReadDocument {
    pub(super) document: ManifestDocument,
    pub(super) code: Code,
}

/// The location of a document's component.
pub(super) enum Code {
    /// In the document.
    Inline(Vec<u8>),
    /// At a URL or a path relative to the document.
    Named(String),
    /// Nowhere: the document contains source code instead.
    Source,
    /// Nowhere: the document names no component.
    Nowhere,
}

/// Reads a document.
pub(super) fn read(origin: &str, format: Format, text: String) -> Result<ReadDocument, CatalogProblem> {
    let (plugin, rest) = match format {
        Format::Json => take_plugin(&text),
        _ if text.len() as u64 > DOCUMENT_BYTES_MAX => return Err(CatalogProblem::YamlTooLarge),
        Format::Yaml | Format::Toml => {
            let mut value = format.parse(origin, &text)?;
            let plugin = value.as_object_mut().and_then(|fields| fields.shift_remove("plugin"));
            (plugin.as_ref().and_then(|plugin| plugin.as_str()).map(str::to_owned), Some(value.to_string()))
        }
    };
    let code = plugin.as_deref().map(code).transpose()?;
    let document = match (&code, rest) {
        (Some(Code::Inline(_)), Some(rest)) => ManifestDocument::new(Format::Json, rest),
        _ => ManifestDocument::new(format, text),
    };
    let layer = document.layer(origin)?;
    if !layer.problems().is_empty() {
        // What the document names is only used once the document is valid.
        return Err(ManifestError { problems: layer.problems().to_vec() }.into());
    }
    let entry_point = || {
        let layer: serde_json::Value = serde_json::from_str(&layer.to_json()).ok()?;
        layer.get("entry_point")?.as_str().map(str::to_owned)
    };
    let code = match code {
        None => entry_point().map_or(Code::Nowhere, Code::Named),
        Some(Code::Source) => entry_point().map_or(Code::Source, Code::Named),
        Some(code) => code,
    };
    Ok(ReadDocument { document, code })
}

/// Recognises the text of `plugin`.
fn code(text: &str) -> Result<Code, CatalogProblem> {
    if let Some(encoded) = text.strip_prefix(DATA_URL) {
        let bytes = decode(encoded);
        return bytes.map(Code::Inline).ok_or_else(|| CatalogProblem::Component("its base64 is invalid".to_owned()));
    }
    let one_line = text.chars().count() <= REFERENCE_CHARS_MAX && !text.contains(char::is_whitespace);
    if one_line && (text.contains("://") || text.ends_with(".wasm")) {
        return Ok(Code::Named(text.to_owned()));
    }
    // Base64 of the magic bytes begins so; this spares decoding a large text of another kind.
    if !text.trim_start().starts_with("AGFzb") {
        return Ok(Code::Source);
    }
    if text.len() as u64 > COMPONENT_BYTES_MAX / 3 * 4 + DOCUMENT_BYTES_MAX {
        return Err(CatalogProblem::Component(format!("it has more than {COMPONENT_BYTES_MAX} bytes")));
    }
    Ok(decode(text).filter(|bytes| bytes.starts_with(WASM_MAGIC)).map_or(Code::Source, Code::Inline))
}

/// Decodes base64 with or without padding and line breaks.
fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(&plain).or_else(|_| BASE64_NOPAD.decode(&plain)).ok()?;
    (bytes.len() as u64 <= COMPONENT_BYTES_MAX).then_some(bytes)
}

/// Takes the text field `plugin` out of a JSON object. Returns the object without it; nothing if there is no such field
/// or the text is not an object, in which case the manifest's own parser reports what is wrong.
fn take_plugin(text: &str) -> (Option<String>, Option<String>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let split = deserializer.deserialize_map(Split).and_then(|split| deserializer.end().map(|()| split));
    match split {
        Ok((Some(plugin), rest)) => (Some(plugin), Some(rest)),
        _ => (None, None),
    }
}

struct Split;

impl<'de> Visitor<'de> for Split {
    type Value = (Option<String>, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut plugin = None;
        let mut rest = String::from("{");
        while let Some(name) = fields.next_key::<String>()? {
            let value: &RawValue = fields.next_value()?;
            if name == "plugin" && value.get().starts_with('"') {
                if plugin.is_some() {
                    return Err(A::Error::custom("the key `plugin` is written twice"));
                }
                plugin = Some(serde_json::from_str(value.get()).map_err(A::Error::custom)?);
                continue;
            }
            if rest.len() > 1 {
                rest.push(',');
            }
            // A text is always valid JSON.
            rest.push_str(&serde_json::Value::String(name).to_string());
            rest.push(':');
            rest.push_str(value.get());
        }
        rest.push('}');
        Ok((plugin, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(plugin: &str) -> String {
        format!(r#"{{"name":"a","plugin":{},"version":"1.0.0"}}"#, serde_json::Value::String(plugin.to_owned()))
    }

    fn read_json(text: String) -> Result<ReadDocument, CatalogProblem> {
        read("x.json", Format::Json, text)
    }

    #[test]
    fn component_in_the_document_is_taken_out() {
        let encoded = BASE64.encode(b"\0asm\x01\0\0\0");
        for text in [encoded.clone(), format!("{DATA_URL}{encoded}"), format!("{}\n{}", &encoded[..8], &encoded[8..])] {
            let read = read_json(json(&text)).expect("a document");
            assert!(matches!(&read.code, Code::Inline(bytes) if bytes == b"\0asm\x01\0\0\0"), "{text}");
            assert_eq!(read.document.text, r#"{"name":"a","version":"1.0.0"}"#);
        }
        let yaml = format!("name: a\nversion: 1.0.0\nplugin: {encoded}\n");
        let read = read("x.yaml", Format::Yaml, yaml).expect("a document");
        assert!(matches!(read.code, Code::Inline(_)) && read.document.format == Format::Json);
    }

    #[test]
    fn large_component_in_the_document_is_accepted() {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.resize(3 << 20, 7);
        let read = read_json(json(&BASE64.encode(&bytes))).expect("a document");
        assert!(matches!(&read.code, Code::Inline(found) if *found == bytes));
    }

    #[test]
    fn component_is_named_by_a_url_or_a_path() {
        for named in ["https://example.org/a.wasm", "a.wasm", "dist/a.wasm"] {
            let text = json(named);
            let read = read_json(text.clone()).expect("a document");
            assert!(matches!(&read.code, Code::Named(found) if found == named), "{named}");
            assert_eq!(read.document.text, text, "the document is stored as it was published");
        }
        let text = r#"{"name":"a","version":"1.0.0","entry_point":"b.wasm"}"#.to_owned();
        assert!(matches!(read_json(text).expect("a document").code, Code::Named(named) if named == "b.wasm"));
    }

    #[test]
    fn source_code_is_recognised() {
        for source in ["export default { name: 'a' }", "AGFzb but not base64", ""] {
            assert!(matches!(read_json(json(source)).expect("a document").code, Code::Source), "{source}");
        }
        let text = r#"{"name":"a","version":"1.0.0"}"#.to_owned();
        assert!(matches!(read_json(text).expect("a document").code, Code::Nowhere));
    }

    #[test]
    fn problems_of_the_manifest_come_before_what_it_names() {
        for text in [
            r#"{"name":"../a","version":"1.0.0","plugin":"https://example.org/a.wasm"}"#,
            r#"{"name":"a","version":"1.0.0","entry_point":"../../a.wasm"}"#,
            r#"{"name":"a","name":"b","version":"1.0.0","plugin":"a.wasm"}"#,
            r#"{"name":"a","plugin":"a.wasm","plugin":"b.wasm"}"#,
            r#"["plugin"]"#,
            "not json",
        ] {
            assert!(matches!(read_json(text.to_owned()), Err(CatalogProblem::Manifest(_))), "{text}");
        }
    }
}
