//! Conditions on the rows of a table.
//!
//! A condition is SQL with placeholders, and the values for them. The names in it are declared columns of the table,
//! quoted; everything else that a caller passes is a value.

use std::marker::PhantomData;
use std::ops::Not;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::column::{AsJson, AsWord, Codec, Column, Operand, Plain, Untyped, operand};
use super::failure::invalid;
use super::table::Table;
use super::value::{ToValue, Value};
use crate::error::Result;

/// A piece of SQL and the values of its placeholders, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>, values: Vec<Value>) -> Sql {
        Sql { text: text.into(), values }
    }

    pub(super) fn push(&mut self, other: Sql) {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
    }
}

/// A condition on the rows of `T`, built from its columns: `Note::pinned.eq(true)`. [`column`](super::column()) finds a
/// column whose name is known only at run time.
#[derive(Debug)]
#[must_use = "a condition does nothing until it is given to `filter`"]
pub struct Condition<T> {
    sql: Result<Sql>,
    of: PhantomData<fn() -> T>,
}

impl<T> Condition<T> {
    fn new(sql: Result<Sql>) -> Self {
        Condition { sql, of: PhantomData }
    }

    /// Matches if both conditions hold.
    pub fn and(self, other: Condition<T>) -> Condition<T> {
        self.joined(" AND ", other)
    }

    /// Matches if at least one of the conditions holds.
    pub fn or(self, other: Condition<T>) -> Condition<T> {
        self.joined(" OR ", other)
    }

    fn joined(self, word: &str, other: Condition<T>) -> Condition<T> {
        let joined = self.sql.and_then(|left| {
            let right = other.sql?;
            let mut sql = Sql::new("(", Vec::new());
            sql.push(left);
            sql.text.push_str(word);
            sql.push(right);
            sql.text.push(')');
            Ok(sql)
        });
        Condition::new(joined)
    }

    pub(super) fn into_sql(self) -> Result<Sql> {
        self.sql
    }
}

impl<T> Clone for Condition<T> {
    fn clone(&self) -> Self {
        Condition::new(self.sql.clone())
    }
}

impl<T> Not for Condition<T> {
    type Output = Condition<T>;

    fn not(self) -> Condition<T> {
        Condition::new(self.sql.map(|sql| Sql::new(format!("NOT ({})", sql.text), sql.values)))
    }
}

/// A codec whose values the database can compare, which are all except JSON.
pub trait Comparable {}

impl Comparable for Plain {}
impl Comparable for AsWord {}
impl Comparable for Untyped {}

/// A codec under which values of `V` can be searched as text.
pub trait Textual<V> {}

impl Textual<String> for Plain {}
impl Textual<Value> for Untyped {}

/// Comparisons with one operand.
macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $operator:literal;)*) => {$(
        $(#[$doc])*
        pub fn $method(self, value: impl Operand<V>) -> Condition<T> {
            Condition::new(operand::<V, C>(value).and_then(|value| compare(&path::<T>(self.name()), $operator, value)))
        }
    )*};
}

impl<T: Table, V, C: Codec<V> + Comparable> Column<T, V, C> {
    comparisons! {
        /// The column has this value; `None` matches rows with null.
        eq "=";
        /// The column has another value, or null; `None` matches rows with a value.
        ne "<>";
        /// The value is less.
        lt "<";
        /// The value is less or equal.
        le "<=";
        /// The value is greater.
        gt ">";
        /// The value is greater or equal.
        ge ">=";
    }

    /// The value lies between two others, both included.
    pub fn between(self, low: impl Operand<V>, high: impl Operand<V>) -> Condition<T> {
        self.ge(low).and(self.le(high))
    }

    /// The value is one of these; an empty list matches no row.
    pub fn is_in<O: Operand<V>>(self, values: impl IntoIterator<Item = O>) -> Condition<T> {
        let values: Result<Vec<Value>> = values.into_iter().map(operand::<V, C>).collect();
        Condition::new(values.map(|values| one_of(&path::<T>(self.name()), values)))
    }

    /// The value is none of these.
    pub fn not_in<O: Operand<V>>(self, values: impl IntoIterator<Item = O>) -> Condition<T> {
        !self.is_in(values)
    }
}

impl<T: Table, V, C> Column<T, V, C> {
    /// The column is null.
    pub fn is_null(self) -> Condition<T> {
        Condition::new(Ok(Sql::new(format!("{} IS NULL", path::<T>(self.name())), Vec::new())))
    }

    /// The column is not null.
    pub fn is_not_null(self) -> Condition<T> {
        Condition::new(Ok(Sql::new(format!("{} IS NOT NULL", path::<T>(self.name())), Vec::new())))
    }
}

impl<T: Table, V, C: Textual<V>> Column<T, V, C> {
    /// The text matches a pattern: `%` is any text, `_` any character, and `\` escapes the next character. The host
    /// accepts patterns of up to 100 bytes.
    pub fn like(self, pattern: impl AsRef<str>) -> Condition<T> {
        Condition::new(Ok(matching(&path::<T>(self.name()), pattern.as_ref().to_owned())))
    }

