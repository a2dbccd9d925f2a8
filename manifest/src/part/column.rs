//! The columns of a table: their kinds and options, and the options that each kind allows.

use serde::Serialize;
use serde_json::Value;

use crate::field::{Table as Fields, field};
use crate::limits::{COLUMNS_MAX, ENUM_MAX, LINE_CHARS_MAX};
use crate::part::column_default::wrong_default;
use crate::part::table::{check_identifier, identifier_shape};
use crate::problem::{Report, code};
use crate::read::{Node, Object, join};
use crate::shape;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// The name, unique within the table (case-insensitive).
    pub name: String,
    /// The kind of its values.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Whether the column must have a value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_null: bool,
    /// Whether no two rows may have the same value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Whether the column identifies the row; a column of kind `id` always does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub primary_key: bool,
    /// The value of rows that omit it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The maximum number of characters of a `varchar`, and the exact number of a `char`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// The allowed values of an `enum`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The target of a `foreign_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<Reference>,
}

/// The target of a foreign key: a column of a table of the same plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The table.
    pub table: String,
    /// The column. Default: `id`.
    pub column: String,
    /// The effect on this row of deleting the referenced row.
    pub on_delete: OnDelete,
}

/// The effect on a row of deleting the row that it refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The deletion is refused.
    #[default]
    Restrict,
    /// This row is deleted too.
    Cascade,
    /// The reference becomes null.
    SetNull,
}

/// The kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// An integer key that the database assigns.
    Id,
    /// Text of any length.
    Text,
    /// Text with a maximum length.
    Varchar,
    /// Text with a fixed length.
    Char,
    /// A 64-bit integer.
    Integer,
    /// A 64-bit floating point number.
    Real,
    /// A decimal number.
    Numeric,
    /// True or false.
    Boolean,
    /// A JSON value.
    Json,
    /// One of a few words.
    Enum,
    /// Bytes.
    Blob,
    /// A day.
    Date,
    /// A day and a time.
    Datetime,
    /// A time of day.
    Time,
    /// A point in time.
    Timestamp,
    /// A UUID.
    Uuid,
    /// A reference to another table's row.
    ForeignKey,
    /// The time at which the row was inserted; set by the host.
    CreatedAt,
    /// The time at which the row was last changed; set by the host.
    UpdatedAt,
}

const KINDS: [(&str, ColumnKind); 19] = [
    ("id", ColumnKind::Id),
    ("text", ColumnKind::Text),
    ("varchar", ColumnKind::Varchar),
    ("char", ColumnKind::Char),
    ("integer", ColumnKind::Integer),
    ("real", ColumnKind::Real),
    ("numeric", ColumnKind::Numeric),
    ("boolean", ColumnKind::Boolean),
    ("json", ColumnKind::Json),
    ("enum", ColumnKind::Enum),
    ("blob", ColumnKind::Blob),
    ("date", ColumnKind::Date),
    ("datetime", ColumnKind::Datetime),
    ("time", ColumnKind::Time),
    ("timestamp", ColumnKind::Timestamp),
    ("uuid", ColumnKind::Uuid),
    ("foreign_key", ColumnKind::ForeignKey),
    ("created_at", ColumnKind::CreatedAt),
    ("updated_at", ColumnKind::UpdatedAt),
];

/// DockStat's spellings of the same kinds.
const KIND_ALIASES: [(&str, ColumnKind); 3] = [
    ("foreignKey", ColumnKind::ForeignKey),
    ("createdAt", ColumnKind::CreatedAt),
    ("updatedAt", ColumnKind::UpdatedAt),
];

