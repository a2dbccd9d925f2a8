//! The SQL functions that plugins may call, and those of them that the host replaces.
//!
//! SQLite cannot be interrupted inside a function. A few of its own take the square of their arguments' length: with
//! texts of a megabyte, minutes to hours. Those are replaced by others that answer the same in one pass.

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, ffi};

use super::watch::Watch;
use crate::clock::{Clock, unix_ms};
use crate::limits::DB_VALUE_BYTES_MAX;

/// Sorted, in lower case. Not in here, among others: `load_extension`, everything of the full-text and geometry
/// extensions, and `json_patch`, which takes the square of its arguments' length.
const ALLOWED: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_insert",
    "json_array_length",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_array_insert",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "julianday",
    "lag",
    "last_insert_rowid",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "plugbay_now",
    "printf",
    "quote",
    "random",
    "randomblob",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "soundex",
    "sqlite_add_constraint",
    "sqlite_drop_column",
    "sqlite_drop_constraint",
    "sqlite_fail",
    "sqlite_find_constraint",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
    "sqlite_version",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "time",
    "timediff",
    "total",
    "total_changes",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "unistr",
    "unistr_quote",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
];

pub(super) fn is_allowed(function: &str) -> bool {
    ALLOWED.binary_search(&function.to_ascii_lowercase().as_str()).is_ok()
}

/// Replaces some of SQLite's functions by the host's, and adds `plugbay_now()`: milliseconds since the Unix epoch by
/// the host's clock, the same for all of a statement, like SQLite's own `now`.
pub(super) fn install(connection: &Connection, clock: Arc<dyn Clock>, watch: Watch) -> rusqlite::Result<()> {
    // Innocuous: declared tables and plugins' own may use them in defaults, checks and indexes.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let pure = flags | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("plugbay_now", 0, flags, move |_| {
        Ok(watch.record().moment(|| now_ms(clock.as_ref())))
    })?;
    connection.create_scalar_function("instr", 2, pure, instr)?;
    connection.create_scalar_function("replace", 3, pure, replace)?;
    connection.create_scalar_function("trim", 2, pure, |context| trim(context, true, true))?;
    connection.create_scalar_function("ltrim", 2, pure, |context| trim(context, true, false))?;
    connection.create_scalar_function("rtrim", 2, pure, |context| trim(context, false, true))?;
    connection.create_scalar_function("unhex", 2, pure, |_| -> rusqlite::Result<Value> {
        Err(Error::UserFunctionError("unhex() takes one argument here".into()))
    })
}

pub(super) fn now_ms(clock: &dyn Clock) -> i64 {
    i64::try_from(unix_ms(clock.now())).unwrap_or(i64::MAX)
}

/// A value as SQLite would make text of it; `None` is NULL. Bytes that are no UTF-8 stay what they are.
fn text<'a>(context: &'a Context<'_>, index: usize) -> Option<std::borrow::Cow<'a, [u8]>> {
    Some(match context.get_raw(index) {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => number.to_string().into_bytes().into(),
        ValueRef::Real(number) => format!("{number:?}").into_bytes().into(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.into(),
    })
}

/// The place of the second in the first, from 1; 0 where it is not there. In characters, or in bytes between two blobs.
fn instr(context: &Context<'_>) -> rusqlite::Result<Option<i64>> {
    let (Some(hay), Some(needle)) = (text(context, 0), text(context, 1)) else { return Ok(None) };
    let blobs = matches!((context.get_raw(0), context.get_raw(1)), (ValueRef::Blob(_), ValueRef::Blob(_)));
    if blobs {
        let (hay, needle) = (bytes_as_chars(&hay), bytes_as_chars(&needle));
        return Ok(Some(hay.find(&needle).map_or(0, |at| 1 + hay[..at].chars().count() as i64)));
    }
    let (hay, needle) = (String::from_utf8_lossy(&hay), String::from_utf8_lossy(&needle));
    Ok(Some(hay.find(&*needle).map_or(0, |at| 1 + hay[..at].chars().count() as i64)))
}

/// The standard library searches text in one pass, and bytes not at all.
fn bytes_as_chars(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn replace(context: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let (Some(text), Some(from), Some(to)) = (text(context, 0), text(context, 1), text(context, 2)) else {
        return Ok(None);
    };
    let (text, from, to) =
        (String::from_utf8_lossy(&text), String::from_utf8_lossy(&from), String::from_utf8_lossy(&to));
    if from.is_empty() {
        return Ok(Some(text.into_owned()));
    }
    // Counted before it is made: it could have a million times a million bytes.
    let found = text.matches(&*from).count();
    if text.len() - found * from.len() + found.saturating_mul(to.len()) > DB_VALUE_BYTES_MAX as usize {
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), Some("string or blob too big".into())));
    }
    Ok(Some(text.replace(&*from, &to)))
}

fn trim(context: &Context<'_>, start: bool, end: bool) -> rusqlite::Result<Option<String>> {
    let (Some(text), Some(characters)) = (text(context, 0), text(context, 1)) else { return Ok(None) };
    let text = String::from_utf8_lossy(&text);
    let characters: std::collections::HashSet<char> = String::from_utf8_lossy(&characters).chars().collect();
    let mut rest = &*text;
    if start {
        rest = rest.trim_start_matches(|c| characters.contains(&c));
    }
    if end {
        rest = rest.trim_end_matches(|c| characters.contains(&c));
    }
    Ok(Some(rest.to_owned()))
}
