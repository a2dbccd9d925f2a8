//! The rules for names. Their errors say what is wrong and what to write instead.

use crate::limits::{IDENTIFIER_CHARS_MAX, NAME_CHARS_MAX};
use crate::problem::quoted;

/// The regular expression of plugin names, for the JSON Schema.
pub(crate) const PLUGIN_PATTERN: &str = "^[a-z][a-z0-9_-]*$";

/// The regular expression of action and setting names.
pub(crate) const ACTION_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_.-]*$";

/// The regular expression of names in a database.
pub(crate) const IDENTIFIER_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// Checks the name of a plugin, which is also a directory name, a part of URLs and a metric label.
///
/// # Errors
/// The problem, and a valid name.
pub fn plugin(name: &str) -> Result<(), String> {
    let starts = |c: char| c.is_ascii_lowercase();
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    bounded(name, "a plugin name", NAME_CHARS_MAX)?;
    if matches(name, starts, goes_on) {
        return Ok(());
    }
    let candidate: String = name.trim().to_ascii_lowercase().replace([' ', '.', '/'], "-");
    let hint = if matches(&candidate, starts, goes_on) {
        format!(", such as `{candidate}`; a display name goes into `title`")
    } else {
        String::new()
    };
    let rule = "use lower-case letters, digits, `_` and `-`, beginning with a letter";
    Err(format!("{} is not a plugin name: {rule}{hint}", quoted(name)))
}

/// Derives a plugin name from a file name: lower case, with `_` for characters that a name cannot have, and cut to the
/// maximum length of a name.
pub fn plugin_from(stem: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let prefix = if stem.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "p" };
    prefix.chars().chain(stem.chars().map(letter)).take(NAME_CHARS_MAX).collect()
}

/// Checks the name of an action.
///
/// # Errors
/// The problem.
pub fn action(name: &str) -> Result<(), String> {
    dotted(name, "an action name")
}

/// Checks a setting's name.
pub(crate) fn setting(name: &str) -> Result<(), String> {
    dotted(name, "a setting's name")
}

/// Checks the name of a table, a column or a collection.
pub(crate) fn identifier(name: &str) -> Result<(), String> {
    bounded(name, "a name in the database", IDENTIFIER_CHARS_MAX)?;
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !matches(name, starts_word, goes_on) {
        let rule = "use letters, digits and `_`, beginning with a letter or `_`";
        return Err(format!("{} cannot be a name in the database: {rule}", quoted(name)));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(format!("{} is reserved: names may not begin with `sqlite_`", quoted(name)));
    }
    Ok(())
}

/// Checks the name of an environment variable or of a parameter in a path.
pub(crate) fn variable(name: &str) -> Result<(), String> {
    bounded(name, "a variable's name", NAME_CHARS_MAX)?;
    match matches(name, starts_word, |c| c.is_ascii_alphanumeric() || c == '_') {
        true => Ok(()),
        false => Err(format!("{} is not a variable's name: use letters, digits and `_`", quoted(name))),
    }
}

fn dotted(name: &str, what: &str) -> Result<(), String> {
    bounded(name, what, NAME_CHARS_MAX)?;
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if matches(name, starts_word, goes_on) {
        return Ok(());
    }
    let rule = "use letters, digits, `_`, `.` and `-`, beginning with a letter or `_`";
    Err(format!("{} is not {what}: {rule}", quoted(name)))
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn bounded(name: &str, what: &str, chars_max: usize) -> Result<(), String> {
    match name.chars().count() {
        0 => Err(format!("{what} must not be empty")),
        chars if chars > chars_max => Err(format!("{what} has at most {chars_max} characters, this one has {chars}")),
        _ => Ok(()),
    }
}

fn matches(name: &str, starts: impl Fn(char) -> bool, goes_on: impl Fn(char) -> bool) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(starts) && chars.all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_name_in_camel_case_suggests_lower_case() {
        let message = plugin("ExamplePlugin").expect_err("upper case is refused");
        assert!(message.contains("such as `exampleplugin`"), "{message}");
    }

    #[test]
    fn plugin_names_follow_the_rule() {
        for good in ["a", "my_plugin", "my-plugin-2"] {
            assert_eq!(plugin(good), Ok(()), "{good}");
        }
        for bad in ["", "2x", "_x", "a.b", "ä", "a/b", "..", &"a".repeat(65)] {
            assert!(plugin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn identifiers_that_sqlite_reserves_are_refused() {
        assert!(identifier("SQLite_master").is_err());
        assert_eq!(identifier("plugin_users"), Ok(()));
    }
}
