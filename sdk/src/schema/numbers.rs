//! Schemas of numbers, with the ranges of their types on the target that the plugin is compiled for.

use core::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};

use super::{Schema, Shape, simple};
use crate::constant::{Json, Member};

const UNSIGNED_KEY: Json = Json::Object(&[Member::Is("pattern", Json::Text("^[0-9]+$"))]);
const SIGNED_KEY: Json = Json::Object(&[Member::Is("pattern", Json::Text("^-?[0-9]+$"))]);

macro_rules! integers {
    ($key:ident: $($plain:ty, $min:expr, $max:expr, $nonzero:ty, $nonzero_min:expr, $not:expr;)*) => {$(
        impl Schema for $plain {
            const ACCEPTS: Shape = Shape {
                schema: simple!("integer", "minimum": $min, "maximum": $max),
                key: $key,
                ..Shape::ANY
            };
        }

        impl Schema for $nonzero {
            const ACCEPTS: Shape = Shape {
                schema: simple!("integer", "minimum": $nonzero_min, "maximum": $max, "not": $not),
                key: $key,
                ..Shape::ANY
            };
        }
    )*};
}

macro_rules! unsigned {
    ($($plain:ty, $nonzero:ty, $max:expr;)*) => {
        integers! { UNSIGNED_KEY: $(
            $plain, Json::Integer(0), $max, $nonzero, Json::Integer(1), Json::Nothing;
        )* }
    };
}

macro_rules! signed {
    ($($plain:ty, $nonzero:ty, $min:expr, $max:expr;)*) => {
        integers! { SIGNED_KEY: $(
            $plain, $min, $max, $nonzero, $min, Json::Object(&[Member::Is("const", Json::Integer(0))]);
        )* }
    };
}

unsigned! {
    u8, NonZeroU8, Json::Integer(u8::MAX as i128);
    u16, NonZeroU16, Json::Integer(u16::MAX as i128);
    u32, NonZeroU32, Json::Integer(u32::MAX as i128);
    u64, NonZeroU64, Json::Integer(u64::MAX as i128);
    usize, NonZeroUsize, Json::Integer(usize::MAX as i128);
    // No bound, because JSON parsers differ in their handling of larger numbers.
    u128, NonZeroU128, Json::Nothing;
}

signed! {
    i8, NonZeroI8, Json::Integer(i8::MIN as i128), Json::Integer(i8::MAX as i128);
    i16, NonZeroI16, Json::Integer(i16::MIN as i128), Json::Integer(i16::MAX as i128);
    i32, NonZeroI32, Json::Integer(i32::MIN as i128), Json::Integer(i32::MAX as i128);
    i64, NonZeroI64, Json::Integer(i64::MIN as i128), Json::Integer(i64::MAX as i128);
    isize, NonZeroIsize, Json::Integer(isize::MIN as i128), Json::Integer(isize::MAX as i128);
    i128, NonZeroI128, Json::Nothing, Json::Nothing;
}

macro_rules! floats {
    ($($float:ty)*) => {$(
        /// JSON has no `NaN` and no infinities. Serde writes `null` for them, which this schema does not include.
        impl Schema for $float {
            const ACCEPTS: Shape = Shape {
                schema: simple!("number"),
                key: Json::Object(&[Member::Is("pattern", Json::Text("^-?[0-9].*$"))]),
                ..Shape::ANY
            };
        }
    )*};
}

floats!(f32 f64);
