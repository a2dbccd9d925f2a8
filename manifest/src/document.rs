//! Parses text to a JSON value. No other file runs a parser.
//!
//! All formats become a `serde_json::Value`, built by one visitor. It counts values and depth as they arrive, so that a
//! document exhausts neither the memory nor the stack, and refuses duplicate keys: JSON parsers usually take the last
//! one, so two programs could read two different manifests. YAML has budgets of its own, because its aliases expand
//! before the visitor sees them.
//!
//! Error messages have line and column but no excerpt of the text, which may contain a secret's default.

mod yaml_words;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::format::Format;
use crate::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, NODES_MAX, SECTION_BYTES_MAX, SECTION_DOCUMENTS_MAX};
use crate::problem::{ManifestError, code, quoted, single};

/// Parses a document.
pub(crate) fn parse(origin: &str, text: &str, format: Format) -> Result<Value, ManifestError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let message = format!("the document has {} bytes, more than {DOCUMENT_BYTES_MAX}", text.len());
        return Err(single(origin, code::TOO_LARGE, message));
    }
    // Some editors on Windows write a byte order mark, which has no meaning in UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parse_as = |budget: &Budget| match format {
        Format::Yaml => parse_yaml(text, budget),
        Format::Json => parse_json(text, budget),
        Format::Toml => parse_toml(text, budget),
    };
    let parse = || {
        let budget = Budget::default();
        parse_as(&budget).map_err(|message| budget.error(origin, format, message))
    };
    match format {
        Format::Yaml => on_own_stack(parse),
        Format::Json | Format::Toml => parse(),
    }
}

/// Runs a recursive parser on a stack of its own. In unoptimised builds its frames take tens of kilobytes:
/// [`DEPTH_MAX`] of them fill most of the 2 MiB stack of a thread of an asynchronous runtime, which the caller uses
/// too.
fn on_own_stack<T: Send>(parse: impl Fn() -> T + Sync) -> T {
    const STACK_BYTES: usize = 4 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &parse);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // No thread can be started: the current stack is usually large enough.
            Err(_) => parse(),
        }
    })
}

/// Parses the documents of a custom section, which follow one another with nothing or white space in between.
pub(crate) fn parse_section(origin: &str, bytes: &[u8]) -> Result<Vec<Value>, ManifestError> {
    if bytes.len() > SECTION_BYTES_MAX {
        let message = format!("the manifest section has {} bytes, more than {SECTION_BYTES_MAX}", bytes.len());
        return Err(single(origin, code::TOO_LARGE, message));
    }
    let mut documents = Vec::new();
    let mut rest = bytes;
    while !rest.trim_ascii_start().is_empty() {
        if documents.len() == SECTION_DOCUMENTS_MAX {
            let message = format!("the manifest section has more than {SECTION_DOCUMENTS_MAX} documents");
            return Err(single(origin, code::TOO_LARGE, message));
        }
        let budget = Budget::default();
        let mut deserializer = serde_json::Deserializer::from_slice(rest).into_iter::<&serde_json::value::RawValue>();
        let failed = |error: &dyn fmt::Display| {
            let index = documents.len();
            budget.error(origin, Format::Json, format!("document {index} of the section: {error}"))
        };
        let text = match deserializer.next() {
            Some(Ok(raw)) => raw.get(),
            Some(Err(error)) => return Err(failed(&error)),
            None => break,
        };
        rest = &rest[deserializer.byte_offset()..];
        if text.len() > DOCUMENT_BYTES_MAX {
            let message = format!("a document of the manifest section has more than {DOCUMENT_BYTES_MAX} bytes");
            return Err(single(origin, code::TOO_LARGE, message));
        }
        let value = parse_json(text, &budget).map_err(|message| failed(&message))?;
        documents.push(value);
    }
    Ok(documents)
}

/// Checks that a value that was not parsed here is within the bounds of parsed ones.
pub(crate) fn check_bounds(origin: &str, value: &Value) -> Result<(), ManifestError> {
    let budget = Budget::default();
    match budget.copy(value, DEPTH_MAX) {
        Ok(_) => Ok(()),
        Err(error) => Err(budget.error(origin, Format::Json, error.to_string())),
    }
}

