//! Checks of values against settings.
//!
//! The messages are for authors, operators and logs. They quote the value unless the setting is secret, in which case
//! they name only the broken rule.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::part::setting::{Setting, SettingType};
use crate::problem::quoted;
use crate::read::kind_of;

impl Setting {
    /// Checks a value: type, `min` and `max`, `enum`, `pattern`. `null` is never valid; omit the setting instead.
    ///
    /// # Errors
    ///
    /// The reason why the value is not valid. It does not name the setting, and never shows the value of a secret one.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.check_type(value)?;
        self.check_bounds(value)?;
        self.check_allowed(value)?;
        self.check_pattern(value)
    }

    fn check_type(&self, value: &Value) -> Result<(), String> {
        let fits = match self.kind {
            SettingType::String => value.is_string(),
            SettingType::Integer => value.is_i64() || value.is_u64(),
            SettingType::Number => value.is_number(),
            SettingType::Boolean => value.is_boolean(),
            SettingType::Array => value.is_array(),
            SettingType::Object => value.is_object(),
        };
        match fits {
            true => Ok(()),
            false => Err(format!("must be of type {}, not {}", self.kind.name(), kind_of(value))),
        }
    }

    fn check_bounds(&self, value: &Value) -> Result<(), String> {
        let (size, unit) = match value {
            Value::Number(number) => (number.clone(), ""),
            Value::String(text) => (Number::from(text.chars().count()), " characters"),
            Value::Array(items) => (Number::from(items.len()), " entries"),
            Value::Object(members) => (Number::from(members.len()), " entries"),
            Value::Null | Value::Bool(_) => return Ok(()),
        };
        let found = if self.secret { String::new() } else { format!(", not {size}") };
        if let Some(min) = self.min.as_ref().filter(|min| compare(&size, min).is_lt()) {
            return Err(format!("must be at least {min}{unit}{found}"));
        }
        if let Some(max) = self.max.as_ref().filter(|max| compare(&size, max).is_gt()) {
            return Err(format!("must be at most {max}{unit}{found}"));
        }
        Ok(())
    }

    fn check_allowed(&self, value: &Value) -> Result<(), String> {
        let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.iter().any(|one| equal(one, value))) else {
            return Ok(());
        };
        if self.secret {
            return Err("is not one of the allowed values".to_owned());
        }
        const LISTED_MAX: usize = 12;
        let mut list: Vec<String> = allowed.iter().take(LISTED_MAX).map(Value::to_string).collect();
        if allowed.len() > LISTED_MAX {
            list.push("…".to_owned());
        }
        Err(format!("{} is not one of {}", quoted(&value.to_string()), list.join(", ")))
    }

    fn check_pattern(&self, value: &Value) -> Result<(), String> {
        let (Some(pattern), Value::String(text)) = (&self.pattern, value) else {
            return Ok(());
        };
        if pattern.is_match(text) {
            return Ok(());
        }
        match self.secret {
            true => Err(format!("does not match the pattern {}", quoted(pattern.as_str()))),
            false => Err(format!("{} does not match the pattern {}", quoted(text), quoted(pattern.as_str()))),
        }
    }
}

/// Compares values for equality; 1 and 1.0 are equal.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare(left, right).is_eq(),
        _ => left == right,
    }
}

/// Compares numbers without losing the last digits of large integers.
pub(crate) fn compare(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_f64().unwrap_or(f64::NAN).total_cmp(&right.as_f64().unwrap_or(f64::NAN)),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::part::setting::read_settings;
    use crate::problem::Report;
    use crate::read::Node;

    use super::*;

    fn setting(schema: Value) -> Setting {
        let mut report = Report::new("test".into());
        let document = json!({ "it": schema });
        let mut settings = read_settings(&Node::root(&document), &mut report);
        assert_eq!(report.into_problems(), []);
        settings.remove("it").expect("it was read")
    }

    fn check(schema: Value, value: Value, expected: Result<(), &str>) {
        let result = setting(schema).check(&value);
        assert_eq!(result.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn check_number_out_of_bounds_is_refused() {
        let retries = json!({ "type": "integer", "min": 1, "max": 10 });
        check(retries.clone(), json!(10), Ok(()));
        check(retries.clone(), json!(11), Err("must be at most 10, not 11"));
        check(retries.clone(), json!(0), Err("must be at least 1, not 0"));
        check(retries.clone(), json!(2.5), Err("must be of type integer, not a decimal number"));
        check(retries, json!(null), Err("must be of type integer, not nothing"));
    }

    #[test]
    fn check_large_integers_are_compared_exactly() {
        let setting = json!({ "type": "integer", "max": 9_007_199_254_740_992_u64 });
        check(setting, json!(9_007_199_254_740_993_u64), Err("must be at most 9007199254740992, not 9007199254740993"));
    }

    #[test]
    fn check_lengths_count_characters_and_entries() {
        check(json!({ "type": "string", "max": 2 }), json!("éé"), Ok(()));
        check(json!({ "type": "string", "min": 1 }), json!(""), Err("must be at least 1 characters, not 0"));
        check(json!({ "type": "array", "max": 1 }), json!([1, 2]), Err("must be at most 1 entries, not 2"));
        check(json!({ "type": "object", "min": 1 }), json!({}), Err("must be at least 1 entries, not 0"));
    }

    #[test]
    fn check_enum_and_pattern_name_what_is_allowed() {
        let level = json!({ "type": "string", "enum": ["info", "warn"] });
        check(level, json!("wran"), Err("`\"wran\"` is not one of \"info\", \"warn\""));
        let code = json!({ "type": "string", "pattern": "^[A-Z]+$" });
        check(code, json!("abc"), Err("`abc` does not match the pattern `^[A-Z]+$`"));
        check(json!({ "type": "number", "enum": [1, 2.5] }), json!(1.0), Ok(()));
    }

    #[test]
    fn check_secret_value_is_never_quoted() {
        let schemas = [
            json!({ "type": "string", "secret": true, "max": 3 }),
            json!({ "type": "string", "secret": true, "pattern": "^x" }),
            json!({ "type": "string", "secret": true, "enum": ["hunter3"] }),
            json!({ "type": "integer", "secret": true, "max": 5 }),
        ];
        for schema in schemas {
            let setting = setting(schema);
            for value in [json!("hunter2"), json!(1_234_567), json!(["hunter2"])] {
                let message = setting.check(&value).expect_err("nothing fits");
                assert!(!message.contains("hunter") && !message.contains("1234567"), "{message}");
            }
        }
    }

    #[test]
    fn debug_and_json_of_secret_mask_its_default() {
        let setting = setting(json!({ "type": "string", "secret": true, "default": "hunter2", "enum": ["hunter2"] }));
        let shown = format!("{setting:?} {}", serde_json::to_string(&setting).expect("serializes"));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("***hidden***"), "{shown}");
    }
}
