//! Tables that the host creates for a plugin: columns with kinds and options, one table or several.
//!
//! The declaration contains no SQL, so it cannot inject any: names are identifiers, defaults are values, and there is
//! no `check`. The database service maps kinds to SQL.

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::field::{Field, Table as Fields, field, suggestion};
use crate::limits::{COLUMNS_MAX, IDENTIFIER_CHARS_MAX, TABLES_MAX};
use crate::name;
use crate::part::column::{Column, ColumnKind, columns_shape, read_columns};
use crate::part::column_default::wrong_reference;
use crate::problem::{Report, code, quoted};
use crate::read::{Found, Node};
use crate::shape;

/// A table of a plugin's database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The name, unique within the plugin.
    pub name: String,
    /// The columns in the order of their declaration; at least one.
    pub columns: Vec<Column>,
    /// The columns whose values are stored as JSON text and parsed when they are read: those of kind `json` and those
    /// that the manifest names (`jsonColumns`, `parser.JSON`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_columns: Vec<String>,
}

impl Table {
    /// Returns whether this is the table's name. SQL compares names without case.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Adds the JSON columns that a layer above names. Returns `false` and changes nothing if the columns differ.
    pub(crate) fn overridden_by(&mut self, above: &Table) -> bool {
        if self.columns != above.columns {
            return false;
        }
        let new = above.json_columns.iter().filter(|column| !self.json_columns.contains(column));
        let new: Vec<String> = new.cloned().collect();
        self.json_columns.extend(new);
        true
    }
}

const TABLE_NAME: Field = field("name", "The table's name.", identifier_shape);
const COLUMNS: Field = field("columns", "The columns: names with kinds or with options.", columns_shape);
const JSON_COLUMNS: Field =
    field("json_columns", "Columns whose values are parsed as JSON, in addition to those of kind `json`.", names_shape)
        .or(&["jsonColumns"]);
const PARSER: Field = field("parser", "DockStat's way to name `json_columns`.", || shape::object(PARSERS, &[]));
const TABLE: Fields = &[TABLE_NAME, COLUMNS, JSON_COLUMNS, PARSER];
const PARSERS: Fields = &[field("JSON", "Columns whose values are parsed as JSON.", names_shape).or(&["json"])];

/// Reads one table, a list of tables, or an object of names and tables.
pub(crate) fn read_tables(node: &Node<'_>, report: &mut Report) -> Vec<Found<Table>> {
    let read: Vec<(Option<Table>, Node<'_>)> = match node.value {
        Value::Array(_) => {
            let items = node.items(TABLES_MAX, report);
            items.into_iter().map(|node| (read_table(&node, None, report), node)).collect()
        }
        // A single table has `columns`. An object of tables may have a table of that name, which has columns inside.
        Value::Object(map) if map.get("columns").is_some_and(|columns| columns.get("columns").is_none()) => {
            vec![(read_table(node, None, report), node.clone())]
        }
        Value::Object(map) if map.contains_key("name") && !map.contains_key("columns") => {
            vec![(read_table(node, None, report), node.clone())]
        }
        _ => {
            let entries = node.entries(TABLES_MAX, report);
            entries.into_iter().map(|(name, node)| (read_table(&node, Some(name), report), node)).collect()
        }
    };
    let mut tables: Vec<Found<Table>> = Vec::new();
    for (table, node) in read {
        let Some(table) = table else { continue };
        if tables.iter().any(|known| known.value.has_name(&table.name)) {
            node.problem(report, code::DUPLICATE, format!("the table `{}` is declared twice", table.name));
        } else {
            tables.push(node.found(table, report));
        }
    }
    tables
}

fn read_table(node: &Node<'_>, key: Option<&str>, report: &mut Report) -> Option<Table> {
    let object = node.object(TABLE, report)?;
    let name = match (key, object.get("name")) {
        (Some(key), None) => check_identifier(key, node, report),
        _ => object.need("name", report).and_then(|node| check_identifier(node.string(report)?, &node, report)),
    };
    let columns = object.need("columns", report).map(|node| read_columns(&node, report)).unwrap_or_default();
    let parsers = object.get("parser").and_then(|node| node.object(PARSERS, report));
    let named = [object.get("json_columns"), parsers.and_then(|parsers| parsers.get("JSON"))];
    let of_kind = columns.iter().filter(|column| column.kind == ColumnKind::Json);
    let mut json_columns: Vec<String> = of_kind.map(|column| column.name.clone()).collect();
    for node in named.into_iter().flatten() {
        read_json_columns(&node, &columns, &mut json_columns, report);
    }
    Some(Table { name: name?, columns, json_columns })
}

