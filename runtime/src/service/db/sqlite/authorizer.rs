//! The allow-list of what a plugin's SQL may do. Everything else is refused.
//!
//! Accesses to tables are allowed here and recorded; whether the plugin was granted them is checked before the
//! statement runs (`statement.rs`). Everything else is either harmless or refused to all plugins, whatever they were
//! granted.

use plugbay_manifest::PermissionAction;
use rusqlite::hooks::{AuthAction, AuthContext};

use super::functions;

/// Names of tables, indexes, views and triggers that begin with this are the host's.
pub(super) const HOST_PREFIX: &str = "plugbay_";

/// One access of a statement to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) table: String,
    pub(super) kind: AccessKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessKind {
    Read,
    /// The table is named and none of its columns are used: it may be a common table expression.
    Name,
    Insert,
    /// Change or delete rows.
    Change,
    /// Create, alter or drop the table, or an index, trigger or view of it.
    Schema,
}

impl AccessKind {
    pub(super) fn action(self) -> PermissionAction {
        match self {
            AccessKind::Read | AccessKind::Name => PermissionAction::Read,
            AccessKind::Insert | AccessKind::Change | AccessKind::Schema => PermissionAction::Write,
        }
    }
}

/// Whether any plugin may do this, freely or with a grant for the returned access.
///
/// # Errors
/// Why no plugin may.
pub(super) fn judge(context: &AuthContext<'_>) -> Result<Option<Access>, String> {
    use AccessKind::{Change, Insert, Name, Read, Schema};
    let (table, kind) = match context.action {
        // `REINDEX` by itself is refused later, for changing something and no table (`statement.rs`).
        AuthAction::Select | AuthAction::Recursive | AuthAction::Reindex { .. } => return Ok(None),
        AuthAction::Function { function_name } if functions::is_allowed(function_name) => return Ok(None),
        AuthAction::Function { function_name } => {
            return Err(format!("the function `{function_name}` is refused to all plugins"));
        }
        AuthAction::Read { table_name, column_name: "" } => (table_name, Name),
        AuthAction::Read { table_name, .. } => (table_name, Read),
        AuthAction::Insert { table_name } => (table_name, Insert),
        AuthAction::Update { table_name, .. } | AuthAction::Delete { table_name } => (table_name, Change),
        AuthAction::CreateTable { table_name } | AuthAction::DropTable { table_name } => (table_name, Schema),
        AuthAction::AlterTable { table_name, .. } => (table_name, Schema),
        AuthAction::CreateView { view_name } | AuthAction::DropView { view_name } => (view_name, Schema),
        AuthAction::CreateIndex { index_name: inner, table_name }
        | AuthAction::DropIndex { index_name: inner, table_name }
        | AuthAction::CreateTrigger { trigger_name: inner, table_name }
        | AuthAction::DropTrigger { trigger_name: inner, table_name } => {
            not_the_hosts(inner)?;
            (table_name, Schema)
        }
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            return Err(
                "transactions are not begun or ended with SQL: call `begin`, and `commit` or `rollback` on the \
                        transaction that it answers"
                    .to_owned(),
            );
        }
        ref refused => return Err(format!("{} is refused to all plugins", name(refused))),
    };
    // The triggers that the host made keep the columns that it promised: every permitted change of a row fires them.
    if context.accessor.is_some_and(is_the_hosts) {
        return Ok(None);
    }
    not_the_hosts(table)?;
    if kind == Schema && context.database_name == Some("temp") {
        return Err("a temporary table, view or trigger is refused to all plugins: make a real one".to_owned());
    }
    if kind == Schema && is_built_in(table) {
        return Err(format!("`{table}` is a name of SQLite's: choose another"));
    }
    Ok((!is_built_in(table)).then(|| Access { table: table.to_owned(), kind }))
}

fn not_the_hosts(name: &str) -> Result<(), String> {
    match is_the_hosts(name) {
        true => Err(format!("`{name}` is the host's: no plugin may use names that begin with `{HOST_PREFIX}`")),
        false => Ok(()),
    }
}

fn is_the_hosts(name: &str) -> bool {
    name.get(..HOST_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX))
}

/// Whether no table of a plugin may have this name.
pub(super) fn is_reserved(name: &str) -> bool {
    is_the_hosts(name) || is_built_in(name) || name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

/// Tables that take their rows from an argument.
fn is_built_in(table: &str) -> bool {
    ["json_each", "json_tree", "jsonb_each", "jsonb_tree"].iter().any(|known| table.eq_ignore_ascii_case(known))
}

fn name(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Pragma { pragma_name, .. } => format!("`PRAGMA {pragma_name}`"),
        AuthAction::Attach { .. } => "`ATTACH` or `VACUUM`".to_owned(),
        AuthAction::Detach { .. } => "`DETACH`".to_owned(),
        AuthAction::CreateVtable { .. } | AuthAction::DropVtable { .. } => "a virtual table".to_owned(),
        AuthAction::Analyze { .. } => "`ANALYZE`".to_owned(),
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateTempTrigger { .. } => "a temporary table, view or trigger".to_owned(),
        _ => "this statement".to_owned(),
    }
}
