//! Conversion of values from WAVE.
//!
//! wasm-wave only parses. Types are matched here, because messages should name the position and what would fit, and
//! because wasm-wave ignores unknown record fields. Two forms are accepted beyond WAVE: a keyword as the name of a case
//! (`ok` for the case `%ok`), since the type leaves no doubt, and `{}` as a record.

use std::fmt;
use std::str::FromStr;

use wasm_wave::ast::{Node, NodeType};
use wasm_wave::parser::ParserError;
use wasmtime::component::{Type, Val};

use super::assemble::{self, check_length, mismatch};
use crate::error::{ValueError, ValueProblem};

/// Converts a part of a WAVE text to a value; `text` is the whole text that `node` was parsed from.
///
/// # Errors
/// [`ValueError`] with the part that does not fit.
pub(crate) fn from_node(node: &Node, text: &str, ty: &Type) -> Result<Val, ValueError> {
    convert(Part { node, text }, ty)
}

/// A part of a WAVE text. Displays as it was written.
#[derive(Clone, Copy)]
struct Part<'a> {
    node: &'a Node,
    text: &'a str,
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

fn convert(part: Part<'_>, ty: &Type) -> Result<Val, ValueError> {
    let misfit = |_: ParserError| mismatch(part, ty);
    match ty {
        Type::Bool => part.node.as_bool().map(Val::Bool).map_err(misfit),
        Type::S8 => number(part, ty).map(Val::S8),
        Type::U8 => number(part, ty).map(Val::U8),
        Type::S16 => number(part, ty).map(Val::S16),
        Type::U16 => number(part, ty).map(Val::U16),
        Type::S32 => number(part, ty).map(Val::S32),
        Type::U32 => number(part, ty).map(Val::U32),
        Type::S64 => number(part, ty).map(Val::S64),
        Type::U64 => number(part, ty).map(Val::U64),
        // Numbers too large for a float parse as infinity, which only `inf` means.
        Type::Float32 => match number(part, ty)? {
            value if f32::is_infinite(value) && !part.source().ends_with("inf") => Err(mismatch(part, ty)),
            value => Ok(Val::Float32(value)),
        },
        Type::Float64 => match number(part, ty)? {
            value if f64::is_infinite(value) && !part.source().ends_with("inf") => Err(mismatch(part, ty)),
            value => Ok(Val::Float64(value)),
        },
        Type::Char => part.node.as_char(part.text).map(Val::Char).map_err(misfit),
        Type::String => part.node.as_str(part.text).map(|text| Val::String(text.into_owned())).map_err(misfit),
        Type::List(list) => {
            let nodes = part.node.as_list().map_err(misfit)?;
            assemble::elements(nodes.map(|node| part.child(node)), &list.ty(), convert).map(Val::List)
        }
        Type::FixedLengthList(list) => {
            let nodes = part.node.as_list().map_err(misfit)?;
            check_length(nodes.len(), list.len() as usize, ty)?;
            assemble::elements(nodes.map(|node| part.child(node)), &list.ty(), convert).map(Val::FixedLengthList)
        }
        Type::Tuple(tuple) => {
            let nodes = part.node.as_tuple().map_err(misfit)?;
            check_length(nodes.len(), tuple.types().len(), ty)?;
            assemble::tuple(nodes.map(|node| part.child(node)), tuple.types(), convert)
        }
        Type::Record(record) if part.is_empty_braces() => assemble::record(std::iter::empty(), record, convert),
        Type::Record(record) => {
            let fields = part.node.as_record(part.text).map_err(misfit)?;
            assemble::record(fields.map(|(name, node)| (name, part.child(node))), record, convert)
        }
        Type::Variant(variant) => {
            let (name, payload) = part.case().ok_or_else(|| mismatch(part, ty))?;
            assemble::variant(name, payload, variant, convert)
        }
        Type::Enum(cases) => match part.case() {
            Some((name, None)) => assemble::enumeration(name, cases),
            _ => Err(mismatch(part, ty)),
        },
        Type::Flags(flags) => {
            let names = part.node.as_flags(part.text).map_err(misfit)?;
            // wasm-wave does not strip the escape of a keyword from names of flags.
            assemble::flags(names.map(|name| name.strip_prefix('%').unwrap_or(name)), flags)
        }
        Type::Option(option) => match part.node.ty() {
            NodeType::OptionNone => Ok(Val::Option(None)),
            NodeType::OptionSome => {
                let node = part.node.as_option().map_err(misfit)?.ok_or_else(|| mismatch(part, ty))?;
                assemble::some(part.child(node), option, convert)
            }
            _ if may_be_bare(&option.ty()) => {
                convert(part, &option.ty()).map(|value| Val::Option(Some(Box::new(value))))
            }
            _ => Err(mismatch(part, ty)),
        },
        Type::Result(result) => match (part.node.as_result(), result.ok()) {
            (Ok(Ok(node)), _) => assemble::result(Ok(node.map(|node| part.child(node))), result, convert),
            (Ok(Err(node)), _) => assemble::result(Err(node.map(|node| part.child(node))), result, convert),
            (Err(_), Some(ok)) if may_be_bare(&ok) => {
                convert(part, &ok).map(|value| Val::Result(Ok(Some(Box::new(value)))))
            }
            (Err(_), _) => Err(mismatch(part, ty)),
        },
        Type::Own(_) | Type::Borrow(_) | Type::Stream(_) | Type::Future(_) | Type::ErrorContext | Type::Map(_) => {
            Err(ValueProblem::Unsupported.into())
        }
    }
}

/// Returns whether WAVE permits a bare payload of this type for `some` or `ok`.
fn may_be_bare(payload: &Type) -> bool {
    !matches!(payload, Type::Option(_) | Type::Result(_))
}

fn number<N: FromStr>(part: Part<'_>, ty: &Type) -> Result<N, ValueError> {
    part.node.as_number(part.text).map_err(|_| mismatch(part, ty))
}

impl<'a> Part<'a> {
    fn child(self, node: &'a Node) -> Part<'a> {
        Part { node, text: self.text }
    }

    fn source(self) -> &'a str {
        self.text.get(self.node.span()).unwrap_or_default()
    }

    /// Returns whether this is `{}`, which WAVE parses as an empty set of flags.
    fn is_empty_braces(self) -> bool {
        self.node.as_flags(self.text).is_ok_and(|mut names| names.next().is_none())
    }

    /// Returns the name of a case and its payload, if this part may be one.
    fn case(self) -> Option<(&'a str, Option<Part<'a>>)> {
        let (name, payload) = match self.node.ty() {
            NodeType::Label | NodeType::VariantWithPayload => self.node.as_variant(self.text).ok()?,
            NodeType::OptionSome => ("some", self.node.as_option().ok()?),
            NodeType::OptionNone => ("none", None),
            NodeType::ResultOk => ("ok", self.node.as_result().ok()?.ok()?),
            NodeType::ResultErr => ("err", self.node.as_result().ok()?.err()?),
            NodeType::BoolTrue => ("true", None),
            NodeType::BoolFalse => ("false", None),
            NodeType::Number if matches!(self.source(), "nan" | "inf") => (self.source(), None),
            _ => return None,
        };
        Some((name, payload.map(|node| self.child(node))))
    }
}
