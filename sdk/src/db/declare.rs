//! A table's declaration, which goes into the manifest so that the host creates the table when it loads the plugin.
//!
//! Everything here is const, like the rest of the manifest (see [`builder`](crate::builder)). `#[derive(Table)]`
//! generates the declaration.

use super::column::Column;
use super::table::Table;
use crate::builder::{SourceTable, fail};
use crate::constant::{Json, Member, Writer, same};

/// The kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    /// A day, `2026-11-21`.
    Date,
    /// A day and a time, in ISO 8601.
    Datetime,
    /// A time of day, `12:30` or with seconds.
    Time,
    /// A moment, in milliseconds since the Unix epoch.
    Timestamp,
    /// A UUID.
    Uuid,
    /// A reference to another table's row.
    ForeignKey,
    /// The moment when the row was inserted, in milliseconds since the Unix epoch; set by the host.
    CreatedAt,
    /// The moment when the row was last changed, in milliseconds since the Unix epoch; set by the host.
    UpdatedAt,
}

impl Kind {
    /// The name in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Id => "id",
            Kind::Text => "text",
            Kind::Varchar => "varchar",
            Kind::Char => "char",
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Numeric => "numeric",
            Kind::Boolean => "boolean",
            Kind::Json => "json",
            Kind::Enum => "enum",
            Kind::Blob => "blob",
            Kind::Date => "date",
            Kind::Datetime => "datetime",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::Uuid => "uuid",
            Kind::ForeignKey => "foreign_key",
            Kind::CreatedAt => "created_at",
            Kind::UpdatedAt => "updated_at",
        }
    }

    /// Whether a column of this kind can hold a Rust type whose default kind is `made`.
    const fn holds(self, made: Kind) -> bool {
        match self {
            Kind::Id | Kind::Integer | Kind::Timestamp | Kind::CreatedAt | Kind::UpdatedAt => {
                matches!(made, Kind::Integer)
            }
            Kind::Real => matches!(made, Kind::Real),
            Kind::Numeric => matches!(made, Kind::Real | Kind::Integer),
            Kind::Boolean => matches!(made, Kind::Boolean),
            Kind::Json => matches!(made, Kind::Json),
            Kind::Blob => matches!(made, Kind::Blob),
            Kind::ForeignKey => matches!(made, Kind::Integer | Kind::Text),
            Kind::Enum => matches!(made, Kind::Enum | Kind::Text),
            _ => matches!(made, Kind::Text),
        }
    }
}

/// A table's declaration.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Its name.
    pub name: &'static str,
    /// Its columns in their order.
    pub columns: &'static [ColumnDeclaration],
}

/// A column's declaration.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDeclaration {
    name: &'static str,
    kind: Kind,
    not_null: bool,
    unique: bool,
    primary_key: bool,
    default: Json,
    length: Option<u32>,
    words: Json,
    references: Option<Reference>,
}

#[derive(Clone, Copy, Debug)]
struct Reference {
    table: &'static str,
    column: &'static str,
    on_delete: &'static str,
}

/// Generates the methods that set one part.
macro_rules! parts {
    ($($(#[$doc:meta])* $method:ident($($part:ident: $type:ty)?) $field:ident = $value:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $method(mut self $(, $part: $type)?) -> Self {
            self.$field = $value;
            self
        }
    )*};
}

impl ColumnDeclaration {
    /// A column with the default kind of its Rust type.
    pub const fn new(name: &'static str, made: Kind, nullable: bool) -> Self {
        ColumnDeclaration {
            name,
            kind: made,
            not_null: !nullable,
            unique: false,
            primary_key: false,
            default: Json::Nothing,
            length: None,
            words: Json::Nothing,
            references: None,
        }
    }

    /// Sets another kind than the default of the Rust type.
    ///
    /// # Panics
    /// If a column of that kind cannot hold the type. In a constant, that is a compile error.
    #[must_use]
    pub const fn kind(mut self, kind: Kind) -> Self {
        if !kind.holds(self.kind) {
            fail(&["the column `", self.name, "` is ", kind.name(), ", but its type is stored as ", self.kind.name()]);
        }
        self.kind = kind;
        self
    }

