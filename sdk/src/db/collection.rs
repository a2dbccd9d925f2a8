//! Collections of documents: JSON objects that the host keeps under a number, without a schema.
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

/// A document of a collection, with what the host knows of it. Its fields are those of `T`.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize, crate::Schema)]
pub struct Document<T> {
    /// Its number, given by the database and never given again.
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

    /// Puts a document into the collection and answers its number.
    ///
    /// # Errors
    /// `invalid_argument` if it is no JSON object, `permission_denied` without `write` on `db.<collection>`,
    /// `constraint` if a unique index has its values already, and the others of [`db`](super).
    pub fn insert(&self, doc: &T) -> Result<i64>
    where
        T: Serialize,
    {
        Ok(self.connection.execute(&self.insert_sql(), vec![object(doc)?])?.insert_id)
    }

    /// Puts documents into the collection: all of them, or none.
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

    /// The document with this number, if there is one.
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

    /// Puts another document in the place of the one with this number. Answers whether there is one.
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

    /// Sets the fields of a document that a struct, a map or a JSON object has, and leaves the others alone; a null
    /// removes the field, and a name with dots is an inner field. Answers whether there is a document with this number.
    ///
    /// # Errors
    /// Those of [`Collection::patch_where`].
    pub fn patch(&self, id: i64, fields: impl Serialize) -> Result<bool> {
        Ok(self.patch_where(Field::ID.eq(id), fields)? > 0)
    }

    /// [`patch`](Collection::patch)es the documents that are found, and answers how many there were.
    ///
    /// # Errors
    /// `invalid_argument` if the filter is one for all documents, no field is given or its name cannot be one, and
    /// those of [`Collection::insert`].
    pub fn patch_where(&self, filter: impl Into<Filter>, fields: impl Serialize) -> Result<u64> {
        let mut sql = Sql::new(format!("UPDATE {} SET doc = ", self.name), Vec::new());
        sql.push(patched(&fields)?);
        sql.push(some(filter.into())?);
        Ok(self.connection.execute(&sql.text, sql.values)?.changes)
    }

    /// Removes a document. Answers whether there was one.
    ///
    /// # Errors
    /// `permission_denied` without `write` on `db.<collection>`, and the others of [`db`](super).
    pub fn delete(&self, id: i64) -> Result<bool> {
        Ok(self.delete_where(Field::ID.eq(id))? > 0)
    }

    /// Removes the documents that are found, and answers how many there were.
    ///
    /// # Errors
    /// `invalid_argument` if the filter is one for all documents, and those of [`Collection::delete`].
    pub fn delete_where(&self, filter: impl Into<Filter>) -> Result<u64> {
        let mut sql = Sql::new(format!("DELETE FROM {}", self.name), Vec::new());
        sql.push(some(filter.into())?);
        Ok(self.connection.execute(&sql.text, sql.values)?.changes)
    }

    /// How many documents there are like this; `count(())` counts all.
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
    /// Sorts by a field, from the least value to the greatest; after those that were named before. Without this,
    /// documents come as they were inserted.
    pub fn order_by(self, field: impl Into<Field>) -> Self {
        self.ordered(field.into(), "")
    }

    /// Sorts by a field, from the greatest value to the least; after those that were named before.
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

    /// At most this many documents.
    pub fn limit(mut self, documents: u64) -> Self {
        self.limit = Some(documents);
        self
    }

    /// Leaves out the first documents: for the next page.
    pub fn offset(mut self, documents: u64) -> Self {
        self.offset = documents;
        self
    }

    /// The SQL and its parameters.
    ///
    /// # Errors
    /// `invalid_argument` if a field's name cannot be one.
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
    /// hands over, `invalid_data` if one is no `T`, and the others of [`db`](super).
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

/// The text of a JSON object.
fn object(doc: &impl Serialize) -> Result<Value> {
    let value = Json(doc).to_value()?;
    match &value {
        Value::Text(text) if text.starts_with('{') => Ok(value),
        _ => Err(invalid("a document is a JSON object: a struct or a map")),
    }
}

/// The document with these fields set, or removed where they are null.
fn patched(fields: &impl Serialize) -> Result<Sql> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(fields) else {
        return Err(invalid("what is set is the fields of an object"));
    };
    if fields.is_empty() {
        return Err(invalid("no field is set"));
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

/// The SQL of a filter that is not one for all documents.
fn some(filter: Filter) -> Result<Sql> {
    let sql = filter.into_sql()?;
    match sql.text.is_empty() {
        true => Err(invalid("this would be all documents of the collection: say which")),
        false => Ok(sql),
    }
}
