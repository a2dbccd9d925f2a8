//! Results of the form `{"status": "ok", …}`.
//!
//! An action may return any value. [`ok`] marks it as a success for callers that look for a status.

use serde::Serialize;
use serde_json::Value;

use crate::constant::{Json, Member};
use crate::schema::{Schema, Shape, both_directions};

/// `{"status": "ok"}` with the members of another object beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply<T = Value> {
    status: &'static str,
    #[serde(flatten)]
    value: T,
}

/// Puts `"status": "ok"` before the members of a struct or a map.
///
/// If the value is not an object, the action fails when it is serialized.
pub fn ok<T: Serialize>(value: T) -> Reply<T> {
    Reply { status: "ok", value }
}

/// `{"status": "ok", …}` from members written as in [`json!`](crate::json): `ok!({"message": "pong"})`, or `ok!()`.
#[macro_export]
macro_rules! ok {
    () => {
        $crate::ok($crate::json!({}))
    };
    ({ $($members:tt)* }) => {
        $crate::ok($crate::json!({ $($members)* }))
    };
    ($value:expr) => {
        $crate::ok($value)
    };
}

impl<T: Schema> Schema for Reply<T> {
    both_directions!(of => Shape {
        schema: Json::Object(&[
            Member::Is("type", Json::Text("object")),
            Member::Is("properties", Json::Raw(r#"{"status":{"const":"ok"}}"#)),
            Member::Is("required", Json::Raw(r#"["status"]"#)),
            Member::Is("allOf", Json::NonEmpty(&[of!(T).flat])),
        ]),
        ..Shape::ANY
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_with_members_puts_status_first() {
        let text = serde_json::to_string(&ok!({"message": "pong"})).expect("an object");
        assert_eq!(text, r#"{"status":"ok","message":"pong"}"#);
    }

    #[test]
    fn ok_without_members_is_status_alone() {
        assert_eq!(serde_json::to_string(&ok!()).expect("an object"), r#"{"status":"ok"}"#);
    }

    #[test]
    fn ok_of_a_number_is_an_error_with_the_reason() {
        let failure = serde_json::to_string(&ok(3)).expect_err("3 has no members");
        assert!(failure.to_string().contains("can only flatten structs and maps"), "{failure}");
    }
}
