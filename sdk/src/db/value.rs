//! Values of the database, and the parameters of statements.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::failure::invalid;
use crate::error::{Result, error};
use crate::schema::{Schema, Shape};

/// A value of a row or of a parameter.
///
/// Columns that the manifest declares as boolean, numeric or JSON return values of these kinds. Timestamps are
/// integers, and dates, times and UUIDs are text; see [`ToValue`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Null.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit floating point number.
    Real(f64),
    /// An exact number as decimal text, such as `12.50`.
    Numeric(String),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A JSON text.
    Json(String),
}

/// A type that can be a parameter of a statement.
///
/// These are integers, floats, booleans (as 0 and 1), strings, bytes, `Option`s of those (`None` as null), [`Json`] of
/// any type that serde can write, and JSON values: a scalar as that scalar, an array or an object as its text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a statement",
    note = "pass any type as JSON text with `db::Json(&value)`"
)]
pub trait ToValue {
    /// The value as the database stores it.
    ///
    /// # Errors
    /// `invalid_argument` if the database cannot store the value: an integer above 2^63 - 1, NaN, or a value that serde
    /// cannot write as JSON.
    fn to_value(&self) -> Result<Value>;
}

macro_rules! small_integers {
    ($($integer:ty)*) => {$(
        impl ToValue for $integer {
            fn to_value(&self) -> Result<Value> {
                Ok(Value::Integer(i64::from(*self)))
            }
        }
    )*};
}

small_integers!(i8 i16 i32 i64 u8 u16 u32 bool);

macro_rules! large_integers {
    ($($integer:ty)*) => {$(
        impl ToValue for $integer {
            fn to_value(&self) -> Result<Value> {
                i64::try_from(*self)
                    .map(Value::Integer)
                    .map_err(|_| invalid(format!("{self} exceeds the signed 64-bit integers of the database")))
            }
        }
    )*};
}

large_integers!(u64 usize isize);

impl ToValue for f64 {
    fn to_value(&self) -> Result<Value> {
        // The database would store it as null.
        if self.is_nan() {
            return Err(invalid("the database cannot store NaN"));
        }
        Ok(Value::Real(*self))
    }
}

impl ToValue for f32 {
    fn to_value(&self) -> Result<Value> {
        f64::from(*self).to_value()
    }
}

impl ToValue for str {
    fn to_value(&self) -> Result<Value> {
        Ok(Value::Text(self.to_owned()))
    }
}

impl ToValue for String {
    fn to_value(&self) -> Result<Value> {
        self.as_str().to_value()
    }
}

impl ToValue for Cow<'_, str> {
    fn to_value(&self) -> Result<Value> {
        self.as_ref().to_value()
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Result<Value> {
        Ok(Value::Blob(self.to_vec()))
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Result<Value> {
        self.as_slice().to_value()
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Result<Value> {
        self.as_slice().to_value()
    }
}

impl ToValue for Value {
    fn to_value(&self) -> Result<Value> {
        Ok(self.clone())
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Result<Value> {
        self.as_ref().map_or(Ok(Value::Null), ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Result<Value> {
        (**self).to_value()
    }
}

impl ToValue for serde_json::Value {
    fn to_value(&self) -> Result<Value> {
        match self {
            serde_json::Value::Null => Ok(Value::Null),
            serde_json::Value::Bool(truth) => truth.to_value(),
            serde_json::Value::String(text) => text.to_value(),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Ok(Value::Integer(integer)),
                (None, Some(real)) if !number.is_u64() => Ok(Value::Real(real)),
                _ => Err(invalid(format!("{number} exceeds the signed 64-bit integers of the database"))),
            },
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Ok(Value::Text(self.to_string())),
        }
    }
}

/// Any type as JSON text: `params![db::Json(&tags)]` writes it, and a field of this type in the row of a query reads
/// it.
///
/// A field that is a list, a map or a struct is read as JSON anyway. This type is for other fields, such as
/// `Json<serde_json::Value>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "plugbay:json")]
pub struct Json<T>(pub T);

/// The name by which the reader of a row recognises a [`Json`].
pub(super) const JSON: &str = "plugbay:json";

impl<T: Serialize> ToValue for Json<T> {
    fn to_value(&self) -> Result<Value> {
        let text = serde_json::to_string(&self.0);
        text.map(Value::Text).map_err(|reason| invalid(format!("a value cannot be written as JSON: {reason}")))
    }
}

impl<T: Schema> Schema for Json<T> {
    const ACCEPTS: Shape = T::ACCEPTS;
    const MAKES: Shape = T::MAKES;
}

/// The parameters of a statement: [`params!`](crate::params), `()` for none, or a list of [`Value`]s.
pub trait Params {
    /// The values in their order.
    ///
    /// # Errors
    /// Those of [`ToValue::to_value`], with the number of the parameter.
    fn into_values(self) -> Result<Vec<Value>>;
}

impl Params for () {
    fn into_values(self) -> Result<Vec<Value>> {
        Ok(Vec::new())
    }
}

impl Params for Vec<Value> {
    fn into_values(self) -> Result<Vec<Value>> {
        Ok(self)
    }
}

impl Params for &[Value] {
    fn into_values(self) -> Result<Vec<Value>> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> Params for [Result<Value>; N] {
    fn into_values(self) -> Result<Vec<Value>> {
        let numbered = |(index, value): (usize, Result<Value>)| value.map_err(|why| why.context(nth(index)));
        self.into_iter().enumerate().map(numbered).collect()
    }
}

fn nth(index: usize) -> String {
    format!("parameter ?{}", index + 1)
}

/// The parameters of a statement: `params![title, 3, db::Json(&tags)]`. Each is a [`ToValue`](crate::db::ToValue).
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {{
        let values: [$crate::Result<$crate::db::Value>; _] = [$($crate::db::ToValue::to_value(&$value)),*];
        values
    }};
}

/// The kind of a value, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Real(_) => "a real number",
        Value::Numeric(_) => "an exact number",
        Value::Text(_) => "text",
        Value::Blob(_) => "bytes",
        Value::Json(_) => "JSON",
    }
}

/// An error about a stored value that does not match the plugin's type.
pub(super) fn mismatch(expected: &str, found: &Value) -> crate::Error {
    error(format!("expected {expected}, found {}", kind_of(found))).with_code(super::failure::MISMATCH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_their_storage_classes() {
        let values =
            params![true, 3, 2.5, "a", String::from("b"), b"c", vec![1u8], None::<i64>, Json(["d"]), json!({})];
        let values = values.into_values().expect("all fit");
        let text = |text: &str| Value::Text(text.to_owned());
        let expected = [
            Value::Integer(1),
            Value::Integer(3),
            Value::Real(2.5),
            text("a"),
            text("b"),
            Value::Blob(b"c".to_vec()),
            Value::Blob(vec![1]),
            Value::Null,
            text(r#"["d"]"#),
            text("{}"),
        ];
        assert_eq!(values, expected);
        assert_eq!(params![].into_values().expect("none"), []);
    }

    #[test]
    fn parameter_that_is_too_large_is_named() {
        let failure = params![1, u64::MAX].into_values().expect_err("too large");
        assert_eq!((failure.code(), failure.message().split(':').next()), ("invalid_argument", Some("parameter ?2")));
        assert!(params![f64::NAN].into_values().is_err());
        assert!(params![json!(u64::MAX)].into_values().is_err());
        assert!(params![Json(std::collections::BTreeMap::from([((1, 2), 3)]))].into_values().is_err());
    }
}
