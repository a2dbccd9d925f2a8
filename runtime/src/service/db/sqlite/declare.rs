//! Creates the tables and collections that a manifest declares, all of them in one transaction.
//!
//! The host records in the plugin's file what it has created, in a table that no statement of the plugin can access
//! (`plugbay_declared`). A declaration that has not changed since costs one read.

use plugbay_manifest::Database as Collections;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::connection::Conn;
use super::database::{About, Database};
use super::{collections, problem, tables};
use crate::limits::{DB_FILE_BYTES_MAX, DB_PAGE_BYTES, DB_WAIT_MAX};
use crate::service::db::store::{SqlDeclaration, SqlError};

/// The version of the SQL that is generated for a declaration.
const VERSION: &str = "1";

impl Database {
    pub(super) async fn declare(&self, declaration: SqlDeclaration) -> Result<(), SqlError> {
        let held = self.writer().await?;
        let about = self.about.clone();
        let work = move |conn: &mut Conn, _| {
            let made = make(conn, &declaration);
            conn.forget_statements();
            made.map_err(|stopped| stopped.into_problem(&about))
        };
        let (_held, made) = held.run(work).await?;
        self.schema_changed();
        made
    }
}

/// The reason why a declaration was not carried out.
enum Stopped {
    Refused(SqlError),
    Sql { what: String, error: rusqlite::Error },
}

impl Stopped {
    fn into_problem(self, about: &About) -> SqlError {
        let (what, error) = match self {
            Stopped::Refused(problem) => return problem,
            Stopped::Sql { what, error } => (what, error),
        };
        match problem::of_statement(&error) {
            Some(SqlError::Constraint { text, .. } | SqlError::Invalid(text)) => {
                let text = text.replace(tables::NEW_PREFIX, "");
                SqlError::Constraint { text: format!("{what} cannot be made as declared: {text}"), sqlstate: None }
            }
            Some(other) => other,
            None => about.problem(&error),
        }
    }
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Stopped::Sql { what: "the database".to_owned(), error }
    }
}

fn digest(declaration: &SqlDeclaration) -> String {
    let json = serde_json::json!([VERSION, declaration.tables, declaration.collections]);
    data_encoding::HEXLOWER.encode(&Sha256::digest(json.to_string()))
}

fn check(declaration: &SqlDeclaration) -> Result<(), SqlError> {
    let SqlDeclaration { tables, collections: Collections { collections, .. } } = declaration;
    for table in tables {
        if collections.keys().any(|name| name.eq_ignore_ascii_case(&table.name)) {
            return Err(SqlError::Invalid(format!("`{}` is declared as a table and as a collection", table.name)));
        }
        tables::check(table, tables)?;
    }
    let mut names = collections.keys().chain(tables.iter().map(|table| &table.name));
    match names.find(|name| super::authorizer::is_reserved(name)) {
        Some(name) => Err(SqlError::Invalid(format!("`{name}` is a name that no table of a plugin may have"))),
        None => Ok(()),
    }
}

fn make(conn: &Conn, declaration: &SqlDeclaration) -> Result<(), Stopped> {
    let sqlite = &conn.sqlite;
    let digest = digest(declaration);
    if recorded_digest(sqlite)?.as_ref() == Some(&digest) {
        return Ok(());
    }
    check(declaration).map_err(Stopped::Refused)?;
    conn.wait_for_locks(DB_WAIT_MAX)?;
    with_rebuild_settings(sqlite, || {
        sqlite.execute_batch("BEGIN IMMEDIATE")?;
        make_all(sqlite, declaration)?;
        record(sqlite, "", &digest)?;
        check_references(sqlite)?;
        Ok(sqlite.execute_batch("COMMIT")?)
    })
}

