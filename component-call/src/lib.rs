//! Calls any component's exports with text.
//!
//! [`exported_functions`] lists a component's functions with their types; [`resolve`] maps typed words, as in `plugbay
//! call FILE EXPORT ARGS…`, to a function and its argument values; [`to_wave`] and [`to_json`] convert its result to
//! text. None of these runs guest code. [`AnyComponent`] makes the call, in a fresh instance under a plugin's limits.
//!
//! An argument is parsed as WAVE, and as JSON if it is not WAVE or does not fit as WAVE. For a parameter of type
//! `string`, any other text is taken literally, unless it begins with a double quote.
//!
//! | Type | WAVE | JSON |
//! |---|---|---|
//! | bool, integers | `true`, `-7` | `true`, `-7` |
//! | f32, f64 | `0.5`, `nan`, `inf`, `-inf` | `0.5`, `"nan"`, `"inf"`, `"-inf"` |
//! | char, string | `'x'`, `"text"` | `"x"`, `"text"` |
//! | list, tuple | `[1, 2]`, `(1, "a")` | `[1, 2]`, `[1, "a"]` |
//! | record | `{x: 1, note: "a"}` | `{"x": 1, "note": "a"}` |
//! | variant | `circle(0.5)`, `empty` | `{"circle": 0.5}`, `"empty"` |
//! | enum | `red` | `"red"` |
//! | flags | `{read, write}` | `["read", "write"]` |
//! | option | `none`, `some(1)` or `1` | `null`, `1` |
//! | option of an option | `none`, `some(none)`, `some(some(1))` | `null`, `{"some": null}`, `{"some": 1}` |
//! | result | `ok(1)` or `1`, `err("why")`, `ok` | `{"ok": 1}`, `{"err": "why"}`, `{"ok": null}` |
//!
//! Record fields of an option type may be omitted, and so may trailing parameters of an option type: they are `none`. A
//! `list<u8>` is an ordinary list of numbers. In JSON, a variant case or a result without a payload may be written as
//! `"empty"` or `{"empty": null}`.
//!
//! Resources, streams, futures, error contexts and maps have no text form. Functions that need one are listed, but
//! calling them is refused.
//!
//! ```no_run
//! use plugbay::Runtime;
//! use plugbay_component_call::{AnyComponent, to_wave};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new()?;
//! let adder = AnyComponent::new(runtime.component("adder.wasm").await?);
//! let called = adder.call("add(1, 2)", &[]).await?;
//! assert_eq!(called.value.map(|value| to_wave(&value)).transpose()?.as_deref(), Some("3"));
//! # Ok(())
//! # }
//! ```
//!
//! The text of a call has at most 4 MiB, as a plugin's payload. Nesting is limited to 100 levels by WAVE, to 128 by
//! serde_json and to 100 by a component's types. Messages shorten the types and values that they quote.

#![forbid(unsafe_code)]

mod any;
mod argument;
mod error;
#[cfg(test)]
mod fixture;
mod lookup;
mod signature;
mod type_text;
mod value;

pub use any::{AnyComponent, Called, ComponentError};
pub use argument::resolve;
pub use error::{CallError, ValueError, ValueProblem};
pub use signature::{ExportedFunction, exported_functions};
pub use value::{to_json, to_wave};
