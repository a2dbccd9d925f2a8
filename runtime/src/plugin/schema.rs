//! The schema of an action's payload: compiled once at load, asked before any guest code runs.
//!
//! Schemas come from plugins, which are not trusted: patterns run on an engine that takes linear time, references lead
//! nowhere outside the schema, and what one compiles to is bounded.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::error::{InvokeError, LoadFailure, PayloadProblem};
use crate::limits::{SCHEMA_PATTERN_BYTES_MAX, VALIDATION_PROBLEM_BYTES_MAX, VALIDATION_PROBLEMS_MAX};

/// The longest value that a problem repeats, in bytes: what is longer hides what is wrong with it.
const SHOWN_BYTES_MAX: usize = 200;

/// A compiled payload schema.
pub(crate) struct PayloadSchema(Validator);

impl PayloadSchema {
    /// `None` where anything is accepted, so that such payloads are not even parsed.
    pub(crate) fn compile(action: &str, schema: Option<&Value>) -> Result<Option<Self>, LoadFailure> {
        let Some(schema) = schema.filter(|schema| **schema != Value::Bool(true) && !is_empty(schema)) else {
            return Ok(None);
        };
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(
                PatternOptions::regex().size_limit(SCHEMA_PATTERN_BYTES_MAX).dfa_size_limit(SCHEMA_PATTERN_BYTES_MAX),
            )
            .build(schema)
            .map(|validator| Some(PayloadSchema(validator)))
            .map_err(|error| LoadFailure::Schema { action: action.to_owned(), message: error.to_string() })
    }

    /// Every problem of a payload, up to a bound.
    pub(crate) fn check(&self, plugin: &str, action: &str, payload: &str) -> Result<(), InvokeError> {
        let value: Value = serde_json::from_str(payload)
            .map_err(|error| InvokeError::Payload { action: action.to_owned(), message: error.to_string() })?;
        if self.0.is_valid(&value) {
            return Ok(());
        }
        let mut problems = Vec::new();
        for error in self.0.iter_errors(&value).take(VALIDATION_PROBLEMS_MAX) {
            explain(&error, &mut problems);
        }
        let problems = problems
            .into_iter()
            .map(|PayloadProblem { path, message }| PayloadProblem {
                path: shortened(path),
                message: shortened(message),
            })
            .collect();
        Err(InvokeError::Validation { plugin: plugin.to_owned(), action: action.to_owned(), problems })
    }
}

/// Adds what is wrong. That a choice, such as "this object or null" or an enum of Rust, has no alternative that fits would be
/// true and help nobody: it is what is wrong with the alternative that is meant, or what all of them ask for.
fn explain(error: &ValidationError<'_>, problems: &mut Vec<PayloadProblem>) {
    if problems.len() >= VALIDATION_PROBLEMS_MAX {
        return;
    }
    let path = error.instance_path().to_string();
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        problems.push(PayloadProblem { path, message: text(error) });
        return;
    };
    let meant = context.iter().filter(|alternative| what_it_is(error, alternative).is_none());
    match meant.collect::<Vec<_>>().as_slice() {
        [only] => only.iter().for_each(|inner| explain(inner, problems)),
        [] => {
            let mut known: Vec<String> =
                context.iter().filter_map(|alternative| what_it_is(error, alternative)).collect();
            known.dedup();
            let message = format!("{} is none of: {}", shown(error.instance()), known.join(", "));
            problems.push(PayloadProblem { path, message });
        }
        [first, others @ ..] => {
            let of_all = |inner: &&ValidationError<'_>| {
                let same = |it: &ValidationError<'_>| {
                    it.instance_path() == inner.instance_path() && it.to_string() == inner.to_string()
                };
                others.iter().all(|other| other.iter().any(same))
            };
            let shared: Vec<_> = first.iter().filter(of_all).collect();
            if shared.is_empty() {
                problems.push(PayloadProblem { path, message: text(error) });
            }
            shared.iter().for_each(|inner| explain(inner, problems));
        }
    }
}

