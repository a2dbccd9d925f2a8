//! `#[derive(Table)]`: a struct as a table of the plugin's database.
//!
//! The default kind of a field's type comes from traits of `plugbay-sdk`, so type aliases work; only `Option` must be
//! written as such. A mismatch of kind and type is therefore found when the generated constants are evaluated.

mod attributes;
mod column;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, LitStr};

use column::Column;

/// The maximum number of columns that a manifest may declare for a table.
const COLUMNS_MAX: usize = 128;

/// The maximum length of a name in bytes, because PostgreSQL truncates identifiers to 63 bytes.
const NAME_BYTES_MAX: usize = 63;

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&input.generics, "the type of a table cannot be generic"));
    }
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "a table must be a struct with a field for each column"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "a table must be a struct with named fields"));
    };
    let name = table_name(input)?;
    let mut columns = Vec::new();
    let mut errors: Option<syn::Error> = None;
    for field in &fields.named {
        match (Column::new(field), &mut errors) {
            (Ok(column), _) => columns.push(column),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    check(input, &columns)?;
    Ok(expand(input, &name, &columns))
}

/// The name that `#[table(name = "…")]` gives, or that of the struct in snake case.
fn table_name(input: &DeriveInput) -> syn::Result<LitStr> {
    let mut name = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("table")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("`#[table]` takes `name = \"…\"`"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    let name = name.unwrap_or_else(|| LitStr::new(&snake_case(&input.ident.unraw().to_string()), input.ident.span()));
    check_name(&name)?;
    Ok(name)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, character) in name.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Checks a name by the manifest's rules for names in the database.
fn check_name(name: &LitStr) -> syn::Result<()> {
    let text = name.value();
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let message = if text.len() > NAME_BYTES_MAX {
        format!("a name in the database has at most {NAME_BYTES_MAX} bytes")
    } else if !starts || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        format!(
            "`{text}` cannot be a name in the database: use letters, digits and `_`, beginning with a letter or `_`"
        )
    } else if text.to_ascii_lowercase().starts_with("sqlite_") {
        format!("`{text}` is reserved: names must not begin with `sqlite_`")
    } else {
        return Ok(());
    };
    Err(syn::Error::new_spanned(name, message))
}

/// The checks that concern several columns.
fn check(input: &DeriveInput, columns: &[Column<'_>]) -> syn::Result<()> {
    let stored: Vec<&Column<'_>> = columns.iter().filter(|column| !column.is_skipped()).collect();
    if stored.is_empty() || stored.len() > COLUMNS_MAX {
        let message = format!("a table has between one and {COLUMNS_MAX} columns, but this one has {}", stored.len());
        return Err(syn::Error::new_spanned(&input.ident, message));
    }
    for (index, column) in stored.iter().enumerate() {
        let name = column.name().value();
        if stored[..index].iter().any(|other| other.name().value().eq_ignore_ascii_case(&name)) {
            return Err(syn::Error::new_spanned(column.ident, format!("there is already a column `{name}`")));
        }
        if column.is_key() && stored[..index].iter().any(|other| other.is_key()) {
            return Err(syn::Error::new_spanned(
                column.ident,
                "a table has one key; mark other columns `unique` instead",
            ));
        }
    }
    Ok(())
}

fn expand(input: &DeriveInput, name: &LitStr, columns: &[Column<'_>]) -> TokenStream {
    let ident = &input.ident;
    let stored: Vec<&Column<'_>> = columns.iter().filter(|column| !column.is_skipped()).collect();
    let kinds = stored.iter().map(|column| column.kind());
    let declarations = stored.iter().map(|column| column.declaration());
    let values = stored.iter().map(|column| column.to_value());
    let fields = columns.iter().map(Column::read);
    let constants = stored.iter().map(|column| column.constant(ident));
    let keyed = stored.iter().find(|column| column.is_key()).map(|column| {
        let (name, ty) = (column.name(), column.inner);
        quote! {
            #[automatically_derived]
            impl ::plugbay_sdk::db::Keyed for #ident {
                type Key = #ty;
                const KEY: ::plugbay_sdk::db::Column<Self, #ty> = ::plugbay_sdk::db::Column::new(#name);
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl ::plugbay_sdk::db::Table for #ident {
            const NAME: &'static str = #name;
            const COLUMNS: &'static [(&'static str, ::plugbay_sdk::db::Kind)] = &[#(#kinds),*];
            const TABLE: ::plugbay_sdk::db::Declaration =
                ::plugbay_sdk::db::Declaration { name: #name, columns: &[#(#declarations),*] };

            fn to_values(
                &self,
            ) -> ::plugbay_sdk::Result<::std::vec::Vec<::core::option::Option<::plugbay_sdk::db::Value>>> {
                ::core::result::Result::Ok(::std::vec![#(#values),*])
            }

            fn from_row(row: &mut ::plugbay_sdk::db::__private::Row) -> ::plugbay_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }

        #keyed

        #[allow(non_upper_case_globals, dead_code)]
        impl #ident {
            #(#constants)*
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn check(item: TokenStream, expected: &[&str]) {
        let input = syn::parse2(item.clone()).expect("an item");
        let errors: Vec<String> = match derive(&input) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        };
        assert_eq!(errors.len(), expected.len(), "{item}: {errors:?}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.contains(expected), "{item}: {error}");
        }
    }

    fn check_field(field: TokenStream, expected: &str) {
        check(quote!(struct T { #field }), &[expected]);
    }

    #[test]
    fn struct_with_every_kind_of_column_is_accepted() {
        let item = quote! {
            #[table(name = "things")]
            struct Thing {
                #[column(id)] id: i64,
                title: String,
                #[column(varchar(80), unique, default = "x")] short: Option<String>,
                #[column(char(2))] country: String,
                #[column(json, default = "[]")] tags: Vec<String>,
                #[column(enum("a", "b"))] word: String,
                #[column(enum)] status: Option<Status>,
                #[column(references = User::id, on_delete = "cascade")] owner: i64,
                #[column(references = "users.id", on_delete = "set_null")] other: Option<i64>,
                #[column(numeric, default = -0.5)] price: f64,
                #[column(default = true)] on: bool,
                #[column(default = -3)] count: i32,
                #[column(date)] day: String,
                #[column(timestamp)] at: i64,
                #[column(created_at)] created: i64,
                #[column(updated_at, name = "changed")] updated: i64,
                #[column(skip)] cache: Cache,
                r#type: Vec<u8>,
            }
        };
        check(item, &[]);
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let item = quote! {
            struct T {
                #[column(idd)] a: i64,
                #[column(json, text)] b: String,
                #[column(varchar)] c: String,
                #[column(on_delete = "cascade")] d: i64,
            }
        };
        let expected = [
            "unknown column attribute `idd`: did you mean `id`?",
            "a column has one kind, either `json` or `text`",
            "`varchar` takes a length",
            "`on_delete` needs `references`",
        ];
        check(item, &expected);
    }

    #[test]
    fn invalid_option_is_refused_with_a_reason() {
        check_field(quote!(#[column(id, default = 1)] a: i64), "the host sets the values of this column");
        check_field(quote!(#[column(json, default = "{")] a: X), "is not JSON");
        check_field(quote!(#[column(varchar(0))] a: String), "a length is an integer from 1");
        check_field(quote!(#[column(references = "users.id.x")] a: i64), "`\"table.column\"`");
        check_field(quote!(#[column(references = User)] a: i64), "`\"table.column\"`");
        check_field(quote!(#[column(references = "u.id", on_delete = "drop")] a: i64), "restrict, cascade or set_null");
        check_field(quote!(#[column(references = "u.id", on_delete = "set_null")] a: i64), "an `Option`");
        check_field(quote!(#[column(default = a + b)] a: i64), "a default is a literal");
        check_field(quote!(#[column(name = "sqlite_a")] a: i64), "reserved");
        check_field(quote!(#[column(name = "a b")] a: i64), "letters, digits");
        check_field(quote!(#[column(primary_key)] a: Option<String>), "cannot be an `Option`");
        check_field(quote!(#[column(json, primary_key)] a: X), "a key must be");
        check_field(quote!(#[column(skip, unique)] a: X), "not a column");
        check_field(quote!(#[column(unique, unique)] a: i64), "given twice");
    }

    #[test]
    fn item_that_cannot_be_a_table_is_refused() {
        check(
            quote!(
                enum T {
                    A,
                }
            ),
            &["a struct with a field for each column"],
        );
        check(
            quote!(
                struct T(i64);
            ),
            &["named fields"],
        );
        check(
            quote!(
                struct T {}
            ),
            &["between one and 128 columns"],
        );
        check(
            quote!(
                struct T<X> {
                    a: X,
                }
            ),
            &["cannot be generic"],
        );
        check(
            quote!(
                struct T {
                    a: i64,
                    #[column(name = "A")]
                    b: i64,
                }
            ),
            &["there is already a column `A`"],
        );
        check(
            quote!(
                struct T {
                    #[column(id)]
                    a: i64,
                    #[column(primary_key)]
                    b: String,
                }
            ),
            &["one key"],
        );
        check(
            quote!(
                #[table(nam = "x")]
                struct T {
                    a: i64,
                }
            ),
            &["takes `name"],
        );
        check(
            quote!(
                #[table(name = "1")]
                struct T {
                    a: i64,
                }
            ),
            &["cannot be a name"],
        );
    }

    #[test]
    fn table_without_a_name_has_the_name_of_the_struct() {
        let input = syn::parse_quote!(
            struct BlogPost {
                a: i64,
            }
        );
        assert_eq!(table_name(&input).expect("a name").value(), "blog_post");
    }
}
