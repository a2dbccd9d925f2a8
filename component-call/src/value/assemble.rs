//! Assembles values from their parts, by type: the part that WAVE and JSON share.
//!
//! Each function takes the parts in their format (`T`) and a function that converts one part to a value. Names and
//! numbers of parts are checked here, and errors get their position.

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::component::types::{Enum, Flags, OptionType, Record, ResultType, Variant};
use wasmtime::component::{Type, Val};

use crate::error::{ValueError, ValueProblem};
use crate::lookup::nearest;
use crate::type_text::{fits, quote, type_text};

type Converted = Result<Val, ValueError>;

/// Returns the error for a part that is not of the kind that `ty` takes.
pub(super) fn mismatch(found: impl std::fmt::Display, ty: &Type) -> ValueError {
    ValueProblem::Mismatch { found: quote(found), ty: type_text(ty), fits: fits(ty) }.into()
}

/// Returns the error for a name that a type does not have.
fn unknown<'n>(kind: &'static str, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> ValueError {
    ValueProblem::UnknownName {
        kind,
        name: quote(name),
        nearest: nearest(name, known.clone()),
        known: known.map(str::to_owned).collect(),
    }
    .into()
}

/// Converts the elements of a list, which all have the same type.
pub(super) fn elements<T>(
    parts: impl Iterator<Item = T>,
    ty: &Type,
    convert: impl Fn(T, &Type) -> Converted,
) -> Result<Vec<Val>, ValueError> {
    let element =
        |(index, part)| convert(part, ty).map_err(|error: ValueError| error.within(format_args!("[{index}]")));
    parts.enumerate().map(element).collect()
}

/// Converts the values of a tuple, each of its own type.
pub(super) fn tuple<T>(
    parts: impl ExactSizeIterator<Item = T>,
    types: impl ExactSizeIterator<Item = Type>,
    convert: impl Fn(T, &Type) -> Converted,
) -> Converted {
    let value =
        |(index, (part, ty))| convert(part, &ty).map_err(|error: ValueError| error.within(format_args!("[{index}]")));
    parts.zip(types).enumerate().map(value).collect::<Result<_, _>>().map(Val::Tuple)
}

/// Checks that there are as many parts as `ty` takes.
pub(super) fn check_length(found: usize, expected: usize, ty: &Type) -> Result<(), ValueError> {
    if found == expected {
        return Ok(());
    }
    Err(ValueProblem::Length { ty: type_text(ty), expected, found }.into())
}

/// Assembles a record from its fields in any order. Options may be omitted.
pub(super) fn record<'n, T>(
    parts: impl Iterator<Item = (&'n str, T)>,
    record: &Record,
    convert: impl Fn(T, &Type) -> Converted,
) -> Converted {
    let mut parts: BTreeMap<&str, T> = parts.collect();
    let known: BTreeSet<&str> = record.fields().map(|field| field.name).collect();
    if let Some(name) = parts.keys().find(|name| !known.contains(*name)) {
        let declared: Vec<_> = record.fields().map(|field| field.name).collect();
        return Err(unknown("field", name, declared.into_iter()));
    }
    let field = |field: wasmtime::component::types::Field<'_>| {
        let value = match (parts.remove(field.name), &field.ty) {
            (Some(part), ty) => convert(part, ty).map_err(|error| error.within(format_args!(".{}", field.name)))?,
            (None, Type::Option(_)) => Val::Option(None),
            (None, ty) => {
                return Err(ValueProblem::MissingField { name: field.name.to_owned(), ty: type_text(ty) }.into());
            }
        };
        Ok((field.name.to_owned(), value))
    };
    record.fields().map(field).collect::<Result<_, _>>().map(Val::Record)
}

/// Assembles a variant from the name of a case and its payload.
pub(super) fn variant<T: std::fmt::Display>(
    name: &str,
    part: Option<T>,
    variant: &Variant,
    convert: impl Fn(T, &Type) -> Converted,
) -> Converted {
    let Some(case) = variant.cases().find(|case| case.name == name) else {
        let names: Vec<_> = variant.cases().map(|case| case.name).collect();
        return Err(unknown("case", name, names.into_iter()));
    };
    Ok(Val::Variant(name.to_owned(), payload(name, part, case.ty, convert)?))
}

/// Assembles a result from `ok` or `err` and its payload.
pub(super) fn result<T: std::fmt::Display>(
    part: Result<Option<T>, Option<T>>,
    result: &ResultType,
    convert: impl Fn(T, &Type) -> Converted,
) -> Converted {
    Ok(Val::Result(match part {
        Ok(part) => Ok(payload("ok", part, result.ok(), convert)?),
        Err(part) => Err(payload("err", part, result.err(), convert)?),
    }))
}

/// Assembles `some` with a value.
pub(super) fn some<T>(part: T, option: &OptionType, convert: impl Fn(T, &Type) -> Converted) -> Converted {
    let value = convert(part, &option.ty()).map_err(|error| error.within(".some"))?;
    Ok(Val::Option(Some(Box::new(value))))
}

fn payload<T: std::fmt::Display>(
    case: &str,
    part: Option<T>,
    ty: Option<Type>,
    convert: impl Fn(T, &Type) -> Converted,
) -> Result<Option<Box<Val>>, ValueError> {
    match (part, ty) {
        (Some(part), Some(ty)) => {
            let value = convert(part, &ty).map_err(|error| error.within(format_args!(".{case}")))?;
            Ok(Some(Box::new(value)))
        }
        (None, None) => Ok(None),
        (None, Some(ty)) => Err(ValueProblem::MissingPayload { case: quote(case), ty: type_text(&ty) }.into()),
        (Some(part), None) => Err(ValueProblem::UnexpectedPayload { case: quote(case), found: quote(part) }.into()),
    }
}

/// Converts the name of an enum's case.
pub(super) fn enumeration(name: &str, cases: &Enum) -> Converted {
    if !cases.names().any(|case| case == name) {
        let names: Vec<_> = cases.names().collect();
        return Err(unknown("case", name, names.into_iter()));
    }
    Ok(Val::Enum(name.to_owned()))
}

/// Assembles flags from the names of those that are set, in any order.
pub(super) fn flags<'n>(given: impl Iterator<Item = &'n str>, flags: &Flags) -> Converted {
    let mut set = BTreeSet::new();
    for name in given {
        if !flags.names().any(|flag| flag == name) {
            let names: Vec<_> = flags.names().collect();
            return Err(unknown("flag", name, names.into_iter()));
        }
        if !set.insert(name) {
            return Err(ValueProblem::DuplicateFlag { name: quote(name) }.into());
        }
    }
    Ok(Val::Flags(flags.names().filter(|flag| set.contains(flag)).map(str::to_owned).collect()))
}
