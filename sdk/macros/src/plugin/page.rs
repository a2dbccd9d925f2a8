//! `#[page("/path", …)]` on a constant that is the template of a page.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, ImplItem, LitInt, LitStr, Token};

/// A page and its template.
pub(super) struct Page {
    mark: PageMark,
    /// The constant.
    ident: Ident,
    /// `#[cfg(…)]`, which applies to the declaration too.
    conditions: Vec<Attribute>,
}

/// `("/items", title = "Items", icon = "box", order = 1, hidden)`.
struct PageMark {
    path: LitStr,
    title: Option<LitStr>,
    icon: Option<LitStr>,
    order: Option<(Option<Token![-]>, LitInt)>,
    is_hidden: bool,
}

impl Parse for PageMark {
    fn parse(input: ParseStream<'_>) -> syn::Result<PageMark> {
        let path: LitStr = input.parse().map_err(|error| {
            syn::Error::new(error.span(), "a page's path comes first: `#[page(\"/items\", title = \"Items\")]`")
        })?;
        let path_error = |message| syn::Error::new_spanned(&path, message);
        let canonical = plugbay_manifest::normalise_path(&path.value()).map_err(path_error)?;
        let path = LitStr::new(&canonical, path.span());
        let mut mark = PageMark { path, title: None, icon: None, order: None, is_hidden: false };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: Ident = input.parse()?;
            match option.to_string().as_str() {
                "hidden" => mark.is_hidden = true,
                "title" => {
                    input.parse::<Token![=]>()?;
                    mark.title = Some(input.parse()?);
                }
                "icon" => {
                    input.parse::<Token![=]>()?;
                    mark.icon = Some(input.parse()?);
                }
                "order" => {
                    input.parse::<Token![=]>()?;
                    mark.order = Some((input.parse()?, input.parse()?));
                }
                _ => {
                    let message = "a page takes `title = \"…\"`, `icon = \"…\"`, `order = 1` and `hidden`";
                    return Err(syn::Error::new_spanned(option, message));
                }
            }
        }
        Ok(mark)
    }
}

impl Page {
    /// Removes the mark from an item and returns the page, if it has one.
    pub(super) fn take(item: &mut ImplItem) -> syn::Result<Option<Page>> {
        let (attributes, ident) = match item {
            ImplItem::Fn(function) => (&mut function.attrs, function.sig.ident.clone()),
            ImplItem::Const(constant) => (&mut constant.attrs, constant.ident.clone()),
            _ => return Ok(None),
        };
        let Some(index) = attributes.iter().position(|attribute| attribute.path().is_ident("page")) else {
            return Ok(None);
        };
        let attribute = attributes.remove(index);
        let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
        if let ImplItem::Fn(function) = item {
            let message = "a page is known without running the plugin: make it a constant, \
                           `#[page(\"/items\")] const ITEMS: Template = …;`";
            return Err(syn::Error::new_spanned(&function.sig, message));
        }
        let mark = match &attribute.meta {
            syn::Meta::List(list) => list.parse_args()?,
            _ => return Err(syn::Error::new_spanned(attribute, "a page has a path: `#[page(\"/items\")]`")),
        };
        Ok(Some(Page { mark, ident, conditions }))
    }

    /// An element of `Frontend::new(&[…])`.
    pub(super) fn declaration(&self) -> TokenStream {
        let Page { mark: PageMark { path, title, icon, order, is_hidden }, ident, conditions } = self;
        let template = quote_spanned!(ident.span()=> Self::#ident);
        let title = title.as_ref().map(|title| quote!(.title(#title)));
        let icon = icon.as_ref().map(|icon| quote!(.icon(#icon)));
        let order = order.as_ref().map(|(sign, number)| quote!(.order(#sign #number)));
        let hidden = is_hidden.then(|| quote!(.hidden()));
        quote! {
            #(#conditions)*
            ::plugbay_sdk::ui::Page::new(#path, #template) #title #icon #order #hidden
        }
    }
}
