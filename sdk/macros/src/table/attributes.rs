//! The attribute `#[column(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprUnary, Ident, Lit, LitInt, LitStr, Path, UnOp, parenthesized};

use super::check_name;

/// The kinds that are written as one word, with their variants of `plugbay_sdk::db::Kind`.
const KINDS: [(&str, &str); 15] = [
    ("id", "Id"),
    ("text", "Text"),
    ("integer", "Integer"),
    ("real", "Real"),
    ("numeric", "Numeric"),
    ("boolean", "Boolean"),
    ("json", "Json"),
    ("blob", "Blob"),
    ("date", "Date"),
    ("datetime", "Datetime"),
    ("time", "Time"),
    ("timestamp", "Timestamp"),
    ("uuid", "Uuid"),
    ("created_at", "CreatedAt"),
    ("updated_at", "UpdatedAt"),
];

/// All other options.
const OPTIONS: [&str; 10] =
    ["enum", "varchar", "char", "references", "on_delete", "unique", "primary_key", "default", "name", "skip"];

const ON_DELETE: [&str; 3] = ["restrict", "cascade", "set_null"];

/// The explicit kind of a column.
#[derive(Clone)]
pub(super) enum Kind {
    /// One of [`KINDS`].
    Word(&'static str, Ident),
    /// `varchar(80)` or `char(2)`.
    Sized(&'static str, Ident, u32),
    /// `enum`, with its words if they are given explicitly.
    Enum(Vec<LitStr>),
    References(Target),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Word(name, _) | Kind::Sized(name, ..) => name,
            Kind::Enum(_) => "enum",
            Kind::References(_) => "references",
        }
    }
}

/// The target of a foreign key.
#[derive(Clone)]
pub(super) enum Target {
    /// `"users.id"`
    Named(String, String),
    /// `User::id`
    Column(Path),
}

/// The attributes of a field.
#[derive(Default)]
pub(super) struct Attributes {
    pub(super) kind: Option<Kind>,
    pub(super) name: Option<LitStr>,
    pub(super) unique: bool,
    pub(super) primary_key: bool,
    pub(super) skip: bool,
    pub(super) default: Option<Expr>,
    pub(super) on_delete: Option<LitStr>,
    /// The names of all options so far, to find duplicates.
    said: Vec<String>,
}

impl Attributes {
    pub(super) fn parse(attributes: &[Attribute]) -> syn::Result<Attributes> {
        let mut parsed = Attributes::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("column")) {
            attribute.parse_nested_meta(|meta| parsed.parse_one(&meta))?;
        }
        if parsed.skip && parsed.said.len() > 1 {
            let at = attributes.iter().find(|attribute| attribute.path().is_ident("column"));
            return Err(syn::Error::new_spanned(at, "a skipped field is not a column and takes no other options"));
        }
        Ok(parsed)
    }

    /// Whether the column has this kind.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_ref().is_some_and(|known| known.name() == kind)
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let Some(name) = meta.path.get_ident().map(ToString::to_string) else {
            return Err(meta.error("expected the name of a column option"));
        };
        if self.said.contains(&name) {
            return Err(meta.error(format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "unique" => self.unique = true,
            "primary_key" => self.primary_key = true,
            "skip" => self.skip = true,
            "name" => {
                let name: LitStr = meta.value()?.parse()?;
                check_name(&name)?;
                self.name = Some(name);
            }
            "default" => self.default = Some(meta.value()?.parse()?),
            "on_delete" => self.on_delete = Some(on_delete(meta)?),
            _ => self.set_kind(kind(&name, meta)?, meta)?,
        }
        self.said.push(name);
        Ok(())
    }

    fn set_kind(&mut self, kind: Kind, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match &self.kind {
            Some(known) => {
                Err(meta.error(format!("a column has one kind, either `{}` or `{}`", known.name(), kind.name())))
            }
            None => {
                self.kind = Some(kind);
                Ok(())
            }
        }
    }
}

