//! Collections of documents, which are JSON objects stored under a numeric id, without a schema.
//!
//! A collection is a table with the columns `id`, `doc`, `created_at` and `updated_at`, and its permission is
//! `db.<collection>`, so that SQL can be used on it as well.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Changes;
use super::condition::{Sql, quoted};
use super::connection::Connection;
use super::failure::invalid;
use super::filter::{Field, Filter};
use super::rows::Rows;
use super::value::{Json, ToValue, Value};
use crate::error::Result;

/// A document of a collection, with its id and timestamps. It dereferences to the `T`.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize, crate::Schema)]
pub struct Document<T> {
    /// The id, which the database assigns and never reuses.
    pub id: i64,
    /// The document itself.
    pub doc: T,
    /// When it was inserted, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_at: i64,
}

impl<T> Deref for Document<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.doc
    }
}

impl<T> DerefMut for Document<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.doc
    }
}

/// A collection in the database or in a transaction, with documents of type `T`.
///
/// ```no_run
/// use plugbay_sdk::db::{self, field};
/// # use plugbay_sdk::log;
/// use plugbay_sdk::prelude::*;
///
/// #[derive(Serialize, Deserialize)]
/// struct Task {
///     title: String,
///     done: bool,
/// }
///
/// fn tidy_up() -> Result<u64> {
///     let tasks = db::collection::<Task>("tasks");
///     let id = tasks.insert(&Task { title: "Tea".to_owned(), done: false })?;
///     tasks.patch(id, json!({ "done": true }))?;
///     for task in tasks.find(field("done").eq(false)).order_by("title").limit(10).all()? {
///         log::info!("{}: {}", task.id, task.title);
///     }
///     tasks.delete_where(field("done").eq(true))
/// }
/// ```
#[derive(Debug)]
pub struct Collection<'a, T> {
    connection: Connection<'a>,
    name: String,
    of: PhantomData<fn() -> T>,
}

impl<'a, T> Collection<'a, T> {
    pub(super) fn new(connection: Connection<'a>, name: &str) -> Self {
        Collection { connection, name: quoted(name), of: PhantomData }
    }

    /// Inserts a document and returns its id.
    ///
    /// # Errors
    /// `invalid_argument` if it is not a JSON object, `permission_denied` without `write` on `db.<collection>`,
    /// `constraint` if a unique index already contains its values, and the others of [`db`](super).
    pub fn insert(&self, doc: &T) -> Result<i64>
    where
        T: Serialize,
    {
        Ok(self.connection.execute(&self.insert_sql(), vec![object(doc)?])?.insert_id)
    }

    /// Inserts documents: all of them, or none.
    ///
    /// # Errors
    /// Those of [`Collection::insert`].
    pub fn insert_many<'d>(&self, docs: impl IntoIterator<Item = &'d T>) -> Result<Changes>
    where
        T: Serialize + 'd,
    {
        let docs: Vec<Vec<Value>> = docs.into_iter().map(|doc| Ok(vec![object(doc)?])).collect::<Result<_>>()?;
        match docs.len() {
            0 => Ok(Changes::default()),
            _ => self.connection.execute_many(&self.insert_sql(), docs),
        }
    }

    /// The document with this id, if there is one.
    ///
    /// # Errors
    /// Those of [`Find::all`].
    pub fn get(&self, id: i64) -> Result<Option<Document<T>>>
    where
        T: DeserializeOwned,
    {
        self.find(Field::ID.eq(id)).first()
    }

    /// Begins a search: `find(field("done").eq(false))`, `find(json!({ "done": false }))`, `find(())` for all.
    pub fn find(&self, filter: impl Into<Filter>) -> Find<'a, T> {
        let (connection, name) = (self.connection, self.name.clone());
        let (filter, order) = (filter.into(), Sql::default());
        Find { connection, name, filter: filter.into_sql(), order: Ok(order), limit: None, offset: 0, of: PhantomData }
    }

    /// Replaces the document with this id. Returns whether it existed.
    ///
    /// # Errors
    /// Those of [`Collection::insert`].
    pub fn update(&self, id: i64, doc: &T) -> Result<bool>
    where
        T: Serialize,
    {
        let sql = format!("UPDATE {} SET doc = ? WHERE id = ?", self.name);
        Ok(self.connection.execute(&sql, vec![object(doc)?, Value::Integer(id)])?.changes > 0)
    }

    /// Sets the fields of a document that a struct, a map or a JSON object contains, and leaves the others unchanged. A
    /// null removes the field, and a name with dots is an inner field. Returns whether the document existed.
    ///
    /// # Errors
    /// Those of [`Collection::patch_where`].
    pub fn patch(&self, id: i64, fields: impl Serialize) -> Result<bool> {
        Ok(self.patch_where(Field::ID.eq(id), fields)? > 0)
    }

    /// [`patch`](Collection::patch)es the documents that match the filter, and returns their number.
    ///
    /// # Errors
    /// `invalid_argument` if the filter matches all documents, no field is given or a name is not valid, and those of
    /// [`Collection::insert`].
    pub fn patch_where(&self, filter: impl Into<Filter>, fields: impl Serialize) -> Result<u64> {
        let mut sql = Sql::new(format!("UPDATE {} SET doc = ", self.name), Vec::new());
        sql.push(patched(&fields)?);
        sql.push(some(filter.into())?);
        Ok(self.connection.execute(&sql.text, sql.values)?.changes)
    }

    /// Removes a document. Returns whether it existed.
    ///
    /// # Errors
    /// `permission_denied` without `write` on `db.<collection>`, and the others of [`db`](super).
    pub fn delete(&self, id: i64) -> Result<bool> {
        Ok(self.delete_where(Field::ID.eq(id))? > 0)
    }

    /// Removes the documents that match the filter, and returns their number.
    ///
    /// # Errors
    /// `invalid_argument` if the filter matches all documents, and those of [`Collection::delete`].
    pub fn delete_where(&self, filter: impl Into<Filter>) -> Result<u64> {
        let mut sql = Sql::new(format!("DELETE FROM {}", self.name), Vec::new());
        sql.push(some(filter.into())?);
        Ok(self.connection.execute(&sql.text, sql.values)?.changes)
    }

    /// The number of documents that match the filter; `count(())` counts all.
    ///
    /// # Errors
    /// `permission_denied` without `read` on `db.<collection>`, and the others of [`db`](super).
    pub fn count(&self, filter: impl Into<Filter>) -> Result<u64> {
        let mut sql = Sql::new(format!("SELECT count(*) FROM {}", self.name), Vec::new());
        sql.push(filter.into().into_sql()?);
        super::first(self.connection.query(&sql.text, sql.values)?)?.ok_or_else(super::no_row)
    }

    fn insert_sql(&self) -> String {
        format!("INSERT INTO {} (doc) VALUES (?)", self.name)
    }
}

