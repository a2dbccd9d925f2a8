//! Types and values as short texts for people: signatures, and quotations in messages.
//!
//! Types are written as in WIT. A component's types have no names here, so a record is spelled out wherever it is used,
//! and a type of many small parts can have a very long text: all texts are cut at a maximum length.

use std::fmt::{self, Write};

use wasmtime::component::Type;

/// Maximum length of a type in a message.
pub(super) const TYPE_BYTES_MAX: usize = 256;
/// Maximum length of a quoted value in a message.
const QUOTE_BYTES_MAX: usize = 80;
/// Maximum length of a list of names in a message.
const FITS_BYTES_MAX: usize = 512;

/// Formats a type for a message.
pub(super) fn type_text(ty: &Type) -> String {
    cut(TYPE_BYTES_MAX, &TypeText(ty))
}

/// Quotes a given text for a message.
pub(super) fn quote(text: impl fmt::Display) -> String {
    cut(QUOTE_BYTES_MAX, &text)
}

/// Describes the values that fit a type, as a phrase for a message.
pub(super) fn fits(ty: &Type) -> String {
    match ty {
        Type::Bool => "`true` or `false`".to_owned(),
        Type::S8 => whole_number(i8::MIN, i8::MAX),
        Type::U8 => whole_number(u8::MIN, u8::MAX),
        Type::S16 => whole_number(i16::MIN, i16::MAX),
        Type::U16 => whole_number(u16::MIN, u16::MAX),
        Type::S32 => whole_number(i32::MIN, i32::MAX),
        Type::U32 => whole_number(u32::MIN, u32::MAX),
        Type::S64 => whole_number(i64::MIN, i64::MAX),
        Type::U64 => whole_number(u64::MIN, u64::MAX),
        Type::Float32 => format!("a number from {:e} to {:e}, nan, inf or -inf", f32::MIN, f32::MAX),
        Type::Float64 => "a number, nan, inf or -inf".to_owned(),
        Type::Char => "one character in quotes, such as `'x'`,".to_owned(),
        Type::String => "a text in double quotes, such as `\"x\"`,".to_owned(),
        Type::List(_) => "a list in brackets, such as `[…, …]`,".to_owned(),
        Type::FixedLengthList(list) => format!("a list of {} values in brackets, such as `[…, …]`,", list.len()),
        Type::Tuple(tuple) => format!("{} values in parentheses, such as `(…, …)`,", tuple.types().len()),
        Type::Record(record) => cut(
            FITS_BYTES_MAX,
            &format_args!(
                "a record, such as `{{{}}}`,",
                Separated(|| record.fields().map(|f| format!("{}: …", f.name)))
            ),
        ),
        Type::Variant(variant) => cut(
            FITS_BYTES_MAX,
            &format_args!("one of the cases {}", Separated(|| variant.cases().map(|c| case(c.name, c.ty.as_ref())))),
        ),
        Type::Enum(cases) => cut(FITS_BYTES_MAX, &format_args!("one of {}", Separated(|| cases.names()))),
        Type::Flags(flags) => cut(
            FITS_BYTES_MAX,
            &format_args!("any of the flags in braces, such as `{{{}}}`,", Separated(|| flags.names())),
        ),
        Type::Option(option) => format!("none or a `{}`", type_text(&option.ty())),
        Type::Result(result) => {
            format!("{} or {}", case("ok", result.ok().as_ref()), case("err", result.err().as_ref()))
        }
        Type::Own(_) | Type::Borrow(_) | Type::Stream(_) | Type::Future(_) | Type::ErrorContext | Type::Map(_) => {
            "nothing that can be written".to_owned()
        }
    }
}

fn whole_number(least: impl fmt::Display, most: impl fmt::Display) -> String {
    format!("a whole number from {least} to {most}")
}

fn case(name: &str, payload: Option<&Type>) -> String {
    match payload {
        Some(ty) => format!("{name}({})", type_text(ty)),
        None => name.to_owned(),
    }
}

