//! The parts of a request that a route's method takes as parameters.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::values::{self, Place};
use crate::error::{Result, error};
use crate::exchange::{self, Request};
use crate::schema::{Schema, Shape};

/// A part of a request, which a route's method takes as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of a request",
    label = "a route takes `Path`, `Query`, `Json`, `Headers`, `Bytes`, `Previous`, or a body as `String` or a type with \
             `Deserialize` and `Schema`"
)]
pub trait FromRequest: Sized {
    /// Reads the part from the running request, or from the payload of an action that was called without one.
    ///
    /// # Errors
    /// `validation_error` with status 400 if it does not fit.
    fn from_request(payload: &str) -> Result<Self>;
}

/// The parameters of the path: one value (`Path<u64>`), a tuple in the order of the path, or a struct. Without a
/// request, the values of a tuple are in the order of their names.
///
/// ```compile_fail,E0277
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Shop;
/// struct Id(u64);
/// #[plugin]
/// impl Shop {
///     #[get("/items/{id}")]
///     fn item(&self, Path(id): Path<Id>) -> u64 { id.0 } // `Id` cannot be read
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Path<T> {
    fn from_request(payload: &str) -> Result<Self> {
        values::read(Place::Path, &pairs(Place::Path, payload)).map(Path)
    }
}

/// The query parameters as a struct, whose fields are numbers, texts, booleans, enums without data, `Option`s of these,
/// or a `Vec` for a name that occurs several times. A field with `#[serde(flatten)]` gets texts only.
///
/// The struct needs a [`Schema`], against which the host checks the query before the plugin runs:
///
/// ```compile_fail,E0277
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Default)] struct Shop;
/// #[derive(Deserialize)]
/// struct Page { limit: u32 }
/// #[plugin]
/// impl Shop {
///     #[get("/items")]
///     fn items(&self, Query(page): Query<Page>) -> u32 { page.limit } // `Page` has no JSON Schema
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    fn from_request(payload: &str) -> Result<Self> {
        values::read(Place::Query, &pairs(Place::Query, payload)).map(Query)
    }
}

/// The value of one path parameter.
pub fn path_parameter<T: DeserializeOwned>(name: &str, payload: &str) -> Result<T> {
    let text = match exchange::request() {
        Some(request) => request.param(name),
        None => members(payload).into_iter().find(|(member, _)| member == name).map(|(_, text)| text),
    };
    values::read_one(Place::Path, name, text.as_deref().as_slice())
}

/// The parameters of the running request, or the members of the payload.
fn pairs(place: Place, payload: &str) -> Vec<(String, String)> {
    match (exchange::request(), place) {
        (Some(request), Place::Path) => request.params(),
        (Some(request), Place::Query) => request.query(),
        (None, _) => members(payload),
    }
}

/// The members of a payload as texts. A list has one for each element.
fn members(payload: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in serde_json::from_str::<BTreeMap<String, Value>>(payload).unwrap_or_default() {
        let values = match value {
            Value::Array(elements) => elements,
            value => vec![value],
        };
        for value in values {
            match value {
                Value::Null => {}
                Value::String(text) => pairs.push((name.clone(), text)),
                other => pairs.push((name.clone(), other.to_string())),
            }
        }
    }
    pairs
}

/// A value as JSON: as a parameter the body of the request, as a result the body of the answer. A type with
/// `Deserialize` and [`Schema`] means the same without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: Schema> Schema for Json<T> {
    const ACCEPTS: Shape = T::ACCEPTS;
    const MAKES: Shape = T::MAKES;
    const OPTIONAL: bool = T::OPTIONAL;
}

/// Bytes: as a parameter the body as it was sent, as a result the body of the answer, `application/octet-stream` if no
/// header `content-type` says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl FromRequest for Bytes {
    fn from_request(payload: &str) -> Result<Self> {
        let bytes = exchange::request().as_ref().map(|request| request.body().unwrap_or_default());
        bytes.map_or_else(|| text_of_payload(payload).map(String::into_bytes), Ok).map(Bytes)
    }
}

/// The body as text.
pub fn text_body(payload: &str) -> Result<String> {
    let Some(request) = exchange::request() else { return text_of_payload(payload) };
    String::from_utf8(request.body().unwrap_or_default())
        .map_err(|_| error("the body is not text in UTF-8").with_code("invalid_argument").with_status(400))
}

/// The payload of an action that was called without a request: text, or nothing.
fn text_of_payload(payload: &str) -> Result<String> {
    crate::payload::parse::<Option<String>>(payload).map(Option::unwrap_or_default)
}

/// Headers: as a parameter those of the request that the operator shows to plugins, as the first or second part of a
/// result those of the answer.
///
/// ```
/// use plugbay_sdk::router::Headers;
///
/// let headers = Headers::new().with("etag", "\"7\"").with("cache-control", "max-age=60");
/// assert_eq!(headers.get("ETag"), Some("\"7\""));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub(super) Vec<(String, Vec<u8>)>);

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Adds a header. One that the server sets itself (framing, cookies, CORS, security) is refused when it is sent.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Headers {
        self.0.push((name.to_ascii_lowercase(), value.into().into_bytes()));
        self
    }

    /// The first value of a header as text; `None` if it is absent or is not text. Names are compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| str::from_utf8(value).ok())
    }

    /// All headers, with names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl FromRequest for Headers {
    fn from_request(_payload: &str) -> Result<Self> {
        Ok(Headers(exchange::request().as_ref().map(Request::headers).unwrap_or_default()))
    }
}

/// The result of the previous action of the route's chain. For the first action, and without a request, it is the
/// payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Previous<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Previous<T> {
    fn from_request(payload: &str) -> Result<Self> {
        match exchange::request().as_ref().map(Request::previous).transpose()?.flatten() {
            Some(previous) => Ok(Previous(previous)),
            None => crate::payload::parse(payload).map(Previous),
        }
    }
}
