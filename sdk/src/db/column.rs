//! Columns of tables, and how Rust types are stored in them.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::declare::Kind;
use super::failure::invalid;
use super::read::from_word;
use super::value::{Json, ToValue, Value, mismatch};
use crate::error::Result;

/// A type that a column stores directly. Other types are stored with `#[column(json)]` or `#[column(enum)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column type",
    label = "column types are integers, floats, bool, String, Vec<u8> and an `Option` of those",
    note = "mark the field `#[column(json)]` to store it as JSON, or `#[column(enum)]` if it is an enum of unit variants"
)]
pub trait ColumnType: ToValue + Sized {
    /// The kind of the column.
    const KIND: Kind;

    /// Converts a value of the database.
    ///
    /// # Errors
    /// `invalid_data` if the value is not of this type.
    fn from_value(value: Value) -> Result<Self>;
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl ColumnType for $integer {
            const KIND: Kind = Kind::Integer;

            fn from_value(value: Value) -> Result<Self> {
                let expected = concat!("an integer that fits ", stringify!($integer));
                match value {
                    Value::Integer(integer) => {
                        <$integer>::try_from(integer).map_err(|_| mismatch(expected, &Value::Integer(integer)))
                    }
                    Value::Numeric(text) => text.parse().map_err(|_| mismatch(expected, &Value::Numeric(text))),
                    other => Err(mismatch(expected, &other)),
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 u8 u16 u32 u64 usize isize);

impl ColumnType for bool {
    const KIND: Kind = Kind::Boolean;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Boolean(truth) => Ok(truth),
            Value::Integer(truth @ 0..=1) => Ok(truth == 1),
            other => Err(mismatch("true or false", &other)),
        }
    }
}

impl ColumnType for f64 {
    const KIND: Kind = Kind::Real;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Real(real) => Ok(real),
            Value::Numeric(text) => text.parse().map_err(|_| mismatch("a number", &Value::Numeric(text))),
            #[allow(clippy::cast_precision_loss, reason = "as SQL converts them")]
            Value::Integer(integer) => Ok(integer as f64),
            other => Err(mismatch("a number", &other)),
        }
    }
}

impl ColumnType for f32 {
    const KIND: Kind = Kind::Real;

    fn from_value(value: Value) -> Result<Self> {
        #[allow(clippy::cast_possible_truncation, reason = "the author chose the smaller type")]
        f64::from_value(value).map(|real| real as f32)
    }
}

impl ColumnType for String {
    const KIND: Kind = Kind::Text;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Text(text) | Value::Numeric(text) | Value::Json(text) => Ok(text),
            other => Err(mismatch("text", &other)),
        }
    }
}

impl ColumnType for Vec<u8> {
    const KIND: Kind = Kind::Blob;

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            other => Err(mismatch("bytes", &other)),
        }
    }
}

/// How a column stores a Rust type: [`Plain`], [`AsJson`] or [`AsWord`], or one of them as [`Nullable`].
pub trait Codec<V> {
    /// The default kind of the column.
    const KIND: Kind;
    /// Whether the column may be null.
    const NULLABLE: bool = false;

    /// The value as the database stores it.
    ///
    /// # Errors
    /// Those of [`ToValue::to_value`].
    fn to_value(value: &V) -> Result<Value>;

    /// The value as the plugin's type.
    ///
    /// # Errors
    /// `invalid_data` if the value is not of this type.
    fn from_value(value: Value) -> Result<V>;
}

/// Stores a [`ColumnType`] directly.
#[derive(Debug)]
pub struct Plain;

/// Stores any type as JSON text.
#[derive(Debug)]
pub struct AsJson;

/// Stores an enum of unit variants as a word.
#[derive(Debug)]
pub struct AsWord;

/// Compares and sets a column whose type is known only at run time, with any [`Value`]; see
/// [`column`](super::column()).
#[derive(Debug)]
pub struct Untyped;

/// Stores an `Option`, with `None` as null.
#[derive(Debug)]
pub struct Nullable<C>(PhantomData<C>);

