//! The std types that serde supports.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::Ipv4Addr;
use std::num::{NonZeroI8, NonZeroU8};
use std::time::Duration;

use plugbay_sdk::{Value, json};

use crate::{accepts, text_of};
use plugbay_sdk::Schema as _;

#[test]
fn integer_out_of_range_is_refused() {
    accepts!(u8: "0", "255"; "-1", "256", "1.5", "\"1\"", "null");
    accepts!(i8: "-128", "127"; "-129", "128");
    accepts!(i64: "-9223372036854775808", "9223372036854775807"; "9223372036854775808");
    accepts!(u64: "18446744073709551615", "0"; "-1");
    accepts!(u128: "0", "18446744073709551615"; "-1");
    accepts!(NonZeroU8: "1", "255"; "0", "256");
    accepts!(NonZeroI8: "-128", "1"; "0", "128");
}

#[test]
fn float_takes_integers_too() {
    accepts!(f64: "1", "-1.5e3"; "\"1\"", "null", "true");
    accepts!(f32: "1", "0.5"; "[]");
}

#[test]
fn char_is_one_character_of_any_length_in_bytes() {
    accepts!(char: "\"a\"", "\"€\"", "\"😀\""; "\"\"", "\"ab\"", "1");
}

#[test]
fn texts_are_strings() {
    accepts!(String: "\"\"", "\"a\""; "1", "null");
    accepts!(Cow<'static, str>: "\"a\""; "1");
    accepts!(Ipv4Addr: "\"127.0.0.1\""; "1");
    accepts!(std::path::PathBuf: "\"/a\""; "1");
}

#[test]
fn unit_and_bool_are_themselves() {
    accepts!((): "null"; "0", "{}");
    accepts!(bool: "true", "false"; "0", "\"true\"");
}

#[test]
fn option_is_the_value_or_null() {
    accepts!(Option<u8>: "1", "null"; "256", "\"\"");
    accepts!(Option<Option<Vec<u8>>>: "[1]", "null"; "[256]");
    accepts!(Box<Option<u8>>: "1", "null"; "-1");
}

#[test]
fn sequences_check_their_elements() {
    accepts!(Vec<u8>: "[]", "[1, 2]"; "[256]", "{}", "null");
    accepts!(VecDeque<bool>: "[true]"; "[1]");
    accepts!(BTreeSet<u8>: "[1, 1]"; "[-1]");
    accepts!(HashSet<String>: "[\"a\", \"a\"]"; "[1]");
    accepts!([u8; 2]: "[1, 2]"; "[1]", "[1, 2, 3]", "[1, 256]");
}

#[test]
fn tuple_has_each_element_in_its_place() {
    accepts!((u8, String): "[1, \"a\"]"; "[1]", "[\"a\", 1]", "[1, \"a\", 2]", "{}");
    accepts!((bool,): "[true]"; "[]", "true");
}

#[test]
fn map_checks_values_and_keys() {
    accepts!(BTreeMap<String, u8>: "{}", "{\"a\": 1}"; "{\"a\": 256}", "[]");
    accepts!(HashMap<u8, String>: "{\"1\": \"a\"}"; "{\"a\": \"a\"}", "{\"-1\": \"a\"}");
    accepts!(BTreeMap<i8, ()>: "{\"-1\": null}"; "{\"x\": null}");
    accepts!(BTreeMap<bool, u8>: "{\"true\": 1}"; "{\"yes\": 1}");
    accepts!(BTreeMap<char, u8>: "{\"€\": 1}"; "{\"ab\": 1}");
}

#[test]
fn duration_is_an_object_as_in_serde() {
    accepts!(Duration: "{\"secs\": 1, \"nanos\": 2}"; "{\"secs\": 1}", "1", "{\"secs\": -1, \"nanos\": 0}");
    crate::check_made(&text_of!(Duration::MAKES.schema), &Duration::from_millis(1500));
}

#[test]
fn value_is_anything() {
    accepts!(Value: "null", "[1, {\"a\": []}]"; );
    assert_eq!(text_of!(Value::ACCEPTS.schema), json!({}));
}
