//! Any component's exports, callable with text.
//!
//! [`exported_functions`] lists what a component offers, with types; [`resolve`] takes what a person typed, as in
//! `plugbay call FILE EXPORT ARGS…`, to one of those functions and the values to call it with; [`to_wave`] and
//! [`to_json`] turn its answer back into text. Nothing here instantiates or calls anything: no guest code runs.
//!
//! An argument is read as WAVE first and as JSON where it is not WAVE or does not fit as WAVE. For a parameter of type
//! `string`, any text that is neither stands for itself, unless it begins with a double quote.
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
//! Record fields of an option type may be left out, and so may trailing parameters of an option type: they are `none`.
//! A `list<u8>` is a list of numbers like any other. In JSON, a variant case or a result without a payload may be
//! written either way, `"empty"` or `{"empty": null}`.
//!
//! Resources, streams, futures, error contexts and maps have no text form; functions that need one are listed, and
//! refused when they are asked for.
//!
//! What bounds it: the text of a call ([`PAYLOAD_BYTES_MAX`](crate::limits::PAYLOAD_BYTES_MAX)); nesting, by WAVE's own
//! limit of 100 levels, by serde_json's of 128 and by the 100 levels that a component's types may have; every text that
//! quotes a type or a value in a message.

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
pub(crate) use argument::resolve;
pub use error::{CallError, ValueError, ValueProblem};
pub use signature::ExportedFunction;
pub(crate) use signature::exported_functions;
pub use value::{to_json, to_wave};
