//! The schema of an action's payload, compiled once at load and checked before any guest code runs.
//!
//! Schemas come from untrusted plugins, and so do the payloads of jobs and of calls between plugins; a comparison
//! cannot be interrupted. Its cost is therefore bounded in advance: the size of the unfolded schema and the complexity
//! of its patterns (`extent.rs`), that size times the number of values in a payload, and the work of listing all
//! problems, which exceeds that of finding one.
//!
//! A smaller dialect of JSON Schema would not replace this. Without cycles, references still multiply (30 lines for 2³⁰
//! comparisons), and patterns, long payloads and listed problems cost the same. Refusing cycles would refuse recursive
//! types, for which the SDK's derive macro generates them. Only `$anchor` and the `unevaluated…` keywords could go: 40
//! lines, and schemas that other tools generate would no longer load.

mod extent;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use plugbay_manifest::{ActionDeclaration, Route};
use serde_json::Value;

use self::extent::{Extent, check_pattern};
use crate::error::{InvokeError, InvokeErrorKind, LoadErrorKind, PayloadProblem};
use crate::limits::{
    SCHEMA_LISTED_MAX, SCHEMA_PATTERN_BYTES_MAX, SCHEMA_PATTERNS_MAX, SCHEMA_WORK_MAX, VALIDATION_PROBLEM_BYTES_MAX,
    VALIDATION_PROBLEMS_MAX,
};

/// Maximum nesting depth of a payload that serde_json reads as a value.
const PAYLOAD_DEPTH_MAX: usize = 128;

/// Checks that the cost of the schemas that a plugin's calls are compared with is bounded: those of the payloads of
/// actions, and of the parameters of routes.
///
/// # Errors
/// [`LoadErrorKind::Schema`] with the action or route, and the part of its schema that is not.
pub(crate) fn check_cost(actions: &[ActionDeclaration], routes: &[Route]) -> Result<(), LoadErrorKind> {
    let payloads = actions.iter().filter_map(|action| Some((action.name.clone(), action.payload.as_ref()?)));
    let parameters = routes
        .iter()
        .flat_map(|route| route.params.iter().chain(&route.query).map(|schema| (shown_route(route), schema)));
    let mut patterns = 0;
    for (owner, schema) in payloads.chain(parameters) {
        let failed = |message| LoadErrorKind::Schema { action: owner.clone(), message };
        let extent = Extent::of(schema).map_err(failed)?;
        patterns += extent.patterns.len();
        if patterns > SCHEMA_PATTERNS_MAX {
            return Err(failed(format!(
                "with it, the actions and routes have more than {SCHEMA_PATTERNS_MAX} patterns"
            )));
        }
        extent.patterns.iter().try_for_each(|pattern| check_pattern(pattern)).map_err(failed)?;
    }
    Ok(())
}

/// The name of a route in errors about its schemas.
pub(crate) fn shown_route(route: &Route) -> String {
    format!("{} {}", route.method.name(), route.path)
}

/// Maximum length of a value quoted in a problem, in bytes: a longer value would hide the problem.
const SHOWN_BYTES_MAX: usize = 200;

/// A compiled payload schema.
pub(crate) struct PayloadSchema {
    validator: Validator,
    extent: Extent,
}

