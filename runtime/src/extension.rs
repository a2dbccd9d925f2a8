//! Interfaces that an application offers to its plugins, which import them as they import those of the host.
//!
//! An application gives its plugins functions in one of two ways. An action that it provides
//! ([`Runtime::provide`](crate::Runtime::provide)) takes and returns JSON, and needs nothing but a Rust function. An
//! extension is an interface in WIT: its types are checked when a plugin is built and again when it is loaded, binary
//! data stays binary, and it may have resources.
//!
//! The application needs three things: the WIT, a type that implements what
//! [`bindgen!`](wasmtime::component::bindgen) makes of it, and an [`Extension`] that names the permission.
//!
//! ```
//! use plugbay::extension::{Access, Extension, PermissionAction};
//! use plugbay::wasmtime::component::HasSelf;
//!
//! mod wit {
//!     plugbay::wasmtime::component::bindgen!({
//!         inline: "
//!             package acme:shop@1.0.0;
//!             interface stock { left: func(item: string) -> result<u32, string>; }
//!             world plugin { import stock; }",
//!         imports: { default: async },
//!         wasmtime_crate: plugbay::wasmtime,
//!     });
//! }
//! use wit::acme::shop::stock;
//!
//! /// The stock as one instance of a plugin sees it.
//! struct Stock {
//!     access: Access,
//! }
//!
//! impl stock::Host for Stock {
//!     async fn left(&mut self, item: String) -> Result<u32, String> {
//!         let checked = self.access.check(&format!("ext.stock.{item}"), PermissionAction::Read).await;
//!         checked.map_err(|denial| denial.to_string())?;
//!         Ok(if item == "apple" { 12 } else { 0 })
//!     }
//! }
//!
//! # fn main() -> Result<(), plugbay::BuildError> {
//! let stock = Extension::new("ext.stock.*", PermissionAction::Read, |access| Stock { access })
//!     .interface("acme:shop/stock@1.0.0", stock::add_to_linker::<_, HasSelf<Stock>>);
//! let runtime = plugbay::Runtime::builder().extension(stock).build()?;
//! # drop(runtime);
//! # Ok(())
//! # }
//! ```
//!
//! # Permissions
//!
//! The resources of extensions begin with `ext.`, and the application chooses the rest. A plugin asks for them in its
//! manifest as for any other, and the operator grants them: `- { resource: ext.stock.*, actions: [read] }`. A plugin
//! that imports the interface without a grant for any of its resources is not loaded; the error has the line to add.
//! Each function begins with [`Access::check`], which decides about the one use, counts and audits it. The host does
//! not know what a function does: a function without a check is open to all plugins that may import the interface.
//!
//! # What an extension cannot break
//!
//! A function runs within the plugin's call. Its future is dropped when the call's time has passed or its caller goes
//! away. If it panics, the call fails with `host_error` and the plugin gets a fresh instance; what the application
//! shares between its states it has to keep consistent itself. A function that traps (`trappable` in `bindgen!`) ends
//! the call with `plugin_trapped`.
//!
//! Functions should be `async`, as above: a plugin that calls them in a loop then lets others run, in
//! [`Access::check`]. Work that blocks belongs on a thread of its own, such as that of `tokio::task::spawn_blocking`.
//!
//! # For plugin authors
//!
//! An author needs the WIT alone. In Rust, `plugbay_sdk::import_wit!` makes functions of it. In other languages it goes
//! into the `deps/` of the directory that `plugbay wit` writes, and `import acme:shop/stock@1.0.0;` into its
//! `world.wit`.

pub use plugbay_manifest::PermissionAction;

pub use crate::host::extension::{Access, Extension};
