//! What a manifest declares, made when the plugin loads: all of it in one transaction, or nothing.
//!
//! The host keeps in the plugin's own file what it has made, in tables that no statement of the plugin can see
//! (`plugbay_…`). A declaration that is the same as the last time costs one read.

use plugbay_manifest::{Database as Declared, Table};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::connection::Conn;
use super::database::{About, Database};
use super::problem::{self, DbError};
use super::{PluginDb, collections, tables};
use crate::limits::{DB_FILE_BYTES_MAX, DB_PAGE_BYTES, DB_WAIT_MAX};

/// Changes when the host makes something else of the same declaration.
const SHAPE: &str = "1";

/// The declared tables cannot be made, or what is there cannot be brought to them.
pub(crate) struct NotMade(pub(crate) String);

impl PluginDb {
    /// Sees to it that the declared tables and collections are there.
    ///
    /// # Errors
    /// What of the declaration cannot be done; everything is then as it was. A database that cannot be opened or read
    /// is not an error here: the plugin loads, and each use of the database fails with the reason.
    pub(crate) async fn declare(&self, tables: &[Table], collections: Option<&Declared>) -> Result<(), NotMade> {
        let declaration =
            Declaration { tables: tables.to_vec(), collections: collections.cloned().unwrap_or_default() };
        if declaration.is_empty() {
            return Ok(());
        }
        match self.database.declare(declaration).await {
            Ok(()) => Ok(()),
            // Reported to the operator where it was found.
            Err(DbError::Unavailable(_)) => Ok(()),
            Err(DbError::Invalid(text) | DbError::Constraint(text) | DbError::Limit(text) | DbError::Busy(text)) => {
                Err(NotMade(text))
            }
            Err(other) => Err(NotMade(format!("{other:?}"))),
        }
    }
}

impl Database {
    async fn declare(&self, declaration: Declaration) -> Result<(), DbError> {
        let held = self.writer().await?;
        let about = self.about.clone();
        let work = move |conn: &mut Conn| {
            let made = make(conn, &declaration);
            conn.forget();
            made.map_err(|stopped| stopped.into_problem(&about))
        };
        let (_held, made) = held.run(std::sync::Arc::default(), work).await?;
        self.schema_changed();
        made
    }
}

struct Declaration {
    tables: Vec<Table>,
    collections: Declared,
}

/// Why a declaration was not made.
enum Stopped {
    Told(DbError),
    Sql { what: String, error: rusqlite::Error },
}