    /// The text contains this text, ignoring the case of ASCII letters.
    pub fn contains(self, text: impl AsRef<str>) -> Condition<T> {
        Condition::new(Ok(containing(&path::<T>(self.name()), text.as_ref().to_owned())))
    }

    /// The text begins with this text, ignoring the case of ASCII letters; up to 100 bytes, as in
    /// [`like`](Column::like).
    pub fn starts_with(self, text: impl AsRef<str>) -> Condition<T> {
        self.like(format!("{}%", escape_like(text.as_ref())))
    }

    /// The text ends with this text, ignoring the case of ASCII letters; up to 100 bytes, as in [`like`](Column::like).
    pub fn ends_with(self, text: impl AsRef<str>) -> Condition<T> {
        self.like(format!("%{}", escape_like(text.as_ref())))
    }
}

impl<T: Table, V: Serialize + DeserializeOwned> Column<T, V, AsJson> {
    /// The JSON list contains this element, or the JSON object this value.
    pub fn has(self, element: impl ToValue) -> Condition<T> {
        Condition::new(element.to_value().map(|value| element_of(&path::<T>(self.name()), value)))
    }
}

/// Escapes `%`, `_` and `\` in a pattern for `LIKE … ESCAPE '\'`.
pub fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A name as a quoted SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    // Only declared names get here, and those contain no quotes. Doubling them makes sure that none can end the
    // identifier.
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column as SQL, qualified with its table, so that a subquery does not resolve it to a column of its own.
fn path<T: Table>(column: &str) -> String {
    format!("{}.{}", quoted(T::NAME), quoted(column))
}

/// A comparison of an SQL expression with a value.
pub(super) fn compare(path: &str, operator: &str, value: Value) -> Result<Sql> {
    match (operator, value) {
        ("=", Value::Null) => Ok(Sql::new(format!("{path} IS NULL"), Vec::new())),
        ("<>", Value::Null) => Ok(Sql::new(format!("{path} IS NOT NULL"), Vec::new())),
        (_, Value::Null) => Err(invalid(format!("`{operator} null` matches no row: compare {path} with a value"))),
        // In SQL, `<>` does not match null. Here it does: null is another value.
        ("<>", value) => Ok(Sql::new(format!("{path} IS NOT ?"), vec![value])),
        (operator, value) => Ok(Sql::new(format!("{path} {operator} ?"), vec![value])),
    }
}

pub(super) fn one_of(path: &str, values: Vec<Value>) -> Sql {
    if values.is_empty() {
        return Sql::new("1 = 0", values);
    }
    let placeholders = vec!["?"; values.len()].join(", ");
    Sql::new(format!("{path} IN ({placeholders})"), values)
}

pub(super) fn matching(path: &str, pattern: String) -> Sql {
    Sql::new(format!("{path} LIKE ? ESCAPE '\\'"), vec![Value::Text(pattern)])
}

/// A search for text of any length, unlike a pattern, in which no character has a special meaning.
pub(super) fn containing(path: &str, text: String) -> Sql {
    Sql::new(format!("instr(lower({path}), lower(?)) > 0"), vec![Value::Text(text)])
}

/// A condition on a list in JSON.
pub(super) fn element_of(path: &str, element: Value) -> Sql {
    Sql::new(format!("EXISTS (SELECT 1 FROM json_each({path}) WHERE value = ?)"), vec![element])
}

/// The conditions of a statement, in the order in which they were added. `AND` binds tighter than `OR`, as in SQL.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    sql: Sql,
    failure: Option<crate::Error>,
}

impl Conditions {
    /// Adds a condition, joined by `AND` or `OR`. The statement fails with the error of the first invalid one.
    pub(super) fn add<T>(&mut self, word: &str, condition: Result<Condition<T>>) {
        match condition.and_then(Condition::into_sql) {
            Ok(sql) => {
                let word = if self.sql.text.is_empty() { " WHERE " } else { word };
                self.sql.text.push_str(word);
                self.sql.push(sql);
            }
            Err(failure) => self.failure = self.failure.take().or(Some(failure)),
        }
    }

    /// ` WHERE …`, or nothing.
    pub(super) fn sql(&self) -> Result<Sql> {
        self.failure.clone().map_or_else(|| Ok(self.sql.clone()), Err)
    }
}

/// Generates the methods that add conditions to queries, updates and deletes. Each type needs an `add` method.
macro_rules! conditions {
    ($filtered:ty) => {
        /// Restricts the statement to rows for which this condition holds too.
        pub fn filter(self, condition: Condition<T>) -> $filtered {
            self.add(" AND ", Ok(condition))
        }

        /// Extends the statement to rows for which this condition holds. As in SQL, `AND` binds tighter than `OR`.
        pub fn or_filter(self, condition: Condition<T>) -> $filtered {
            self.add(" OR ", Ok(condition))
        }
    };
}
pub(super) use conditions;