/// What an alternative is for, in a word, where the value is something else: another type, another tag, another key.
fn what_it_is(choice: &ValidationError<'_>, alternative: &[ValidationError<'_>]) -> Option<String> {
    let of_the_value = |inner: &&ValidationError<'_>| inner.instance_path() == choice.instance_path();
    if let Some(kind) = alternative.iter().filter(of_the_value).find_map(|inner| match inner.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => Some(kind.to_string()),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            Some(kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "))
        }
        ValidationErrorKind::Enum { options } => {
            let options =
                options.as_array().filter(|options| options.iter().all(|it| !same_type(it, inner.instance())))?;
            Some(options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }) {
        return Some(kind);
    }
    // A member that can be one text only is a tag.
    for inner in alternative {
        let ValidationErrorKind::Enum { options } = inner.kind() else { continue };
        let tag = inner.instance_path().as_str().strip_prefix(choice.instance_path().as_str())?.strip_prefix('/')?;
        if let Some([only @ Value::String(_)]) = options.as_array().map(Vec::as_slice)
            && !tag.contains('/')
        {
            return Some(format!("{{\"{tag}\": {only}}}"));
        }
    }
    // A member that has to be there, and no other may be: the key is the tag.
    let closed = |inner: &ValidationError<'_>| matches!(inner.kind(), ValidationErrorKind::AdditionalProperties { .. });
    let key = alternative.iter().filter(of_the_value).find_map(|inner| match inner.kind() {
        ValidationErrorKind::Required { property } => Some(property),
        _ => None,
    })?;
    alternative.iter().filter(of_the_value).any(closed).then(|| format!("{{{key}: …}}"))
}

fn same_type(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// What is wrong, without the value where that is long.
fn text(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    if value.to_string().len() > SHOWN_BYTES_MAX {
        error.masked_with("the value").to_string()
    } else {
        error.to_string()
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > SHOWN_BYTES_MAX { "the value".to_owned() } else { text }
}

/// A text without its middle, if it is long: names of members are a payload's, too.
fn shortened(text: String) -> String {
    if text.len() <= VALIDATION_PROBLEM_BYTES_MAX {
        return text;
    }
    const MARK: &str = " … ";
    let kept = (VALIDATION_PROBLEM_BYTES_MAX - MARK.len()) / 2;
    let (start, end) = (text.floor_char_boundary(kept), text.ceil_char_boundary(text.len() - kept));
    format!("{}{MARK}{}", &text[..start], &text[end..])
}

fn is_empty(schema: &Value) -> bool {
    schema.as_object().is_some_and(serde_json::Map::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(schema: Value) -> PayloadSchema {
        PayloadSchema::compile("a", Some(&schema)).expect("usable").expect("not empty")
    }

    #[test]
    fn schema_that_accepts_anything_is_none() {
        for anything in [None, Some(json!(true)), Some(json!({}))] {
            assert!(PayloadSchema::compile("a", anything.as_ref()).expect("usable").is_none());
        }
    }

    #[test]
    fn every_problem_is_listed_with_its_path() {
        let schema = schema(json!({
            "type": "object", "required": ["name"],
            "properties": { "age": { "type": "integer", "minimum": 0 } },
        }));
        assert!(schema.check("p", "a", r#"{"name":"Ada","age":36}"#).is_ok());
        let Err(InvokeError::Validation { problems, .. }) = schema.check("p", "a", r#"{"age":-1}"#) else {
            panic!("refused");
        };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert!(paths.contains(&"/age") && paths.contains(&""), "{problems:?}");
    }

    fn check(schema: &PayloadSchema, payload: &str, path: &str, message: &str) {
        let Err(InvokeError::Validation { problems, .. }) = schema.check("p", "a", payload) else {
            panic!("{payload} was accepted");
        };
        let first = (problems[0].path.as_str(), problems[0].message.as_str());
        assert_eq!((problems.len(), first), (1, (path, message)), "{payload}: {problems:?}");
    }

    #[test]
    fn choice_is_explained_by_the_alternative_of_the_same_type() {
        let name = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
        let schema = schema(json!({ "anyOf": [name, { "type": "null" }] }));
        assert!(schema.check("p", "a", "null").is_ok());
        check(&schema, r#"{"nme": 1}"#, "", r#""name" is a required property"#);
        check(&schema, r#"{"name": 1}"#, "/name", r#"1 is not of type "string""#);
        check(&schema, "5", "", "5 is none of: object, null");
    }

    #[test]
    fn choice_by_a_tag_is_explained_by_the_alternative_of_the_same_tag() {
        let shape = |tag: &str, size: &str| {
            json!({
                "type": "object", "required": ["type", size],
                "properties": { "type": { "enum": [tag] }, size: { "type": "number" } },
            })
        };
        let shape = json!({ "anyOf": [shape("circle", "radius"), shape("square", "side")] });
        let schema = schema(json!({ "anyOf": [shape, { "type": "null" }] }));
        check(&schema, r#"{"type": "square"}"#, "", r#""side" is a required property"#);
        check(&schema, r#"{"type": "circle", "radius": "1"}"#, "/radius", r#""1" is not of type "number""#);
        let other = r#"{"type":"line"}"#;
        check(&schema, other, "", &format!(r#"{other} is none of: {{"type": "circle"}}, {{"type": "square"}}"#));
        check(&schema, r#"{"radius": 1, "side": 1}"#, "", r#""type" is a required property"#);
    }

    #[test]
    fn choice_by_a_key_is_explained_by_the_alternative_of_the_same_key() {
        let variant = |key: &str| {
            json!({
                "type": "object", "required": [key],
                "properties": { key: { "type": "integer" } }, "additionalProperties": false,
            })
        };
        let schema = schema(json!({ "anyOf": [{ "enum": ["off", "on"] }, variant("dim"), variant("blink")] }));
        check(&schema, r#"{"dim": "1"}"#, "/dim", r#""1" is not of type "integer""#);
        check(&schema, "\"of\"", "", r#""of" is not one of "off" or "on""#);
        check(&schema, "7", "", r#"7 is none of: "off", "on", object"#);
        check(&schema, r#"{"dmi":1}"#, "", r#"{"dmi":1} is none of: "off", "on", {"dim": …}, {"blink": …}"#);
    }

    #[test]
    fn problem_does_not_repeat_a_long_value() {
        let long = format!("\"{}\"", "a".repeat(1000));
        check(&schema(json!({ "type": "integer" })), &long, "", r#"the value is not of type "integer""#);
    }

    #[test]
    fn problem_with_a_huge_name_is_told_in_a_few_words() {
        let huge = "ä".repeat(1 << 20);
        for members in [json!({ "type": "integer" }), json!(false)] {
            let schema = schema(json!({ "type": "object", "additionalProperties": members }));
            let payload = json!({ huge.clone(): true }).to_string();
            let Err(InvokeError::Validation { problems, .. }) = schema.check("p", "a", &payload) else {
                panic!("refused");
            };
            let PayloadProblem { path, message } = &problems[0];
            assert!(path.len() <= VALIDATION_PROBLEM_BYTES_MAX && message.len() <= VALIDATION_PROBLEM_BYTES_MAX);
        }
    }

    #[test]
    fn schema_that_is_none_or_leads_outside_fails_the_load() {
        for wrong in
            [json!({"type": "nothing"}), json!({"$ref": "https://example.org/x.json"}), json!({"pattern": "("})]
        {
            assert!(PayloadSchema::compile("a", Some(&wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pattern_that_would_explode_answers_at_once() {
        let schema = schema(json!({"type": "string", "pattern": "^(a+)+$"}));
        assert!(schema.check("p", "a", &format!("\"{}!\"", "a".repeat(50_000))).is_err());
    }
}
