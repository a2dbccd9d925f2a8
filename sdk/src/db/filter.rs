//! Filters on the documents of a collection.

use std::ops::Not;

use super::condition::{Sql, compare, containing, element_of, escape_like, matching, one_of};
use super::failure::invalid;
use super::value::{ToValue, Value};
use crate::error::Result;

/// The longest name of a field, in bytes; the manifest allows the same for an index.
const FIELD_BYTES_MAX: usize = 512;

/// A field of the documents of a collection. Inner fields are written with dots: `field("author.name")`.
pub fn field(name: impl Into<String>) -> Field {
    Field(Place::Inside(name.into()))
}

/// A field of documents, or the id or a timestamp that the host stores with them.
#[derive(Clone, Debug)]
pub struct Field(Place);

#[derive(Clone, Debug)]
enum Place {
    Inside(String),
    Host(&'static str),
}

/// Comparisons with one value.
macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $operator:literal;)*) => {$(
        $(#[$doc])*
        pub fn $method(self, value: impl ToValue) -> Filter {
            let compared = |sql: String| compare(&sql, $operator, value.to_value()?);
            Filter(self.to_sql().and_then(compared))
        }
    )*};
}

impl Field {
    /// The id of the document.
    pub const ID: Field = Field(Place::Host("id"));
    /// When the document was inserted, in milliseconds since the Unix epoch.
    pub const CREATED_AT: Field = Field(Place::Host("created_at"));
    /// When the document was last changed, in milliseconds since the Unix epoch.
    pub const UPDATED_AT: Field = Field(Place::Host("updated_at"));

    comparisons! {
        /// The field has this value; null matches documents without the field.
        eq "=";
        /// The field has another value, or none; null matches documents with the field.
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

    /// The field has one of these values.
    pub fn is_in<V: ToValue>(self, values: impl IntoIterator<Item = V>) -> Filter {
        let values: Result<Vec<Value>> = values.into_iter().map(|value| value.to_value()).collect();
        Filter(self.to_sql().and_then(|sql| Ok(one_of(&sql, values?))))
    }

    /// The field is a list with this element, or an object with this value.
    pub fn has(self, element: impl ToValue) -> Filter {
        Filter(self.to_sql().and_then(|sql| Ok(element_of(&sql, element.to_value()?))))
    }

    /// The field's text matches a pattern: `%` is any text, `_` any character, and `\` escapes the next character. The
    /// host accepts patterns of up to 100 bytes.
    pub fn like(self, pattern: impl AsRef<str>) -> Filter {
        Filter(self.to_sql().map(|sql| matching(&sql, pattern.as_ref().to_owned())))
    }

    /// The field's text contains this text, ignoring the case of ASCII letters.
    pub fn contains(self, text: impl AsRef<str>) -> Filter {
        Filter(self.to_sql().map(|sql| containing(&sql, text.as_ref().to_owned())))
    }

    /// The field's text begins with this text, ignoring the case of ASCII letters; up to 100 bytes.
    pub fn starts_with(self, text: impl AsRef<str>) -> Filter {
        self.like(format!("{}%", escape_like(text.as_ref())))
    }

    /// The field as SQL. The expression must be exactly that of the host's indexes, or SQLite does not use them.
    pub(super) fn to_sql(&self) -> Result<String> {
        match &self.0 {
            Place::Host(column) => Ok((*column).to_owned()),
            Place::Inside(name) => Ok(format!("json_extract(doc, '{}')", path(name)?)),
        }
    }
}

/// The JSON path of a field. The check ensures that no name can end the SQL literal around it.
pub(super) fn path(name: &str) -> Result<String> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_part_of_word);
    if name.len() > FIELD_BYTES_MAX || !name.split('.').all(is_word) {
        let rule = "use letters, digits, `_`, `-` and, for inner fields, dots";
        return Err(invalid(format!("`{}` is not a field: {rule}", name.escape_debug())));
    }
    Ok(name.split('.').fold("$".to_owned(), |path, word| format!("{path}.\"{word}\"")))
}

fn is_part_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

impl From<&str> for Field {
    fn from(name: &str) -> Field {
        field(name)
    }
}

impl From<String> for Field {
    fn from(name: String) -> Field {
        field(name)
    }
}

/// A condition on documents. It is built from a [`field`]; from a JSON object, each of whose members must equal the
/// field of that name; or from `()`, which matches all documents.
#[derive(Clone, Debug)]
#[must_use = "a filter does nothing until it is given to a collection"]
pub struct Filter(Result<Sql>);

impl Filter {
    /// Matches if both filters match.
    pub fn and(self, other: Filter) -> Filter {
        self.joined(" AND ", other)
    }

    /// Matches if at least one of the filters matches.
    pub fn or(self, other: Filter) -> Filter {
        self.joined(" OR ", other)
    }

    fn joined(self, word: &str, other: Filter) -> Filter {
        Filter(self.0.and_then(|left| {
            let right = other.0?;
            // An empty text matches all documents: it is neutral in AND, and absorbs the other side in OR.
            match (left.text.is_empty(), right.text.is_empty(), word) {
                (true, _, " AND ") | (_, true, " OR ") => return Ok(right),
                (_, true, _) | (true, ..) => return Ok(left),
                _ => {}
            }
            let mut sql = Sql::new("(", Vec::new());
            sql.push(left);
            sql.text.push_str(word);
            sql.push(right);
            sql.text.push(')');
            Ok(sql)
        }))
    }

    /// ` WHERE …`, or nothing.
    pub(super) fn into_sql(self) -> Result<Sql> {
        self.0.map(|sql| match sql.text.is_empty() {
            true => sql,
            false => Sql::new(format!(" WHERE {}", sql.text), sql.values),
        })
    }
}

impl Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter(self.0.map(|sql| match sql.text.is_empty() {
            true => Sql::new("1 = 0", sql.values),
            false => Sql::new(format!("NOT ({})", sql.text), sql.values),
        }))
    }
}

impl From<()> for Filter {
    fn from((): ()) -> Filter {
        Filter(Ok(Sql::default()))
    }
}

impl From<serde_json::Value> for Filter {
    fn from(example: serde_json::Value) -> Filter {
        match example {
            serde_json::Value::Object(fields) => {
                let equal = |(name, value): (String, serde_json::Value)| field(name).eq(value);
                fields.into_iter().map(equal).reduce(Filter::and).unwrap_or_else(|| Filter::from(()))
            }
            _ => Filter(Err(invalid("a JSON filter must be an object of fields and values"))),
        }
    }
}
