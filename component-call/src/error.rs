//! The errors of typed calls.
//!
//! Two layers: [`ValueError`] is about a value, its type and the position inside it; [`CallError`] adds the function
//! and the parameter. The caller can correct all of them, so each message says what was given and what would fit.

use std::fmt;

/// Maximum number of names listed in a message; the rest are counted.
const NAMES_LISTED_MAX: usize = 20;

/// The reason given by [`CallError::NotCallable`] and [`ValueProblem::Unsupported`].
const NO_TEXT: &str = "resources, streams, futures, error contexts and maps have no text form";

/// Why a text does not name a function of a component, or why its arguments do not fit that function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No exported function has this name.
    #[error("no exported function is called `{wanted}`{}{}", did_you_mean(nearest.as_ref()), listed("; exported: ", candidates))]
    UnknownFunction {
        /// The requested name.
        wanted: String,
        /// The full name of the exported function with the most similar spelling, if any is similar.
        nearest: Option<String>,
        /// The full names of all exported functions; empty if the component exports none.
        candidates: Vec<String>,
    },
    /// Several exported functions match this name.
    #[error("`{wanted}` could be any of several exported functions, name one in full: {}", list(candidates))]
    AmbiguousFunction {
        /// The requested name.
        wanted: String,
        /// The full names of the matching functions.
        candidates: Vec<String>,
    },
    /// A parameter or the result of the function has no text form.
    #[error("`{function}` cannot be called with text: {position} has the type `{ty}`, and {NO_TEXT}")]
    NotCallable {
        /// The function's full name.
        function: String,
        /// The part without a text form: ``parameter `x` `` or `its result`.
        position: String,
        /// The type of that part.
        ty: String,
    },
    /// Too few or too many arguments.
    #[error("`{function}` takes {}, and {given} came: {signature}", arguments(*least, *most))]
    ArgumentCount {
        /// The function's full name.
        function: String,
        /// The whole signature.
        signature: String,
        /// The minimum number of arguments: trailing options may be omitted.
        least: usize,
        /// The maximum number of arguments.
        most: usize,
        /// The number of arguments given.
        given: usize,
    },
    /// An argument does not fit its parameter.
    #[error("parameter `{parameter}` of `{function}` has the type `{ty}`: {error}")]
    Argument {
        /// The function's full name.
        function: String,
        /// The parameter's name.
        parameter: String,
        /// The parameter's type.
        ty: String,
        /// The problem and its position.
        error: Box<ValueError>,
    },
    /// The arguments in the parentheses of a whole call such as `add(1, 2)` are not WAVE.
    #[error("`{text}` is not a call such as `add(1, 2)`: {message}")]
    Syntax {
        /// The call, shortened if it is long.
        text: String,
        /// The WAVE parser's message.
        message: String,
    },
    /// Arguments were given both in the parentheses of a whole call and after it.
    #[error("`{text}` brings its arguments in parentheses: no other arguments can follow, and {given} came")]
    ArgumentsTwice {
        /// The call, shortened if it is long.
        text: String,
        /// How many arguments followed.
        given: usize,
    },
    /// The text of the call is too long.
    #[error("the arguments are {bytes} bytes of text, and {bytes_max} are allowed")]
    TooLarge {
        /// The length of the text, in bytes.
        bytes: usize,
        /// The maximum length, in bytes.
        bytes_max: usize,
    },
}

impl CallError {
    /// Returns the stable code of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::UnknownFunction { .. } => "unknown_function",
            CallError::AmbiguousFunction { .. } => "ambiguous_function",
            CallError::NotCallable { .. } => "function_not_callable",
            CallError::ArgumentCount { .. }
            | CallError::Argument { .. }
            | CallError::Syntax { .. }
            | CallError::ArgumentsTwice { .. } => "validation_error",
            CallError::TooLarge { .. } => "payload_too_large",
        }
    }
}

/// Why a text or a JSON value does not fit a type, with the position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The position in the value, such as `.points[2].x`; empty for the whole value. The payload of a variant case, of
    /// `some`, `ok` and `err` has that name as its position.
    pub path: String,
    /// The problem at that position.
    pub problem: ValueProblem,
}

impl ValueError {
    /// Prefixes the position with that of an enclosing value.
    pub(super) fn within(mut self, place: impl fmt::Display) -> Self {
        self.path = format!("{place}{}", self.path);
        self
    }
}

impl From<ValueProblem> for ValueError {
    fn from(problem: ValueProblem) -> Self {
        ValueError { path: String::new(), problem }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "at `{}`: ", self.path)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for ValueError {}

/// The problem of a value. Quoted types and values are shortened if they are long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueProblem {
    /// The text is neither WAVE nor JSON.
    #[error("`{found}` is neither WAVE ({wave}) nor JSON ({json}); {fits} would fit")]
    Syntax {
        /// The given text.
        found: String,
        /// The WAVE parser's message.
        wave: String,
        /// The JSON parser's message.
        json: String,
        /// A description of what would fit.
        fits: String,
    },
    /// The value is of another type, or out of this type's range.
    #[error("`{found}` does not fit `{ty}`; {fits} would")]
    Mismatch {
        /// The given value.
        found: String,
        /// The expected type.
        ty: String,
        /// A description of what would fit.
        fits: String,
    },
    /// A record, variant, enum or flags type has no member of this name.
    #[error("there is no {kind} `{name}`{}{}", did_you_mean(nearest.as_ref()), listed("; it has ", known))]
    UnknownName {
        /// The kind of the member: `field`, `case` or `flag`.
        kind: &'static str,
        /// The given name.
        name: String,
        /// The member with the most similar spelling, if any is similar.
        nearest: Option<String>,
        /// All members, in the order of their declaration.
        known: Vec<String>,
    },
    /// A field that is not an option is missing.
    #[error("the field `{name}: {ty}` is missing")]
    MissingField {
        /// The field.
        name: String,
        /// Its type.
        ty: String,
    },
    /// A flag was given twice.
    #[error("the flag `{name}` came twice")]
    DuplicateFlag {
        /// The flag.
        name: String,
    },
    /// A tuple or a list of fixed length was given too few or too many values.
    #[error("`{ty}` takes exactly {expected} values, and {found} came")]
    Length {
        /// The type.
        ty: String,
        /// The number of values that it takes.
        expected: usize,
        /// The number of values given.
        found: usize,
    },
    /// A case with a payload was given without one.
    #[error("the case `{case}` carries a value, and none came: `{case}({ty})`")]
    MissingPayload {
        /// The case.
        case: String,
        /// The type of its payload.
        ty: String,
    },
    /// A case without a payload was given with one.
    #[error("the case `{case}` carries no value, and `{found}` came")]
    UnexpectedPayload {
        /// The case.
        case: String,
        /// The given payload.
        found: String,
    },
    /// The type has no text form.
    #[error("{NO_TEXT}")]
    Unsupported,
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() { "; there are none".to_owned() } else { format!("{before}{}", list(names)) }
}

/// `a, b, c`, or `a, b, … and 7 more`.
fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_LISTED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn arguments(least: usize, most: usize) -> String {
    match (least, most) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{most} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    }
}