impl PayloadSchema {
    /// Compiles a schema; `None` if it accepts everything, so that such payloads are not even parsed.
    pub(crate) fn compile(action: &str, schema: Option<&Value>) -> Result<Option<Self>, LoadErrorKind> {
        let Some(schema) = schema.filter(|schema| **schema != Value::Bool(true) && !is_empty(schema)) else {
            return Ok(None);
        };
        let failed = |message| LoadErrorKind::Schema { action: action.to_owned(), message };
        let extent = Extent::of(schema).map_err(failed)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            // This draft asserts `format` only on request, and plugins rely on formats such as `email`, `uuid` and
            // `date-time`.
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex().size_limit(SCHEMA_PATTERN_BYTES_MAX).dfa_size_limit(SCHEMA_PATTERN_BYTES_MAX),
            )
            .build(schema)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Some(PayloadSchema { validator, extent }))
    }

    /// Checks a payload, and returns its problems up to a maximum number.
    pub(crate) fn check(&self, plugin: &str, action: &str, payload: &str) -> Result<(), InvokeError> {
        let failed = |kind| Err(InvokeError::new(plugin, action, kind));
        let problems = match serde_json::from_str::<Value>(payload) {
            Ok(value) => self.problems(&value, payload.len()),
            Err(error) if error.to_string().starts_with("recursion limit exceeded") => {
                let message = format!(
                    "it is nested more than {PAYLOAD_DEPTH_MAX} levels deep at line {} column {}, which cannot be compared \
                     with what is declared: nest it less",
                    error.line(),
                    error.column()
                );
                vec![PayloadProblem { path: String::new(), message }]
            }
            Err(error) => return failed(InvokeErrorKind::Payload { message: error.to_string() }),
        };
        if problems.is_empty() {
            return Ok(());
        }
        failed(InvokeErrorKind::Validation { problems })
    }

    /// Returns the problems of a payload that is this many bytes long.
    pub(crate) fn problems(&self, value: &Value, bytes: usize) -> Vec<PayloadProblem> {
        let of_all = |message: &str| vec![PayloadProblem { path: String::new(), message: message.to_owned() }];
        // A value takes at least two bytes, so most payloads need not be counted.
        let may_be_costly = self.extent.values.saturating_mul(bytes as u64) > SCHEMA_WORK_MAX;
        if may_be_costly && self.extent.values.saturating_mul(count(value)) > SCHEMA_WORK_MAX {
            return of_all("it has too many values to be compared with what is declared: send it in parts");
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let mut problems: Vec<PayloadProblem> = Vec::new();
        if self.extent.values.saturating_mul(count_paths(value, self.extent.recursions)) <= SCHEMA_LISTED_MAX {
            for error in self.validator.iter_errors(value).take(VALIDATION_PROBLEMS_MAX) {
                explain(&error, &mut problems);
            }
        } else if !self.extent.has_choice && self.extent.recursions <= 1 {
            // The first problem is found by validation itself.
            self.validator.validate(value).err().iter().for_each(|error| explain(error, &mut problems));
        }
        if problems.is_empty() {
            return of_all("it does not fit, and is too large to say where: try it with less in it");
        }
        let shorten =
            |PayloadProblem { path, message }| PayloadProblem { path: shortened(path), message: shortened(message) };
        problems.into_iter().map(shorten).collect()
    }
}

/// Counts the values in a value, including itself.
fn count(value: &Value) -> u64 {
    count_paths(value, 1)
}

/// Like `count`, but each value counts once for each of the `ways` that lead to it at each level.
fn count_paths(value: &Value, ways: u64) -> u64 {
    let ways = ways.max(1);
    let inner = match value {
        Value::Array(items) => items.iter().fold(0, |sum: u64, item| sum.saturating_add(count_paths(item, ways))),
        Value::Object(members) => {
            members.values().fold(0, |sum: u64, value| sum.saturating_add(count_paths(value, ways)))
        }
        _ => 0,
    };
    inner.saturating_mul(ways).saturating_add(1)
}

/// Adds the problems behind an error. If no alternative of a choice fits, such as "this object or null" or a Rust enum,
/// that alone would not help the reader: the problems are those of the intended alternative, or those that all
/// alternatives share.
fn explain(error: &ValidationError<'_>, problems: &mut Vec<PayloadProblem>) {
    if problems.len() >= VALIDATION_PROBLEMS_MAX {
        return;
    }
    let path = error.instance_path().to_string();
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        problems.push(PayloadProblem { path, message: text(error) });
        return;
    };
    let meant = context.iter().filter(|alternative| describe_alternative(error, alternative).is_none());
    match meant.collect::<Vec<_>>().as_slice() {
        [only] => only.iter().for_each(|inner| explain(inner, problems)),
        [] => {
            let mut known: Vec<String> =
                context.iter().filter_map(|alternative| describe_alternative(error, alternative)).collect();
            known.dedup();
            let message = format!("{} is none of: {}", shown(error.instance()), known.join(", "));
            problems.push(PayloadProblem { path, message });
        }
        [first, others @ ..] => {
            let of_all = |inner: &&ValidationError<'_>| {
                let same = |it: &ValidationError<'_>| {
                    it.instance_path() == inner.instance_path() && it.to_string() == inner.to_string()
                };
                others.iter().all(|other| other.iter().take(VALIDATION_PROBLEMS_MAX).any(same))
            };
            // The comparison is quadratic, so only the first ones are compared.
            let shared: Vec<_> = first.iter().take(VALIDATION_PROBLEMS_MAX).filter(of_all).collect();
            if shared.is_empty() {
                problems.push(PayloadProblem { path, message: text(error) });
            }
            shared.iter().for_each(|inner| explain(inner, problems));
        }
    }
}

