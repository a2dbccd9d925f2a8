//! The result of a query.

use serde::de::DeserializeOwned;

use super::declare::Kind;
use super::read::RowReader;
use super::value::Value;
use crate::error::Result;

/// The rows of a query, as the database stores them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// The rows as structs, maps, tuples or, for a single column, plain values.
    ///
    /// A struct's fields are matched with columns by name. Depending on the type of the field, integers are read as
    /// booleans, text as JSON and bytes as lists; null is `None`.
    ///
    /// # Errors
    /// `invalid_data` if a row is not an `R`, with the number of the row and the name of the column.
    pub fn into_typed<R: DeserializeOwned>(self) -> Result<Vec<R>> {
        self.into_kinds(&[])
    }

    /// Like [`Rows::into_typed`], with the declared kinds of the columns.
    pub(super) fn into_kinds<R: DeserializeOwned>(self, kinds: &[Kind]) -> Result<Vec<R>> {
        let Rows { columns, rows } = self;
        let numbered = rows.into_iter().enumerate();
        numbered.map(|(index, values)| RowReader::new(&columns, values, kinds).read(index)).collect()
    }
}