const COLUMN: Fields = &[
    field("name", "The column's name, if columns are a list.", identifier_shape),
    field("type", "The kind of the values.", kind_shape).or(&["kind"]),
    field("not_null", "Whether a value must be given.", shape::boolean).or(&["notNull"]),
    field("unique", "Whether no two rows may have the same value.", shape::boolean),
    field("primary_key", "Whether it identifies the row.", shape::boolean).or(&["primaryKey"]),
    field("default", "The value of rows that omit it.", shape::anything),
    field("length", "The maximum number of characters of a varchar or char.", || shape::count(1, LENGTH_MAX)),
    field("values", "The words of an enum.", || shape::list(shape::line(LINE_CHARS_MAX), ENUM_MAX)),
    field("references", "The table and column that a foreign key refers to.", || shape::object(REFERENCE, &["table"])),
];
const REFERENCE: Fields = &[
    field("table", "A table of the same plugin.", identifier_shape),
    field("column", "Its column, `id` if left out.", identifier_shape),
    field("on_delete", "What happens to this row when the referenced one is deleted.", on_delete_shape)
        .or(&["onDelete"]),
];
const LENGTH_MAX: u64 = 1 << 20;
const ON_DELETE: [(&str, OnDelete); 5] = [
    ("restrict", OnDelete::Restrict),
    ("cascade", OnDelete::Cascade),
    ("set_null", OnDelete::SetNull),
    ("set null", OnDelete::SetNull),
    ("no action", OnDelete::Restrict),
];

/// Reads an object of names and columns, or a list of columns with names.
pub(crate) fn read_columns(node: &Node<'_>, report: &mut Report) -> Vec<Column> {
    let read: Vec<(Option<Column>, Node<'_>)> = match node.value {
        Value::Array(_) => {
            let items = node.items(COLUMNS_MAX, report);
            items.into_iter().map(|node| (read_listed_column(&node, report), node)).collect()
        }
        _ => {
            let entries = node.entries(COLUMNS_MAX, report);
            entries.into_iter().map(|(name, node)| (read_keyed_column(name, &node, report), node)).collect()
        }
    };
    let mut columns: Vec<Column> = Vec::new();
    let nothing =
        node.value.as_array().is_some_and(Vec::is_empty) || node.value.as_object().is_some_and(|m| m.is_empty());
    if nothing {
        node.problem(report, code::INVALID_VALUE, "is empty: a table has at least one column");
    }
    for (column, node) in read {
        let Some(column) = column else { continue };
        if columns.iter().any(|known| known.name.eq_ignore_ascii_case(&column.name)) {
            node.problem(report, code::DUPLICATE, format!("the column `{}` is declared twice", column.name));
        } else {
            columns.push(column);
        }
    }
    columns
}

fn read_keyed_column(name: &str, node: &Node<'_>, report: &mut Report) -> Option<Column> {
    let name = check_identifier(name, node, report);
    if node.value.is_string() {
        return Some(plain(name?, read_kind(node, report)?));
    }
    let object = node.object(COLUMN, report)?;
    if let Some(inner) = object.get("name") {
        inner.problem(report, code::CONFLICT, "the key is the column's name: remove this field");
    }
    read_column(name, &object, report)
}

fn read_listed_column(node: &Node<'_>, report: &mut Report) -> Option<Column> {
    let object = node.object(COLUMN, report)?;
    let name = object.need("name", report);
    let name = name.and_then(|node| check_identifier(node.string(report)?, &node, report));
    read_column(name, &object, report)
}

fn plain(name: String, kind: ColumnKind) -> Column {
    Column {
        name,
        kind,
        not_null: false,
        unique: false,
        primary_key: false,
        default: None,
        length: None,
        values: Vec::new(),
        references: None,
    }
}

fn read_column(name: Option<String>, object: &Object<'_>, report: &mut Report) -> Option<Column> {
    let kind = object.need("type", report).and_then(|node| read_kind(&node, report));
    let flag = |name, report: &mut Report| object.get(name).and_then(|node| node.boolean(report)).unwrap_or(false);
    let not_null = flag("not_null", report);
    let unique = flag("unique", report);
    let primary_key = flag("primary_key", report);
    let length = object.get("length").and_then(|node| node.count(1..=LENGTH_MAX, report));
    let any_word = |word: &str| {
        if word.is_empty() { Err("a word must not be empty".to_owned()) } else { Ok(()) }
    };
    let values = object.get("values").map(|node| node.names(ENUM_MAX, any_word, report)).unwrap_or_default();
    let references = object.get("references").and_then(|node| read_reference(&node, report));
    let default = object.get("default").map(|node| node.value.clone());
    let length = length.and_then(|length| u32::try_from(length).ok());
    let column = Column { not_null, unique, primary_key, default, length, values, references, ..plain(name?, kind?) };
    check_options(&column, object, report);
    Some(column)
}