/// Describes an alternative in a word if the value clearly is not one: it has another type, another tag or another key.
fn describe_alternative(choice: &ValidationError<'_>, alternative: &[ValidationError<'_>]) -> Option<String> {
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
    // A member with a single allowed text is a tag.
    for inner in alternative {
        let ValidationErrorKind::Enum { options } = inner.kind() else { continue };
        let tag = inner.instance_path().as_str().strip_prefix(choice.instance_path().as_str())?.strip_prefix('/')?;
        if let Some([only @ Value::String(_)]) = options.as_array().map(Vec::as_slice)
            && !tag.contains('/')
        {
            return Some(format!("{{\"{tag}\": {only}}}"));
        }
    }
    // If a member is required and no other is allowed, its key is the tag.
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

/// Returns the error's message, without the value if that is long.
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

/// Cuts the middle out of a long text: member names, too, come from the payload.
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
        let problems = problems(&schema, r#"{"age":-1}"#);
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert!(paths.contains(&"/age") && paths.contains(&""), "{problems:?}");
    }

    fn check(schema: &PayloadSchema, payload: &str, path: &str, message: &str) {
        let problems = problems(schema, payload);
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
            let problems = problems(&schema, &payload);
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

    fn problems(schema: &PayloadSchema, payload: &str) -> Vec<PayloadProblem> {
        let error = schema.check("p", "a", payload).expect_err("it does not fit");
        match error.kind() {
            InvokeErrorKind::Validation { problems } => problems.clone(),
            other => panic!("{payload}: {other:?}"),
        }
    }

    /// Each level has two ways to the one below, so listing the problems on all of them takes 2⁶⁰ errors.
    #[test]
    fn payload_on_which_errors_multiply_is_refused_at_once() {
        let inner = json!({ "type": "object", "required": ["x"], "properties": { "x": { "$ref": "#" } } });
        for choice in ["anyOf", "oneOf", "allOf"] {
            let schema = schema(json!({ choice: [inner, inner], "additionalProperties": { "$ref": "#" } }));
            let payload = format!("{}1{}", r#"{"x":"#.repeat(60), "}".repeat(60));
            assert_eq!(problems(&schema, &payload).len(), 1);
        }
    }

    #[test]
    fn tree_is_explained_at_its_place() {
        let schema = schema(json!({
            "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string" }, "children": { "items": { "$ref": "#" } } },
        }));
        let tree = |leaf: &str| format!(r#"{{"name":"a","children":[{{"name":"b","children":[{leaf}]}}]}}"#);
        assert!(schema.check("p", "a", &tree(r#"{"name":"c"}"#)).is_ok());
        assert_eq!(problems(&schema, &tree(r#"{"name":1}"#))[0].path, "/children/0/children/0/name");
    }

    #[test]
    fn large_payload_is_told_its_first_problem() {
        let schema = schema(json!({ "items": { "type": "object", "properties": { "n": { "type": "integer" } } } }));
        let payload = |last: &str| format!("[{}{last}]", r#"{"n":1},"#.repeat(100_000));
        assert!(schema.check("p", "a", &payload(r#"{"n":2}"#)).is_ok());
        assert_eq!(problems(&schema, &payload(r#"{"n":"x"}"#))[0].path, "/100000/n");
    }

    #[test]
    fn payload_with_too_many_values_for_a_large_schema_is_refused() {
        let names: Vec<_> = (0..4_000).map(|n| json!(format!("name{n}"))).collect();
        let schema = schema(json!({ "items": { "enum": names } }));
        assert!(problems(&schema, &format!("[{}0]", "0,".repeat(200_000)))[0].message.contains("too many values"));
    }

    #[test]
    fn problem_does_not_repeat_the_payload() {
        let schema = schema(json!({ "properties": { "key": { "type": "string", "pattern": "^x$" } } }));
        let long = json!({ "key": "ä".repeat(100_000) }).to_string();
        let problem = &problems(&schema, &long)[0];
        assert!(
            problem.path == "/key" && problem.message.len() <= VALIDATION_PROBLEM_BYTES_MAX,
            "{}",
            problem.message.len()
        );
    }

    #[test]
    fn pattern_that_would_explode_answers_at_once() {
        let schema = schema(json!({"type": "string", "pattern": "^(a+)+$"}));
        assert!(schema.check("p", "a", &format!("\"{}!\"", "a".repeat(50_000))).is_err());
    }
}
