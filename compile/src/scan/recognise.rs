//! The kind of a file, recognised by its first bytes.

use super::{Kind, ScanError};

const MAGIC: [u8; 4] = *b"\0asm";
const HEADER_BYTES: usize = 8;

/// Distinguishes components and core modules from files that are mistaken for them.
pub(super) fn kind(bytes: &[u8]) -> Result<Kind, ScanError> {
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    // wasmtime's compiled artifacts are ELF files on every platform.
    if bytes.starts_with(b"\x7fELF") {
        return Err(ScanError::CompiledArtifact);
    }
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(if is_text(bytes) { ScanError::Text } else { not_wasm(bytes) });
    }
    let Some(&[v0, v1, l0, l1]) = bytes.get(MAGIC.len()..HEADER_BYTES) else {
        return Err(ScanError::Truncated { size: bytes.len() as u64 });
    };
    match (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([l0, l1])) {
        (1, 0) => Ok(Kind::CoreModule),
        (0x0d, 1) => Ok(Kind::Component),
        (version, layer) => Err(ScanError::Version { version, layer }),
    }
}

/// Returns whether the file is in the text format, which begins with a parenthesis or a comment.
fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    start.starts_with(b";;")
        || start.strip_prefix(b"(").is_some_and(|inner| {
            let inner = inner.trim_ascii_start();
            [&b"module"[..], b"component", b";"].iter().any(|word| inner.starts_with(word))
        })
}

fn not_wasm(bytes: &[u8]) -> ScanError {
    let start: Vec<String> = bytes.iter().take(HEADER_BYTES).map(|byte| format!("{byte:02x}")).collect();
    ScanError::NotWasm { start: start.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_of_component_is_component() {
        assert_eq!(kind(b"\0asm\x0d\0\x01\0"), Ok(Kind::Component));
    }

    #[test]
    fn header_of_module_is_core_module() {
        assert_eq!(kind(b"\0asm\x01\0\0\0rest"), Ok(Kind::CoreModule));
    }

    #[test]
    fn empty_file_is_refused_as_empty() {
        assert_eq!(kind(b""), Err(ScanError::Empty));
    }

    #[test]
    fn elf_file_is_refused_as_compiled() {
        assert_eq!(kind(b"\x7fELF\x02\x01\x01\xc8"), Err(ScanError::CompiledArtifact));
    }

    #[test]
    fn header_cut_off_is_truncated() {
        for size in 1..HEADER_BYTES {
            assert_eq!(kind(&b"\0asm\x0d\0\x01\0"[..size]), Err(ScanError::Truncated { size: size as u64 }));
        }
    }

    #[test]
    fn text_in_all_its_openings_is_refused_with_hint() {
        for text in ["(module)", "  ;; note\n(component)", "\u{feff}( component $c)", "(; note ;) (module)"] {
            assert_eq!(kind(text.as_bytes()), Err(ScanError::Text), "{text:?}");
        }
        assert!(ScanError::Text.to_string().contains("wasm-tools parse"));
    }

    #[test]
    fn foreign_file_is_refused_with_its_first_bytes() {
        assert_eq!(kind(b"PK\x03\x04"), Err(ScanError::NotWasm { start: "50 4b 03 04".to_owned() }));
        assert!(matches!(kind(b"(print \"hello\")"), Err(ScanError::NotWasm { .. })));
    }

    #[test]
    fn old_component_layer_is_refused_with_its_version() {
        assert_eq!(kind(b"\0asm\x0a\0\x01\0"), Err(ScanError::Version { version: 10, layer: 1 }));
    }
}