fn read_kind(node: &Node<'_>, report: &mut Report) -> Option<ColumnKind> {
    let written = node.string(report)?;
    let kind = KINDS.iter().chain(&KIND_ALIASES).find(|(name, _)| name.eq_ignore_ascii_case(written));
    if kind.is_none() {
        // Reports the problem with the nearest kind.
        node.word(&KINDS.map(|(name, _)| name), report);
    }
    kind.map(|(_, kind)| *kind)
}

fn read_reference(node: &Node<'_>, report: &mut Report) -> Option<Reference> {
    let object = node.object(REFERENCE, report)?;
    let mut identifier = |name: &str, node: Option<Node<'_>>| match node {
        Some(node) => node.string(report).and_then(|text| check_identifier(text, &node, report)),
        None => Some(name.to_owned()),
    };
    let column = identifier("id", object.get("column"));
    let table = object.need("table", report);
    let table = table.and_then(|node| check_identifier(node.string(report)?, &node, report));
    let on_delete = object.get("on_delete").map(|node| {
        let words = ON_DELETE.map(|(word, _)| word);
        let written = node.string(report).map(str::to_ascii_lowercase);
        let lower = Value::from(written?);
        let word = Node { value: &lower, path: node.path }.word(&words, report)?;
        ON_DELETE.iter().find(|(known, _)| *known == word).map(|(_, rule)| *rule)
    });
    Some(Reference { table: table?, column: column?, on_delete: on_delete.unwrap_or(Some(OnDelete::default()))? })
}

/// Checks that the kind allows the options.
fn check_options(column: &Column, object: &Object<'_>, report: &mut Report) {
    let kind = column.kind;
    let kind_name = KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
    let mut conflict = |option: &str, message: String| {
        report.add(&join(&object.path, option), code::CONFLICT, message);
    };
    let is_text = matches!(kind, ColumnKind::Varchar | ColumnKind::Char);
    if column.length.is_some() && !is_text {
        conflict("length", format!("a length is for varchar and char, and this is {kind_name}: remove it"));
    }
    match (kind == ColumnKind::Enum, column.values.is_empty()) {
        (true, true) => conflict("values", "an enum needs its words: list them in `values`".to_owned()),
        (false, false) => conflict("values", format!("values are for enum, and this is {kind_name}: remove them")),
        _ => {}
    }
    match (kind == ColumnKind::ForeignKey, &column.references) {
        (true, None) => conflict("references", "a foreign key needs the table that it refers to".to_owned()),
        (false, Some(_)) => conflict("references", format!("references are for foreign_key, and this is {kind_name}")),
        _ => {}
    }
    if let Some(message) = column.default.as_ref().and_then(|default| wrong_default(column, default)) {
        conflict("default", message);
    }
}

fn kind_shape() -> Value {
    let names: Vec<&str> = KINDS.iter().chain(&KIND_ALIASES).map(|(name, _)| *name).collect();
    shape::any_of([shape::word(&names), shape::name("^[A-Z][A-Z_]*$", LINE_CHARS_MAX)])
}

fn on_delete_shape() -> Value {
    shape::any_of([shape::word(&ON_DELETE.map(|(word, _)| word)), shape::name("^[A-Z][A-Z_ ]*$", LINE_CHARS_MAX)])
}

pub(crate) fn columns_shape() -> Value {
    let keyed = shape::any_of([kind_shape(), shape::object(COLUMN, &["type"])]);
    let listed = shape::object(COLUMN, &["name", "type"]);
    shape::any_of([shape::map(keyed, COLUMNS_MAX), shape::list(listed, COLUMNS_MAX)])
}
