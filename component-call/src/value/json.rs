//! Conversion of values from and to JSON. The documentation of [this crate](crate) shows the mapping.

use serde_json::{Map, Number, Value};
use wasmtime::component::{Type, Val};

use super::assemble::{self, check_length, mismatch};
use crate::error::{ValueError, ValueProblem};

/// Converts JSON to a value.
///
/// # Errors
/// [`ValueError`] with the part of the JSON that does not fit the type.
pub(super) fn from_json(json: &Value, ty: &Type) -> Result<Val, ValueError> {
    let misfit = || mismatch(json, ty);
    let array = || json.as_array().ok_or_else(misfit);
    match ty {
        Type::Bool => json.as_bool().map(Val::Bool).ok_or_else(misfit),
        Type::S8 => signed(json, ty).map(Val::S8),
        Type::U8 => unsigned(json, ty).map(Val::U8),
        Type::S16 => signed(json, ty).map(Val::S16),
        Type::U16 => unsigned(json, ty).map(Val::U16),
        Type::S32 => signed(json, ty).map(Val::S32),
        Type::U32 => unsigned(json, ty).map(Val::U32),
        Type::S64 => signed(json, ty).map(Val::S64),
        Type::U64 => unsigned(json, ty).map(Val::U64),
        Type::Float32 => {
            let wide = float(json, ty)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() { Err(misfit()) } else { Ok(Val::Float32(narrow)) }
        }
        Type::Float64 => float(json, ty).map(Val::Float64),
        Type::Char => {
            let mut chars = json.as_str().ok_or_else(misfit)?.chars();
            match (chars.next(), chars.next()) {
                (Some(char), None) => Ok(Val::Char(char)),
                _ => Err(misfit()),
            }
        }
        Type::String => json.as_str().map(|text| Val::String(text.to_owned())).ok_or_else(misfit),
        Type::List(list) => assemble::elements(array()?.iter(), &list.ty(), from_json).map(Val::List),
        Type::FixedLengthList(list) => {
            let array = array()?;
            check_length(array.len(), list.len() as usize, ty)?;
            assemble::elements(array.iter(), &list.ty(), from_json).map(Val::FixedLengthList)
        }
        Type::Tuple(tuple) => {
            let array = array()?;
            check_length(array.len(), tuple.types().len(), ty)?;
            assemble::tuple(array.iter(), tuple.types(), from_json)
        }
        Type::Record(record) => {
            let object = json.as_object().ok_or_else(misfit)?;
            assemble::record(object.iter().map(|(name, value)| (name.as_str(), value)), record, from_json)
        }
        Type::Variant(variant) => {
            let (name, payload) = case(json).ok_or_else(misfit)?;
            let empty = variant.cases().any(|case| case.name == name && case.ty.is_none());
            assemble::variant(name, present(payload, empty), variant, from_json)
        }
        Type::Enum(cases) => assemble::enumeration(json.as_str().ok_or_else(misfit)?, cases),
        Type::Flags(flags) => {
            let names: Option<Vec<_>> = array()?.iter().map(Value::as_str).collect();
            assemble::flags(names.ok_or_else(misfit)?.into_iter(), flags)
        }
        Type::Option(_) if json.is_null() => Ok(Val::Option(None)),
        Type::Option(option) if matches!(option.ty(), Type::Option(_)) => match case(json) {
            Some(("some", Some(value))) => assemble::some(value, option, from_json),
            _ => Err(misfit()),
        },
        Type::Option(option) => from_json(json, &option.ty()).map(|value| Val::Option(Some(Box::new(value)))),
        Type::Result(result) => match case(json) {
            Some(("ok", payload)) => assemble::result(Ok(present(payload, result.ok().is_none())), result, from_json),
            Some(("err", payload)) => {
                assemble::result(Err(present(payload, result.err().is_none())), result, from_json)
            }
            _ => Err(misfit()),
        },
        Type::Own(_) | Type::Borrow(_) | Type::Stream(_) | Type::Future(_) | Type::ErrorContext | Type::Map(_) => {
            Err(ValueProblem::Unsupported.into())
        }
    }
}

