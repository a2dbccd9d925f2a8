//! Routes of a plugin: the typed parts of a request, and answers other than JSON with status 200.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//!
//! #[derive(Deserialize, Schema)]
//! struct Page {
//!     #[serde(default)]
//!     #[schema(max = 1000)]
//!     offset: u32,
//!     limit: Option<u32>,
//! }
//!
//! #[derive(Deserialize, Serialize, Schema, Clone)]
//! struct Item {
//!     name: String,
//! }
//!
//! #[derive(Default)]
//! struct Shop {
//!     items: Vec<Item>,
//! }
//!
//! #[plugin(prefix = "/items", tags("items"))]
//! impl Shop {
//!     /// Lists the items: `GET /plugins/shop/items?offset=20`.
//!     #[get("/")]
//!     fn list(&self, Query(page): Query<Page>) -> Vec<Item> {
//!         let limit = page.limit.unwrap_or(50) as usize;
//!         self.items.iter().skip(page.offset as usize).take(limit).cloned().collect()
//!     }
//!
//!     #[get("/{index}", responses(404 = "There is no such item."))]
//!     fn item(&self, index: usize) -> Result<Item> {
//!         self.items.get(index).cloned().ok_or_else(|| error(format!("no item {index}")).with_code("not_found"))
//!     }
//!
//!     #[post("/", status = 201)]
//!     fn add(&mut self, Json(item): Json<Item>) -> (Headers, Json<usize>) {
//!         self.items.push(item);
//!         let index = self.items.len() - 1;
//!         (Headers::new().with("location", format!("/plugins/shop/items/{index}")), Json(index))
//!     }
//!
//!     #[get("/{index}/label", produces = "text/plain; charset=utf-8")]
//!     fn label(&self, Path(index): Path<usize>) -> Result<Text> {
//!         Ok(Text(self.item(index)?.name))
//!     }
//! }
//! # fn main() {
//! # let mut shop = native_instance();
//! # assert_eq!(shop.call("add", json!({ "name": "pen" })).expect("added"), 0);
//! # assert_eq!(shop.call("item", json!({ "index": 0 })).expect("an item"), json!({ "name": "pen" }));
//! # assert_eq!(shop.call("list", json!({ "offset": 1 })).expect("a list"), json!([]));
//! # assert_eq!(shop.call("item", json!({ "index": "x" })).expect_err("no number").status(), Some(400));
//! # }
//! ```
//!
//! A method with `#[get]`, `#[post]`, `#[put]`, `#[patch]` or `#[delete]` is an action of the method's name, and
//! `#[action(…)]` beside it sets its options. It takes, in any order:
//!
//! | Parameter | Value |
//! |---|---|
//! | named like a parameter of the path: `id: u64` for `/items/{id}` | that parameter |
//! | [`Path<T>`](Path) | the parameters of the path: one value, a tuple in their order, or a struct |
//! | [`Query<T>`](Query) | the query as a struct; a `Vec` takes a name that occurs several times |
//! | [`Json<T>`](Json), or a type with `Deserialize` and [`Schema`] | the body as JSON |
//! | `String` | the body as text |
//! | [`Bytes`] | the body as it was sent |
//! | [`Headers`] | the headers that the operator shows to plugins |
//! | [`Previous<T>`](Previous) | the result of the action before it in the route's chain |
//! | `&Invocation` | the call |
//!
//! Values in the path and in the query that do not fit their types are refused with status 400, and a message that
//! names the parameter. The body is checked as any payload.
//!
//! It returns a value that is written as JSON, [`Text`], [`Html`], [`Bytes`], an [`Attachment`], a [`Redirect`] or a
//! [`Status`]; one of these with a status or headers before it: `(Status, T)`, `(Headers, T)`, `(Status, Headers, T)`;
//! or a `Result` of any of them.
//!
//! # Called without a request
//!
//! Other callers of the action (commands, plugins, jobs, tests) give the values of the path and the query as members of
//! the payload: `{"index": 0}`. They get the JSON result: text for [`Text`] and [`Html`], `null` for [`Bytes`].
//!
//! # Options
//!
//! | Option | Effect |
//! |---|---|
//! | `after = ["check"]` | the actions that run before this one |
//! | `status = 201` | the status of a success, 200 to 399; the method's own [`Status`] overrides it |
//! | `responses(404 = "…", 409 = "…")` | other responses, for the API's documentation |
//! | `summary = "…"`, `tags("…")` | for the API's documentation; the doc comment is the description |
//! | `consumes = "…"`, `produces = "…"` | the media types of the body and of the answer, for the documentation |
//!
//! `#[plugin(prefix = "/items", tags("items"))]` puts a path before those of all routes, and adds tags to all of them.

mod request;
mod respond;
mod values;

pub use request::{Bytes, FromRequest, Headers, Json, Path, Previous, Query};
pub use respond::{Attachment, Html, Redirect, Status, Text};

#[doc(hidden)]
pub use request::{path_parameter, text_body};
#[doc(hidden)]
pub use respond::{PlainSent, Sent, set_status};

use crate::constant::{Json as JsonValue, Member, same};

/// The schema of the only parameter's path: `whole` if the type is a struct of all parameters, or else `one`, an object
/// with the parameter. A function, because the compiler makes no statics of what only a branch of a constant needs.
#[doc(hidden)]
pub const fn path_schema(whole: JsonValue, one: JsonValue) -> JsonValue {
    if is_object(&whole) { whole } else { one }
}

/// Whether a schema is that of an object.
const fn is_object(schema: &JsonValue) -> bool {
    match schema {
        JsonValue::Object(members) => {
            let mut index = 0;
            while index < members.len() {
                if let Member::Is(key, JsonValue::Text(kind)) = &members[index]
                    && same(key, "type")
                    && same(kind, "object")
                {
                    return true;
                }
                index += 1;
            }
            false
        }
        JsonValue::Recursive(_, body) => is_object(body),
        _ => false,
    }
}

#[cfg(doc)]
use crate::Schema;
