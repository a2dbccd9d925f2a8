//! Deserialization of payloads, with errors that contain the location.
//!
//! The host has already checked the payload against the schema. This second check covers rules that a schema cannot
//! express, and hosts that do not check.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, error};

/// The code of an error about a payload that the action cannot accept.
pub(crate) const VALIDATION_ERROR: &str = "validation_error";

/// Reads a payload.
///
/// # Errors
/// `validation_error` with the location and serde's message. Its details are `{"problems": [{"path", "message"}]}`,
/// where the path is a JSON Pointer.
pub fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T> {
    serde_json::from_str(text).map_err(|reason| explain::<T>(text, &reason))
}

#[derive(Serialize)]
struct Problems {
    problems: [Problem; 1],
}

#[derive(Serialize)]
struct Problem {
    path: String,
    message: String,
}

/// Reads a payload again that could not be read, this time tracking the location. Valid payloads do not pay for it.
#[cold]
fn explain<'de, T: Deserialize<'de>>(text: &'de str, reason: &serde_json::Error) -> Error {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let failure = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err();
    let (path, reason) = match &failure {
        Some(failure) => (pointer(failure.path()), failure.inner()),
        None => (String::new(), reason),
    };
    let mut message = reason.to_string();
    // Serde adds the line and column, which mean nothing to a caller that did not write the text itself.
    let position = format!(" at line {} column {}", reason.line(), reason.column());
    if message.ends_with(&position) {
        message.truncate(message.len() - position.len());
    }
    let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
    error(format!("the payload does not fit{place}: {message}"))
        .with_code(VALIDATION_ERROR)
        .with_details(Problems { problems: [Problem { path, message }] })
}

/// A path as a JSON Pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_step(&mut pointer, &index.to_string()),
            // A variant's name is a key of the text where enums are tagged from outside, which is serde's default.
            Segment::Map { key } | Segment::Enum { variant: key } => push_step(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Appends a step to a JSON pointer.
pub(crate) fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    for character in step.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn wrong_nested_value_is_named_by_its_json_pointer() {
        let failure = parse::<BTreeMap<String, Vec<u8>>>(r#"{"a/b": [1, 2, "x"]}"#).expect_err("x is not a u8");
        assert_eq!(failure.code(), VALIDATION_ERROR);
        assert_eq!(failure.message(), "the payload does not fit at /a~1b/2: invalid type: string \"x\", expected u8");
        let message = "invalid type: string \\\"x\\\", expected u8";
        let details = format!(r#"{{"problems":[{{"path":"/a~1b/2","message":"{message}"}}]}}"#);
        assert_eq!(failure.details(), Some(&*details));
    }

    #[test]
    fn text_after_the_value_is_refused() {
        let failure = parse::<u8>("1 2").expect_err("two values");
        assert_eq!(failure.message(), "the payload does not fit: trailing characters");
    }
}
