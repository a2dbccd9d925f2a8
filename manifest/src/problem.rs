//! The problems of a manifest, all reported at once. Each has its origin, its path, a code for programs and a message
//! for people.
//!
//! Messages say what is wrong and what to do. They never quote values that may be secret: settings marked as secret,
//! the values of environment variables, and options of the host's file. Text from the document is shortened and its
//! control characters are escaped, because messages are shown on terminals.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::limits::PROBLEMS_MAX;

/// The codes of problems. They are stable: programs may match on them.
pub mod code {
    /// The text is not YAML, JSON or TOML, or contains a value that JSON cannot represent.
    pub const SYNTAX: &str = "syntax";
    /// The document, one of its parts or its nesting exceeds a bound.
    pub const TOO_LARGE: &str = "too_large";
    /// The field is unknown.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A required field is missing.
    pub const MISSING_FIELD: &str = "missing_field";
    /// The value has the wrong type.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// The number is too small or too large.
    pub const OUT_OF_RANGE: &str = "out_of_range";
    /// The value has the right type but is not valid.
    pub const INVALID_VALUE: &str = "invalid_value";
    /// The name breaks the rules for names of its kind.
    pub const INVALID_NAME: &str = "invalid_name";
    /// The same thing is declared twice.
    pub const DUPLICATE: &str = "duplicate";
    /// Two fields contradict each other.
    pub const CONFLICT: &str = "conflict";
    /// The name refers to something that the manifest does not declare.
    pub const UNKNOWN_REFERENCE: &str = "unknown_reference";
    // Problems of a page's template have the codes of DockStat's validator.
    /// A required member of a node is missing.
    pub const REQUIRED_FIELD: &str = "REQUIRED_FIELD";
    /// A part of a template has the wrong type.
    pub const INVALID_TYPE: &str = "INVALID_TYPE";
    /// The type of a template's layout is unknown.
    pub const INVALID_LAYOUT_TYPE: &str = "INVALID_LAYOUT_TYPE";
    /// The direction of a template's layout is unknown.
    pub const INVALID_DIRECTION: &str = "INVALID_DIRECTION";
    /// Two loaders, actions or fragments have the same id.
    pub const DUPLICATE_ID: &str = "DUPLICATE_ID";
    /// The type of a page's action is unknown.
    pub const INVALID_ACTION_TYPE: &str = "INVALID_ACTION_TYPE";
    /// An action that navigates has no target.
    pub const MISSING_PATH: &str = "MISSING_PATH";
    /// An action that sets state has no values.
    pub const MISSING_STATE_UPDATES: &str = "MISSING_STATE_UPDATES";
    /// The initial state of a page is not an object.
    pub const INVALID_INITIAL_STATE: &str = "INVALID_INITIAL_STATE";
    /// A computed value of a page is not an expression, or depends on itself.
    pub const INVALID_COMPUTED: &str = "INVALID_COMPUTED";
    /// The widget is unknown and has no fallback.
    pub const UNKNOWN_WIDGET: &str = "UNKNOWN_WIDGET";
    /// A required prop of a widget is missing.
    pub const MISSING_PROPS: &str = "MISSING_PROPS";
    /// A prop of a widget has the wrong type or value.
    pub const INVALID_PROPS: &str = "INVALID_PROPS";
    /// A binding is not an expression.
    pub const INVALID_BINDINGS: &str = "INVALID_BINDINGS";
    /// The actions of a node are not events with ids of actions.
    pub const INVALID_ACTIONS: &str = "INVALID_ACTIONS";
    /// A node refers to an action that the page does not have.
    pub const INVALID_ACTION_REF: &str = "INVALID_ACTION_REF";
    /// The condition of a node is not an expression.
    pub const INVALID_CONDITION: &str = "INVALID_CONDITION";
    /// The loop of a node is malformed.
    pub const INVALID_LOOP: &str = "INVALID_LOOP";
    /// The loop of a node has no items.
    pub const MISSING_LOOP_ITEMS: &str = "MISSING_LOOP_ITEMS";
    /// A template or fragment has no widgets.
    pub const MISSING_WIDGETS: &str = "MISSING_WIDGETS";
    /// The metadata of a template is not an object.
    pub const INVALID_META: &str = "INVALID_META";
    /// The declaration of a fragment's props is malformed.
    pub const INVALID_PROPS_SCHEMA: &str = "INVALID_PROPS_SCHEMA";
    /// A remark, not a problem: the widget does not show the children of its node.
    pub const CHILDREN_NOT_SUPPORTED: &str = "CHILDREN_NOT_SUPPORTED";
}

