//! The check that a keyword applies to a type.
//!
//! JSON Schema allows `minLength` next to `"type": "integer"` and ignores it. A plugin author who writes `min` for the
//! length of a text would get a check without effect, so it does not compile.

use crate::builder::fail;
use crate::constant::{Json, Member, same};

/// The value of a keyword that is added to the schema of a type.
///
/// # Panics
/// If the keyword does not apply to values of the type. This runs at compile time.
pub const fn keyword(of: &Json, name: &str, value: Json) -> Json {
    let is_for = match name.as_bytes() {
        b"min" | b"max" => &["number", "integer"],
        b"min_length" | b"max_length" | b"pattern" => &["string", "string"],
        b"min_items" | b"max_items" => &["array", "array"],
        _ => return value,
    };
    if let Is::Only(other) = is(of, is_for) {
        let right = match other.as_bytes() {
            b"string" => "; for the length of a text, use `min_length` and `max_length`",
            b"array" => "; for the length of a sequence, use `min_items` and `max_items`",
            b"number" | b"integer" => "; for numbers, use `min` and `max`",
            _ => "",
        };
        fail(&["`", name, "` does not apply to a value that JSON writes as ", other, right]);
    }
    value
}

/// Whether the values of a schema may have one of some types.
enum Is {
    /// They may, or the schema does not say.
    Maybe,
    /// They have this other type.
    Only(&'static str),
}

const fn is(schema: &Json, types: &[&str]) -> Is {
    match schema {
        Json::Object(members) => {
            let mut index = 0;
            while index < members.len() {
                match &members[index] {
                    Member::Is(key, Json::Text(found)) if same(key, "type") => return is_type(found, types),
                    Member::Is(key, Json::List(choices)) if same(key, "anyOf") => return is_any(choices, types),
                    Member::All(inner) => {
                        if let Is::Only(other) = is(inner, types) {
                            return Is::Only(other);
                        }
                    }
                    Member::Is(..) => {}
                }
                index += 1;
            }
            Is::Maybe
        }
        Json::Recursive(_, inner) => is(inner, types),
        _ => Is::Maybe,
    }
}

const fn is_type(found: &'static str, types: &[&str]) -> Is {
    let mut index = 0;
    while index < types.len() {
        if same(found, types[index]) {
            return Is::Maybe;
        }
        index += 1;
    }
    Is::Only(found)
}

/// The answer for several alternatives: one that may have the type is enough. `null` is ignored.
const fn is_any(choices: &[Json], types: &[&str]) -> Is {
    let mut answer = Is::Maybe;
    let mut index = 0;
    while index < choices.len() {
        match is(&choices[index], types) {
            Is::Maybe => return Is::Maybe,
            Is::Only(other) if same(other, "null") => {}
            Is::Only(other) => answer = Is::Only(other),
        }
        index += 1;
    }
    answer
}
