//! The errors of statements, in words for the plugin that sent them.
//!
//! SQLite's messages about a plugin's own SQL and tables are passed on, because its author needs them. Its messages
//! about files, memory and locks are for the operator's log.

use rusqlite::{ErrorCode, ffi};
use serde_json::Value;

use crate::limits::{
    DB_COLUMNS_MAX, DB_EXPRESSION_DEPTH_MAX, DB_FUNCTION_ARGUMENTS_MAX, DB_PARAMETERS_MAX, DB_PATTERN_BYTES_MAX,
    DB_PROGRAM_STEPS_MAX, DB_STATEMENT_BYTES_MAX, DB_STATEMENT_MEMORY_BYTES_MAX, DB_VALUE_BYTES_MAX,
};
use crate::service::db::store::SqlError;
use crate::service::limit::ReachedLimit;

/// The error of a limit that was reached.
pub(super) fn limit(name: &'static str, allowed: impl Into<Value>, observed: impl Into<Value>) -> SqlError {
    SqlError::Limit(ReachedLimit::new(name, allowed, observed))
}

/// The error if the plugin's statement caused it; `None` if the file, the disk or the host did.
pub(super) fn of_statement(error: &rusqlite::Error) -> Option<SqlError> {
    if let rusqlite::Error::MultipleStatement = error {
        return Some(SqlError::Invalid("there is more than one statement: send them one by one".to_owned()));
    }
    if let rusqlite::Error::NulError(_) = error {
        return Some(SqlError::Invalid("the statement has a NUL character".to_owned()));
    }
    let text = text(error);
    Some(match code(error)? {
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            SqlError::Constraint { text, sqlstate: sqlstate(error) }
        }
        ErrorCode::TooBig if text.contains("statement") => {
            limit("bytes of a statement", DB_STATEMENT_BYTES_MAX, "more")
        }
        ErrorCode::TooBig => limit("bytes of a value or row", DB_VALUE_BYTES_MAX, "more"),
        // SQLite reports a program that is too long as out of memory.
        ErrorCode::OutOfMemory if !plugbay_sqlite_memory::was_refused() => {
            limit("instructions of a statement's program", DB_PROGRAM_STEPS_MAX, "more")
        }
        ErrorCode::OutOfMemory => limit("bytes of memory for one statement", DB_STATEMENT_MEMORY_BYTES_MAX, "more"),
        ErrorCode::Unknown => sqlite_limit(&text).unwrap_or(SqlError::Invalid(text)),
        ErrorCode::AuthorizationForStatementDenied => SqlError::Invalid(text),
        ErrorCode::ParameterOutOfRange => SqlError::Invalid(text),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            SqlError::Busy("another process holds the database: try again".to_owned())
        }
        _ => return None,
    })
}

/// The SQLSTATE of a violated constraint.
fn sqlstate(error: &rusqlite::Error) -> Option<&'static str> {
    Some(match error.sqlite_error()?.extended_code {
        ffi::SQLITE_CONSTRAINT_NOTNULL => "23502",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "23503",
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => "23505",
        ffi::SQLITE_CONSTRAINT_CHECK => "23514",
        _ => return None,
    })
}

/// SQLite's own code, wherever rusqlite puts it.
pub(super) fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    match error {
        rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
        other => other.sqlite_error_code(),
    }
}

/// SQLite's limits can be distinguished by their texts alone.
fn sqlite_limit(text: &str) -> Option<SqlError> {
    let named: &[(&str, &'static str, i32)] = &[
        ("Expression tree is too large", "depth of an expression", DB_EXPRESSION_DEPTH_MAX),
        ("parser stack overflow", "depth of an expression", DB_EXPRESSION_DEPTH_MAX),
        ("Recursion limit", "depth of an expression", DB_EXPRESSION_DEPTH_MAX),
        ("string or blob too big", "bytes of a value or row", DB_VALUE_BYTES_MAX),
        ("too many columns", "columns of a table or result", DB_COLUMNS_MAX),
        ("too many arguments on function", "arguments of a function", DB_FUNCTION_ARGUMENTS_MAX),
        ("too many SQL variables", "parameters of a statement", DB_PARAMETERS_MAX),
        ("variable number must be between", "parameters of a statement", DB_PARAMETERS_MAX),
        ("LIKE or GLOB pattern too complex", "bytes of a LIKE or GLOB pattern", DB_PATTERN_BYTES_MAX),
    ];
    let found = named.iter().find(|(said, ..)| text.contains(said));
    if let Some((_, name, allowed)) = found {
        return Some(limit(name, *allowed, "more"));
    }
    let quoted = [
        "too many terms",
        "at most 64 tables",
        "too many FROM",
        "too many levels",
        "too many references",
        "nested too deep",
    ];
    quoted.iter().any(|said| text.contains(said)).then(|| SqlError::Limit(ReachedLimit::described(text.to_owned())))
}

/// SQLite's message, without the statement that rusqlite repeats.
pub(super) fn text(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, offset, .. } if *offset > 0 => format!("{msg} (at byte {offset})"),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