fn read_json_columns(node: &Node<'_>, columns: &[Column], known: &mut Vec<String>, report: &mut Report) {
    for item in node.items(COLUMNS_MAX, report) {
        let Some(name) = item.string(report) else {
            continue;
        };
        let column = columns.iter().find(|column| column.name == name);
        let holds_text =
            |kind| matches!(kind, ColumnKind::Json | ColumnKind::Text | ColumnKind::Varchar | ColumnKind::Char);
        if column.is_some_and(|column| !holds_text(column.kind)) {
            let message = format!("{} cannot hold JSON: it is neither of kind `json` nor text", quoted(name));
            item.problem(report, code::CONFLICT, message);
            continue;
        }
        let default =
            column.filter(|column| column.kind != ColumnKind::Json).and_then(|column| column.default.as_ref());
        let default = default.and_then(Value::as_str);
        if default.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_err()) {
            item.problem(report, code::CONFLICT, format!("the default of {} is not JSON", quoted(name)));
        }
        if column.is_none() {
            let hint = suggestion(name, columns.iter().map(|column| column.name.as_str()));
            let message = format!("the table has no column {}{hint}", quoted(name));
            item.problem(report, code::UNKNOWN_REFERENCE, message);
        } else if !known.iter().any(|column| column == name) {
            known.push(name.to_owned());
        }
    }
}

pub(crate) fn check_identifier(name: &str, node: &Node<'_>, report: &mut Report) -> Option<String> {
    match name::identifier(name) {
        Ok(()) => Some(name.to_owned()),
        Err(message) => {
            node.problem(report, code::INVALID_NAME, message);
            None
        }
    }
}

/// Checks that every foreign key refers to a column of a declared table, and that its default fits that column.
pub(crate) fn check_references(tables: &[Found<Table>], report: &mut Report) {
    for Found { origin, path, value: table } in tables {
        for column in &table.columns {
            let Some(reference) = &column.references else {
                continue;
            };
            let target = tables.iter().map(|known| &known.value).find(|known| known.has_name(&reference.table));
            let found = target.map(|target| target.columns.iter().find(|column| column.name == reference.column));
            let what = match found {
                Some(Some(target)) => {
                    let wrong = column.default.as_ref().and_then(|default| wrong_reference(target, default));
                    if let Some(message) = wrong {
                        let message = format!("the default of `{}.{}` {message}", table.name, column.name);
                        report.add_from(origin, path, code::CONFLICT, message);
                    }
                    continue;
                }
                Some(None) => format!("column `{}.{}`", reference.table, reference.column),
                None => format!("table `{}`", reference.table),
            };
            let message = format!("`{}.{}` refers to the {what}, which is not declared", table.name, column.name);
            report.add_from(origin, path, code::UNKNOWN_REFERENCE, message);
        }
    }
}

pub(crate) fn identifier_shape() -> Value {
    shape::name(name::IDENTIFIER_PATTERN, IDENTIFIER_CHARS_MAX)
}

fn names_shape() -> Value {
    shape::list(identifier_shape(), COLUMNS_MAX)
}

pub(crate) fn tables_shape() -> Value {
    let one = json!({ "$ref": "#/$defs/table" });
    let several = shape::list(one.clone(), TABLES_MAX);
    shape::any_of([one, several, shape::map(json!({ "$ref": "#/$defs/keyed_table" }), TABLES_MAX)])
}

/// The definitions that [`tables_shape`] refers to.
pub(crate) fn table_definitions() -> [(&'static str, Value); 2] {
    [("table", shape::object(TABLE, &["name", "columns"])), ("keyed_table", shape::object(TABLE, &["columns"]))]
}
