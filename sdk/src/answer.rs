//! What methods may answer, sorted out while they compile.
//!
//! A method of a plugin may answer a value or a `Result` of one, and its value may or may not have a schema. Rust has no
//! specialisation, but it prefers an inherent method to a trait's: if the type fits the inherent one, that is taken. This
//! works only if the type is known, that is in code that a macro writes, so these types are public and hidden.
//!
//! The traits exist for their diagnostics: each is implemented for every type that fits, and says in an author's words
//! what to do with one that does not. `do_not_recommend` keeps the compiler from naming the bound of the implementation
//! (`plugbay_sdk::Error: From<X>`) instead.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::constant::Json;
use crate::error::{Error, Result, error};
use crate::event::Reaction;
use crate::health::Health;
use crate::schema::Schema;

/// What an action may answer: anything that serde can write.
///
/// ```compile_fail,E0277
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Shop;
/// struct Stock;
/// #[plugin]
/// impl Shop {
///     #[action]
///     fn stock(&self) -> Stock { Stock } // `Stock` cannot be the answer of an action
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of an action",
    label = "this type cannot be written as JSON",
    note = "add `#[derive(Serialize, Schema)]` to `{Self}`, or answer a type that has it, such as `String` or `Value`"
)]
pub trait Answerable {
    /// The answer as JSON text.
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

/// Serialises an answer.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|reason| error(format!("the result is not JSON: {reason}")))
}

/// An answer that may be a `Result`.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T, E> Answer<Result<T, E>> {
    /// The value, or the error as one of this crate.
    pub fn outcome(self) -> Result<T>
    where
        E: Failed,
    {
        self.0.map_err(Failed::into_error)
    }
}

/// What a method may fail with.
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

/// An answer that is no `Result`.
pub trait PlainAnswer<T> {
    /// The value.
    fn outcome(self) -> Result<T>;
}

impl<T> PlainAnswer<T> for Answer<T> {
    fn outcome(self) -> Result<T> {
        Ok(self.0)
    }
}

/// Finds the schema of an answer, where its type has one.
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

/// An answer whose type has no schema.
pub trait NoSchema {
    /// Nothing to say.
    const RESULT: Json = Json::Nothing;
}

impl<T> NoSchema for SchemaOf<T> {}

/// What `on_load`, `on_reload` and `on_unload` may answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a lifecycle hook",
    label = "expected `()`, `bool` or a `Result` of those"
)]
pub trait Loaded {
    /// Whether it went well.
    ///
    /// # Errors
    /// Where it did not; `false` has the code `load_refused`.
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

/// What an event handler may answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of an event handler",
    label = "expected `()`, `Reaction` or a `Result` of those"
)]
pub trait Reacted {
    /// What becomes of the event.
    ///
    /// # Errors
    /// Where the handler failed.
    fn reacted(self) -> Result<Reaction>;
}

impl Reacted for () {
    fn reacted(self) -> Result<Reaction> {
        Ok(Reaction::GO_ON)
    }
}

impl Reacted for Reaction {
    fn reacted(self) -> Result<Reaction> {
        Ok(self)
    }
}

impl<T: Reacted, E: Failed> Reacted for Result<T, E> {
    fn reacted(self) -> Result<Reaction> {
        self.map_err(Failed::into_error)?.reacted()
    }
}

/// What a health check may answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a health check",
    label = "expected `bool`, `Health` or a `Result` of those"
)]
pub trait Checked {
    /// How the plugin is.
    ///
    /// # Errors
    /// Where the check failed: the plugin is then unhealthy.
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

/// A state to hand over: bytes as they are, anything else as JSON.
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

/// A state that is handed over as JSON. What its type needs is said at the method: so the compiler asks for just that.
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

/// A state that was handed over: the counterpart of [`State`].
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

/// A state that was handed over as JSON.
pub trait JsonTaken<T> {
    /// Reads it. An `Option` is `None` where the older revision left nothing.
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
