//! The error type of actions and hooks.
//!
//! An [`Error`] is a regular result: the caller receives it, and the instance continues to serve. A panic is a trap,
//! after which the host discards the instance.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// The result of an action or a hook.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The code of an error that has no other.
pub(crate) const INTERNAL_ERROR: &str = "internal_error";

/// A failure that a plugin reports: a code for programs, a message for people, and optional details.
///
/// Every [`std::error::Error`] turns into one by `?`, with the code `internal_error` and the messages of all its
/// sources. For this to be possible, `Error` itself does not implement that trait.
///
/// An error type of the plugin that has codes implements the conversion itself, and does not implement that trait:
///
/// ```
/// use plugbay_sdk::prelude::*;
///
/// enum ShopError {
///     SoldOut(String),
///     Closed,
/// }
///
/// impl From<ShopError> for Error {
///     fn from(failure: ShopError) -> Error {
///         match failure {
///             ShopError::SoldOut(item) => error(format!("{item} is sold out")).with_code("sold_out").with_status(409),
///             ShopError::Closed => error("come back tomorrow").with_code("closed"),
///         }
///     }
/// }
///
/// fn buy(item: &str) -> Result<u32, ShopError> {
///     if item == "lamp" { Err(ShopError::SoldOut(item.to_owned())) } else { Err(ShopError::Closed) }
/// }
///
/// fn order() -> Result<u32> {
///     Ok(buy("lamp")?)
/// }
/// assert_eq!(order().unwrap_err().code(), "sold_out");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    code: Cow<'static, str>,
    message: String,
    /// As JSON text, because most plugins do not otherwise link the code that handles JSON values.
    details: Option<String>,
    status_code: Option<u16>,
}

/// An error with a message and the code `internal_error`. The `with_` methods set the other parts:
/// `error("…").with_code("not_found").with_status(404)`.
pub fn error(message: impl Into<String>) -> Error {
    Error { code: Cow::Borrowed(INTERNAL_ERROR), message: message.into(), details: None, status_code: None }
}

impl Error {
    /// Sets the code by which programs distinguish failures, in lower snake case, such as `not_found`. An empty code is
    /// ignored.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Error {
        let code = code.into();
        if !code.is_empty() {
            self.code = code;
        }
        self
    }

    /// Sets details for programs. A value that cannot be written as JSON is replaced by the reason.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Error {
        self.details = Some(serde_json::to_string(&details).unwrap_or_else(|reason| not_json(&reason)));
        self
    }

    /// Sets the HTTP status, 400 to 599; any other is ignored. Without one, the host derives it from the code.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Error {
        if (400..=599).contains(&status) {
            self.status_code = Some(status);
        }
        self
    }

    /// Prefixes the message with the failed operation: `reading the order: no such file`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Error {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details as JSON text, if there are any.
    pub fn details(&self) -> Option<&str> {
        self.details.as_deref()
    }

    /// The HTTP status, if the plugin named one.
    pub fn status(&self) -> Option<u16> {
        self.status_code
    }
}

impl Error {
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only a host hands out failures in parts"))]
    pub(crate) fn from_parts(code: String, message: String, details: Option<String>, status: Option<u16>) -> Error {
        let failure = Error { details, ..error(message).with_code(code) };
        match status {
            Some(status) => failure.with_status(status),
            None => failure,
        }
    }

    pub(crate) fn into_parts(self) -> (String, String, Option<String>, Option<u16>) {
        (self.code.into_owned(), self.message, self.details, self.status_code)
    }
}

/// `code: message`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(failure: E) -> Error {
        let mut message = failure.to_string();
        let mut source = failure.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors repeat their source in their own message.
            if !message.contains(&cause_text) {
                message.push_str(": ");
                message.push_str(&cause_text);
            }
            source = cause.source();
        }
        error(message)
    }
}

fn not_json(reason: &serde_json::Error) -> String {
    let text = format!("the details are not JSON: {reason}");
    serde_json::to_string(&text).unwrap_or_default()
}

/// Returns from the function with an error: `bail!("no order {id}")`, or with a code,
/// `bail!(code = "not_found", "no order {id}")`.
#[macro_export]
macro_rules! bail {
    (code = $code:expr, $($message:tt)+) => {
        return ::core::result::Result::Err(
            ::core::convert::Into::into($crate::error(::std::format!($($message)+)).with_code($code)),
        )
    };
    ($($message:tt)+) => {
        return ::core::result::Result::Err(::core::convert::Into::into($crate::error(::std::format!($($message)+))))
    };
}

/// Returns from the function with an error unless a condition holds:
/// `ensure!(amount > 0, code = "bad_amount", "no money")`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($error:tt)+) => {
        if !$condition {
            $crate::bail!($($error)+);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<u8> {
        ensure!(!text.is_empty(), code = "empty", "nothing in `{text}`");
        if text == "x" {
            bail!("not {}", text);
        }
        Ok(text.parse()?)
    }

    #[test]
    fn question_mark_on_std_error_keeps_its_message() {
        let failure = parse("300").expect_err("300 is not a u8");
        assert_eq!(failure.to_string(), "internal_error: number too large to fit in target type");
    }

    #[test]
    fn ensure_with_code_returns_an_error_with_it() {
        assert_eq!(parse("").expect_err("empty").to_string(), "empty: nothing in ``");
    }

    #[test]
    fn bail_without_code_is_internal_error() {
        assert_eq!(parse("x").expect_err("x").to_string(), "internal_error: not x");
    }

    #[test]
    fn sources_follow_the_message_once() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("reading the count")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let failure: Error = Outer("x".parse::<u8>().expect_err("x is not a u8")).into();
        assert_eq!(failure.message(), "reading the count: invalid digit found in string");
    }

    #[test]
    fn empty_code_and_impossible_status_are_ignored() {
        let failure = error("no").with_code("").with_status(200).with_status(404).with_status(99);
        assert_eq!((failure.code(), failure.status()), (INTERNAL_ERROR, Some(404)));
    }
}
