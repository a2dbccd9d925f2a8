//! The parameters of routes against the schemas that their manifest declares.
//!
//! Parameters are texts, and schemas speak of numbers and lists. Each text is read as what the schema of its parameter
//! names: a number, a boolean, a list of the values of all parameters of the name. A text that is none of these stays
//! text, which the schema then refuses.

use std::collections::BTreeMap;

use plugbay_manifest::Route;
use serde_json::{Map, Number, Value};

use super::schema::{PayloadSchema, shown_route};
use crate::error::{LoadErrorKind, PayloadProblem};

/// The schemas of a route's parameters.
#[derive(Default)]
pub(crate) struct RouteParameters {
    path: Option<Box<Declared>>,
    query: Option<Box<Declared>>,
}

struct Declared {
    schema: PayloadSchema,
    /// How the texts of each declared parameter are read.
    kinds: BTreeMap<Box<str>, Kinds>,
}

impl RouteParameters {
    pub(crate) fn compile(route: &Route) -> Result<Self, LoadErrorKind> {
        let declared = |written: &Option<Value>| -> Result<_, LoadErrorKind> {
            let Some(written) = written else { return Ok(None) };
            let schema = PayloadSchema::compile(&shown_route(route), Some(written))?;
            let properties = written.get("properties").and_then(Value::as_object);
            let kinds =
                properties.into_iter().flatten().map(|(name, schema)| (name.as_str().into(), Kinds::of(schema, 0)));
            Ok(schema.map(|schema| Box::new(Declared { schema, kinds: kinds.collect() })))
        };
        Ok(RouteParameters { path: declared(&route.params)?, query: declared(&route.query)? })
    }

    /// Checks parameters.
    ///
    /// # Errors
    /// `path` or `query`, and the problems with it.
    pub(crate) fn check(
        &self,
        path: &[(String, String)],
        query: &[(String, String)],
    ) -> Result<(), (&'static str, Vec<PayloadProblem>)> {
        for (place, declared, pairs) in [("path", &self.path, path), ("query", &self.query, query)] {
            let Some(declared) = declared else { continue };
            let problems = declared.problems(pairs);
            if !problems.is_empty() {
                return Err((place, problems));
            }
        }
        Ok(())
    }
}

impl Declared {
    fn problems(&self, pairs: &[(String, String)]) -> Vec<PayloadProblem> {
        let bytes = pairs.iter().map(|(name, text)| name.len() + text.len() + 2).sum();
        let mut values: Map<String, Value> = Map::new();
        for (name, text) in pairs {
            let kinds = self.kinds.get(name.as_str());
            let list = kinds.and_then(|kinds| kinds.list.as_deref());
            let value = list.or(kinds).map_or_else(|| Value::String(text.clone()), |kinds| kinds.read(text));
            match values.get_mut(name) {
                Some(Value::Array(several)) => several.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
                None if list.is_some() => _ = values.insert(name.clone(), Value::Array(vec![value])),
                None => _ = values.insert(name.clone(), value),
            }
        }
        self.schema.problems(&Value::Object(values), bytes)
    }
}

/// What a schema accepts beside texts.
#[derive(Default)]
struct Kinds {
    number: bool,
    boolean: bool,
    /// Set if it accepts lists: what their elements are.
    list: Option<Box<Kinds>>,
}

/// How deep alternatives and elements of a schema are followed. An optional list of nullable numbers has three levels.
const LEVELS_MAX: usize = 4;

impl Kinds {
    fn of(schema: &Value, level: usize) -> Kinds {
        let mut kinds = Kinds::default();
        if level == LEVELS_MAX {
            return kinds;
        }
        let is_type = |name: &str| match schema.get("type") {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(several)) => several.iter().any(|one| one == name),
            _ => false,
        };
        kinds.number = is_type("integer") || is_type("number");
        kinds.boolean = is_type("boolean");
        if is_type("array") {
            let elements = schema.get("items").map(|items| Kinds::of(items, level + 1));
            kinds.list = Some(Box::new(elements.unwrap_or_default()));
        }
        let listed = schema.get("enum").and_then(Value::as_array);
        for constant in listed.into_iter().flatten().chain(schema.get("const")) {
            kinds.number |= constant.is_number();
            kinds.boolean |= constant.is_boolean();
        }
        let alternatives = ["anyOf", "oneOf", "allOf"].iter().filter_map(|word| schema.get(word)?.as_array());
        for alternative in alternatives.flatten() {
            let inner = Kinds::of(alternative, level + 1);
            kinds.number |= inner.number;
            kinds.boolean |= inner.boolean;
            kinds.list = kinds.list.or(inner.list);
        }
        kinds
    }

    fn read(&self, text: &str) -> Value {
        if self.boolean && matches!(text, "true" | "false") {
            return Value::Bool(text == "true");
        }
        match serde_json::from_str::<Number>(text) {
            Ok(number) if self.number => Value::Number(number),
            _ => Value::String(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use plugbay_manifest::Method;
    use serde_json::json;

    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut route = Route::new(Method::Get, "/", vec!["a".to_owned()]);
        route.query = Some(json!({
            "type": "object",
            "properties": {
                "limit": { "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }] },
                "exact": { "type": "boolean" },
                "tag": { "type": "array", "items": { "type": "string" }, "maxItems": 2 },
                "size": { "type": "array", "items": { "type": "integer" } },
                "level": { "enum": [1, "all"] },
                "text": { "type": "string", "maxLength": 3 },
            },
            "required": ["text"],
            "additionalProperties": false,
        }));
        let parameters = RouteParameters::compile(&route).unwrap_or_else(|error| panic!("{error}"));
        let pairs: Vec<_> = pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        match parameters.check(&[], &pairs) {
            Ok(()) => Vec::new(),
            Err((place, problems)) => {
                assert_eq!(place, "query");
                problems.into_iter().map(|problem| problem.path).collect()
            }
        }
    }

    #[test]
    fn texts_are_read_as_their_schemas_say() {
        let none: [&str; 0] = [];
        assert_eq!(check(&[("text", "7"), ("limit", "7"), ("exact", "true"), ("tag", "1"), ("size", "1")]), none);
        assert_eq!(check(&[("text", "a"), ("tag", "a"), ("tag", "b"), ("level", "1")]), none);
        assert_eq!(check(&[("text", "a"), ("level", "all")]), none);
        assert_eq!(check(&[("text", "a"), ("limit", "0")]), ["/limit"]);
        assert_eq!(check(&[("text", "a"), ("limit", "x")]), ["/limit"]);
        assert_eq!(check(&[("text", "a"), ("exact", "yes")]), ["/exact"]);
        assert_eq!(check(&[("text", "a"), ("text", "b")]), ["/text"]);
        assert_eq!(check(&[("text", "a"), ("tag", "a"), ("tag", "b"), ("tag", "c")]), ["/tag"]);
        assert_eq!(check(&[("text", "a"), ("size", "1"), ("size", "x")]), ["/size/1"]);
        assert_eq!(check(&[("text", "long")]), ["/text"]);
        assert_eq!(check(&[]).len(), 1, "the text is missing");
        assert_eq!(check(&[("text", "a"), ("more", "1")]).len(), 1, "there is nothing more");
    }
}
