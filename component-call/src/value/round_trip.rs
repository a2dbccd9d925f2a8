//! Round trips of random values of every type, and parsing of random texts.

use wasmtime::component::types::{Case, Field};
use wasmtime::component::{Type, Val};

use super::{from_json, from_text, to_json, to_wave};
use crate::fixture::{TYPES, echoed, ty};

/// No text makes the parser panic, and every accepted text is a value that can be written and read.
#[test]
fn text_of_any_kind_is_read_or_refused() {
    const WORDS: &[&str] = &[
        "{", "}", "[", "]", "(", ")", ",", ":", "\"", "'", "\"\"\"", "\n", " ", "//", "%", "\\", "-", "null", "true",
        "none", "some", "ok", "err", "inf", "-inf", "nan", "0", "-1", "1.5", "1e999", "x", "y", "\"x\"", "'x'", "red",
        "circle", "\"some\"", "read", "é", "\\u{e9}", "\0", "points", "shapes",
    ];
    let mut random = Random(0xbad);
    for (name, _) in TYPES {
        let ty = ty(name);
        for _ in 0..2_000 {
            let text: String = (0..random.below(10)).map(|_| random.one_of(WORDS)).collect();
            if let Ok(value) = from_text(&text, &ty) {
                let wave = to_wave(&value).expect("the type has a text form");
                assert_eq!(from_text(&wave, &ty).as_ref(), Ok(&value), "`{text}` as {name}, then `{wave}`");
            }
        }
    }
}

/// Values of each type are unchanged after a round trip through WAVE, JSON and a component. wasm-wave's own parser must
/// agree if it supports the type.
#[test]
fn values_of_each_type_survive_every_round_trip() {
    // It does not support lists of fixed length, and returns flags in alphabetical order.
    let unlike_wasm_wave = ["three", "access", "everything"];
    let mut random = Random(0x5eed);
    for (name, _) in TYPES {
        let ty = ty(name);
        let values: Vec<Val> = (0..200).map(|_| value(&ty, &mut random)).collect();
        for value in &values {
            let wave = to_wave(value).expect("the type has a text form");
            assert_eq!(from_text(&wave, &ty).as_ref(), Ok(value), "{name} from WAVE `{wave}`");
            if !unlike_wasm_wave.contains(name) {
                let theirs: Val = wasm_wave::from_str(&ty, &wave).expect("wasm-wave reads what it wrote");
                assert_eq!(&theirs, value, "{name} from WAVE `{wave}` by wasm-wave");
            }
            let json = to_json(value).expect("the type has a text form");
            assert_eq!(from_json(&json, &ty).as_ref(), Ok(value), "{name} from JSON {json}");
            let reread = serde_json::from_str(&json.to_string()).expect("what was written is JSON");
            assert_eq!(from_json(&reread, &ty).as_ref(), Ok(value), "{name} from JSON text {json}");
        }
        assert_eq!(echoed(name, values.clone()), values, "{name} through a component");
    }
}

/// A short number generator (SplitMix64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Returns any integer, with the ends of ranges more often than by chance.
    fn bits(&mut self) -> u64 {
        let any = self.next();
        self.one_of(&[0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, any, any, any])
    }

    fn char(&mut self) -> char {
        let any = char::from_u32((self.next() % 0x11_0000) as u32).unwrap_or('\u{fffd}');
        let ascii = char::from((self.next() % 128) as u8);
        self.one_of(&['"', '\'', '\\', '\n', '\0', '\u{301}', '\u{2028}', '\u{10ffff}', '/', '😂', ascii, ascii, any])
    }

    fn f64(&mut self) -> f64 {
        let any = f64::from_bits(self.next());
        self.one_of(&[
            0.0,
            -0.0,
            0.1,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            any,
            any,
        ])
    }

    fn f32(&mut self) -> f32 {
        let any = f32::from_bits(self.next() as u32);
        self.one_of(&[
            0.0,
            -0.0,
            0.1,
            f32::MAX,
            f32::MIN_POSITIVE,
            1e-45,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            any,
            any,
        ])
    }

    fn values(&mut self, length: usize, ty: &Type) -> Vec<Val> {
        (0..length).map(|_| value(ty, self)).collect()
    }
}

/// Returns a random value of a type.
fn value(ty: &Type, random: &mut Random) -> Val {
    let payload = |ty: Option<Type>, random: &mut Random| ty.map(|ty| Box::new(value(&ty, random)));
    match ty {
        Type::Bool => Val::Bool(random.below(2) == 1),
        Type::S8 => Val::S8(random.bits() as i8),
        Type::U8 => Val::U8(random.bits() as u8),
        Type::S16 => Val::S16(random.bits() as i16),
        Type::U16 => Val::U16(random.bits() as u16),
        Type::S32 => Val::S32(random.bits() as i32),
        Type::U32 => Val::U32(random.bits() as u32),
        Type::S64 => Val::S64(random.bits() as i64),
        Type::U64 => Val::U64(random.bits()),
        Type::Float32 => Val::Float32(random.f32()),
        Type::Float64 => Val::Float64(random.f64()),
        Type::Char => Val::Char(random.char()),
        Type::String => Val::String((0..random.below(8)).map(|_| random.char()).collect()),
        Type::List(list) => {
            let length = random.below(4);
            Val::List(random.values(length, &list.ty()))
        }
        Type::FixedLengthList(list) => Val::FixedLengthList(random.values(list.len() as usize, &list.ty())),
        Type::Tuple(tuple) => Val::Tuple(tuple.types().map(|ty| value(&ty, random)).collect()),
        Type::Record(record) => {
            let field = |Field { name, ty }: Field<'_>| (name.to_owned(), value(&ty, random));
            Val::Record(record.fields().map(field).collect())
        }
        Type::Variant(variant) => {
            let cases: Vec<Case<'_>> = variant.cases().collect();
            let case = &cases[random.below(cases.len())];
            Val::Variant(case.name.to_owned(), payload(case.ty.clone(), random))
        }
        Type::Enum(cases) => {
            let names: Vec<_> = cases.names().collect();
            Val::Enum(random.one_of(&names).to_owned())
        }
        Type::Flags(flags) => Val::Flags(flags.names().filter(|_| random.below(2) == 1).map(str::to_owned).collect()),
        Type::Option(option) => Val::Option((random.below(3) > 0).then(|| Box::new(value(&option.ty(), random)))),
        Type::Result(result) if random.below(2) == 1 => Val::Result(Ok(payload(result.ok(), random))),
        Type::Result(result) => Val::Result(Err(payload(result.err(), random))),
        other => panic!("no test has values of {other:?}"),
    }
}
