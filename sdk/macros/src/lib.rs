//! The attribute and derive macros of `plugbay-sdk`, which documents and re-exports them.
//!
//! They generate calls of that crate's const builder, which an author could also write by hand. Their errors point at
//! the wrong attribute or type, and say what to write instead.

#![forbid(unsafe_code)]

mod docs;
mod manifest;
mod plugin;
mod schema;
mod table;

use proc_macro::TokenStream;
use syn::parse_macro_input;

#[allow(missing_docs, reason = "documented where it is re-exported")]
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    schema::derive(&input).into()
}

#[allow(missing_docs, reason = "documented where it is re-exported")]
#[proc_macro_derive(Table, attributes(table, column))]
pub fn derive_table(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    table::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[allow(missing_docs, reason = "documented where it is re-exported")]
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    plugin::attribute(arguments.into(), item.into()).into()
}

#[allow(missing_docs, reason = "documented where it is re-exported")]
#[proc_macro]
pub fn manifest(input: TokenStream) -> TokenStream {
    let input = proc_macro2::TokenStream::from(input);
    if !input.is_empty() {
        return syn::Error::new_spanned(input, "`manifest!()` takes no arguments").into_compile_error().into();
    }
    manifest::source(&manifest::Declared::default()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// `#[plugin]` takes these attributes off the methods of its `impl` block, so they are expanded only elsewhere.
macro_rules! misplaced_marks {
    ($($name:ident),*) => {$(
        #[allow(missing_docs, reason = "documented at `#[plugin]`")]
        #[proc_macro_attribute]
        pub fn $name(_: TokenStream, item: TokenStream) -> TokenStream {
            plugin::misplaced(stringify!($name), item.into()).into()
        }
    )*};
}
misplaced_marks!(
    action, delete, get, health, on_event, on_load, on_reload, on_unload, page, patch, post, put, save_state
);
