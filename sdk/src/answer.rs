//! The types that a plugin's methods may return, selected at compile time.
//!
//! A method may return a value or a `Result` of one, and the value may or may not have a schema. Rust has no
//! specialisation, but it prefers an inherent method to a trait method if the type matches both. This works only if the
//! type is known, that is, in code that a macro writes, so these types are public and hidden.
//!
//! The traits exist for their diagnostics. Each is implemented for every suitable type, and its message says what to
//! change about any other type. `do_not_recommend` keeps the compiler from naming the bound of the
//! implementation (`plugbay_sdk::Error: From<X>`) instead.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::constant::Json;
use crate::error::{Error, Result, error};
use crate::health::Health;
use crate::router::{Headers, Status};
use crate::schema::Schema;

/// A type that an action may return: any type that serde can serialize, and the answers of [`crate::router`].
///
/// ```compile_fail,E0277
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Shop;
/// struct Stock;
/// #[plugin]
/// impl Shop {
///     #[action]
///     fn stock(&self) -> Stock { Stock } // an action cannot return `Stock`
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "an action cannot return `{Self}`",
    label = "this type cannot be written as JSON",
    note = "add `#[derive(Serialize, Schema)]` to `{Self}`, or return a type that has it, such as `String` or `Value`"
)]
pub trait Answerable {
    /// The value as JSON text.
    ///
    /// # Errors
    /// If serde cannot write the value as JSON.
    fn json(&self) -> Result<String>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Answerable for T {
    fn json(&self) -> Result<String> {
        to_json(self)
    }
}

/// Serializes the result of an action.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|reason| error(format!("the result is not JSON: {reason}")))
}

/// A returned value that may be a `Result`.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T, E> Answer<Result<T, E>> {
    /// The value, or the error converted into this crate's [`Error`].
    pub fn outcome(self) -> Result<T>
    where
        E: Failed,
    {
        self.0.map_err(Failed::into_error)
    }
}

/// An error type that a method may return.
///
/// ```compile_fail,E0277
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Shop;
/// struct SoldOut;
/// #[plugin]
/// impl Shop {
///     #[action]
///     fn buy(&self) -> Result<u32, SoldOut> { Err(SoldOut) } // `SoldOut` cannot be the error of an action
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an action, hook or event handler",
    label = "this type does not convert into `plugbay_sdk::Error`",
    note = "to convert one value, write `.map_err(|reason| error(reason.to_string()))?` in a method that returns \
            `plugbay_sdk::Result`",
    note = "every type that implements `std::error::Error` converts; for a type of your own, write \
            `impl From<{Self}> for plugbay_sdk::Error`"
)]
pub trait Failed {
    /// The error.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> Failed for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// A returned value that is not a `Result`.
pub trait PlainAnswer<T> {
    /// The value.
    fn outcome(self) -> Result<T>;
}

impl<T> PlainAnswer<T> for Answer<T> {
    fn outcome(self) -> Result<T> {
        Ok(self.0)
    }
}

/// Selects the schema of a returned type, if it has one.
#[derive(Debug)]
pub struct SchemaOf<T>(core::marker::PhantomData<T>);

impl<T: Schema> SchemaOf<T> {
    /// The schema.
    pub const RESULT: Json = T::MAKES.schema;
}

impl<T: Schema, E> SchemaOf<Result<T, E>> {
    /// The schema of the value.
    pub const RESULT: Json = T::MAKES.schema;
}

/// A value with a status or headers before it.
macro_rules! sent_with {
    ($($sent:ty;)*) => {$(
        impl<T: Schema> SchemaOf<$sent> {
            /// The schema of the value.
            pub const RESULT: Json = T::MAKES.schema;
        }

        impl<T: Schema, E> SchemaOf<Result<$sent, E>> {
            /// The schema of the value.
            pub const RESULT: Json = T::MAKES.schema;
        }
    )*};
}

sent_with! {
    (Status, T);
    (Headers, T);
    (Status, Headers, T);
}

/// A returned type without a schema.
pub trait NoSchema {
    /// No schema.
    const RESULT: Json = Json::Nothing;
}

impl<T> NoSchema for SchemaOf<T> {}

/// A type that `on_load`, `on_reload` and `on_unload` may return.
#[diagnostic::on_unimplemented(
    message = "a lifecycle hook cannot return `{Self}`",
    label = "expected `()`, `bool` or a `Result` of those"
)]
pub trait Loaded {
    /// Converts the returned value into the outcome of the hook.
    ///
    /// # Errors
    /// The hook's own error, and `load_refused` if it returned `false`.
    fn loaded(self) -> Result<()>;
}

