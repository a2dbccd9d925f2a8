//! The macros of `plugbay-sdk-macros`, with their documentation: its examples need this crate.

/// Makes a plugin of a type: goes on the `impl` block with its methods. A crate has one.
///
/// ```
/// use plugbay_sdk::prelude::*;
///
/// #[derive(Deserialize, Serialize, Schema)]
/// struct Order {
///     item: String,
///     #[schema(min = 1, max = 100)]
///     count: u32,
/// }
///
/// #[derive(Default)]
/// struct Shop {
///     orders: Vec<Order>,
/// }
///
/// #[plugin]
/// impl Shop {
///     /// Takes an order and answers its number.
///     #[action]
///     #[route(POST "/orders", after = ["check"])]
///     fn order(&mut self, order: Order, call: &Invocation) -> Result<usize> {
///         ensure!(call.caller() != "schedule", code = "forbidden", "nobody orders by night");
///         self.orders.push(order);
///         Ok(self.orders.len())
///     }
///
///     #[action(idempotent)]
///     fn check(&self, order: Order) -> Result<Order> {
///         ensure!(self.orders.len() < 1000, code = "closed", "come back tomorrow");
///         Ok(order)
///     }
///
///     #[on_load]
///     fn open(&mut self) -> Result<()> {
///         self.orders.reserve(config::get("expected_orders")?.unwrap_or(10));
///         Ok(())
///     }
///
///     #[on_event("order.cancelled", priority = 100)]
///     fn cancelled(&mut self, order: Order) {
///         self.orders.retain(|kept| kept.item != order.item);
///     }
///
///     #[health]
///     fn health(&self) -> bool {
///         self.orders.len() < 1000
///     }
/// }
/// # fn main() {}
/// ```
///
/// The state is made by [`Default`], or by a function: `#[plugin(new = Shop::new)]`. It lives as long as the instance;
/// each instance has its own.
///
/// | Attribute | The method may take | and may answer |
/// |---|---|---|
/// | `#[action]`, `#[action(name = "…", idempotent)]` | a payload, `&Invocation` | any `T: Serialize`, `Result<T>` |
/// | `#[route(GET "/path")]`, `#[route(POST "/path", after = ["check"])]` | goes with `#[action]` | |
/// | `#[on_load]` | nothing | `()`, `bool` (`false` fails the load), `Result` of those |
/// | `#[save_state]` | nothing | `Vec<u8>`, `Option<Vec<u8>>`, any `T: Serialize`, `Result` of those |
/// | `#[on_reload]` | what `save_state` answered | as `#[on_load]` |
/// | `#[on_unload]` | nothing | as `#[on_load]`; an error is logged |
/// | `#[on_event("order.*", priority = 50, once)]` | the event's data, `&Event` | `()`, [`Reaction`](crate::Reaction), `Result` of those |
/// | `#[health]` | nothing | `bool`, [`Health`](crate::Health), `Result` of those |
///
/// Each takes `&mut self`, `&self` or no receiver. Methods without an attribute are left alone. A payload needs
/// `Deserialize` and [`Schema`](trait@crate::Schema); a result with a schema is described too. Doc comments become
/// descriptions.
///
/// Without `#[on_reload]`, an instance that takes over from an older revision is loaded by `#[on_load]`; with it, only
/// `#[on_reload]` is called. It takes an `Option` where there may be no state, and fails the reload otherwise.
///
/// # The manifest
///
/// `plugin.yaml`, `plugin.yml`, `plugin.json`, `manifest.json` or `plugin.toml` beside `Cargo.toml` is checked while
/// the plugin compiles and embedded in it; the name, version, description, licence, repository and author of
/// `Cargo.toml` stand in where it says nothing. Actions, routes and subscriptions that the file names have to be in the
/// code. When the file changes, the plugin is built again; when it is new, some source file has to change too.
pub use plugbay_sdk_macros::plugin;

/// Derives the JSON Schema of a type while it compiles.
///
/// ```
/// use plugbay_sdk::prelude::*;
///
/// /// Somebody who may log in.
/// #[derive(Deserialize, Schema)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields)]
/// struct User {
///     #[schema(min_length = 3, max_length = 50, pattern = "^[a-z]+$")]
///     user_name: String,
///     /// In years.
///     #[schema(max = 150)]
///     age: Option<u8>,
///     #[serde(default)]
///     #[schema(max_items = 10)]
///     friends: Vec<User>,
///     #[schema(any)]
///     extra: Option<Value>,
/// }
/// # fn main() {}
/// ```
///
/// All of serde's attributes that change what a type looks like in JSON are understood, for structs, tuples and enums
/// in each representation. What a type accepts and what it makes have a schema each. Doc comments become descriptions.
///
/// `#[schema(…)]` on a field, or on a type as a whole, says more than Rust's types can:
/// - `min`, `max` for numbers; `min_length`, `max_length`, `pattern`, `format` for strings; `min_items`, `max_items` for
///   sequences. The plugin itself does not check them: the host does, before the plugin runs.
/// - `any`: the value may be anything. A field with `#[serde(with = "…")]` is one of these unless told otherwise.
/// - `like = Type`: the schema is that of another type.
///
/// A type that contains itself is fine. Two types that contain each other are a cycle to the compiler: `any` on one of
/// the fields breaks it.
pub use plugbay_sdk_macros::Schema;

/// The crate's manifest file over its `Cargo.toml`, for [`Builder::source`](crate::plugin::Builder::source):
/// `Plugin::builder().source(manifest!())`. It is checked while the plugin compiles.
pub use plugbay_sdk_macros::manifest;