fn parse_json(text: &str, budget: &Budget) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = budget.seed(DEPTH_MAX).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn parse_toml(text: &str, budget: &Budget) -> Result<Value, String> {
    let explain = |error: toml::de::Error| {
        // The parser has its own limit, above ours, for nesting that it sees before the visitor does.
        if error.message().contains("recurs") {
            budget.exceeded.set(true);
            return too_deep();
        }
        match error.span() {
            Some(span) => format!("{} at {}", error.message(), line_and_column(text, span.start)),
            None => error.message().to_owned(),
        }
    };
    let deserializer = toml::Deserializer::parse(text).map_err(explain)?;
    budget.seed(DEPTH_MAX).deserialize(deserializer).map_err(explain)
}

fn parse_yaml(text: &str, budget: &Budget) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: NODES_MAX,
            max_recorded_anchor_bytes: 4 * DOCUMENT_BYTES_MAX,
            max_documents: 1,
            max_merge_keys: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
            max_replay_stack_depth: 16,
        },
        // YAML 1.1 reads `no` and `on`, such as country codes and switches, as booleans.
        strict_booleans: true,
        with_snippet: false,
        // An unsupported tag would be dropped silently.
        reject_unsupported_tags: true,
        emit_comments: false,
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        budget.seed(DEPTH_MAX).deserialize(deserializer)
    })
    .map_err(|error| explain_yaml(&error, text, budget))
}

/// Converts an error of the YAML parser to text. An exceeded budget is worded like the other bounds.
fn explain_yaml(error: &serde_saphyr::Error, text: &str, budget: &Budget) -> String {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;
    let mut cause = error;
    while let Error::AliasError { error, .. } = cause {
        cause = error;
    }
    let message = match cause {
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            return "it has several documents (`---`): write only one".to_owned();
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("the document, with its aliases expanded, has more than {NODES_MAX} values")
        }
        // The scanner, which looks ahead, reports nested brackets like this; the error has no variant of its own.
        other if other.to_string().contains("recursion limit") => too_deep(),
        other => return yaml_words::explain(other, text),
    };
    budget.exceeded.set(true);
    match error.location() {
        Some(at) => format!("{message} at line {}, column {}", at.line(), at.column()),
        None => message,
    }
}

fn too_deep() -> String {
    format!("the document is nested more than {DEPTH_MAX} levels deep")
}

/// Returns the line and column, from 1, of a byte of the text.
fn line_and_column(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    format!("line {line}, column {column}")
}

/// The remaining part of [`NODES_MAX`], and whether a bound was exceeded, in which case the error has another code than
/// for syntax.
struct Budget {
    nodes_left: Cell<usize>,
    exceeded: Cell<bool>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { nodes_left: Cell::new(NODES_MAX), exceeded: Cell::new(false) }
    }
}

impl Budget {
    fn seed(&self, depth_left: usize) -> Seed<'_> {
        Seed { budget: self, depth_left }
    }

    fn take_node<E: Error>(&self) -> Result<(), E> {
        let left = self.nodes_left.get().checked_sub(1).ok_or_else(|| {
            self.exceeded.set(true);
            E::custom(format_args!("the document has more than {NODES_MAX} values"))
        })?;
        self.nodes_left.set(left);
        Ok(())
    }

    /// Returns the error of a failed parse: `too_large` if a bound was exceeded, otherwise `syntax`.
    fn error(&self, origin: &str, format: Format, message: String) -> ManifestError {
        match self.exceeded.get() {
            true => single(origin, code::TOO_LARGE, message),
            false => single(origin, code::SYNTAX, format!("not valid {}: {message}", format.name())),
        }
    }

    /// Copies a value as if it were parsed, so that it is counted in the same way.
    fn copy(&self, value: &Value, depth_left: usize) -> Result<Value, serde_json::Error> {
        self.seed(depth_left).deserialize(value)
    }
}

/// Builds a value and, recursively, its members.
#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth_left: usize,
}

impl<'b> Seed<'b> {
    fn deeper<E: Error>(self) -> Result<Seed<'b>, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| {
            self.budget.exceeded.set(true);
            E::custom(too_deep())
        })?;
        Ok(Seed { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.take_node()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can represent")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("infinity and NaN are not numbers in JSON"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut entries = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(inside)?;
            // The toml crate passes a date under this key. JSON has no dates, so it stays text.
            if key == "$__toml_private_datetime" {
                return Ok(value);
            }
            if entries.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {} is written twice", quoted(&key))));
            }
            entries.insert(key, value);
        }
        Ok(Value::Object(entries))
    }
}
