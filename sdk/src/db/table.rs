//! Tables as types: the trait that `#[derive(Table)]` implements, and the entry points of typed statements.

use std::marker::PhantomData;

use super::change::{Delete, Unfiltered, Update};
use super::column::{Codec, Column, ColumnType, Operand, Plain, Untyped};
use super::connection::Connection;
use super::declare::{Declaration, Kind};
use super::failure::invalid;
use super::insert::{self, Assignment};
use super::select::{Objects, Select};
use super::value::Value;
use super::{Changes, table};
use crate::error::Result;

/// A struct whose values are the rows of a table. Derive it with `#[derive(Table)]`.
///
/// The functions here are shorthand for those of [`table`](super::table()): `Note::select()` is
/// `db::table::<Note>().all_columns()`.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a table", note = "add `#[derive(Table)]` to `{Self}`")]
pub trait Table: Sized {
    /// The table's name.
    const NAME: &'static str;

    /// The names and kinds of its columns.
    const COLUMNS: &'static [(&'static str, Kind)];

    /// The declaration in the plugin's manifest.
    const TABLE: Declaration;

    /// The values of a row to insert, in the order of the columns; `None` if the host sets the value.
    #[doc(hidden)]
    fn to_values(&self) -> Result<Vec<Option<Value>>>;

    /// A row from the values of all columns.
    #[doc(hidden)]
    fn from_row(row: &mut Row) -> Result<Self>;

    /// Begins a query for rows.
    fn select() -> Select<'static, Self> {
        table().all_columns()
    }

    /// Inserts a row.
    ///
    /// # Errors
    /// Those of [`TableRef::insert`].
    fn insert(row: &Self) -> Result<Changes> {
        table().insert(row)
    }

    /// Inserts rows: all of them, or none.
    ///
    /// # Errors
    /// Those of [`TableRef::insert`].
    fn insert_many<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Result<Changes>
    where
        Self: 'a,
    {
        table().insert_many(rows)
    }

    /// Begins an update of rows.
    fn update() -> Update<'static, Self, Unfiltered> {
        table().update()
    }

    /// Begins a delete of rows.
    fn delete() -> Delete<'static, Self, Unfiltered> {
        table().delete()
    }
}

/// A table with a key, which is a column marked `#[column(id)]` or `#[column(primary_key)]`.
pub trait Keyed: Table {
    /// The type of the key.
    type Key: ColumnType;

    /// The key column.
    const KEY: Column<Self, Self::Key>;

    /// The row with this key, if there is one.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    fn find(key: impl Operand<Self::Key>) -> Result<Option<Self>> {
        table().find(key)
    }

    /// Replaces the row with the same key. Returns whether it existed.
    ///
    /// # Errors
    /// Those of [`TableRef::save`].
    fn save(row: &Self) -> Result<bool> {
        table().save(row)
    }
}

/// A table in the database or in a transaction, with the entry points of its statements.
#[derive(Debug)]
pub struct TableRef<'a, T> {
    connection: Connection<'a>,
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Table> TableRef<'a, T> {
    pub(super) fn new(connection: Connection<'a>) -> Self {
        TableRef { connection, of: PhantomData }
    }

    /// Begins a query for whole rows.
    pub fn all_columns(&self) -> Select<'a, T> {
        Select::new(self.connection)
    }

    /// Begins a query for some columns by name; `"*"` is all of them. The rows are JSON objects, or the type that
    /// [`Select::all_as`] reads them into.
    pub fn select<N: AsRef<str>>(&self, columns: impl IntoIterator<Item = N>) -> Select<'a, T, Objects> {
        Select::of_columns(self.connection, columns)
    }

    /// The row with this key, if there is one.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn find(&self, key: impl Operand<T::Key>) -> Result<Option<T>>
    where
        T: Keyed,
    {
        self.all_columns().filter(T::KEY.eq(key)).first()
    }

    /// The number of rows.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn count(&self) -> Result<u64> {
        self.all_columns().count()
    }

    /// Inserts a row.
    ///
    /// The database assigns an id that is 0 or `None`, and the default of a column whose value is `None`; the host sets
    /// `created_at` and `updated_at`.
    ///
    /// # Errors
    /// `permission_denied` without `write` on `db.<table>`, `constraint` if a constraint of the table is violated,
    /// `limit_exceeded`, and the others of [`db`](super).
    pub fn insert(&self, row: &T) -> Result<Changes> {
        insert::rows(self.connection, [row])
    }

    /// Inserts rows: all of them, or none.
    ///
    /// # Errors
    /// Those of [`TableRef::insert`].
    pub fn insert_many<'r>(&self, rows: impl IntoIterator<Item = &'r T>) -> Result<Changes>
    where
        T: 'r,
    {
        insert::rows(self.connection, rows)
    }

    /// Inserts a row with values for some columns, such as `[Note::title.to("Milk")]`. The others get their defaults.
    ///
    /// # Errors
    /// Those of [`TableRef::insert`].
    pub fn insert_values(&self, values: impl IntoIterator<Item = Assignment<T>>) -> Result<Changes> {
        insert::values(self.connection, values)
    }

    /// Inserts a row from a struct, a map or a JSON object, whose fields are columns. The others get their defaults.
    ///
    /// # Errors
    /// Those of [`TableRef::insert`], and `invalid_argument` if a field is not a column or does not match its type.
    pub fn insert_from(&self, row: impl serde::Serialize) -> Result<Changes> {
        insert::values(self.connection, insert::assignments_of::<T>(&row)?)
    }

    /// Begins an update of rows.
    pub fn update(&self) -> Update<'a, T, Unfiltered> {
        Update::new(self.connection)
    }

    /// Replaces the row with the same key, except the columns that the host sets. Returns whether it existed.
    ///
    /// # Errors
    /// `invalid_argument` if the row has no key yet, and those of [`Update::run`].
    pub fn save(&self, row: &T) -> Result<bool>
    where
        T: Keyed,
    {
        let (mut key, mut assignments) = (None, Vec::new());
        for ((name, kind), value) in T::COLUMNS.iter().zip(row.to_values()?) {
            match (value, kind) {
                (value, _) if *name == T::KEY.name() => key = value,
                (_, Kind::CreatedAt | Kind::UpdatedAt) => {}
                // `None` means the default in a new row, but null in an existing one.
                (value, _) => assignments.push(Assignment::new(name, Ok(value.unwrap_or_default()))),
            }
        }
        let Some(key) = key else {
            return Err(invalid(format!("the row of `{}` has no key yet: insert it first", T::NAME)));
        };
        Ok(self.update().set_all(assignments).filter(T::KEY.untyped().eq(key)).run()? > 0)
    }

    /// Begins a delete of rows.
    pub fn delete(&self) -> Delete<'a, T, Unfiltered> {
        Delete::new(self.connection)
    }
}

