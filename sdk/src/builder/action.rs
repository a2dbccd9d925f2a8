//! Actions: the functions that a caller can invoke.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::to_json;
use crate::constant::Json;
use crate::dispatch::Entry;
use crate::error::{Error, Result};
use crate::invocation::{Invocation, running};
use crate::payload;
use crate::schema::Schema;

/// An action: its name, the schemas of its payload and result, and the function that runs it.
pub struct Action<S: 'static> {
    pub(crate) name: &'static str,
    pub(crate) title: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) payload: Json,
    pub(crate) result: Json,
    pub(crate) idempotent: bool,
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) open_world: Option<bool>,
    run: fn(&mut S, &str) -> Result<String>,
}

impl<S> Action<S> {
    /// An action from a function of JSON texts. [`create_action!`](crate::create_action) creates one from a function of
    /// Rust types, with their schemas.
    pub const fn new(name: &'static str, run: fn(&mut S, &str) -> Result<String>) -> Self {
        Action {
            name,
            title: None,
            description: None,
            payload: Json::Nothing,
            result: Json::Nothing,
            idempotent: false,
            read_only: None,
            destructive: None,
            open_world: None,
            run,
        }
    }

    /// An action with the schemas of a function of Rust types, which `run` calls.
    #[doc(hidden)]
    pub const fn typed<I, F: Handler<S, I> + Copy>(
        name: &'static str,
        _function: F,
        run: fn(&mut S, &str) -> Result<String>,
    ) -> Self {
        Action::new(name, run).payload(F::PAYLOAD).result(F::RESULT)
    }

    /// Sets a name for people, which assistants show.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets the description.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Sets the description from the lines of a doc comment, each of which begins with a space.
    #[doc(hidden)]
    #[must_use]
    pub const fn documented(mut self, lines: &'static str) -> Self {
        let text = lines.trim_ascii();
        if !text.is_empty() {
            self.description = Some(text);
        }
        self
    }

    /// Sets the schema that payloads must match. [`Json::Nothing`] accepts any payload.
    #[must_use]
    pub const fn payload(mut self, schema: Json) -> Self {
        self.payload = schema;
        self
    }

    /// Sets the schema of the result.
    #[must_use]
    pub const fn result(mut self, schema: Json) -> Self {
        self.result = schema;
        self
    }

    /// Marks the action as idempotent: the host may retry it after a failure.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets whether calling the action changes nothing: a hint for assistants, as the next two. Default: false.
    #[must_use]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = Some(read_only);
        self
    }

    /// Sets whether calling the action may destroy something. Default: true, unless it is read-only.
    #[must_use]
    pub const fn destructive(mut self, destructive: bool) -> Self {
        self.destructive = Some(destructive);
        self
    }

    /// Sets whether the action reaches beyond the plugin and its data, such as the internet. Default: true.
    #[must_use]
    pub const fn open_world(mut self, open_world: bool) -> Self {
        self.open_world = Some(open_world);
        self
    }

    pub(crate) const fn entry(&self) -> Entry<S> {
        Entry { name: self.name, run: self.run }
    }
}

impl<S> Clone for Action<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Action<S> {}

impl<S> fmt::Debug for Action<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A function that can be an action of a plugin with the state `S`: it takes the state, then a payload if it wants one,
/// then a `&Invocation` if it wants that, and returns a [`Result`].
///
/// `Input` only distinguishes the four signatures.
#[diagnostic::on_unimplemented(
    message = "this function cannot be an action",
    note = "an action is `fn(&mut State, [payload: P], [call: &Invocation]) -> Result<T>`, where `P: Deserialize + Schema` and `T: Serialize + Schema`"
)]
pub trait Handler<S, Input> {
    /// The schema of the payload.
    const PAYLOAD: Json;
    /// The schema of the result.
    const RESULT: Json;

    /// Runs the action on JSON texts.
    ///
    /// # Errors
    /// Those of the function, and `validation_error` if the payload does not deserialize.
    fn run(&self, state: &mut S, payload: &str) -> Result<String>;
}

/// The `Input` of a [`Handler`] that takes the invocation.
#[derive(Debug)]
pub struct WithInvocation<Payload>(core::marker::PhantomData<Payload>);

impl<F, S, T, E> Handler<S, ()> for F
where
    F: Fn(&mut S) -> Result<T, E>,
    T: Serialize + Schema,
    E: Into<Error>,
{
    const PAYLOAD: Json = Json::Nothing;
    const RESULT: Json = T::MAKES.schema;

    fn run(&self, state: &mut S, _payload: &str) -> Result<String> {
        to_json(&self(state).map_err(Into::into)?)
    }
}

impl<F, S, P, T, E> Handler<S, (P,)> for F
where
    F: Fn(&mut S, P) -> Result<T, E>,
    P: DeserializeOwned + Schema,
    T: Serialize + Schema,
    E: Into<Error>,
{
    const PAYLOAD: Json = P::ACCEPTS.schema;
    const RESULT: Json = T::MAKES.schema;

    fn run(&self, state: &mut S, payload: &str) -> Result<String> {
        to_json(&self(state, payload::parse(payload)?).map_err(Into::into)?)
    }
}

impl<F, S, T, E> Handler<S, WithInvocation<()>> for F
where
    F: Fn(&mut S, &Invocation) -> Result<T, E>,
    T: Serialize + Schema,
    E: Into<Error>,
{
    const PAYLOAD: Json = Json::Nothing;
    const RESULT: Json = T::MAKES.schema;

    fn run(&self, state: &mut S, _payload: &str) -> Result<String> {
        to_json(&self(state, &running()).map_err(Into::into)?)
    }
}

impl<F, S, P, T, E> Handler<S, WithInvocation<(P,)>> for F
where
    F: Fn(&mut S, P, &Invocation) -> Result<T, E>,
    P: DeserializeOwned + Schema,
    T: Serialize + Schema,
    E: Into<Error>,
{
    const PAYLOAD: Json = P::ACCEPTS.schema;
    const RESULT: Json = T::MAKES.schema;

    fn run(&self, state: &mut S, payload: &str) -> Result<String> {
        to_json(&self(state, payload::parse(payload)?, &running()).map_err(Into::into)?)
    }
}

/// Creates an [`Action`] from a name and a function: `create_action!("add", Notes::add)`. Its methods refine it:
/// `.description("Adds a note").idempotent()`.
#[macro_export]
macro_rules! create_action {
    ($name:expr, $function:expr $(,)?) => {
        $crate::builder::Action::typed($name, $function, |state, payload| {
            $crate::builder::Handler::run(&$function, state, payload)
        })
    };
}

/// Creates the actions of a plugin: `create_actions! { "add" => Notes::add, "list" => Notes::list }`. A doc comment
/// before an action becomes its description.
#[macro_export]
macro_rules! create_actions {
    ($($(#[doc = $doc:literal])* $name:literal => $function:expr),* $(,)?) => {
        &[$(
            $crate::create_action!($name, $function).documented(::core::concat!("" $(, $doc)*))
        ),*]
    };
    ($($other:tt)*) => {
        ::core::compile_error!("actions are `\"name\" => State::function, …`")
    };
}
