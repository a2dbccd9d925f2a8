//! The schema of an action's payload: compiled once at load, asked before any guest code runs.
//!
//! Schemas come from plugins, which are not trusted: patterns run on an engine that takes linear time, references lead
//! nowhere outside the schema, and what one compiles to is bounded.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::error::{InvokeError, LoadFailure, PayloadProblem};
use crate::limits::{SCHEMA_PATTERN_BYTES_MAX, VALIDATION_PROBLEMS_MAX};

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
        Err(InvokeError::Validation { plugin: plugin.to_owned(), action: action.to_owned(), problems })
    }
}

/// Adds what is wrong. Of a choice such as "this object or null", that is what is wrong with the only alternative of the
/// value's own type: that no alternative fits would be true and help nobody.
fn explain(error: &ValidationError<'_>, problems: &mut Vec<PayloadProblem>) {
    if problems.len() >= VALIDATION_PROBLEMS_MAX {
        return;
    }
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } = error.kind() {
        let of_another_type = |inner: &ValidationError<'_>| {
            matches!(inner.kind(), ValidationErrorKind::Type { .. }) && inner.instance_path() == error.instance_path()
        };
        let mut meant = context.iter().filter(|alternative| !alternative.iter().any(of_another_type));
        if let (Some(alternative), None) = (meant.next(), meant.next()) {
            alternative.iter().for_each(|inner| explain(inner, problems));
            return;
        }
    }
    problems.push(PayloadProblem { path: error.instance_path().to_string(), message: error.to_string() });
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

    #[test]
    fn choice_is_explained_by_the_alternative_of_the_same_type() {
        let name = json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
        let schema = schema(json!({ "anyOf": [name, { "type": "null" }] }));
        let problems = |payload: &str| match schema.check("p", "a", payload) {
            Err(InvokeError::Validation { problems, .. }) => problems,
            other => panic!("{other:?}"),
        };
        assert!(schema.check("p", "a", "null").is_ok());
        assert_eq!(problems(r#"{"nme": 1}"#)[0].message, "\"name\" is a required property");
        assert_eq!(problems(r#"{"name": 1}"#)[0].path, "/name");
        assert!(problems("5")[0].message.contains("anyOf"), "no alternative is meant more than the other");
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
