//! Deserialization of the parameters of a path or a query, which are texts, into the author's types.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};

use crate::error::{Error, Result, error};
use crate::payload::{VALIDATION_ERROR, push_step};

/// The part of a request that parameters are from.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Path,
    Query,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
        }
    }
}

/// Reads all parameters as one value.
///
/// # Errors
/// `validation_error` with status 400 and the name of the parameter that does not fit.
pub(super) fn read<T: DeserializeOwned>(place: Place, pairs: &[(String, String)]) -> Result<T> {
    T::deserialize(Parameters(pairs)).map_err(|failure| refuse(place, failure))
}

/// Reads one parameter.
///
/// # Errors
/// As [`read`].
pub(super) fn read_one<T: DeserializeOwned>(place: Place, name: &str, texts: &[&str]) -> Result<T> {
    let read =
        if texts.is_empty() { Err(de::Error::custom("is missing")) } else { T::deserialize(Texts(texts.to_vec())) };
    read.map_err(|failure| refuse(place, failure.of(name)))
}

#[derive(Serialize)]
struct Problem<'a> {
    r#in: &'static str,
    path: String,
    message: &'a str,
}

#[cold]
fn refuse(place: Place, failure: Failure) -> Error {
    let Failure { name, message } = failure;
    let part = place.name();
    let text = match &name {
        Some(name) => format!("the {part} parameter `{name}` does not fit: {message}"),
        None => format!("the {part} does not fit: {message}"),
    };
    let mut path = String::new();
    if let Some(name) = &name {
        push_step(&mut path, name);
    }
    let problems = [Problem { r#in: part, path, message: &message }];
    let details = std::collections::BTreeMap::from([("problems", problems)]);
    error(text).with_code(VALIDATION_ERROR).with_status(400).with_details(details)
}

/// A parameter that does not fit, with its name if one is to blame.
#[derive(Debug)]
struct Failure {
    name: Option<String>,
    message: String,
}

impl Failure {
    fn of(self, name: &str) -> Failure {
        Failure { name: self.name.or_else(|| Some(name.to_owned())), ..self }
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Failure {
        Failure { name: None, message: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Failure {
        Failure { name: Some(field.to_owned()), message: "is missing".to_owned() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Failure {
        let message = format!("is not known; there are: {}", expected.join(", "));
        Failure { name: Some(field.to_owned()), message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// All parameters: a struct or a map of them, a tuple of them in their order, or the only one.
struct Parameters<'de>(&'de [(String, String)]);

impl<'de> Parameters<'de> {
    /// The only parameter, for a type that is one value.
    fn only(self) -> Result<Texts<'de>, Failure> {
        match self.0 {
            [(_, text)] => Ok(Texts(vec![text])),
            several => Err(de::Error::custom(format!("there are {} parameters, not one", several.len()))),
        }
    }

    fn name_of_only(&self) -> String {
        self.0.first().map(|(name, _)| name.clone()).unwrap_or_default()
    }
}

macro_rules! of_the_only_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let name = self.name_of_only();
            self.only()?.$method(visitor).map_err(|failure| failure.of(&name))
        }
    )*};
}

impl<'de> Deserializer<'de> for Parameters<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_map(Named { pairs: self.0, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_seq(InOrder(self.0))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let parameter = self.name_of_only();
        self.only()?.deserialize_enum(name, variants, visitor).map_err(|failure| failure.of(&parameter))
    }

    of_the_only_one! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier
    }
}

/// The parameters by name. One that occurs several times has all of its texts.
struct Named<'de> {
    pairs: &'de [(String, String)],
    next: usize,
}

impl<'de> MapAccess<'de> for Named<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        while let Some((name, _)) = self.pairs.get(self.next) {
            if self.pairs[..self.next].iter().all(|(earlier, _)| earlier != name) {
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
            self.next += 1;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let name = &self.pairs[self.next].0;
        let of_name = self.pairs.iter().filter(|(other, _)| other == name);
        let texts: Vec<&str> = of_name.map(|(_, text)| text.as_str()).collect();
        self.next += 1;
        seed.deserialize(Texts(texts)).map_err(|failure| failure.of(name))
    }
}

/// The parameters in their order.
struct InOrder<'de>(&'de [(String, String)]);

impl<'de> SeqAccess<'de> for InOrder<'de> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some(((name, text), rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        seed.deserialize(Texts(vec![text])).map(Some).map_err(|failure| failure.of(name))
    }
}

/// The texts of one parameter, at least one.
struct Texts<'de>(Vec<&'de str>);

impl<'de> Texts<'de> {
    /// The only text.
    fn only(&self) -> Result<&'de str, Failure> {
        match *self.0 {
            [text] => Ok(text),
            _ => Err(de::Error::custom(format!("occurs {} times, not once", self.0.len()))),
        }
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let text = self.only()?;
            match text.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => {
                    let expected = concat!("a value of type ", stringify!($type));
                    Err(de::Error::invalid_value(de::Unexpected::Str(text), &expected))
                }
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Texts<'de> {
    type Error = Failure;