/// Parses `"name"`, or `{"name": payload}`.
fn case(json: &Value) -> Option<(&str, Option<&Value>)> {
    match json {
        Value::String(name) => Some((name, None)),
        Value::Object(object) if object.len() == 1 => {
            object.iter().next().map(|(name, payload)| (name.as_str(), Some(payload)))
        }
        _ => None,
    }
}

/// Returns the payload, unless it is `null` in a case that has none.
fn present(payload: Option<&Value>, empty: bool) -> Option<&Value> {
    payload.filter(|payload| !(empty && payload.is_null()))
}

fn signed<N: TryFrom<i64>>(json: &Value, ty: &Type) -> Result<N, ValueError> {
    json.as_i64().and_then(|number| N::try_from(number).ok()).ok_or_else(|| mismatch(json, ty))
}

fn unsigned<N: TryFrom<u64>>(json: &Value, ty: &Type) -> Result<N, ValueError> {
    json.as_u64().and_then(|number| N::try_from(number).ok()).ok_or_else(|| mismatch(json, ty))
}

/// Parses a number, or one of the three texts for floats that JSON numbers cannot express.
fn float(json: &Value, ty: &Type) -> Result<f64, ValueError> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
    .ok_or_else(|| mismatch(json, ty))
}

/// Converts a value to JSON, which as an argument of the value's type is read as the same value.
///
/// # Errors
/// [`ValueProblem::Unsupported`] if part of the value has no text form.
pub fn to_json(value: &Val) -> Result<Value, ValueError> {
    let array = |values: &[Val]| values.iter().map(to_json).collect::<Result<_, _>>().map(Value::Array);
    let payload = |payload: &Option<Box<Val>>| payload.as_deref().map_or(Ok(Value::Null), to_json);
    Ok(match value {
        Val::Bool(value) => Value::Bool(*value),
        Val::S8(value) => (*value).into(),
        Val::U8(value) => (*value).into(),
        Val::S16(value) => (*value).into(),
        Val::U16(value) => (*value).into(),
        Val::S32(value) => (*value).into(),
        Val::U32(value) => (*value).into(),
        Val::S64(value) => (*value).into(),
        Val::U64(value) => (*value).into(),
        Val::Float32(value) => from_f64(widened(*value)),
        Val::Float64(value) => from_f64(*value),
        Val::Char(value) => value.to_string().into(),
        Val::String(value) | Val::Enum(value) => value.as_str().into(),
        Val::List(values) | Val::FixedLengthList(values) | Val::Tuple(values) => array(values)?,
        Val::Record(fields) => {
            let member = |(name, value): &(String, Val)| Ok((name.clone(), to_json(value)?));
            Value::Object(fields.iter().map(member).collect::<Result<_, ValueError>>()?)
        }
        Val::Flags(names) => names.iter().map(String::as_str).collect(),
        Val::Variant(name, None) => name.as_str().into(),
        Val::Variant(name, value) => object(name, payload(value)?),
        // Without an object of its own, `some(none)` would be read as `none`.
        Val::Option(Some(inner)) if matches!(**inner, Val::Option(_)) => object("some", to_json(inner)?),
        Val::Option(value) => payload(value)?,
        Val::Result(Ok(value)) => object("ok", payload(value)?),
        Val::Result(Err(value)) => object("err", payload(value)?),
        Val::Resource(_) | Val::Stream(_) | Val::Future(_) | Val::ErrorContext(_) | Val::Map(_) => {
            return Err(ValueProblem::Unsupported.into());
        }
    })
}

fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn from_f64(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "nan".into(),
        None if value > 0.0 => "inf".into(),
        None => "-inf".into(),
    }
}

/// Returns the shortest 64-bit number that reads as this 32-bit one: 0.1 rather than 0.10000000149011612.
fn widened(value: f32) -> f64 {
    match value.to_string().parse::<f64>() {
        Ok(short) if short as f32 == value => short,
        _ => value.into(),
    }
}