impl<V: ColumnType> Codec<V> for Plain {
    const KIND: Kind = V::KIND;

    fn to_value(value: &V) -> Result<Value> {
        value.to_value()
    }

    fn from_value(value: Value) -> Result<V> {
        V::from_value(value)
    }
}

impl<V: Serialize + DeserializeOwned> Codec<V> for AsJson {
    const KIND: Kind = Kind::Json;

    fn to_value(value: &V) -> Result<Value> {
        Json(value).to_value()
    }

    fn from_value(value: Value) -> Result<V> {
        match value {
            Value::Text(text) | Value::Json(text) => serde_json::from_str(&text).map_err(|why| {
                mismatch("JSON", &Value::Text(text)).context(format!("the text is not JSON of this type: {why}"))
            }),
            other => Err(mismatch("JSON", &other)),
        }
    }
}

impl<V: Serialize + DeserializeOwned> Codec<V> for AsWord {
    const KIND: Kind = Kind::Enum;

    fn to_value(value: &V) -> Result<Value> {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(word)) => Ok(Value::Text(word)),
            _ => Err(invalid("an enum column takes a unit variant, and this variant has fields")),
        }
    }

    fn from_value(value: Value) -> Result<V> {
        match value {
            Value::Text(word) => from_word(word),
            other => Err(mismatch("a word", &other)),
        }
    }
}

impl Codec<Value> for Untyped {
    const KIND: Kind = Kind::Numeric;
    const NULLABLE: bool = true;

    fn to_value(value: &Value) -> Result<Value> {
        Ok(value.clone())
    }

    fn from_value(value: Value) -> Result<Value> {
        Ok(value)
    }
}

impl<V, C: Codec<V>> Codec<Option<V>> for Nullable<C> {
    const KIND: Kind = C::KIND;
    const NULLABLE: bool = true;

    fn to_value(value: &Option<V>) -> Result<Value> {
        value.as_ref().map_or(Ok(Value::Null), C::to_value)
    }

    fn from_value(value: Value) -> Result<Option<V>> {
        match value {
            Value::Null => Ok(None),
            value => C::from_value(value).map(Some),
        }
    }
}

/// A column of the table `T` with values of type `V`. `#[derive(Table)]` generates a constant for each field, under the
/// field's name: `Note::title`.
pub struct Column<T, V, C = Plain> {
    name: &'static str,
    of: PhantomData<(T, V, C)>,
}

impl<T, V, C> Column<T, V, C> {
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Column { name, of: PhantomData }
    }

    /// The same column for values in the database's own storage classes.
    pub(super) const fn untyped(self) -> Column<T, Value, Untyped> {
        Column::new(self.name)
    }

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<T, V, C> Clone for Column<T, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, V, C> Copy for Column<T, V, C> {}

impl<T, V, C> fmt::Debug for Column<T, V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

/// A value that a column of type `V` can be set to or compared with: a `V`, a reference to one, a `&str` for a
/// `String`, and an `Option`, of which `None` is null.
#[diagnostic::on_unimplemented(message = "the column has values of type `{V}`, and this value is a `{Self}`")]
pub trait Operand<V> {
    /// The value, if there is one.
    fn into_operand(self) -> Option<V>;
}

impl<V> Operand<V> for V {
    fn into_operand(self) -> Option<V> {
        Some(self)
    }
}

impl<V: Clone> Operand<V> for &V {
    fn into_operand(self) -> Option<V> {
        Some(self.clone())
    }
}

impl<V> Operand<V> for Option<V> {
    fn into_operand(self) -> Option<V> {
        self
    }
}

impl Operand<String> for &str {
    fn into_operand(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Operand<Vec<u8>> for &[u8] {
    fn into_operand(self) -> Option<Vec<u8>> {
        Some(self.to_vec())
    }
}

/// An operand as the database stores it; `None` is null.
pub(super) fn operand<V, C: Codec<V>>(operand: impl Operand<V>) -> Result<Value> {
    operand.into_operand().map_or(Ok(Value::Null), |value| C::to_value(&value))
}