/// The tables of structs that derive [`Table`](derive@crate::db::Table), for
/// [`Builder::tables`](crate::builder::Builder::tables): `.tables(create_tables![User, Note])`.
#[macro_export]
macro_rules! create_tables {
    ($($table:ty),* $(,)?) => {
        &[$(<$table as $crate::db::Table>::TABLE),*]
    };
}

/// The column of `T` with this name, for a name that is known only at run time. Otherwise, write `Note::title`.
///
/// ```no_run
/// use plugbay_sdk::db::{self, Table, ToValue as _};
/// use plugbay_sdk::prelude::*;
/// # #[derive(Table, Serialize)] #[table(name = "notes")] struct Note { #[column(id)] id: i64, title: String }
///
/// #[derive(Deserialize, Schema)]
/// struct Search {
///     column: String,
///     #[schema(any)]
///     value: Value,
/// }
///
/// fn search(search: Search) -> Result<Vec<Note>> {
///     Note::select().filter(db::column(&search.column)?.eq(search.value.to_value()?)).all()
/// }
/// ```
///
/// # Errors
/// `invalid_argument` if the table has no such column.
pub fn column<T: Table>(name: &str) -> Result<Column<T, Value, Untyped>> {
    column_of::<T>(name).map(|(name, _)| Column::new(name))
}

/// A column by its name.
pub(super) fn column_of<T: Table>(name: &str) -> Result<(&'static str, Kind)> {
    let found = T::COLUMNS.iter().find(|(known, _)| *known == name);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = T::COLUMNS.iter().map(|(name, _)| *name).collect();
        invalid(format!("the table `{}` has no column `{name}`: it has {}", T::NAME, known.join(", ")))
    })
}

/// A row that is being read into its struct.
#[doc(hidden)]
#[derive(Debug)]
pub struct Row {
    table: &'static str,
    columns: std::slice::Iter<'static, (&'static str, Kind)>,
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(super) fn new<T: Table>(values: Vec<Value>) -> Row {
        Row { table: T::NAME, columns: T::COLUMNS.iter(), values: values.into_iter() }
    }

    /// The value of the next column.
    pub fn take<V, C: Codec<V>>(&mut self) -> Result<V> {
        let column = self.columns.next().map_or("", |(name, _)| name);
        let value = self.values.next().unwrap_or_default();
        C::from_value(value).map_err(|why| why.context(format_args!("column `{}.{column}`", self.table)))
    }
}

/// The value of a key column in a new row; `None` for 0 and null, for which the database assigns a key.
#[doc(hidden)]
pub fn new_id<V: ColumnType>(id: Option<&V>) -> Result<Option<Value>> {
    let value = id.map(Plain::to_value).transpose()?;
    Ok(value.filter(|value| *value != Value::Integer(0)))
}

/// The value of a column in a new row.
#[doc(hidden)]
pub fn given<V, C: Codec<V>>(column: &str, value: &V) -> Result<Option<Value>> {
    C::to_value(value).map(Some).map_err(|why| why.context(format_args!("column `{column}`")))
}

/// The value of a column with a default in a new row; `None` for null, for which the database uses the default.
#[doc(hidden)]
pub fn or_default<V, C: Codec<V>>(column: &str, value: &V) -> Result<Option<Value>> {
    Ok(given::<V, C>(column, value)?.filter(|value| *value != Value::Null))
}
