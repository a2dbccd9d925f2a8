//! Table declarations in the manifest.

use plugbay_sdk::builder::{Builder, Plugin, Source, SourceTable};
use plugbay_sdk::constant::Json;
use plugbay_sdk::db::{ColumnDeclaration, Declaration, Kind, Table, create_tables};
use plugbay_sdk::prelude::*;

use super::{Note, User};

/// A table with every kind of column that the other tables do not have.
#[derive(Debug, Table)]
struct AllKinds {
    #[column(uuid, primary_key)]
    key: String,
    #[column(char(2))]
    country: String,
    small: u8,
    ratio: f32,
    #[column(numeric, default = -0.5)]
    price: f64,
    #[column(default = true)]
    on: bool,
    #[column(enum("low", "high"), default = "low")]
    level: String,
    bytes: Option<Vec<u8>>,
    #[column(date)]
    day: String,
    #[column(time)]
    hour: String,
    #[column(datetime)]
    both: Option<String>,
    #[column(timestamp)]
    at: i64,
    #[column(references = "users.id", on_delete = "cascade")]
    user: i64,
    #[column(updated_at, name = "changed")]
    updated: i64,
    #[column(skip)]
    #[allow(dead_code, reason = "no column")]
    kept_in_memory: Vec<String>,
}

#[derive(Default)]
struct Declared;

#[plugin(tables(User, Note, AllKinds), permissions("db.notes:read,write", "db.users"))]
impl Declared {
    #[action]
    fn nothing(&self) {}
}

#[test]
fn tables_are_in_the_manifest_as_declared() {
    let layers = native_instance().manifest();
    let tables = &layers.last().expect("a layer")["tables"];
    let users = json!({
        "name": "users",
        "columns": [
            { "name": "id", "type": "id" },
            { "name": "name", "type": "varchar", "not_null": true, "unique": true, "length": 80 },
            { "name": "role", "type": "enum", "not_null": true, "values": ["admin", "guest"] },
        ],
    });
    assert_eq!(tables[0], users);
    let notes = json!({
        "name": "notes",
        "columns": [
            { "name": "id", "type": "id" },
            { "name": "title", "type": "text", "not_null": true },
            { "name": "body", "type": "text", "default": "nothing yet" },
            { "name": "pinned", "type": "boolean", "not_null": true },
            { "name": "tags", "type": "json", "not_null": true, "default": [] },
            {
                "name": "owner", "type": "foreign_key",
                "references": { "table": "users", "column": "id", "on_delete": "set_null" },
            },
            { "name": "created", "type": "created_at", "not_null": true },
        ],
    });
    assert_eq!(tables[1], notes);
}

#[test]
fn column_kinds_have_the_names_of_the_manifest() {
    let layers = native_instance().manifest();
    let tables = layers.last().expect("a layer")["tables"].clone();
    assert_eq!(tables[2]["name"], "all_kinds");
    let columns = tables[2]["columns"].as_array().expect("a list");
    let found: Vec<String> = columns.iter().map(|column| format!("{} {}", column["name"], column["type"])).collect();
    let expected = [
        "key uuid",
        "country char",
        "small integer",
        "ratio real",
        "price numeric",
        "on boolean",
        "level enum",
        "bytes blob",
        "day date",
        "hour time",
        "both datetime",
        "at timestamp",
        "user foreign_key",
        "changed updated_at",
    ];
    assert_eq!(found.join("\n").replace('"', ""), expected.join("\n"));
    let defaults: Vec<_> = columns.iter().filter_map(|column| column.get("default")).collect();
    assert_eq!(defaults, [&json!(-0.5), &json!(true), &json!("low")]);
    assert_eq!((&columns[0]["primary_key"], &columns[0]["not_null"]), (&json!(true), &json!(true)));
}

