//! Schemas of sequences, tuples and maps.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use super::{Schema, Shape, both_directions, simple};
use crate::constant::{Json, Member};

macro_rules! sequences {
    ($($sequence:ty)*) => {$(
        impl<T: Schema> Schema for $sequence {
            both_directions!(of => Shape {
                schema: simple!("array", "items": of!(T).schema),
                ..Shape::ANY
            });
        }
    )*};
}

sequences!([T] Vec<T> VecDeque<T> LinkedList<T> BinaryHeap<T> BTreeSet<T>);

/// A set accepts duplicate elements and stores them once, so the schema does not require unique ones.
impl<T: Schema, S> Schema for HashSet<T, S> {
    both_directions!(of => Shape {
        schema: simple!("array", "items": of!(T).schema),
        ..Shape::ANY
    });
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    both_directions!(of => Shape {
        schema: simple!(
            "array",
            "items": of!(T).schema,
            "minItems": Json::Integer(N as i128),
            "maxItems": Json::Integer(N as i128)
        ),
        ..Shape::ANY
    });
}

macro_rules! maps {
    ($(<$key:ident, $value:ident $(, $more:ident)*> $map:ty;)*) => {$(
        impl<$key: Schema, $value: Schema $(, $more)*> Schema for $map {
            both_directions!(of => Shape {
                schema: simple!(
                    "object",
                    "propertyNames": of!($key).key,
                    "additionalProperties": of!($value).schema
                ),
                rest: of!($value).schema,
                ..Shape::ANY
            });
        }
    )*};
}

maps! {
    <K, V> BTreeMap<K, V>;
    <K, V, S> HashMap<K, V, S>;
}

macro_rules! tuples {
    ($($count:literal: $($part:ident)*;)*) => {$(
        impl<$($part: Schema),*> Schema for ($($part,)*) {
            both_directions!(of => Shape {
                schema: simple!(
                    "array",
                    "prefixItems": Json::List(&[$(of!($part).schema),*]),
                    "minItems": Json::Integer($count),
                    "maxItems": Json::Integer($count)
                ),
                ..Shape::ANY
            });
        }
    )*};
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}