/// A type in WIT, of any length.
pub(super) struct TypeText<'a>(pub(super) &'a Type);

impl fmt::Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Type::Bool => f.write_str("bool"),
            Type::S8 => f.write_str("s8"),
            Type::U8 => f.write_str("u8"),
            Type::S16 => f.write_str("s16"),
            Type::U16 => f.write_str("u16"),
            Type::S32 => f.write_str("s32"),
            Type::U32 => f.write_str("u32"),
            Type::S64 => f.write_str("s64"),
            Type::U64 => f.write_str("u64"),
            Type::Float32 => f.write_str("f32"),
            Type::Float64 => f.write_str("f64"),
            Type::Char => f.write_str("char"),
            Type::String => f.write_str("string"),
            Type::List(list) => write!(f, "list<{}>", TypeText(&list.ty())),
            Type::FixedLengthList(list) => {
                write!(f, "list<{}, {}>", TypeText(&list.ty()), list.len())
            }
            Type::Map(map) => write!(f, "map<{}, {}>", TypeText(&map.key()), TypeText(&map.value())),
            Type::Record(record) => {
                f.write_str("record { ")?;
                separated(f, record.fields(), |f, field| write!(f, "{}: {}", field.name, TypeText(&field.ty)))?;
                f.write_str(" }")
            }
            Type::Tuple(tuple) => {
                f.write_str("tuple<")?;
                separated(f, tuple.types(), |f, ty| TypeText(&ty).fmt(f))?;
                f.write_str(">")
            }
            Type::Variant(variant) => {
                f.write_str("variant { ")?;
                separated(f, variant.cases(), |f, case| match &case.ty {
                    Some(ty) => write!(f, "{}({})", case.name, TypeText(ty)),
                    None => f.write_str(case.name),
                })?;
                f.write_str(" }")
            }
            Type::Enum(cases) => write!(f, "enum {{ {} }}", Separated(|| cases.names())),
            Type::Flags(flags) => write!(f, "flags {{ {} }}", Separated(|| flags.names())),
            Type::Option(option) => write!(f, "option<{}>", TypeText(&option.ty())),
            Type::Result(result) => match (result.ok(), result.err()) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{}>", TypeText(&ok)),
                (None, Some(err)) => write!(f, "result<_, {}>", TypeText(&err)),
                (Some(ok), Some(err)) => write!(f, "result<{}, {}>", TypeText(&ok), TypeText(&err)),
            },
            Type::Own(_) => f.write_str("own<resource>"),
            Type::Borrow(_) => f.write_str("borrow<resource>"),
            Type::Stream(stream) => payload(f, "stream", stream.ty()),
            Type::Future(future) => payload(f, "future", future.ty()),
            Type::ErrorContext => f.write_str("error-context"),
        }
    }
}

fn payload(f: &mut fmt::Formatter<'_>, name: &str, ty: Option<Type>) -> fmt::Result {
    match ty {
        Some(ty) => write!(f, "{name}<{}>", TypeText(&ty)),
        None => f.write_str(name),
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// The items of an iterator, separated by commas. They are written as they are produced, so that a cut ends the work
/// too.
struct Separated<F>(F);

impl<F, I> fmt::Display for Separated<F>
where
    F: Fn() -> I,
    I: Iterator<Item: fmt::Display>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, self.0(), |f, item| item.fmt(f))
    }
}

/// Returns at most `bytes_max` bytes of a text, followed by `…` if it is cut.
pub(super) fn cut(bytes_max: usize, text: &impl fmt::Display) -> String {
    let mut cut = Cut { text: String::new(), bytes_max };
    if write!(cut, "{text}").is_err() {
        cut.text.push('…');
    }
    cut.text
}

/// A writer that fails once it is full, which ends the writing.
struct Cut {
    text: String,
    bytes_max: usize,
}

impl Write for Cut {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self.bytes_max - self.text.len();
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        let end = part.floor_char_boundary(room);
        self.text.push_str(&part[..end]);
        Err(fmt::Error)
    }
}