    parts! {
        /// Requires that no two rows have the same value.
        unique() unique = true;
        /// Makes the column the key of the table.
        primary_key() primary_key = true;
        /// Sets the maximum number of characters.
        length(length: u32) length = Some(length);
        /// Sets the words of an enum column.
        words(words: &'static [Json]) words = Json::NonEmpty(words);
    }

    /// Takes the words from the schema of an enum of unit variants.
    ///
    /// # Panics
    /// If the schema lists no words. In a constant, that is a compile error.
    #[must_use]
    pub const fn words_of(mut self, schema: &Json) -> Self {
        match words(schema) {
            Some(words) => self.words = words,
            None => {
                fail(&["the type of the enum column `", self.name, "` does not list its words: write enum(\"…\", …)"])
            }
        }
        self
    }

    /// Makes the column a foreign key.
    #[must_use]
    pub const fn references(mut self, table: &'static str, column: &'static str, on_delete: &'static str) -> Self {
        self.references = Some(Reference { table, column, on_delete });
        self
    }

    /// Makes the column a foreign key to a typed column.
    #[must_use]
    pub const fn refers_to<T: Table, V, C>(self, column: Column<T, V, C>, on_delete: &'static str) -> Self {
        self.references(T::NAME, column.name(), on_delete)
    }

    /// Sets the value for rows that are inserted without one.
    ///
    /// # Panics
    /// If the column cannot have the value. In a constant, that is a compile error.
    #[must_use]
    pub const fn default(mut self, default: Json) -> Self {
        let fits = match self.kind {
            Kind::Json => true,
            Kind::Integer | Kind::Timestamp | Kind::ForeignKey => matches!(default, Json::Integer(_)),
            Kind::Boolean => is_truth(&default),
            Kind::Real | Kind::Numeric => matches!(default, Json::Integer(_) | Json::Raw(_)) && !is_truth(&default),
            Kind::Id | Kind::Blob | Kind::CreatedAt | Kind::UpdatedAt => false,
            _ => matches!(default, Json::Text(_)),
        };
        if !fits {
            fail(&["the column `", self.name, "` is ", self.kind.name(), ", which cannot have this default"]);
        }
        self.default = default;
        self
    }

    const fn write<const N: usize>(&self, writer: &mut Writer<N>) {
        writer.element();
        writer.open("{");
        member("name", &Json::Text(self.name), writer);
        member("type", &Json::Text(self.kind.name()), writer);
        flag("not_null", self.not_null && !matches!(self.kind, Kind::Id), writer);
        flag("unique", self.unique, writer);
        flag("primary_key", self.primary_key, writer);
        member("default", &self.default, writer);
        if let Some(length) = self.length {
            member("length", &Json::Integer(length as i128), writer);
        }
        member("values", &self.words, writer);
        if let Some(reference) = &self.references {
            writer.key("references");
            writer.open("{");
            member("table", &Json::Text(reference.table), writer);
            member("column", &Json::Text(reference.column), writer);
            member("on_delete", &Json::Text(reference.on_delete), writer);
            writer.close("}");
        }
        writer.close("}");
    }
}

impl Declaration {
    /// Writes the table as an element of the manifest's `tables`.
    pub(crate) const fn write<const N: usize>(&self, writer: &mut Writer<N>) {
        writer.element();
        writer.open("{");
        member("name", &Json::Text(self.name), writer);
        writer.key("columns");
        writer.open("[");
        let mut index = 0;
        while index < self.columns.len() {
            self.columns[index].write(writer);
            index += 1;
        }
        writer.close("]");
        writer.close("}");
    }

    /// Fails the build if a foreign key refers to a table that is neither among these nor in the manifest file, or to a
    /// column that the table does not have.
    pub(crate) const fn check_references(&self, tables: &[Declaration], of_file: &[SourceTable]) {
        let mut index = 0;
        while index < self.columns.len() {
            let column = &self.columns[index];
            if let Some(reference) = &column.references
                && !has(tables, reference)
                && !is_in_file(of_file, reference.table)
            {
                let (table, name) = (reference.table, reference.column);
                let what = ["`", self.name, ".", column.name, "` refers to `", table, ".", name];
                let [a, b, c, d, e, f, g, h] = what;
                fail(&[a, b, c, d, e, f, g, h, "`, which is not among the plugin's tables"]);
            }
            index += 1;
        }
    }
}

const fn is_truth(json: &Json) -> bool {
    match json {
        Json::Raw(text) => same(text, "true") || same(text, "false"),
        _ => false,
    }
}

const fn is_in_file(tables: &[SourceTable], name: &str) -> bool {
    let mut index = 0;
    while index < tables.len() {
        if same(tables[index].name, name) {
            return true;
        }
        index += 1;
    }
    false
}

const fn has(tables: &[Declaration], reference: &Reference) -> bool {
    let mut index = 0;
    while index < tables.len() {
        let table = &tables[index];
        let mut column = 0;
        while same(table.name, reference.table) && column < table.columns.len() {
            if same(table.columns[column].name, reference.column) {
                return true;
            }
            column += 1;
        }
        index += 1;
    }
    false
}

const fn member<const N: usize>(key: &str, value: &Json, writer: &mut Writer<N>) {
    let nothing = match value {
        Json::Nothing => true,
        Json::NonEmpty(elements) => elements.is_empty(),
        _ => false,
    };
    if !nothing {
        writer.key(key);
        writer.json(value);
    }
}

const fn flag<const N: usize>(key: &str, set: bool, writer: &mut Writer<N>) {
    if set {
        member(key, &Json::Raw("true"), writer);
    }
}

/// The list of the keyword `enum`, wherever it is in the schema of an enum.
const fn words(schema: &Json) -> Option<Json> {
    let Json::Object(members) = schema else { return None };
    let mut index = 0;
    while index < members.len() {
        match &members[index] {
            Member::Is(key, value) if same(key, "enum") => return Some(*value),
            Member::All(inner) => {
                if let Some(found) = words(inner) {
                    return Some(found);
                }
            }
            Member::Is(..) => {}
        }
        index += 1;
    }
    None
}
