//! The cost of checking against a schema, estimated before the schema is used.
//!
//! A few hundred bytes of references can stand for 2⁶⁰ comparisons, and a pattern of thirty characters for
//! thousands of states that are visited for each character of a text. A schema is therefore unfolded once, without
//! building the result: each reference counts as its target, except a reference into itself, which counts as one
//! value. The size is bounded, and with it the cost of one value of a payload.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use serde_json::Value;

use crate::limits::{
    SCHEMA_PATTERN_BYTES_MAX, SCHEMA_REFERENCE_DEPTH_MAX, SCHEMA_UNEVALUATED_DEPTH_MAX, SCHEMA_VALUES_MAX,
};

/// The size of an unfolded schema.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The number of JSON values.
    pub(super) values: u64,
    /// The number of references into themselves.
    pub(super) recursions: u64,
    /// Whether there are alternatives, in which case the problems of a value are listed for each.
    pub(super) has_choice: bool,
    /// All patterns.
    pub(super) patterns: BTreeSet<String>,
}

impl Extent {
    /// Measures a schema.
    ///
    /// # Errors
    /// The part of the schema that exceeds a limit or cannot be bounded.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut anchors = BTreeMap::new();
        find_anchors(schema, true, &mut anchors)?;
        let mut unfolding = Unfolding {
            root: schema,
            anchors,
            open: vec![schema],
            unevaluated: 0,
            uses_unevaluated: false,
            extent: Extent::default(),
        };
        unfolding.visit(schema)?;
        if unfolding.uses_unevaluated && unfolding.extent.recursions > 0 {
            return Err(
                "`unevaluatedProperties` and `unevaluatedItems` are not supported if the schema refers to itself: they \
                        would be evaluated again at each level, for all levels below it"
                    .to_owned(),
            );
        }
        Ok(unfolding.extent)
    }
}

/// Keywords for readers of schemas, without effect on validation.
const NOTES: [&str; 8] = ["title", "description", "default", "examples", "$comment", "$schema", "$id", "$anchor"];
/// Keywords about members that other keywords have not evaluated, for which those are evaluated again.
const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];
/// Keywords with values that are not schemas.
const VALUES: [&str; 2] = ["const", "enum"];

/// Collects the schemas with an `$anchor`.
fn find_anchors<'a>(
    schema: &'a Value,
    is_root: bool,
    anchors: &mut BTreeMap<&'a str, &'a Value>,
) -> Result<(), String> {
    match schema {
        Value::Array(items) => items.iter().try_for_each(|item| find_anchors(item, false, anchors)),
        Value::Object(members) => members.iter().try_for_each(|(keyword, value)| match (keyword.as_str(), value) {
            ("$id", Value::String(_)) if !is_root => {
                Err("`$id` inside a schema is not supported: refer to `#/$defs/NAME` with `$ref`".to_owned())
            }
            ("$anchor", Value::String(name)) => match anchors.insert(name, schema) {
                None => Ok(()),
                Some(_) => Err(format!("there are two schemas with the `$anchor` `{name}`")),
            },
            (keyword, Value::Array(_) | Value::String(_)) if NOTES.contains(&keyword) || VALUES.contains(&keyword) => {
                Ok(())
            }
            _ => find_anchors(value, false, anchors),
        }),
        _ => Ok(()),
    }
}

struct Unfolding<'a> {
    root: &'a Value,
    /// The schemas with an `$anchor`.
    anchors: BTreeMap<&'a str, &'a Value>,
    /// The referenced schemas that are being visited, outermost first.
    open: Vec<&'a Value>,
    /// The number of enclosing schemas with an `unevaluated…` keyword.
    unevaluated: usize,
    /// Whether any schema has such a keyword.
    uses_unevaluated: bool,
    extent: Extent,
}