fn kind(name: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<Kind> {
    if let Some((name, variant)) = KINDS.iter().find(|(known, _)| *known == name) {
        return Ok(Kind::Word(name, ident(variant)));
    }
    match name {
        "varchar" => Ok(Kind::Sized("varchar", ident("Varchar"), length("varchar", meta)?)),
        "char" => Ok(Kind::Sized("char", ident("Char"), length("char", meta)?)),
        "enum" => words(meta).map(Kind::Enum),
        "references" => target(&meta.value()?.parse()?).map(Kind::References),
        _ => {
            let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).chain(OPTIONS).collect();
            let nearest = plugbay_manifest::nearest(name, known.iter().copied());
            let hint = match nearest {
                Some(nearest) => format!(": did you mean `{nearest}`?"),
                None => format!("; known are {}", known.join(", ")),
            };
            Err(meta.error(format!("unknown column attribute `{name}`{hint}")))
        }
    }
}

fn ident(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::call_site())
}

/// `(80)`
fn length(name: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<u32> {
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error(format!("`{name}` takes a length: `{name}(80)`")));
    }
    let inside;
    parenthesized!(inside in meta.input);
    let literal: LitInt = inside.parse()?;
    match literal.base10_parse::<u32>() {
        Ok(length) if length > 0 => Ok(length),
        _ => Err(syn::Error::new_spanned(literal, "a length is an integer from 1")),
    }
}

/// `("a", "b")`, or nothing.
fn words(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<LitStr>> {
    if !meta.input.peek(syn::token::Paren) {
        return Ok(Vec::new());
    }
    let inside;
    parenthesized!(inside in meta.input);
    let words = inside.parse_terminated(<LitStr as syn::parse::Parse>::parse, syn::Token![,])?;
    if words.is_empty() {
        return Err(inside.error("an enum needs at least one word; without a list, the words come from the type"));
    }
    Ok(words.into_iter().collect())
}

/// `"users.id"` or `User::id`.
fn target(expression: &Expr) -> syn::Result<Target> {
    match expression {
        Expr::Path(path) if path.path.segments.len() > 1 => Ok(Target::Column(path.path.clone())),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => match text.value().split('.').collect::<Vec<_>>().as_slice() {
                [table, column] => Ok(Target::Named((*table).to_owned(), (*column).to_owned())),
                [table] => Ok(Target::Named((*table).to_owned(), "id".to_owned())),
                _ => Err(no_target(expression)),
            },
            _ => Err(no_target(expression)),
        },
        _ => Err(no_target(expression)),
    }
}

fn no_target(expression: &Expr) -> syn::Error {
    syn::Error::new_spanned(expression, "a reference is written `Type::column`, or `\"table.column\"`")
}

fn on_delete(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let rule: LitStr = meta.value()?.parse()?;
    match ON_DELETE.contains(&rule.value().as_str()) {
        true => Ok(rule),
        false => Err(syn::Error::new_spanned(rule, "`on_delete` is restrict, cascade or set_null")),
    }
}

/// A default as an expression of type `plugbay_sdk::constant::Json`. The default of a JSON column is JSON in a string.
pub(super) fn default(expression: &Expr, is_json: bool) -> syn::Result<TokenStream> {
    let (minus, literal) = match expression {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => ("-", &**expr),
        other => ("", other),
    };
    let no_literal =
        || syn::Error::new_spanned(expression, "a default is a literal: a string, a number, true or false");
    let Expr::Lit(literal) = literal else { return Err(no_literal()) };
    let raw = |text: String| quote!(::plugbay_sdk::constant::Json::Raw(#text));
    match &literal.lit {
        Lit::Str(text) if is_json => match serde_json::from_str::<serde_json::Value>(&text.value()) {
            Ok(value) => Ok(raw(value.to_string())),
            Err(why) => Err(syn::Error::new_spanned(text, format!("the default of a JSON column is not JSON: {why}"))),
        },
        Lit::Str(text) => Ok(quote!(::plugbay_sdk::constant::Json::Text(#text))),
        Lit::Bool(truth) if minus.is_empty() => Ok(raw(truth.value.to_string())),
        Lit::Int(digits) => {
            let integer: i64 = format!("{minus}{}", digits.base10_digits()).parse().map_err(|_| no_literal())?;
            Ok(quote!(::plugbay_sdk::constant::Json::Integer(#integer as i128)))
        }
        Lit::Float(digits) => {
            let number: f64 = format!("{minus}{}", digits.base10_digits()).parse().map_err(|_| no_literal())?;
            Ok(raw(serde_json::Value::from(number).to_string()))
        }
        _ => Err(no_literal()),
    }
}