/// The digest of the last declaration.
fn recorded_digest(sqlite: &Connection) -> rusqlite::Result<Option<String>> {
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'plugbay_declared'";
    if !sqlite.query_row(table, (), |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    sqlite.query_row("SELECT made FROM plugbay_declared WHERE name = ''", (), |row| row.get(0)).optional()
}

/// Runs `work` without foreign keys, with renames that do not change other tables, and with twice the size limit, for a
/// second copy of everything.
fn with_rebuild_settings(sqlite: &Connection, work: impl FnOnce() -> Result<(), Stopped>) -> Result<(), Stopped> {
    let pages_before: i64 = sqlite.pragma_query_value(None, "max_page_count", |row| row.get(0))?;
    let pages = 2 * (DB_FILE_BYTES_MAX / DB_PAGE_BYTES) as i64;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true)?;
    sqlite.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    let done = work();
    if done.is_err() && !sqlite.is_autocommit() {
        sqlite.execute_batch("ROLLBACK")?;
    }
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    sqlite.pragma_update_and_check(None, "max_page_count", pages_before, |_| Ok(()))?;
    done
}

fn make_all(sqlite: &Connection, declaration: &SqlDeclaration) -> Result<(), Stopped> {
    sqlite.execute_batch(
        "CREATE TABLE IF NOT EXISTS plugbay_declared \
         (name TEXT PRIMARY KEY COLLATE NOCASE, made TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1) STRICT",
    )?;
    for table in &declaration.tables {
        let made = || -> rusqlite::Result<()> {
            let declared = serde_json::json!([VERSION, table]).to_string();
            let there = kind_of(sqlite, &table.name)?.is_some();
            if !there || recorded(sqlite, &table.name)?.as_ref() != Some(&declared) {
                tables::make(sqlite, table, &declaration.tables)?;
                record(sqlite, &table.name, &declared)?;
            }
            Ok(())
        };
        refuse_view(sqlite, &table.name)?;
        made().map_err(|error| Stopped::Sql { what: format!("table `{}`", table.name), error })?;
    }
    for (name, collection) in &declaration.collections.collections {
        let made = || -> rusqlite::Result<()> {
            if kind_of(sqlite, name)?.is_none() || recorded(sqlite, name)?.is_none() {
                let initial = declaration.collections.initial_data.get(name).map(Vec::as_slice).unwrap_or_default();
                collections::make(sqlite, name, initial)?;
                record(sqlite, name, "collection")?;
            }
            collections::index(sqlite, name, collection)
        };
        refuse_view(sqlite, name)?;
        made().map_err(|error| Stopped::Sql { what: format!("collection `{name}`"), error })?;
    }
    Ok(())
}

/// The type of the table or view of this name.
fn kind_of(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let find = "SELECT type FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    sqlite.query_row(find, [name], |row| row.get(0)).optional()
}

fn refuse_view(sqlite: &Connection, name: &str) -> Result<(), Stopped> {
    match kind_of(sqlite, name)?.as_deref() {
        Some("view") => {
            let text = format!("`{name}` is a view that the plugin made: declare the table under another name");
            Err(Stopped::Refused(SqlError::Invalid(text)))
        }
        _ => Ok(()),
    }
}

/// The declaration from which the host last created the table or collection.
fn recorded(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let find = "SELECT made FROM plugbay_declared WHERE name = ?1";
    sqlite.query_row(find, [name], |row| row.get(0)).optional()
}

fn record(sqlite: &Connection, name: &str, made: &str) -> rusqlite::Result<()> {
    let put = "INSERT INTO plugbay_declared (name, made) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET made = excluded.made, version = version + 1";
    sqlite.execute(put, [name, made]).map(drop)
}

/// Checks that every row to which others refer still exists.
fn check_references(sqlite: &Connection) -> Result<(), Stopped> {
    let broken = sqlite.query_row("PRAGMA foreign_key_check", (), |row| Ok((row.get(0)?, row.get(2)?))).optional()?;
    match broken {
        None => Ok(()),
        Some::<(String, String)>((child, parent)) => {
            let text = format!("table `{child}` has rows that refer to rows of `{parent}` that are not there");
            Err(Stopped::Refused(SqlError::Constraint { text, sqlstate: None }))
        }
    }
}