impl<'a> Unfolding<'a> {
    /// Counts a schema, or a list of them.
    fn visit(&mut self, schema: &'a Value) -> Result<(), String> {
        self.count(1)?;
        match schema {
            Value::Object(members) => {
                let asks = UNEVALUATED.iter().any(|keyword| members.contains_key(*keyword));
                self.unevaluated += usize::from(asks);
                self.uses_unevaluated |= asks;
                if self.unevaluated > SCHEMA_UNEVALUATED_DEPTH_MAX {
                    return Err(format!(
                        "more than {SCHEMA_UNEVALUATED_DEPTH_MAX} `unevaluated…` are inside one another"
                    ));
                }
                members.iter().try_for_each(|(keyword, value)| self.member(keyword, value))?;
                self.unevaluated -= usize::from(asks);
                Ok(())
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            _ => Ok(()),
        }
    }

    fn member(&mut self, keyword: &str, value: &'a Value) -> Result<(), String> {
        match (keyword, value) {
            // Used by reference only, and counted there.
            ("$defs" | "definitions", _) => return Ok(()),
            // Values are not compared with these.
            (keyword, _) if NOTES.contains(&keyword) => return Ok(()),
            (keyword, _) if VALUES.contains(&keyword) => return self.plain(value),
            ("$ref", Value::String(reference)) => return self.follow(reference),
            ("$dynamicRef" | "$recursiveRef" | "$dynamicAnchor", _) => {
                return Err(format!("`{keyword}` is not supported: refer to `#/$defs/NAME` with `$ref`"));
            }
            // Their keys are names, which may look like keywords; their values are schemas.
            ("properties" | "patternProperties" | "dependentSchemas" | "dependencies", Value::Object(members)) => {
                if keyword == "patternProperties" {
                    self.extent.patterns.extend(members.keys().cloned());
                }
                return members.values().try_for_each(|schema| self.visit(schema));
            }
            ("pattern", Value::String(pattern)) => drop(self.extent.patterns.insert(pattern.clone())),
            ("anyOf" | "oneOf", _) => self.extent.has_choice = true,
            _ => {}
        }
        self.visit(value)
    }

    /// Counts a value that is not a schema.
    fn plain(&mut self, value: &Value) -> Result<(), String> {
        self.count(1)?;
        match value {
            Value::Object(members) => members.values().try_for_each(|value| self.plain(value)),
            Value::Array(items) => items.iter().try_for_each(|item| self.plain(item)),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, reference: &str) -> Result<(), String> {
        let target = reference.strip_prefix('#').and_then(|place| match self.anchors.get(place) {
            Some(anchored) => Some(*anchored),
            None => self.root.pointer(place),
        });
        let Some(target) = target else {
            return Err(format!(
                "`$ref: {reference}` leads nowhere in this schema: refer to `#` or `#/$defs/NAME`, and declare that there"
            ));
        };
        self.count(1)?;
        if self.open.iter().any(|open| std::ptr::eq(*open, target)) {
            self.extent.recursions += 1;
            return Ok(());
        }
        if self.open.len() > SCHEMA_REFERENCE_DEPTH_MAX {
            return Err(format!("its references lead on to others more than {SCHEMA_REFERENCE_DEPTH_MAX} times"));
        }
        self.open.push(target);
        self.visit(target)?;
        self.open.pop();
        Ok(())
    }

    fn count(&mut self, values: u64) -> Result<(), String> {
        self.extent.values += values;
        if self.extent.values > SCHEMA_VALUES_MAX {
            return Err(format!(
                "with what its references stand for it has more than {SCHEMA_VALUES_MAX} values: declare less of the \
                 payload, and check the rest in the action"
            ));
        }
        Ok(())
    }
}

/// Checks that the time to match a pattern depends on the text alone, because the matcher has few states.
///
/// # Errors
/// The reason if it does not.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    let bytes_max = Some(SCHEMA_PATTERN_BYTES_MAX);
    // If a text is not ASCII, word boundaries are searched in each state separately, so fewer states are allowed.
    let nfa_bytes_max =
        if pattern.contains("\\b") || pattern.contains("\\B") { bytes_max.map(|max| max / 64) } else { bytes_max };
    let built = jsonschema_regex::to_rust_regex(pattern).map_err(|()| "it is none".to_owned()).and_then(|pattern| {
        dense::Builder::new()
            .configure(
                dense::Config::new()
                    .dfa_size_limit(bytes_max)
                    .determinize_size_limit(bytes_max)
                    .unicode_word_boundary(true),
            )
            .thompson(thompson::Config::new().nfa_size_limit(nfa_bytes_max))
            .build(&pattern)
            .map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
    });
    match built {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("the pattern `{pattern}` cannot be used, it may be too costly to look for: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(schema: &Value, values: u64, recursions: u64, has_choice: bool) {
        let extent = Extent::of(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
        assert_eq!((extent.values, extent.recursions, extent.has_choice), (values, recursions, has_choice), "{schema}");
    }

    #[test]
    fn schema_is_unfolded_with_what_its_references_stand_for() {
        check(&json!(true), 1, 0, false);
        check(&json!({ "type": "string", "description": "not counted", "maxLength": 5 }), 3, 0, false);
        check(&json!({ "enum": ["a", { "$ref": "plain" }] }), 5, 0, false);
        let twice = json!({ "$defs": { "a": { "type": "null" } }, "items": { "$ref": "#/$defs/a" }, "not": { "$ref": "#/$defs/a" } });
        check(&twice, 9, 0, false);
        check(&json!({ "anyOf": [{ "type": "null" }, { "items": { "$ref": "#" } }] }), 7, 1, true);
        check(
            &json!({ "$id": "https://example.org/a", "not": { "$anchor": "b", "items": { "$ref": "#b" } } }),
            7,
            1,
            false,
        );
    }

    #[test]
    fn property_that_is_called_like_a_keyword_is_a_property() {
        let hidden = json!({ "properties": { "description": { "pattern": "a" }, "$ref": { "oneOf": [true] } } });
        let extent = Extent::of(&hidden).expect("it is small");
        assert_eq!((extent.patterns.len(), extent.has_choice, extent.values), (1, true, 6));
    }

    #[track_caller]
    fn refused(schema: &Value, why: &str) {
        let error = Extent::of(schema).expect_err("it must be refused");
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn references_that_multiply_without_end_are_refused() {
        let mut definitions = serde_json::Map::new();
        definitions.insert("a0".to_owned(), json!({ "type": "string" }));
        for level in 1..30 {
            let below = json!({ "$ref": format!("#/$defs/a{}", level - 1) });
            definitions.insert(format!("a{level}"), json!({ "anyOf": [below, below] }));
        }
        refused(&json!({ "$defs": definitions, "$ref": "#/$defs/a29" }), "more than 5000 values");
        let all: Vec<_> = (0..20).map(|n| json!({ "$ref": format!("#/$defs/b{n}") })).collect();
        let meshed: serde_json::Map<_, _> = (0..20).map(|n| (format!("b{n}"), json!({ "allOf": all }))).collect();
        refused(&json!({ "$defs": meshed, "$ref": "#/$defs/b0" }), "more than 5000 values");
    }

    #[test]
    fn references_in_a_long_chain_are_refused() {
        let chain: serde_json::Map<_, _> =
            (0..1_000).map(|n| (format!("c{n}"), json!({ "$ref": format!("#/$defs/c{}", n + 1) }))).collect();
        refused(&json!({ "$defs": chain, "$ref": "#/$defs/c0" }), "more than 32 times");
    }

    #[test]
    fn what_is_not_evaluated_is_refused_in_a_schema_that_refers_to_itself() {
        let closed = json!({ "properties": { "a": true }, "unevaluatedProperties": false });
        assert!(Extent::of(&closed).is_ok());
        refused(&json!({ "allOf": [closed], "items": { "$ref": "#" } }), "refers to itself");
        let beside: Vec<_> = (0..20).map(|_| closed.clone()).collect();
        assert!(Extent::of(&json!({ "prefixItems": beside })).is_ok());
        let inside = (0..40).fold(closed, |inner, _| json!({ "allOf": [inner], "unevaluatedProperties": false }));
        refused(&inside, "inside one another");
    }

    #[test]
    fn references_that_cannot_be_followed_are_refused() {
        for reference in ["https://example.org/x.json", "#name", "#/$defs/absent", "x"] {
            refused(&json!({ "$ref": reference }), "leads nowhere");
        }
        let twice = json!({ "$anchor": "a", "items": { "$anchor": "a" } });
        refused(&twice, "two schemas");
        refused(&json!({ "items": { "$id": "https://example.org/" } }), "$id");
        refused(&json!({ "$dynamicRef": "#" }), "$dynamicRef");
    }

    #[test]
    fn pattern_is_refused_if_looking_for_it_could_take_long() {
        for quick in [
            "^[a-z][a-z0-9_-]{0,63}$",
            r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
            r"^\d{4}-\d{2}-\d{2}$",
            r"\bword\b",
            "^(a+)+$",
            "^.{1,200}$",
            r"^\p{L}+$",
        ] {
            assert_eq!(check_pattern(quick), Ok(()));
        }
        for costly in ["[ab]*a[ab]{300}c", "x{1000}{1000}", "([ab]{1,500}c?){1,500}", r"\b[ab]{900}", "(", "(?=x)"] {
            assert!(check_pattern(costly).expect_err(costly).contains(costly), "{costly}");
        }
    }
}