/// A search for documents.
#[derive(Debug)]
#[must_use = "a search does nothing until `all` or `first` is called"]
pub struct Find<'a, T> {
    connection: Connection<'a>,
    name: String,
    filter: Result<Sql>,
    order: Result<Sql>,
    limit: Option<u64>,
    offset: u64,
    of: PhantomData<fn() -> T>,
}

impl<T> Find<'_, T> {
    /// Sorts by a field in ascending order, after the fields that were named before. By default, documents are in the
    /// order in which they were inserted.
    pub fn order_by(self, field: impl Into<Field>) -> Self {
        self.ordered(field.into(), "")
    }

    /// Sorts by a field in descending order, after the fields that were named before.
    pub fn order_by_desc(self, field: impl Into<Field>) -> Self {
        self.ordered(field.into(), " DESC")
    }

    fn ordered(mut self, field: Field, direction: &str) -> Self {
        self.order = self.order.and_then(|mut order| {
            order.text.push_str(&field.to_sql()?);
            order.text.push_str(direction);
            order.text.push_str(", ");
            Ok(order)
        });
        self
    }

    /// Limits the number of documents.
    pub fn limit(mut self, documents: u64) -> Self {
        self.limit = Some(documents);
        self
    }

    /// Skips the first documents, for the next page.
    pub fn offset(mut self, documents: u64) -> Self {
        self.offset = documents;
        self
    }

    /// The SQL and its parameters.
    ///
    /// # Errors
    /// `invalid_argument` if the name of a field is not valid.
    pub fn to_sql(&self) -> Result<(String, Vec<Value>)> {
        let mut sql = Sql::new(format!("SELECT id, doc, created_at, updated_at FROM {}", self.name), Vec::new());
        sql.push(self.filter.clone()?);
        sql.text.push_str(" ORDER BY ");
        sql.push(self.order.clone()?);
        sql.text.push_str("id");
        sql.push(super::select::limit(self.limit, self.offset));
        Ok((sql.text, sql.values))
    }
}

impl<T: DeserializeOwned> Find<'_, T> {
    /// The documents.
    ///
    /// # Errors
    /// `permission_denied` without `read` on `db.<collection>`, `limit_exceeded` if there are more than the host
    /// returns, `invalid_data` if one is not a `T`, and the others of [`db`](super).
    pub fn all(self) -> Result<Vec<Document<T>>> {
        let (sql, values) = self.to_sql()?;
        read(self.connection.query(&sql, values)?)
    }

    /// The first document, if there is one.
    ///
    /// # Errors
    /// Those of [`Find::all`].
    pub fn first(self) -> Result<Option<Document<T>>> {
        Ok(self.limit(1).all()?.pop())
    }
}

fn read<T: DeserializeOwned>(rows: Rows) -> Result<Vec<Document<T>>> {
    let documents = rows.into_typed::<(i64, Json<T>, i64, i64)>()?;
    let document = |(id, Json(doc), created_at, updated_at)| Document { id, doc, created_at, updated_at };
    Ok(documents.into_iter().map(document).collect())
}

/// A document as the text of a JSON object.
fn object(doc: &impl Serialize) -> Result<Value> {
    let value = Json(doc).to_value()?;
    match &value {
        Value::Text(text) if text.starts_with('{') => Ok(value),
        _ => Err(invalid("a document must be a JSON object: pass a struct or a map")),
    }
}

/// The SQL of a document with these fields set, or removed if they are null.
fn patched(fields: &impl Serialize) -> Result<Sql> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(fields) else {
        return Err(invalid("a patch must be a JSON object: pass a struct or a map"));
    };
    if fields.is_empty() {
        return Err(invalid("the patch sets no field"));
    }
    let mut removed = String::new();
    let mut set = Sql::default();
    for (name, value) in &fields {
        let path = super::filter::path(name)?;
        if value.is_null() {
            removed.push_str(&format!(", '{path}'"));
        } else {
            set.push(Sql::new(format!(", '{path}', json(?)"), vec![Json(value).to_value()?]));
        }
    }
    let mut doc = "doc".to_owned();
    if !removed.is_empty() {
        doc = format!("json_remove({doc}{removed})");
    }
    if !set.text.is_empty() {
        doc = format!("json_set({doc}{})", set.text);
    }
    Ok(Sql::new(doc, set.values))
}

/// The SQL of a filter, or an error if it matches all documents.
fn some(filter: Filter) -> Result<Sql> {
    let sql = filter.into_sql()?;
    match sql.text.is_empty() {
        true => Err(invalid("the filter matches all documents of the collection: add a condition")),
        false => Ok(sql),
    }
}
