//! The facts of a statement that SQLite has prepared: the tables that it uses, and so the grants that it needs.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Statement};

use super::authorizer::{Access, AccessKind};
use super::columns::{self, ResultColumn, Source};
use super::connection::Conn;
use crate::limits::DB_PARAMETERS_MAX;
use crate::service::db::store::SqlUse;

/// The facts of a prepared statement.
pub(super) struct Facts {
    /// All of its accesses. If SQLite has to prepare it again, it may not need others.
    pub(super) accesses: Arc<[Access]>,
    /// The resources that it needs.
    pub(super) needs: Arc<[SqlUse]>,
    pub(super) is_read_only: bool,
    pub(super) changes_schema: bool,
    pub(super) inserts: Inserts,
    /// The place of each parameter in the list of values, from 1 on.
    pub(super) places: Vec<usize>,
    /// The columns of its result.
    pub(super) columns: Vec<ResultColumn>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Inserts {
    No,
    Yes,
    /// It may change rows instead, and then SQLite returns the row that an earlier statement inserted.
    Perhaps,
}

/// What SQLite reports about a statement that it has prepared.
pub(super) struct Prepared {
    pub(super) wanted: Vec<Access>,
    pub(super) is_read_only: bool,
    pub(super) sources: Vec<Source>,
    /// As [`places`] returns them.
    pub(super) places: Result<Vec<usize>, String>,
}

/// The reason why a statement has no facts.
pub(super) enum FactsError {
    Refused(String),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for FactsError {
    fn from(error: rusqlite::Error) -> Self {
        FactsError::Sql(error)
    }
}

impl Facts {
    pub(super) fn new(conn: &Conn, prepared: Prepared) -> Result<Self, FactsError> {
        let Prepared { wanted, is_read_only, sources, places } = prepared;
        let places = places.map_err(FactsError::Refused)?;
        let changes_schema = wanted.iter().any(|access| access.kind == AccessKind::Schema);
        let wants = |kind| wanted.iter().any(|access| access.kind == kind);
        let inserts = match (wants(AccessKind::Insert), wants(AccessKind::Change)) {
            (false, _) => Inserts::No,
            (true, false) => Inserts::Yes,
            (true, true) => Inserts::Perhaps,
        };
        let mut needs = Vec::new();
        for access in &wanted {
            // A change of the schema reads and changes SQLite's own tables.
            let is_sqlites = access.table.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
            if is_sqlites && changes_schema {
                continue;
            }
            let table = match (object(conn, &access.table)?, access.kind) {
                (Some(table), _) => table,
                (None, AccessKind::Name) => continue,
                // The table that the statement creates: its checks and keys read it.
                (None, AccessKind::Read) if creates(&wanted, &access.table) => continue,
                (None, AccessKind::Read) if !is_sqlites => {
                    return Err(FactsError::Refused(format!("the table `{}` is refused to all plugins", access.table)));
                }
                (None, _) => access.table.clone(),
            };
            let need = SqlUse { resource: format!("db.{table}"), action: access.kind.action() };
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        if needs.is_empty() && !is_read_only {
            return Err(FactsError::Refused(
                "what changes no table, such as `VACUUM` or `REINDEX`, is refused to all plugins".to_owned(),
            ));
        }
        let columns = columns::declared(conn, sources)?;
        let (accesses, needs) = (wanted.into(), needs.into());
        Ok(Facts { accesses, needs, is_read_only, changes_schema, inserts, places, columns })
    }
}

/// Whether a statement with these accesses creates a table of this name.
fn creates(wanted: &[Access], table: &str) -> bool {
    wanted.iter().any(|access| access.kind == AccessKind::Schema && access.table.eq_ignore_ascii_case(table))
}

/// The places of the values for the parameters of a statement, from 1 on. SQLite numbers `?` and `?1` like this, but
/// `$1` in the order of its first occurrence.
pub(super) fn places(statement: &Statement<'_>) -> Result<Vec<usize>, String> {
    let count = statement.parameter_count();
    let place = |index: usize| match statement.parameter_name(index) {
        Some(name) if !name.starts_with('?') => match name.strip_prefix('$').and_then(|digits| digits.parse().ok()) {
            Some(place @ 1..=DB_PARAMETERS_MAX) => Ok(Some(place as usize)),
            _ => Err(format!("the parameter `{name}` has a name: write `?1` or `$1`")),
        },
        _ => Ok(None),
    };
    let named = (1..=count).map(place).collect::<Result<Vec<_>, _>>()?;
    if named.iter().any(Option::is_some) && !named.iter().all(Option::is_some) {
        return Err("the statement has parameters with `?` and with `$`: write one of them".to_owned());
    }
    Ok(named.into_iter().enumerate().map(|(index, named)| named.unwrap_or(index + 1)).collect())
}

/// The name of a table or view as it was created, for a name in any case.
pub(super) fn object(conn: &Conn, name: &str) -> rusqlite::Result<Option<String>> {
    let mut find = conn.sqlite.prepare_cached(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
    )?;
    find.query_row([name], |row| row.get(0)).optional()
}
