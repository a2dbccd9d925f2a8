//! Values that a step saves of its answer, and the payloads that use them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::shown;
use super::run::{Expectation, failure};

/// Saved values of one test, by name.
#[derive(Default)]
pub(super) struct Saved(BTreeMap<String, Value>);

impl Saved {
    /// Saves the values at these paths of an answer.
    pub(super) fn save(&mut self, save: &[(String, String)], answer: &Value) -> Expectation {
        for (name, path) in save {
            let Some(value) = at(answer, path) else {
                return Err(failure(format!("`{name}` cannot be saved: there is no `{path}` in {}", shown(answer))));
            };
            self.0.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    /// The payload with every text `$name` replaced by the value of that name, and `$$` at the start of a text by `$`.
    /// In a test that saved nothing, texts are left as they are.
    pub(super) fn fill(&self, payload: &Value) -> Result<Value, Box<super::TestFailure>> {
        if self.0.is_empty() {
            return Ok(payload.clone());
        }
        Ok(match payload {
            Value::String(text) => match text.strip_prefix('$') {
                Some(rest) if rest.starts_with('$') => Value::String(rest.to_owned()),
                Some(name) if is_name(name) => match self.0.get(name) {
                    Some(value) => value.clone(),
                    None => {
                        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
                        return Err(failure(format!(
                            "no step saved `{name}`; saved are {}; write `$${name}` for the text itself",
                            known.join(", ")
                        )));
                    }
                },
                _ => payload.clone(),
            },
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let filled = members.iter().map(|(key, value)| Ok((key.clone(), self.fill(value)?)));
                Value::Object(filled.collect::<Result<_, Box<super::TestFailure>>>()?)
            }
            _ => payload.clone(),
        })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value at a path: names of members and numbers of items, with dots between them; `.` is the whole.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path == "." {
        return Some(value);
    }
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn saved() -> Saved {
        let mut saved = Saved::default();
        let save = [("id".to_owned(), "note.id".to_owned()), ("first".to_owned(), "items.0".to_owned())];
        saved.save(&save, &json!({ "note": { "id": 7 }, "items": ["a"] })).map_err(|f| f.message).expect("saved");
        saved
    }

    #[test]
    fn payload_uses_saved_values_at_any_depth() {
        let filled = saved().fill(&json!({ "id": "$id", "list": ["$first", "$5", "a $id", "$$id"] }));
        assert_eq!(filled.map_err(|f| f.message), Ok(json!({ "id": 7, "list": ["a", "$5", "a $id", "$id"] })));
    }

    #[test]
    fn unknown_name_fails_if_anything_was_saved() {
        let message = saved().fill(&json!("$idd")).map_err(|f| f.message).expect_err("unknown");
        assert!(message.contains("`idd`") && message.contains("first, id"), "{message}");
        assert_eq!(Saved::default().fill(&json!("$idd")).map_err(|f| f.message), Ok(json!("$idd")));
    }

    #[test]
    fn path_that_is_not_in_the_answer_fails() {
        let save = [("id".to_owned(), "note.id".to_owned())];
        let message = Saved::default().save(&save, &json!({ "note": [] })).map_err(|f| f.message).expect_err("missing");
        assert!(message.contains("`note.id`"), "{message}");
    }
}