impl Loaded for () {
    fn loaded(self) -> Result<()> {
        Ok(())
    }
}

impl Loaded for bool {
    fn loaded(self) -> Result<()> {
        if self { Ok(()) } else { Err(error("the plugin refused to load").with_code("load_refused")) }
    }
}

impl<T: Loaded, E: Failed> Loaded for Result<T, E> {
    fn loaded(self) -> Result<()> {
        self.map_err(Failed::into_error)?.loaded()
    }
}

/// A type that an event handler may return.
#[diagnostic::on_unimplemented(
    message = "an event handler cannot return `{Self}`",
    label = "expected `()` or a `Result` of it; to end or cancel an event, call `event.stop()` or `event.cancel(reason)`"
)]
pub trait Handled {
    /// Converts the returned value into the outcome of the handler.
    ///
    /// # Errors
    /// The handler's own error.
    fn handled(self) -> Result<()>;
}

impl Handled for () {
    fn handled(self) -> Result<()> {
        Ok(())
    }
}

impl<T: Handled, E: Failed> Handled for Result<T, E> {
    fn handled(self) -> Result<()> {
        self.map_err(Failed::into_error)?.handled()
    }
}

/// A type that a health check may return.
#[diagnostic::on_unimplemented(
    message = "a health check cannot return `{Self}`",
    label = "expected `bool`, `Health` or a `Result` of those"
)]
pub trait Checked {
    /// Converts the returned value into the plugin's health.
    ///
    /// # Errors
    /// The check's own error, which means that the plugin is unhealthy.
    fn checked(self) -> Result<Health>;
}

impl Checked for bool {
    fn checked(self) -> Result<Health> {
        Ok(if self { Health::healthy() } else { Health::unhealthy("") })
    }
}

impl Checked for Health {
    fn checked(self) -> Result<Health> {
        Ok(self)
    }
}

impl<T: Checked, E: Failed> Checked for Result<T, E> {
    fn checked(self) -> Result<Health> {
        self.map_err(Failed::into_error)?.checked()
    }
}

/// A state to pass to the next revision: bytes unchanged, any other type as JSON.
#[derive(Debug)]
pub struct State<T>(pub T);

impl State<Vec<u8>> {
    /// The bytes.
    pub fn bytes(self) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.0))
    }
}

impl State<Option<Vec<u8>>> {
    /// The bytes, if there are any.
    pub fn bytes(self) -> Result<Option<Vec<u8>>> {
        Ok(self.0)
    }
}

/// A state that is passed on as JSON. The bound is on the method, so that the compiler's message names it alone.
pub trait JsonState<T> {
    /// The JSON.
    fn bytes(self) -> Result<Option<Vec<u8>>>
    where
        T: Serialize;
}

impl<T> JsonState<T> for State<T> {
    fn bytes(self) -> Result<Option<Vec<u8>>>
    where
        T: Serialize,
    {
        serde_json::to_vec(&self.0).map(Some).map_err(|reason| error(format!("the state is not JSON: {reason}")))
    }
}

/// A state that an older revision passed on: the counterpart of [`State`].
#[derive(Debug)]
pub struct Taken<T>(core::marker::PhantomData<T>);

impl Taken<Vec<u8>> {
    /// The bytes.
    pub fn take(bytes: Option<Vec<u8>>) -> Result<Vec<u8>> {
        bytes.ok_or_else(no_state)
    }
}

impl Taken<Option<Vec<u8>>> {
    /// The bytes, if there are any.
    pub fn take(bytes: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
        Ok(bytes)
    }
}

/// A state that was passed on as JSON.
pub trait JsonTaken<T> {
    /// Reads the state. An `Option` is `None` if the older revision left none.
    fn take(bytes: Option<Vec<u8>>) -> Result<T>
    where
        T: DeserializeOwned;
}

impl<T> JsonTaken<T> for Taken<T> {
    fn take(bytes: Option<Vec<u8>>) -> Result<T>
    where
        T: DeserializeOwned,
    {
        match bytes {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|reason| {
                error(format!("the state of the older revision does not fit: {reason}")).with_code("state_mismatch")
            }),
            None => serde_json::from_str("null").map_err(|_| no_state()),
        }
    }
}

fn no_state() -> Error {
    error("the older revision left no state; take an `Option` to go on without").with_code("no_state")
}
