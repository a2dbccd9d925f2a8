//! Collections of documents that the host stores for a plugin, their indexes and their initial documents.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::field::{Field, Table, field};
use crate::limits::{INDEXES_MAX, INITIAL_DOCUMENTS_MAX, LINE_CHARS_MAX, TABLES_MAX};
use crate::part::table::{check_identifier, identifier_shape};
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// The collections of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Database {
    /// Collections by name, including those that have only initial documents.
    pub collections: BTreeMap<String, Collection>,
    /// Documents that are inserted once, when the collection is created.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub initial_data: BTreeMap<String, Vec<Value>>,
}

/// A collection of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collection {
    /// Its indexes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
}

/// An index of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Index {
    /// The indexed fields, at least one; nested fields are written with dots.
    pub fields: Vec<String>,
    /// Whether no two documents may have the same values in these fields.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
}

const DATABASE: Table = &[
    field("collections", "Collections by name.", || shape::map(collection_shape(), TABLES_MAX)),
    field("initial_data", "Documents by collection, inserted once: a list, or one document.", initial_shape)
        .or(&["initialData"]),
];
const COLLECTION: Table = &[field("indexes", "Its indexes: fields, or objects with fields and `unique`.", || {
    shape::list(shape::any_of([field_shape(), shape::object(INDEX, &["fields"])]), INDEXES_MAX)
})];
const FIELDS: Field = field("fields", "The indexed fields; nested fields are written with dots.", || {
    shape::any_of([field_shape(), shape::list(field_shape(), INDEXES_MAX)])
})
.or(&["field"]);
const INDEX: Table = &[FIELDS, field("unique", "Whether no two documents may have the same values.", shape::boolean)];

pub(crate) fn read_database(node: &Node<'_>, report: &mut Report) -> Option<Database> {
    let object = node.object(DATABASE, report)?;
    let mut database = Database::default();
    if let Some(collections) = object.get("collections") {
        for (name, entry) in collections.entries(TABLES_MAX, report) {
            let name = check_identifier(name, &entry, report);
            let collection = read_collection(&entry, report);
            database.collections.extend(name.zip(collection));
        }
    }
    if let Some(initial) = object.get("initial_data") {
        for (name, entry) in initial.entries(TABLES_MAX, report) {
            let name = check_identifier(name, &entry, report);
            let documents = read_documents(&entry, report);
            database.initial_data.extend(name.clone().zip(documents));
            database.collections.entry(name?).or_default();
        }
    }
    Some(database)
}

fn read_collection(node: &Node<'_>, report: &mut Report) -> Option<Collection> {
    if node.value.is_null() {
        return Some(Collection::default());
    }
    let object = node.object(COLLECTION, report)?;
    let mut indexes: Vec<Index> = Vec::new();
    let items = object.get("indexes").map(|node| node.items(INDEXES_MAX, report)).unwrap_or_default();
    for item in items {
        let Some(index) = read_index(&item, report) else {
            continue;
        };
        if indexes.iter().any(|known| known.fields == index.fields) {
            item.problem(
                report,
                code::DUPLICATE,
                format!("there is an index over {} already", index.fields.join(", ")),
            );
        } else {
            indexes.push(index);
        }
    }
    Some(Collection { indexes })
}

fn read_index(node: &Node<'_>, report: &mut Report) -> Option<Index> {
    if node.value.is_string() {
        return Some(Index { fields: read_fields(node, report)?, unique: false });
    }
    let object = node.object(INDEX, report)?;
    let fields = object.need("fields", report).and_then(|node| read_fields(&node, report));
    let unique = object.get("unique").and_then(|node| node.boolean(report)).unwrap_or(false);
    Some(Index { fields: fields?, unique })
}

fn read_fields(node: &Node<'_>, report: &mut Report) -> Option<Vec<String>> {
    if let Some(name) = node.value.as_str() {
        return match check_field(name) {
            Ok(()) => Some(vec![name.to_owned()]),
            Err(message) => {
                node.problem(report, code::INVALID_NAME, message);
                None
            }
        };
    }
    if node.value.as_array().is_some_and(Vec::is_empty) {
        node.problem(report, code::INVALID_VALUE, "is empty: an index is over at least one field");
    }
    let fields = node.names(INDEXES_MAX, check_field, report);
    (!fields.is_empty()).then_some(fields)
}

fn check_field(name: &str) -> Result<(), String> {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match name.len() <= LINE_CHARS_MAX && name.split('.').all(word) {
        true => Ok(()),
        false => Err(format!("{} is not a field: use letters, digits, `_`, `-` and dots", quoted(name))),
    }
}

/// Reads a list of documents, or one document.
fn read_documents(node: &Node<'_>, report: &mut Report) -> Option<Vec<Value>> {
    if node.value.is_object() {
        return Some(vec![node.value.clone()]);
    }
    let items = node.items(INITIAL_DOCUMENTS_MAX, report);
    for item in items.iter().filter(|item| !item.value.is_object()) {
        item.wrong_type(report, "a document, which is an object");
    }
    Some(items.iter().map(|item| item.value.clone()).collect())
}

fn field_shape() -> Value {
    shape::name(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", LINE_CHARS_MAX)
}

fn collection_shape() -> Value {
    shape::any_of([shape::object(COLLECTION, &[]), json!({ "type": "null" })])
}

fn initial_shape() -> Value {
    let document = json!({ "type": "object" });
    let documents = shape::any_of([document.clone(), shape::list(document, INITIAL_DOCUMENTS_MAX)]);
    let mut shape = shape::map(documents, TABLES_MAX);
    shape["propertyNames"] = identifier_shape();
    shape
}

pub(crate) fn database_shape() -> Value {
    shape::object(DATABASE, &[])
}