impl Stopped {
    fn into_problem(self, about: &About) -> DbError {
        let (what, error) = match self {
            Stopped::Told(problem) => return problem,
            Stopped::Sql { what, error } => (what, error),
        };
        match problem::of_statement(&error) {
            Some(DbError::Constraint(text) | DbError::Invalid(text)) => {
                let text = text.replace(tables::NEW_PREFIX, "");
                DbError::Constraint(format!("{what} cannot be made as declared: {text}"))
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

impl Declaration {
    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.collections.collections.is_empty()
    }

    fn digest(&self) -> String {
        let json = serde_json::json!([SHAPE, self.tables, self.collections]);
        data_encoding::HEXLOWER.encode(&Sha256::digest(json.to_string()))
    }

    fn check(&self) -> Result<(), DbError> {
        for table in &self.tables {
            if self.collections.collections.keys().any(|name| name.eq_ignore_ascii_case(&table.name)) {
                return Err(DbError::Invalid(format!("`{}` is declared as a table and as a collection", table.name)));
            }
            tables::check(table, &self.tables)?;
        }
        let mut names = self.collections.collections.keys().chain(self.tables.iter().map(|table| &table.name));
        match names.find(|name| super::authorizer::is_reserved(name)) {
            Some(name) => Err(DbError::Invalid(format!("`{name}` is a name that no table of a plugin may have"))),
            None => Ok(()),
        }
    }
}

fn make(conn: &Conn, declaration: &Declaration) -> Result<(), Stopped> {
    let sqlite = &conn.sqlite;
    let digest = declaration.digest();
    if last_made(sqlite)?.as_ref() == Some(&digest) {
        return Ok(());
    }
    declaration.check().map_err(Stopped::Told)?;
    sqlite.busy_timeout(DB_WAIT_MAX)?;
    with_room_to_rebuild(sqlite, || {
        sqlite.execute_batch("BEGIN IMMEDIATE")?;
        make_all(sqlite, declaration)?;
        remember(sqlite, "", &digest)?;
        check_references(sqlite)?;
        Ok(sqlite.execute_batch("COMMIT")?)
    })
}

/// The digest of what was made last.
fn last_made(sqlite: &Connection) -> rusqlite::Result<Option<String>> {
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'plugbay_declared'";
    if !sqlite.query_row(table, (), |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    sqlite.query_row("SELECT made FROM plugbay_declared WHERE name = ''", (), |row| row.get(0)).optional()
}

/// Runs with foreign keys and renames that leave other tables alone, and with the size limit raised for a second copy
/// of everything.
fn with_room_to_rebuild(sqlite: &Connection, work: impl FnOnce() -> Result<(), Stopped>) -> Result<(), Stopped> {
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

fn make_all(sqlite: &Connection, declaration: &Declaration) -> Result<(), Stopped> {
    sqlite.execute_batch(
        "CREATE TABLE IF NOT EXISTS plugbay_declared \
         (name TEXT PRIMARY KEY COLLATE NOCASE, made TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1) STRICT",
    )?;
    for table in &declaration.tables {
        let made = || -> rusqlite::Result<()> {
            let declared = serde_json::json!([SHAPE, table]).to_string();
            let there = kind_of(sqlite, &table.name)?.is_some();
            if !there || remembered(sqlite, &table.name)?.as_ref() != Some(&declared) {
                tables::make(sqlite, table, &declaration.tables)?;
                remember(sqlite, &table.name, &declared)?;
            }
            Ok(())
        };
        no_view(sqlite, &table.name)?;
        made().map_err(|error| Stopped::Sql { what: format!("table `{}`", table.name), error })?;
    }
    for (name, collection) in &declaration.collections.collections {
        let made = || -> rusqlite::Result<()> {
            if kind_of(sqlite, name)?.is_none() || remembered(sqlite, name)?.is_none() {
                let initial = declaration.collections.initial_data.get(name).map(Vec::as_slice).unwrap_or_default();
                collections::make(sqlite, name, initial)?;
                remember(sqlite, name, "collection")?;
            }
            collections::index(sqlite, name, collection)
        };
        no_view(sqlite, name)?;
        made().map_err(|error| Stopped::Sql { what: format!("collection `{name}`"), error })?;
    }
    Ok(())
}

/// Whether there is a table or a view of this name.
fn kind_of(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let find = "SELECT type FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    sqlite.query_row(find, [name], |row| row.get(0)).optional()
}

fn no_view(sqlite: &Connection, name: &str) -> Result<(), Stopped> {
    match kind_of(sqlite, name)?.as_deref() {
        Some("view") => {
            let text = format!("`{name}` is a view that the plugin made: declare the table under another name");
            Err(Stopped::Told(DbError::Invalid(text)))
        }
        _ => Ok(()),
    }
}

/// As what the host last made it.
fn remembered(sqlite: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let find = "SELECT made FROM plugbay_declared WHERE name = ?1";
    sqlite.query_row(find, [name], |row| row.get(0)).optional()
}

fn remember(sqlite: &Connection, name: &str, made: &str) -> rusqlite::Result<()> {
    let put = "INSERT INTO plugbay_declared (name, made) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET made = excluded.made, version = version + 1";
    sqlite.execute(put, [name, made]).map(drop)
}

/// Whether every row that others refer to is there still.
fn check_references(sqlite: &Connection) -> Result<(), Stopped> {
    let broken = sqlite.query_row("PRAGMA foreign_key_check", (), |row| Ok((row.get(0)?, row.get(2)?))).optional()?;
    match broken {
        None => Ok(()),
        Some::<(String, String)>((child, parent)) => {
            let text = format!("table `{child}` has rows that refer to rows of `{parent}` that are not there");
            Err(Stopped::Told(DbError::Constraint(text)))
        }
    }
}
