//! Why a typed call cannot be made.
//!
//! Two layers: [`ValueError`] is about one value, its type and the place inside it; [`CallError`] adds the function and
//! the parameter. All of them are the caller's to correct, so each message says what came and what would fit.

use std::fmt;

/// Names that a message lists; the others are counted.
const NAMES_LISTED_MAX: usize = 20;

/// What [`CallError::NotCallable`] and [`ValueProblem::Unsupported`] say.
const NO_TEXT: &str = "resources, streams, futures, error contexts and maps have no text form";

/// Why a text does not name a function of a component, or why its arguments do not fit that function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No exported function goes by this name.
    #[error("no exported function is called `{wanted}`{}{}", did_you_mean(nearest.as_ref()), listed("; exported: ", candidates))]
    UnknownFunction {
        /// What was asked for.
        wanted: String,
        /// The full name of the exported function that is spelt most alike, if one is.
        nearest: Option<String>,
        /// The full names of all exported functions; empty where the component exports none.
        candidates: Vec<String>,
    },
    /// Several exported functions go by this name.
    #[error("`{wanted}` could be any of several exported functions, name one in full: {}", list(candidates))]
    AmbiguousFunction {
        /// What was asked for.
        wanted: String,
        /// The full names of the functions that it could mean.
        candidates: Vec<String>,
    },
    /// The function takes or answers something that has no text form.
    #[error("`{function}` cannot be called with text: {position} has the type `{ty}`, and {NO_TEXT}")]
    NotCallable {
        /// The function's full name.
        function: String,
        /// Which part of it: ``parameter `x` `` or `its result`.
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
        /// How many arguments must be given: trailing options may be left out.
        least: usize,
        /// How many arguments may be given.
        most: usize,
        /// How many were given.
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
        /// What does not fit, where and why.
        error: Box<ValueError>,
    },
    /// The arguments in the parentheses of a whole call such as `add(1, 2)` are not WAVE.
    #[error("`{text}` is not a call such as `add(1, 2)`: {message}")]
    Syntax {
        /// The call, shortened if it is long.
        text: String,
        /// What the WAVE parser says of it.
        message: String,
    },
    /// Arguments came both inside the parentheses of a whole call and after it.
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
        /// Bytes of text that came.
        bytes: usize,
        /// Bytes of text that are allowed.
        bytes_max: usize,
    },
}

impl CallError {
    /// What kind of failure, for programs. Never changes.
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

/// Why a text or a JSON value does not fit a type, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The place inside the value, such as `.points[2].x`; empty where it is the whole value. The payload of a variant
    /// case, of `some`, `ok` and `err` is a place of that name.
    pub path: String,
    /// What is wrong there.
    pub problem: ValueProblem,
}

impl ValueError {
    /// The same problem, seen from one level further out.
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

/// What is wrong with a value. Texts that quote a type or a value are shortened where they are long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueProblem {
    /// The text is neither WAVE nor JSON.
    #[error("`{found}` is neither WAVE ({wave}) nor JSON ({json}); {fits} would fit")]
    Syntax {
        /// What came.
        found: String,
        /// What the WAVE parser says of it.
        wave: String,
        /// What the JSON parser says of it.
        json: String,
        /// What would fit.
        fits: String,
    },
    /// The value is of another type, or out of this type's range.
    #[error("`{found}` does not fit `{ty}`; {fits} would")]
    Mismatch {
        /// What came.
        found: String,
        /// The type that was expected.
        ty: String,
        /// What would fit.
        fits: String,
    },
    /// A record, variant, enum or flags type has no such name.
    #[error("there is no {kind} `{name}`{}{}", did_you_mean(nearest.as_ref()), listed("; it has ", known))]
    UnknownName {
        /// What the name would be: `field`, `case` or `flag`.
        kind: &'static str,
        /// The name that came.
        name: String,
        /// The known name that is spelt most alike, if one is.
        nearest: Option<String>,
        /// All known names, in the order of their declaration.
        known: Vec<String>,
    },
    /// A field that is not an option was left out.
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
    /// A tuple or a list of fixed length with too few or too many values.
    #[error("`{ty}` takes exactly {expected} values, and {found} came")]
    Length {
        /// The type.
        ty: String,
        /// How many values it takes.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// A case that carries a value came without one.
    #[error("the case `{case}` carries a value, and none came: `{case}({ty})`")]
    MissingPayload {
        /// The case.
        case: String,
        /// The type of its value.
        ty: String,
    },
    /// A case that carries no value came with one.
    #[error("the case `{case}` carries no value, and `{found}` came")]
    UnexpectedPayload {
        /// The case.
        case: String,
        /// The value that came.
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
