//! The macros of `plugbay-sdk-macros`, with their documentation: its examples need this crate.

/// Makes a type the state of a plugin. It goes on the `impl` block whose methods are the plugin's actions; a crate has
/// one.
///
/// ```
/// use plugbay_sdk::prelude::*;
/// use plugbay_sdk::config;
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
///     /// Takes an order and returns its number.
///     #[post("/orders", after = ["check"])]
///     fn order(&mut self, order: Order, call: &Invocation) -> Result<usize> {
///         ensure!(call.caller() != "schedule", code = "forbidden", "a job cannot order");
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
///         self.orders.retain(|placed| placed.item != order.item);
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
/// Tables are declared with `#[plugin(tables(Note, Tag))]`; see [`Table`](derive@crate::db::Table).
/// [Permissions](crate#permissions) are requested in the manifest file, or in the form in which an operator grants
/// them: `#[plugin(permissions("db.notes:read,write", "http.api.example.org"))]`. Likewise `publishes("order.*")` lists
/// the topics on which the plugin publishes [events](crate::events), and `requires("stock", "erp" = ">=1.2")` the
/// plugins that must be loaded first.
///
/// The state is made by [`Default`], or by a function: `#[plugin(new = Shop::new)]`. It lives as long as the instance;
/// each instance has its own.
///
/// | Attribute | The method may take | and may return |
/// |---|---|---|
/// | `#[action]`, `#[action(name = "…", idempotent)]` | a payload, `&Invocation` | any `T: Serialize`, `Result<T>` |
/// | `#[get("/path")]`, `post`, `put`, `patch`, `delete`: [`router`] | parts of the request | answers with a status |
/// | `#[on_load]` | nothing | `()`, `bool` (`false` fails the load), `Result` of those |
/// | `#[save_state(format = 2)]` | nothing | `Vec<u8>`, `Option<Vec<u8>>`, any `T: Serialize`, `Result` of those |
/// | `#[on_reload]` | what `save_state` returned, `&Reload` | as `#[on_load]` |
/// | `#[on_unload]` | nothing | as `#[on_load]`; an error is logged |
/// | `#[on_event("order.*", id = "…", priority = 50, once, durable)]` | the event's data, `&Event` | `()`, a `Result` |
/// | `#[on_event("order.*", dynamic)]`, `#[on_event]` | the same | the same |
/// | `#[health]` | nothing | `bool`, [`Health`], `Result` of those |
///
/// `#[page("/path", title = "…", icon = "…", order = 1, hidden)]` makes a constant of the type
/// [`Template`](crate::ui::Template) a page that the host renders; see [`ui`](crate::ui).
///
/// An action is described to assistants by `title = "…"` and the hints `read_only`, `destructive = false` and
/// `open_world = false`; see [`Action`](crate::builder::Action).
///
/// Each takes `&mut self`, `&self` or no receiver. Methods without an attribute are left alone. A payload needs
/// `Deserialize` and [`Schema`](trait@crate::Schema); a result with a schema is described too. Doc comments become
/// descriptions. `plugbay serve` answers the routes over HTTP, below `/plugins/<name>`; `#[plugin(prefix = "/v1",
/// tags("orders"))]` puts a path before all of them and groups them in the API's documentation.
///
/// `#[on_event]` takes a topic in any spelling: `order.placed`, the pattern `order.*`, `container:started` and
/// `onContainerStart`, which are both `container.start`. An event has the canonical topic, with dots. A handler ends
/// the propagation with [`Event::stop`] and objects with [`Event::cancel`]. Two handlers for one topic need ids. `once`
/// ends the subscription with the first event whose handler succeeds. `durable` has each event stored until its handler
/// succeeds, so that it survives the end of the host; it may then be delivered more than once.
///
/// `dynamic` declares a handler for a subscription that the plugin makes at run time, with
/// [`events::subscribe`](crate::events::subscribe) and the same pattern. `#[on_event]` without a topic receives the
/// events of every subscription without a handler of its own.
///
/// # Reload
///
/// On a reload the new revision starts *before* the old one ends, so that no call is refused in between:
///
/// 1. `#[save_state]` of the old revision,
/// 2. `#[on_reload]` of the new one with that state, or `#[on_load]` if it has no `#[on_reload]`,
/// 3. calls go to the new revision,
/// 4. `#[on_unload]` of the old one, after its last call.
///
/// A state that `#[on_unload]` writes is therefore too late for `#[on_load]` to read: hand it over with
/// `#[save_state]`, or store it when it changes. `#[on_reload]` that takes an `Option` accepts an older revision
/// without a state; otherwise the reload fails and the older revision continues to serve. A state has a format: 1
/// unless `#[save_state(format = 2)]` sets another. [`Reload::format`] returns that of the older revision.
///
/// # The manifest
///
/// `plugin.yaml`, `plugin.yml`, `plugin.json`, `manifest.json` or `plugin.toml` beside `Cargo.toml` is checked while
/// the plugin compiles and embedded in it; fields that it does not set (name, version, description, licence, repository
/// and author) come from `Cargo.toml`.
///
/// The file adds to what the code declares: actions are merged by name and field by field, routes, subscriptions,
/// tables and configuration by their key, and permissions are put in front of the code's. An empty list drops what the
/// code declares, such as `events: { subscribes: [] }`. A route or a table that the two declare differently is an
/// error. Actions, routes and subscriptions that the file names must be in the code. A change of the file rebuilds the
/// plugin, but the file's creation does not until a source file changes too.
///
/// [`router`]: crate::router
/// [`Health`]: crate::Health
/// [`Event::stop`]: crate::Event::stop
/// [`Event::cancel`]: crate::Event::cancel
/// [`Reload::format`]: crate::Reload::format
pub use plugbay_sdk_macros::plugin;

