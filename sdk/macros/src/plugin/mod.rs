//! `#[plugin]`, which turns the marked methods of an `impl` block into an exported plugin.

mod expand;
mod marks;
mod method;
mod page;
mod route;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, ImplItem, ItemImpl, LitStr, Token, Type, parenthesized};

use marks::Mark;
use method::Method;
use page::Page;

/// `#[plugin(new = Self::new, tables(Note, Tag), permissions("db.*:read,write"), publishes("order.*"), prefix = "/v1",
/// tags("orders"))]`.
#[derive(Default)]
struct Arguments {
    /// The function that creates the state, if that is not `Default`.
    new: Option<Expr>,
    /// The structs that are tables.
    tables: Vec<Type>,
    /// The requested permissions.
    permissions: Vec<LitStr>,
    /// The topics that it publishes on.
    publishes: Vec<LitStr>,
    /// The path before those of all routes.
    prefix: Option<LitStr>,
    /// The tags of all routes.
    tags: Vec<LitStr>,
    /// The required plugins with their accepted versions.
    requires: Vec<(LitStr, LitStr)>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Arguments> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "new" => {
                    input.parse::<Token![=]>()?;
                    arguments.new = Some(input.parse()?);
                }
                "tables" => {
                    let inside;
                    parenthesized!(inside in input);
                    arguments.tables.extend(inside.parse_terminated(Type::parse, Token![,])?);
                }
                "permissions" => {
                    let inside;
                    parenthesized!(inside in input);
                    arguments.permissions.extend(inside.parse_terminated(<LitStr as Parse>::parse, Token![,])?);
                }
                "publishes" => {
                    let inside;
                    parenthesized!(inside in input);
                    for topic in inside.parse_terminated(<LitStr as Parse>::parse, Token![,])? {
                        arguments.publishes.push(marks::canonical(&topic)?);
                    }
                }
                "prefix" => {
                    input.parse::<Token![=]>()?;
                    let prefix: LitStr = input.parse()?;
                    plugbay_manifest::normalise_path(&prefix.value())
                        .map_err(|message| syn::Error::new_spanned(&prefix, message))?;
                    arguments.prefix = Some(prefix);
                }
                "tags" => arguments.tags.extend(route::texts(input)?),
                "requires" => {
                    let inside;
                    parenthesized!(inside in input);
                    arguments.requires.extend(inside.parse_terminated(requirement, Token![,])?);
                }
                _ => {
                    let message = "`#[plugin]` takes `new = <function>`, what makes the state, if not `Default`; \
                                   `tables(<Type>, …)`, the structs that are its tables; \
                                   `permissions(\"<resource>:<actions>\", …)`, the requested permissions; \
                                   `publishes(\"<topic>\", …)`, the topics of its events; \
                                   `prefix = \"/path\"` and `tags(\"…\")`, which all of its routes get; and \
                                   `requires(\"<plugin>\" = \"<versions>\", …)`, the plugins that it needs";
                    return Err(syn::Error::new_spanned(name, message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// A required plugin: `"stock"` or `"stock" = ">=1.2"`.
fn requirement(input: ParseStream<'_>) -> syn::Result<(LitStr, LitStr)> {
    let name: LitStr = input.parse()?;
    let version = match input.parse::<Option<Token![=]>>()? {
        Some(_) => input.parse()?,
        None => LitStr::new("*", name.span()),
    };
    Ok((name, version))
}

/// Expands the attribute. The methods stay in the output in any case, so that an error here does not cause others about
/// missing methods.
pub(crate) fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => return refuse(item, &error),
    };
    let arguments = syn::parse2::<Arguments>(arguments);
    let prefix = arguments.as_ref().ok().and_then(|arguments| Some(arguments.prefix.as_ref()?.value()));
    let marked = take_marked(&mut block, &prefix.unwrap_or_default());
    let expanded = arguments.and_then(|arguments| check_block(&block).map(|()| arguments)).and_then(|arguments| {
        let (methods, pages) = marked?;
        expand::expand(&arguments, &block, &methods, &pages)
    });
    let expanded = expanded.unwrap_or_else(syn::Error::into_compile_error);
    quote!(#block #expanded)
}

/// The error for an item that is not an `impl` block. If it is one with a syntax error, the compiler has already
/// reported that in more detail.
fn refuse(item: TokenStream, error: &syn::Error) -> TokenStream {
    let mut words = item.clone().into_iter().filter(|token| matches!(token, TokenTree::Ident(_)));
    if words.next().is_some_and(|first| first.to_string() == "impl") {
        return error.to_compile_error();
    }
    let message = "`#[plugin]` belongs on the `impl` block with the plugin's methods";
    let error = syn::Error::new(Span::call_site(), message).into_compile_error();
    quote!(#error #item)
}

/// The error for a mark on an item outside of a `#[plugin]` block. The item stays in the output.
pub(crate) fn misplaced(name: &str, item: TokenStream) -> TokenStream {
    let message = format!("`#[{name}]` belongs on a method of the `impl` block that is marked `#[plugin]`");
    let error = syn::Error::new(Span::call_site(), message).into_compile_error();
    quote!(#error #item)
}

fn check_block(block: &ItemImpl) -> syn::Result<()> {
    if let Some((path, _)) = &block.trait_ {
        let message = "`#[plugin]` belongs on the type's inherent `impl` block, not on that of a trait";
        return Err(syn::Error::new_spanned(path, message));
    }
    if !block.generics.params.is_empty() {
        let message = "the type of a plugin cannot be generic";
        return Err(syn::Error::new_spanned(&block.generics, message));
    }
    Ok(())
}

/// Removes the marks from the methods and pages. All mistakes are reported at once.
fn take_marked(block: &mut ItemImpl, prefix: &str) -> syn::Result<(Vec<Method>, Vec<Page>)> {
    let (mut methods, mut pages) = (Vec::new(), Vec::new());
    let mut errors: Option<syn::Error> = None;
    for item in &mut block.items {
        match (Page::take(item), &mut errors) {
            (Ok(None), _) => {}
            (Ok(Some(page)), _) => {
                pages.push(page);
                continue;
            }
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
        let attributes = match item {
            ImplItem::Fn(function) => &mut function.attrs,
            ImplItem::Const(constant) => &mut constant.attrs,
            _ => continue,
        };
        let method = match (marks::take(attributes, prefix), item) {
            (Ok(None), _) => continue,
            (Ok(Some((mark, _))), ImplItem::Fn(function)) => Method::new(function, mark),
            (Ok(Some((mark, span))), _) => {
                Err(syn::Error::new(span, format!("`#[{}]` belongs on a method", mark.name())))
            }
            (Err(error), _) => Err(error),
        };
        match (method, &mut errors) {
            (Ok(method), _) => methods.push(method),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    errors.map_or(Ok((methods, pages)), Err)
}

/// The name of an action.
fn action_name(method: &Method) -> Option<syn::LitStr> {
    let Mark::Action(action) = &method.mark else { return None };
    Some(action.name.clone().unwrap_or_else(|| {
        let name = method.ident.to_string();
        syn::LitStr::new(name.trim_start_matches("r#"), method.ident.span())
    }))
}

#[cfg(test)]
mod tests;
