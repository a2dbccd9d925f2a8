//! The attribute `#[schema(…)]`.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprUnary, Lit, LitInt, LitStr, Type, UnOp};

use super::json::{self, Object};

const KNOWN: &str = "any, like, min, max, min_length, max_length, pattern, format, min_items, max_items";

/// The attributes of a container or a field.
#[derive(Default)]
pub(super) struct Attributes {
    /// The value may be anything.
    pub(super) any: bool,
    /// The type whose schema is used instead.
    pub(super) like: Option<Type>,
    keywords: Vec<Keyword>,
}

/// A keyword of JSON Schema.
struct Keyword {
    /// The name that the author wrote.
    name: Ident,
    keyword: &'static str,
    /// The value as JSON.
    value: String,
}

impl Attributes {
    pub(super) fn parse(attributes: &[Attribute]) -> syn::Result<Attributes> {
        let mut parsed = Attributes::default();
        for attribute in attributes {
            if attribute.path().is_ident("schema") {
                attribute.parse_nested_meta(|meta| parsed.parse_one(&meta))?;
                parsed.check_ranges(attribute)?;
            }
        }
        Ok(parsed)
    }

    fn parse_one(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let Some(name) = meta.path.get_ident().cloned() else {
            return Err(meta.error(format!("unknown schema attribute; known are {KNOWN}")));
        };
        let (keyword, value) = match name.to_string().as_str() {
            "any" => {
                self.any = true;
                return Ok(());
            }
            "like" => {
                self.like = Some(meta.value()?.parse()?);
                return Ok(());
            }
            "min" => ("minimum", number(meta)?),
            "max" => ("maximum", number(meta)?),
            "min_length" => ("minLength", size(meta)?),
            "max_length" => ("maxLength", size(meta)?),
            "min_items" => ("minItems", size(meta)?),
            "max_items" => ("maxItems", size(meta)?),
            "pattern" => ("pattern", pattern(meta)?),
            "format" => ("format", string(meta)?),
            other => return Err(meta.error(format!("unknown schema attribute `{other}`; known are {KNOWN}"))),
        };
        if self.keywords.iter().any(|known| known.name == name) {
            return Err(meta.error(format!("`{name}` is given twice")));
        }
        self.keywords.push(Keyword { name, keyword, value });
        Ok(())
    }

    fn check_ranges(&self, at: &Attribute) -> syn::Result<()> {
        for (low, high) in [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")] {
            if let (Some(low_value), Some(high_value)) = (self.number(low), self.number(high))
                && low_value > high_value
            {
                return Err(syn::Error::new_spanned(at, format!("no value can match, because {low} is above {high}")));
            }
        }
        Ok(())
    }

    fn number(&self, keyword: &str) -> Option<f64> {
        self.keywords.iter().find(|known| known.keyword == keyword)?.value.parse().ok()
    }

    /// Whether there are keywords to add.
    pub(super) fn has_keywords(&self) -> bool {
        !self.keywords.is_empty()
    }

    /// The schema of a type with the keywords added. Each must apply to values of that type.
    pub(super) fn added_to(&self, bare: &TokenStream) -> Object {
        let mut object = Object::new().all(bare.clone());
        for Keyword { name, keyword, value } in &self.keywords {
            let (text, value) = (name.to_string(), json::raw(value));
            object.add(keyword, quote_spanned!(name.span()=> ::plugbay_sdk::schema::keyword(&#bare, #text, #value)));
        }
        object
    }

    /// The type whose schema is used; `None` if any value is accepted.
    pub(super) fn stand_in<'a>(&'a self, own: &'a Type, serde_calls_a_function: bool) -> Option<&'a Type> {
        match &self.like {
            Some(like) => Some(like),
            None if self.any || serde_calls_a_function => None,
            None => Some(own),
        }
    }
}

fn number(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    let expression: Expr = meta.value()?.parse()?;
    let (sign, literal) = match &expression {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => ("-", &**expr),
        other => ("", other),
    };
    let digits = match literal {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) => int.base10_digits().to_owned(),
            Lit::Float(float) => {
                let digits = float.base10_digits();
                // JSON requires a digit after the point.
                if digits.ends_with('.') { format!("{digits}0") } else { digits.to_owned() }
            }
            _ => return Err(syn::Error::new_spanned(&expression, "expected a number")),
        },
        _ => return Err(syn::Error::new_spanned(&expression, "expected a number literal")),
    };
    Ok(format!("{sign}{digits}"))
}

fn size(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    let literal: LitInt = meta.value()?.parse()?;
    match literal.base10_parse::<u32>() {
        Ok(size) => Ok(size.to_string()),
        Err(_) => Err(syn::Error::new_spanned(literal, "expected a size, which is an integer from 0")),
    }
}

fn string(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    let literal: LitStr = meta.value()?.parse()?;
    Ok(serde_json::Value::String(literal.value()).to_string())
}

/// A regular expression that runs in linear time, as the host compiles it.
fn pattern(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    let literal: LitStr = meta.value()?.parse()?;
    match plugbay_manifest::Pattern::new(&literal.value()) {
        Ok(_) => Ok(serde_json::Value::String(literal.value()).to_string()),
        Err(message) => Err(syn::Error::new_spanned(literal, format!("invalid pattern: {message}"))),
    }
}

/// The schema of a type in one direction.
pub(super) fn of_type(direction: &TokenStream, ty: &Type) -> TokenStream {
    quote::quote!(<#ty as ::plugbay_sdk::Schema>::#direction)
}
