//! Errors of the YAML parser, reworded for authors of manifests: the parser's own texts are for Rust programmers.

use serde_saphyr::Error;

/// Returns the text of an error: the problem, its position and the remedy.
pub(super) fn explain(error: &Error, text: &str) -> String {
    let shown = error.to_string();
    if let Some((line, column)) = tab_in_indentation(text).filter(|_| shown.contains("tab")) {
        return format!("a line is indented with a tab: use spaces at line {line}, column {column}");
    }
    let message = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key {} is written twice", super::quoted(key)),
        Error::DuplicateMappingKey { .. } => "a key is written twice".to_owned(),
        Error::NullIntoString { .. } => "a key is missing before `:`, or is `~`: keys are text".to_owned(),
        Error::Unexpected { expected, .. } if expected.contains("string") => {
            "a key is a list or an object: keys are text".to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an alias (`*`) is inside its own anchor (`&`)".to_owned(),
        Error::BytesNotSupportedMissingBinaryTag { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::BinaryNotUtf8 { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            "a value has a tag that is not supported here (such as `!!binary`): write it as plain text".to_owned()
        }
        Error::NonFiniteFloat { .. } => "infinity and NaN are not numbers in JSON".to_owned(),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => "`<<` takes an object or a list of objects".to_owned(),
        _ => return hint(shown),
    };
    match error.location() {
        Some(at) => format!("{message} at line {}, column {}", at.line(), at.column()),
        None => message,
    }
}

/// Returns the parser's text, with advice for the two most common mistakes in plain text.
fn hint(shown: String) -> String {
    let quotes = ["unexpected character: `@'", "unexpected character: ``'", "mapping values are not allowed"];
    if quotes.iter().any(|part| shown.contains(part)) {
        return format!("{shown}; text that begins with `@` or contains `: ` has to be in quotes");
    }
    shown
}

/// Returns the position of the first tab indentation. The position that the parser reports depends on earlier lines.
fn tab_in_indentation(text: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let column = line[..indentation].find('\t')?;
        Some((index + 1, column + 1)).filter(|_| indentation < line.len())
    })
}

#[cfg(test)]
mod tests {
    use crate::format::Format;

    fn check(text: &str, expected: &str) {
        let error = Format::Yaml.parse("plugin.yaml", text).expect_err("it is wrong").to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
        for word in ["Options", "DuplicateKeyPolicy", "weak recursion", "policy", "deserialize", "scalar"] {
            assert!(!error.contains(word), "the error for {text:?} has the library's words: {error}");
        }
    }

    #[test]
    fn mistakes_are_reported_without_library_terms() {
        check("name: a\nname: b", "the key `name` is written twice at line 2");
        check("~: 1", "keys are text");
        check(": x", "keys are text");
        check("[a]: 1", "keys are text");
        check("? {a: 1}", "keys are text");
        check("a: &a [*a]", "an alias (`*`) is inside its own anchor");
        check("a: !!binary gIGC", "write it as plain text");
        check("timeout_seconds: .nan", "infinity and NaN are not numbers");
    }

    #[test]
    fn text_that_needs_quotes_gets_a_hint() {
        check("name: @x", "in quotes");
        check("description: a: b", "in quotes");
    }

    #[test]
    fn tab_is_reported_with_its_position() {
        check("name: a\nresources:\n\ttimeout_seconds: 1", "use spaces at line 3, column 1");
    }
}