#[test]
fn manifest_with_tables_passes_the_hosts_checks() {
    let layers = native_instance().manifest();
    let layers: Vec<plugbay_manifest::Layer> = layers
        .into_iter()
        .map(|layer| plugbay_manifest::Layer::from_value("the plugin", layer).expect("a layer"))
        .collect();
    let manifest = plugbay_manifest::Manifest::from_layers(&layers).expect("a manifest");
    assert_eq!(manifest.tables.len(), 3);
    assert_eq!(manifest.tables[1].json_columns, ["tags"]);
    assert_eq!(manifest.permissions.len(), 2);
    assert_eq!((&*manifest.permissions[1].resource, &manifest.permissions[1].actions), ("db.users", &None));
}

fn named() -> Builder<Declared> {
    Plugin::builder().name("notes").version("1.0.0")
}

#[test]
#[should_panic(expected = "two tables have the name `users`")]
fn table_that_is_declared_twice_does_not_build() {
    const TABLES: &[Declaration] = &[User::TABLE, User::TABLE];
    let _ = named().tables(TABLES).build();
}

#[test]
#[should_panic(expected = "`notes.owner` refers to `users.id`, which is not among the plugin's tables")]
fn reference_to_an_undeclared_table_does_not_build() {
    const TABLES: &[Declaration] = &[Note::TABLE];
    let _ = named().tables(TABLES).build();
}

const FILE: Source = Source {
    file: "plugin.yaml",
    cargo: r#"{"name":"a","version":"1.0.0"}"#,
    json: r#"{"tables":[{"name":"users","columns":{"id":"id"}}],"permissions":[{"resource":"db.secrets","effect":"deny"}]}"#,
    actions: &[],
    routes: &[],
    tables: &[SourceTable { name: "users" }],
    subscribes: &[],
};

#[test]
fn tables_and_permissions_of_file_and_code_are_merged() {
    const BUILT: Plugin<Declared> =
        Plugin::builder().source(FILE).tables(create_tables![Note]).permissions(&["db.*: read, write"]).build();
    let section: [u8; BUILT.section_length()] = BUILT.section();
    let layers: Vec<Value> =
        serde_json::Deserializer::from_slice(&section).into_iter().collect::<Result<_, _>>().expect("JSON");
    let layers: Vec<plugbay_manifest::Layer> = layers
        .into_iter()
        .map(|layer| plugbay_manifest::Layer::from_value("the plugin", layer).expect("a layer"))
        .collect();
    let manifest = plugbay_manifest::Manifest::from_layers(&layers).expect("a manifest");
    let names: Vec<&str> = manifest.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["notes", "users"]);
    let permissions: Vec<&str> = manifest.permissions.iter().map(|rule| rule.resource.as_str()).collect();
    assert_eq!(permissions, ["db.secrets", "db.*"], "the file's rules come first");
}

#[test]
#[should_panic(expected = "the permission `db.notes:reed` has no action `reed`")]
fn permission_with_an_unknown_action_does_not_build() {
    let _ = named().permissions(&["db.notes:reed"]).build();
}

#[test]
#[should_panic(expected = "names no resource")]
fn permission_without_a_resource_does_not_build() {
    let _ = named().permissions(&[":read"]).build();
}

#[test]
#[should_panic(expected = "the table `users` is in the manifest file too")]
fn table_of_file_and_code_does_not_build() {
    const TABLES: &[Declaration] = &[User::TABLE];
    let _ = named().source(FILE).tables(TABLES).build();
}

#[test]
#[should_panic(expected = "the column `a` is varchar, but its type is stored as integer")]
fn kind_that_cannot_hold_the_type_does_not_build() {
    let _ = ColumnDeclaration::new("a", Kind::Integer, false).kind(Kind::Varchar);
}

#[test]
#[should_panic(expected = "the column `a` is integer, which cannot have this default")]
fn default_of_another_type_does_not_build() {
    let _ = ColumnDeclaration::new("a", Kind::Integer, false).default(Json::Text("x"));
}

#[test]
#[should_panic(expected = "does not list its words")]
fn enum_without_words_does_not_build() {
    let _ = ColumnDeclaration::new("a", Kind::Enum, false).words_of(&Json::Object(&[]));
}
