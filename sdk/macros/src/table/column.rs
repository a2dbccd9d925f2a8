//! One field of the struct as one column of the table.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Field, GenericArgument, Ident, LitStr, PathArguments, Type, Visibility};

use super::attributes::{self, Attributes, Kind, Target};
use super::check_name;

pub(super) struct Column<'a> {
    pub(super) ident: &'a Ident,
    visibility: &'a Visibility,
    /// The type of the field.
    ty: &'a Type,
    /// The type without the `Option` around it.
    pub(super) inner: &'a Type,
    attributes: Attributes,
    name: LitStr,
    default: Option<TokenStream>,
}

impl<'a> Column<'a> {
    pub(super) fn new(field: &'a Field) -> syn::Result<Column<'a>> {
        let Some(ident) = &field.ident else {
            return Err(syn::Error::new_spanned(field, "a column needs a field name"));
        };
        let attributes = Attributes::parse(&field.attrs)?;
        let name = attributes.name.clone().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
        let default = attributes.default.as_ref();
        let default = default.map(|default| attributes::default(default, attributes.is("json"))).transpose()?;
        let inner = inside_option(&field.ty).unwrap_or(&field.ty);
        let column = Column { ident, visibility: &field.vis, ty: &field.ty, inner, attributes, name, default };
        if !column.is_skipped() {
            check_name(&column.name)?;
            column.check()?;
        }
        Ok(column)
    }

    /// Checks that the options are compatible.
    fn check(&self) -> syn::Result<()> {
        let attributes = &self.attributes;
        let wrong = |message: &str| Err(syn::Error::new_spanned(self.ident, message));
        if let Some(rule) = &attributes.on_delete {
            if !attributes.is("references") {
                return Err(syn::Error::new_spanned(rule, "`on_delete` needs `references`"));
            }
            if rule.value() == "set_null" && !self.is_nullable() {
                return Err(syn::Error::new_spanned(rule, "a column with `set_null` must be an `Option`"));
            }
        }
        if let (Some(default), true) = (&attributes.default, self.is_key_of_host() || self.is_set_by_host()) {
            return Err(syn::Error::new_spanned(
                default,
                "the host sets the values of this column, so it cannot have a default",
            ));
        }
        if attributes.primary_key && (attributes.is("json") || attributes.is("enum")) {
            return wrong("a key must be an integer, text or bytes");
        }
        if attributes.primary_key && self.is_nullable() {
            return wrong("a key cannot be an `Option`, because every row has one");
        }
        Ok(())
    }

    pub(super) fn name(&self) -> &LitStr {
        &self.name
    }

    pub(super) fn is_skipped(&self) -> bool {
        self.attributes.skip
    }

    pub(super) fn is_key(&self) -> bool {
        self.attributes.primary_key || self.is_key_of_host()
    }

    fn is_key_of_host(&self) -> bool {
        self.attributes.is("id")
    }

    fn is_set_by_host(&self) -> bool {
        self.attributes.is("created_at") || self.attributes.is("updated_at")
    }

    fn is_nullable(&self) -> bool {
        inside_option(self.ty).is_some()
    }

    /// The codec of the values that are not null. It has the span of the type, so that an unsuitable type is reported
    /// there.
    fn codec(&self) -> TokenStream {
        let span = self.ty.span();
        match &self.attributes.kind {
            Some(Kind::Enum(_)) => quote_spanned!(span=> ::plugbay_sdk::db::AsWord),
            Some(Kind::Word("json", _)) => quote_spanned!(span=> ::plugbay_sdk::db::AsJson),
            _ => quote_spanned!(span=> ::plugbay_sdk::db::Plain),
        }
    }

    /// The codec of the field.
    fn field_codec(&self) -> TokenStream {
        let codec = self.codec();
        match self.is_nullable() {
            true => quote_spanned!(self.ty.span()=> ::plugbay_sdk::db::Nullable<#codec>),
            false => codec,
        }
    }

    /// A constant of the field's codec.
    fn of_codec(&self, constant: &Ident) -> TokenStream {
        let (codec, ty) = (self.field_codec(), self.ty);
        quote_spanned!(ty.span()=> <#codec as ::plugbay_sdk::db::Codec<#ty>>::#constant)
    }

    /// The variant of `Kind`, if it is not the default of the type.
    fn own_kind(&self) -> Option<TokenStream> {
        match &self.attributes.kind {
            Some(Kind::Word(_, variant) | Kind::Sized(_, variant, _)) => {
                Some(quote!(::plugbay_sdk::db::Kind::#variant))
            }
            Some(Kind::References(_)) => Some(quote!(::plugbay_sdk::db::Kind::ForeignKey)),
            Some(Kind::Enum(_)) | None => None,
        }
    }

    /// An element of `COLUMNS`.
    pub(super) fn kind(&self) -> TokenStream {
        let name = &self.name;
        let kind = self.own_kind().unwrap_or_else(|| self.of_codec(&Ident::new("KIND", self.ident.span())));
        quote!((#name, #kind))
    }

    /// An element of the declaration's columns.
    pub(super) fn declaration(&self) -> TokenStream {
        let (name, inner) = (&self.name, self.inner);
        let made = self.of_codec(&Ident::new("KIND", self.ident.span()));
        let nullable = self.of_codec(&Ident::new("NULLABLE", self.ident.span()));
        let kind = self.own_kind().map(|kind| quote!(.kind(#kind)));
        let more = match &self.attributes.kind {
            Some(Kind::Sized(_, _, length)) => quote!(.length(#length)),
            Some(Kind::Enum(words)) if words.is_empty() => {
                quote_spanned!(inner.span()=> .words_of(&<#inner as ::plugbay_sdk::Schema>::MAKES.schema))
            }
            Some(Kind::Enum(words)) => quote!(.words(&[#(::plugbay_sdk::constant::Json::Text(#words)),*])),
            Some(Kind::References(target)) => self.references(target),
            _ => TokenStream::new(),
        };
        let unique = self.attributes.unique.then(|| quote!(.unique()));
        let primary_key = self.attributes.primary_key.then(|| quote!(.primary_key()));
        let default = self.default.as_ref().map(|default| quote!(.default(#default)));
        quote! {
            ::plugbay_sdk::db::ColumnDeclaration::new(#name, #made, #nullable)
                #kind #more #unique #primary_key #default
        }
    }

    fn references(&self, target: &Target) -> TokenStream {
        let inner = self.inner;
        let on_delete = self.attributes.on_delete.as_ref().map_or("restrict".to_owned(), LitStr::value);
        match target {
            Target::Named(table, column) => quote!(.references(#table, #column, #on_delete)),
            Target::Column(column) => quote_spanned! {column.span()=>
                .refers_to::<_, #inner, _>(#column, #on_delete)
            },
        }
    }

    /// An element of the result of `to_values`.
    pub(super) fn to_value(&self) -> TokenStream {
        let (ident, name, ty, codec) = (self.ident, &self.name, self.ty, self.field_codec());
        if self.is_set_by_host() {
            // Reading the field prevents the compiler's warning that it is never read.
            return quote!({
                let _ = &self.#ident;
                ::core::option::Option::None
            });
        }
        if self.is_key_of_host() {
            return match self.is_nullable() {
                true => quote!(::plugbay_sdk::db::__private::new_id(self.#ident.as_ref())?),
                false => quote!(::plugbay_sdk::db::__private::new_id(::core::option::Option::Some(&self.#ident))?),
            };
        }
        let function = match self.is_nullable() && self.default.is_some() {
            true => quote!(or_default),
            false => quote!(given),
        };
        quote_spanned!(ty.span()=> ::plugbay_sdk::db::__private::#function::<#ty, #codec>(#name, &self.#ident)?)
    }

    /// A field of the result of `from_row`.
    pub(super) fn read(&self) -> TokenStream {
        let (ident, ty, codec) = (self.ident, self.ty, self.field_codec());
        match self.is_skipped() {
            true => quote_spanned!(ty.span()=> #ident: ::core::default::Default::default()),
            false => quote_spanned!(ty.span()=> #ident: row.take::<#ty, #codec>()?),
        }
    }

    /// The constant by which queries name the column.
    pub(super) fn constant(&self, table: &Ident) -> TokenStream {
        let (ident, visibility, name, inner, codec) =
            (self.ident, self.visibility, &self.name, self.inner, self.codec());
        let doc = format!("The column `{}`.", name.value());
        quote! {
            #[doc = #doc]
            #visibility const #ident: ::plugbay_sdk::db::Column<#table, #inner, #codec> =
                ::plugbay_sdk::db::Column::new(#name);
        }
    }
}

/// The type inside an `Option`, by its spelling.
fn inside_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}