/// Derives the JSON Schema of a type while it compiles.
///
/// ```
/// use plugbay_sdk::prelude::*;
///
/// /// A user who may log in.
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
/// All of serde's attributes that change the JSON of a type are supported, for structs, tuples and enums in each
/// representation. Deserialization and serialization have separate schemas. Doc comments become descriptions.
///
/// `#[schema(…)]` on a field, or on a type as a whole, adds what Rust's types cannot express:
/// - `min`, `max` for numbers; `min_length`, `max_length`, `pattern`, `format` for strings; `min_items`, `max_items`
///   for sequences. The host checks them before the plugin runs; the plugin itself does not. A keyword that does not
///   apply to the type, such as `min` on a `String`, does not compile.
/// - `any`: the value may be anything. That is the default for a field with `#[serde(with = "…")]`.
/// - `like = Type`: the schema is that of another type.
///
/// A payload may borrow as `Cow<'a, str>` with `#[serde(borrow)]`, but not as `&'a str`, because JSON may write a text
/// with escapes.
///
/// # Numbers
///
/// A [`Value`](crate::Value) holds integers of 64 bits and floats. serde_json reads a larger integer as a float, so
/// `100000000000000000000` becomes `1e20` without an error. Take a payload as `i128` or `u128` to keep such an integer,
/// or as a `String`.
///
/// # Recursive types
///
/// A type may contain itself. Two types that contain each other are a cycle that does not compile; `#[schema(any)]` on
/// one of the fields breaks it.
pub use plugbay_sdk_macros::Schema;

/// Makes a struct a table of the plugin's database: its rows are values of the struct, and the host creates the table
/// when it loads the plugin.
///
/// ```
/// use plugbay_sdk::db::Table;
/// use plugbay_sdk::prelude::*;
///
/// #[derive(Table)]
/// #[table(name = "users")]
/// struct User {
///     #[column(id)]
///     id: i64,
///     #[column(varchar(80), unique)]
///     name: String,
///     #[column(enum)]
///     role: Role,
/// }
///
/// #[derive(Serialize, Deserialize, Schema)]
/// #[serde(rename_all = "lowercase")]
/// enum Role {
///     Admin,
///     Guest,
/// }
///
/// #[derive(Table)]
/// #[table(name = "notes")]
/// struct Note {
///     #[column(id)]
///     id: i64,
///     #[column(references = User::id, on_delete = "cascade")]
///     user: i64,
///     title: String,
///     #[column(default = "nothing yet")]
///     body: Option<String>,
///     pinned: bool,
///     #[column(json)]
///     tags: Vec<String>,
///     #[column(created_at)]
///     created_at: i64,
/// }
///
/// fn pinned() -> Result<Vec<Note>> {
///     Note::select().filter(Note::pinned.eq(true).or(Note::tags.has("now"))).order_by_desc(Note::created_at).all()
/// }
/// # fn main() {}
/// ```
///
/// The plugin declares the table and requests permission for it:
/// `#[plugin(tables(User, Note), permissions("db.*:read,write"))]`.
///
/// Each field is a column of its name, and a constant of that name is the column in queries: `Note::pinned`. Integers,
/// floats, `bool`, `String` and `Vec<u8>` are columns as they are; an `Option` may be null. `#[column(…)]` says more:
///
/// | | |
/// |---|---|
/// | `id` | the key, an integer that the database counts up; a new row has 0 or `None` there |
/// | `primary_key` | the key, of another type, given by the plugin |
/// | `json` | any type of serde's, as JSON text |
/// | `enum`, `enum("a", "b")` | one of a few words: those of the type's [`Schema`](trait@crate::Schema), or these |
/// | `varchar(80)`, `char(2)`, `date`, `datetime`, `time`, `uuid` | a `String` of that kind |
/// | `timestamp` | an `i64`: milliseconds since the Unix epoch |
/// | `created_at`, `updated_at` | the same, set by the host: what a new row has there is ignored |
/// | `numeric` | a number that is stored as it was given, whole or not |
/// | `unique` | no two rows have the same value |
/// | `default = "…"`, `default = 3`, `default = true` | the value of rows without one; for `json`, JSON in a string |
/// | `references = User::id`, `references = "users.id"` | the key of another table of the plugin |
/// | `on_delete = "cascade"` | what happens to this row when that one is deleted: `restrict`, `cascade`, `set_null` |
/// | `name = "…"` | another name of the column |
/// | `skip` | no column: the field gets its `Default` |
///
/// A column that does not exist, or a value of another type, does not compile:
///
/// ```compile_fail
/// # use plugbay_sdk::db::Table;
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Table)] #[table(name = "notes")] struct Note { #[column(id)] id: i64, pinned: bool }
/// fn pinned() -> Result<Vec<Note>> { Note::select().filter(Note::pinned.eq("yes")).all() }
/// ```
///
/// ```compile_fail
/// # use plugbay_sdk::db::Table;
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Table)] #[table(name = "notes")] struct Note { #[column(id)] id: i64, pinned: bool }
/// fn pinned() -> Result<Vec<Note>> { Note::select().filter(Note::pined.eq(true)).all() }
/// ```
pub use plugbay_sdk_macros::Table;

/// The crate's manifest file and its `Cargo.toml`, for [`Builder::source`](crate::builder::Builder::source):
/// `Plugin::builder().source(manifest!())`. It is checked while the plugin compiles.
pub use plugbay_sdk_macros::manifest;

/// The marks of [`plugin`], for an error where they are not inside of one.
#[doc(hidden)]
pub use plugbay_sdk_macros::{
    action, delete, get, health, on_event, on_load, on_reload, on_unload, page, patch, post, put, save_state,
};