/// A problem of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The name of the document, usually a file.
    pub origin: String,
    /// The path within the document, as it is written there: `resources.rate_limit.calls`. Empty for the whole
    /// document.
    pub path: String,
    /// The problem's code, one of [`code`].
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}: {} [{}]", self.origin, self.message, self.code),
            path => write!(f, "{}: {path}: {} [{}]", self.origin, self.message, self.code),
        }
    }
}

/// All problems of a document or of the layers of a manifest. `Display` shows one problem per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The problems, at least one, in the order of the documents and, within a document, of the checks.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestError {}

/// Collects the problems and notes of one document while it is read.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) origin: Arc<str>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
    unlisted: usize,
}

impl Report {
    pub(crate) fn new(origin: Arc<str>) -> Report {
        Report { origin, problems: Vec::new(), notes: Vec::new(), unlisted: 0 }
    }

    /// Adds a problem to this report's document.
    pub(crate) fn add(&mut self, path: &str, code: &'static str, message: impl Into<String>) {
        let origin = Arc::clone(&self.origin);
        self.add_from(&origin, path, code, message);
    }

    /// Adds a problem to another document: for checks across layers.
    pub(crate) fn add_from(&mut self, origin: &str, path: &str, code: &'static str, message: impl Into<String>) {
        if self.problems.len() == PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        self.problems.push(Problem {
            origin: visible(origin),
            path: visible(path),
            code,
            message: visible(&message.into()),
        });
    }

    /// Gives all problems that `read` reports this code.
    pub(crate) fn within<T>(&mut self, code: &'static str, read: impl FnOnce(&mut Report) -> T) -> T {
        let before = self.problems.len();
        let value = read(self);
        self.problems[before..].iter_mut().for_each(|problem| problem.code = code);
        value
    }

    /// Adds a note about something that is accepted. Further notes than the bound of problems are dropped.
    pub(crate) fn note(&mut self, path: &str, text: &str) {
        if self.notes.len() == PROBLEMS_MAX {
            return;
        }
        self.notes.push(visible(&format!("{}: {path}: {text}", self.origin)));
    }

    /// Returns the problems, followed by one with the number of those that are not listed.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        if self.unlisted > 0 {
            let message = format!("{} more problems are not listed: fix these first", self.unlisted);
            let origin = visible(&self.origin);
            self.problems.push(Problem { origin, path: String::new(), code: code::TOO_LARGE, message });
        }
        self.problems
    }
}

/// Creates an error with exactly one problem.
pub(crate) fn single(origin: &str, code: &'static str, message: impl Into<String>) -> ManifestError {
    let message = visible(&message.into());
    ManifestError { problems: vec![Problem { origin: visible(origin), path: String::new(), code, message }] }
}

/// Quotes text from a document for a message: in backticks, short enough for a line.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Escapes control characters in the text, so that it cannot drive a terminal or forge another line.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_direction_mark(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns whether the character reorders the text around it, so that a line looks different from its content.
pub(crate) fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_control_characters_in_path_are_escaped() {
        let mut report = Report::new("a\nb".into());
        report.add("x\u{1b}[31m", code::UNKNOWN_FIELD, "says \u{202e}");
        let shown = ManifestError { problems: report.into_problems() }.to_string();
        assert_eq!(shown, "a\\nb: x\\u{1b}[31m: says \\u{202e} [unknown_field]");
    }

    #[test]
    fn report_more_problems_than_the_bound_are_counted() {
        let mut report = Report::new("x".into());
        for _ in 0..PROBLEMS_MAX + 7 {
            report.add("p", code::DUPLICATE, "m");
        }
        let problems = report.into_problems();
        assert_eq!(problems.len(), PROBLEMS_MAX + 1);
        assert_eq!(problems[PROBLEMS_MAX].message, "7 more problems are not listed: fix these first");
    }

    #[test]
    fn quoted_long_text_is_cut_at_a_character() {
        let shown = quoted(&"é".repeat(200));
        assert_eq!(shown.chars().count(), 83);
    }
}
