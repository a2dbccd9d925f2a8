//! Conversion of values from and to text, by type.

mod assemble;
mod json;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
mod wave;

use wasm_wave::untyped::UntypedValue;
use wasm_wave::wasm::{DisplayValue, WasmTypeKind, WasmValue};
use wasmtime::component::{Type, Val};

use super::error::{ValueError, ValueProblem};
use super::type_text::{fits, quote};

use json::from_json;
pub use json::to_json;
pub(super) use wave::from_node;

/// Parses a value: as WAVE; as JSON if it is not WAVE or does not fit as WAVE; for a `string`, any other text that does
/// not begin with a double quote is taken literally.
///
/// # Errors
/// [`ValueError`] with the part of the text that does not fit.
pub(crate) fn from_text(text: &str, ty: &Type) -> Result<Val, ValueError> {
    let as_wave = UntypedValue::parse(text).map(|value| from_node(value.node(), value.source(), ty));
    let wave = match as_wave {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(misfit)) => Ok(misfit),
        Err(syntax) => Err(syntax),
    };
    let json = match serde_json::from_str(text).map(|value| from_json(&value, ty)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(misfit)) => Ok(misfit),
        Err(syntax) => Err(syntax),
    };
    if matches!(ty, Type::String) && !text.trim_start().starts_with('"') {
        return Ok(Val::String(text.to_owned()));
    }
    Err(match (wave, json) {
        // `["read"]` is WAVE too, for a list: if only the JSON value resembles the type, JSON was intended.
        (Ok(wave), Ok(json)) if is_another_kind(&wave) && !is_another_kind(&json) => json,
        (Ok(misfit), _) | (Err(_), Ok(misfit)) => misfit,
        (Err(wave), Err(json)) => {
            ValueProblem::Syntax { found: quote(text), wave: wave.to_string(), json: json.to_string(), fits: fits(ty) }
                .into()
        }
    })
}

/// Returns whether the value as a whole is of another kind than the type.
fn is_another_kind(error: &ValueError) -> bool {
    error.path.is_empty() && matches!(error.problem, ValueProblem::Mismatch { .. })
}

/// Converts a value to WAVE.
///
/// # Errors
/// [`ValueProblem::Unsupported`] if part of the value has no text form.
pub fn to_wave(value: &Val) -> Result<String, ValueError> {
    // wasm-wave panics on such a value.
    check_supported(value)?;
    Ok(DisplayValue(value).to_string())
}

fn check_supported(value: &Val) -> Result<(), ValueError> {
    match value {
        Val::List(values) | Val::FixedLengthList(values) | Val::Tuple(values) => {
            values.iter().try_for_each(check_supported)
        }
        Val::Record(fields) => fields.iter().try_for_each(|(_, value)| check_supported(value)),
        Val::Variant(_, payload) | Val::Option(payload) | Val::Result(Ok(payload) | Err(payload)) => {
            payload.as_deref().map_or(Ok(()), check_supported)
        }
        value if value.kind() == WasmTypeKind::Unsupported => Err(ValueProblem::Unsupported.into()),
        _ => Ok(()),
    }
}
