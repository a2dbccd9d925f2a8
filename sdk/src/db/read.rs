//! The deserializer from a row to the plugin's type.
//!
//! The type decides how a value is read: an integer becomes a boolean if the type is `bool`, and text is parsed as JSON
//! if the type is a list or a struct. If the type accepts anything, such as `serde_json::Value`, the declared kind of
//! the column decides, if there is one.

use std::fmt;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::declare::Kind;
use super::failure::MISMATCH;
use super::value::{JSON, Value, kind_of};
use crate::error::{Result, error};

/// The deserializer of one row.
pub(super) struct RowReader<'a> {
    columns: &'a [String],
    values: std::vec::IntoIter<Value>,
    /// The declared kinds of the columns; empty if they are not known.
    kinds: &'a [Kind],
    next: usize,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(columns: &'a [String], values: Vec<Value>, kinds: &'a [Kind]) -> Self {
        RowReader { columns, values: values.into_iter(), kinds, next: 0 }
    }

    /// Reads the row; `index` is its number for messages.
    pub(super) fn read<R: DeserializeOwned>(mut self, index: usize) -> Result<R> {
        R::deserialize(&mut self).map_err(|why| error(format!("row {}: {why}", index + 1)).with_code(MISMATCH))
    }

    /// Adds the name of the column that was read last to an error.
    fn at_column(&self, why: Mismatch) -> Mismatch {
        let column = self.next.checked_sub(1).and_then(|index| self.columns.get(index));
        Mismatch(format!("column `{}`: {why}", column.map_or("", String::as_str)))
    }

    fn next_cell(&mut self) -> Option<Cell> {
        let value = self.values.next()?;
        let kind = self.kinds.get(self.next).copied();
        self.next += 1;
        Some(Cell { value, kind })
    }

    fn only_value(&mut self) -> Result<Cell, Mismatch> {
        match (self.columns.len(), self.next_cell()) {
            (1, Some(cell)) => Ok(cell),
            (count, _) => Err(de::Error::custom(format!("a single value needs one column, but the row has {count}"))),
        }
    }
}

/// Forwards to the only column.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.only_value()?.$method(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut RowReader<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_map(self)
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_identifier
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        if name == JSON {
            return self.only_value()?.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.only_value()?.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! { map struct unit_struct ignored_any }
}

impl<'de> de::MapAccess<'de> for &mut RowReader<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        match self.columns.get(self.next) {
            Some(name) => seed.deserialize(name.as_str().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let cell = self.next_cell().ok_or_else(|| de::Error::custom("the row has fewer values than columns"))?;
        seed.deserialize(cell).map_err(|why| self.at_column(why))
    }
}

impl<'de> de::SeqAccess<'de> for &mut RowReader<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        self.next_cell().map(|cell| seed.deserialize(cell)).transpose().map_err(|why| self.at_column(why))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

/// The deserializer of one value.
struct Cell {
    value: Value,
    kind: Option<Kind>,
}

impl Cell {
    /// Passes the value to the visitor as the database stores it.
    fn plain<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(truth) => visitor.visit_bool(truth),
            Value::Integer(integer) => visitor.visit_i64(integer),
            Value::Real(real) => visitor.visit_f64(real),
            Value::Numeric(text) => match (text.parse(), text.parse()) {
                (Ok(integer), _) => visitor.visit_i64(integer),
                (Err(_), Ok(real)) => visitor.visit_f64(real),
                (Err(_), Err(_)) => visitor.visit_string(text),
            },
            Value::Text(text) | Value::Json(text) => visitor.visit_string(text),
            Value::Blob(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    /// Reads the text with serde_json.
    fn parsed<T>(self, read: impl FnOnce(&str) -> serde_json::Result<T>) -> Result<T, Mismatch> {
        match self.value {
            Value::Text(text) | Value::Json(text) => {
                read(&text).map_err(|why| de::Error::custom(format!("the text is not JSON of this type: {why}")))
            }
            other => Err(de::Error::custom(format!("expected JSON, found {}", kind_of(&other)))),
        }
    }
}

/// Forwards to serde_json for the text of a JSON value.
macro_rules! json {
    ($cell:ident, $method:ident($($argument:expr),*)) => {
        $cell.parsed(|text| {
            // A reader, because the text does not live as long as what is read from it.
            let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
            let value = de::Deserializer::$method(&mut json, $($argument),*)?;
            json.end().map(|()| value)
        })
    };
}

macro_rules! plain {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            self.plain(visitor)
        }
    )*};
}

/// An integer type also gets a boolean, as 0 or 1.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self.value {
                Value::Boolean(truth) => visitor.visit_i64(truth.into()),
                _ => self.plain(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Cell {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match (&self.value, self.kind) {
            (Value::Json(_), _) | (Value::Text(_), Some(Kind::Json)) => json!(self, deserialize_any(visitor)),
            (Value::Integer(_), Some(Kind::Boolean)) => self.deserialize_bool(visitor),
            // A type that accepts anything usually becomes JSON, which has no bytes.
            (Value::Blob(_), _) => self.deserialize_seq(visitor),
            _ => self.plain(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Integer(0) => visitor.visit_bool(false),
            Value::Integer(1) => visitor.visit_bool(true),
            _ => self.plain(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        match (name, &self.value) {
            // A null is the JSON null.
            (JSON, Value::Null) => visitor.visit_newtype_struct(().into_deserializer()),
            (JSON, _) => json!(self, deserialize_newtype_struct(name, visitor)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Blob(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            _ => json!(self, deserialize_seq(visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Blob(_) => self.deserialize_seq(visitor),
            _ => json!(self, deserialize_tuple(length, visitor)),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        json!(self, deserialize_tuple_struct(name, length, visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        json!(self, deserialize_map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        json!(self, deserialize_struct(name, fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.value {
            // A word and not JSON, which would begin with `"` or `{`.
            Value::Text(text) if !text.starts_with(['"', '{']) => {
                StringDeserializer::<Mismatch>::new(text).deserialize_enum(name, variants, visitor)
            }
            _ => json!(self, deserialize_enum(name, variants, visitor)),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_string(visitor)
    }

    /// Text, also if it is JSON or an exact number.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Numeric(text) => visitor.visit_string(text),
            _ => self.plain(visitor),
        }
    }

    // A specific type gets the stored value. Only types that accept anything depend on the declared kind.
    plain! {
        deserialize_f32 deserialize_f64 deserialize_char
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        self.plain(visitor)
    }
}

impl IntoDeserializer<'_, Mismatch> for Cell {
    type Deserializer = Cell;

    fn into_deserializer(self) -> Cell {
        self
    }
}

/// The reason why a row does not match the type.
#[derive(Debug)]
pub(super) struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Mismatch(message.to_string())
    }
}

/// A word as a unit variant or whatever else serde reads from a string.
pub(super) fn from_word<V: DeserializeOwned>(word: String) -> Result<V> {
    V::deserialize(StringDeserializer::<Mismatch>::new(word)).map_err(|why| error(why.to_string()).with_code(MISMATCH))
}