    parsed! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
        deserialize_char visit_char char;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.len() == 1 { self.deserialize_str(visitor) } else { self.deserialize_seq(visitor) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_borrowed_str(self.only()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_borrowed_bytes(self.only()?.as_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let texts = self.0.into_iter().map(TextOf);
        visitor.visit_seq(de::value::SeqDeserializer::new(texts))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.only()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        byte_buf identifier unit unit_struct tuple tuple_struct map struct
    }
}

/// One text of a parameter that occurs several times.
struct TextOf<'de>(&'de str);

impl<'de> IntoDeserializer<'de, Failure> for TextOf<'de> {
    type Deserializer = Texts<'de>;

    fn into_deserializer(self) -> Texts<'de> {
        Texts(vec![self.0])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{Value, json};

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Asc,
        Desc,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Cents(i64);

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Search {
        text: String,
        limit: Option<u32>,
        #[serde(default)]
        tag: Vec<String>,
        order: Option<Order>,
        price: Option<Cents>,
        exact: Option<bool>,
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    #[test]
    fn query_is_read_as_a_struct() {
        let query = pairs(&[
            ("tag", "a"),
            ("text", "t"),
            ("limit", "7"),
            ("tag", "b"),
            ("order", "desc"),
            ("price", "-3"),
            ("exact", "true"),
        ]);
        let expected = Search {
            text: "t".to_owned(),
            limit: Some(7),
            tag: vec!["a".to_owned(), "b".to_owned()],
            order: Some(Order::Desc),
            price: Some(Cents(-3)),
            exact: Some(true),
        };
        assert_eq!(read::<Search>(Place::Query, &query), Ok(expected));
        let least = read::<Search>(Place::Query, &pairs(&[("text", "")])).expect("the rest is optional");
        assert_eq!((least.text.as_str(), least.limit, least.tag.len()), ("", None, 0));
    }

    #[test]
    fn parameter_that_does_not_fit_is_named() {
        let check = |query: &[(&str, &str)], name: &str, message: &str| {
            let failure = read::<Search>(Place::Query, &pairs(query)).expect_err("refused");
            assert_eq!((failure.code(), failure.status()), (VALIDATION_ERROR, Some(400)));
            assert_eq!(failure.message(), format!("the query parameter `{name}` does not fit: {message}"));
            let details: Value = serde_json::from_str(failure.details().expect("details")).expect("JSON");
            let problem = json!({ "in": "query", "path": format!("/{name}"), "message": message });
            assert_eq!(details, json!({ "problems": [problem] }));
        };
        let number = "invalid value: string \"x\", expected a value of type u32";
        check(&[("text", "t"), ("limit", "x")], "limit", number);
        check(&[("limit", "1")], "text", "is missing");
        check(&[("text", "t"), ("text", "u")], "text", "occurs 2 times, not once");
        check(&[("text", "t"), ("order", "up")], "order", "unknown variant `up`, expected `asc` or `desc`");
        check(&[("text", "t"), ("lmit", "1")], "lmit", {
            "is not known; there are: text, limit, tag, order, price, exact"
        });
    }

    #[test]
    fn path_is_read_as_one_value_a_tuple_or_a_map() {
        let one = pairs(&[("id", "7")]);
        assert_eq!(read::<u64>(Place::Path, &one), Ok(7));
        assert_eq!(read::<Cents>(Place::Path, &one), Ok(Cents(7)));
        assert_eq!(read::<Option<String>>(Place::Path, &one), Ok(Some("7".to_owned())));
        let two = pairs(&[("shop", "a/b"), ("id", "7")]);
        assert_eq!(read::<(String, u64)>(Place::Path, &two), Ok(("a/b".to_owned(), 7)));
        let map = BTreeMap::from([("shop".to_owned(), "a/b".to_owned()), ("id".to_owned(), "7".to_owned())]);
        assert_eq!(read::<BTreeMap<String, String>>(Place::Path, &two), Ok(map));
        let failure = read::<u64>(Place::Path, &pairs(&[("id", "x")])).expect_err("no number");
        assert!(failure.message().starts_with("the path parameter `id` does not fit: invalid value"), "{failure}");
        let failure = read::<u64>(Place::Path, &two).expect_err("two");
        assert_eq!(failure.message(), "the path does not fit: there are 2 parameters, not one");
        assert_eq!(read_one::<u64>(Place::Path, "id", &["7"]), Ok(7));
        let failure = read_one::<u64>(Place::Path, "id", &[]).expect_err("absent");
        assert_eq!(failure.message(), "the path parameter `id` does not fit: is missing");
    }
}
