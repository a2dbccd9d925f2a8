//! The schema of a plugin's configuration: its settings, each with a type, a default and bounds.
//!
//! The value of a secret setting is never shown: its default is masked in `Debug` and in JSON, and no message of
//! [`Setting::check`] or of the reader quotes it. Only a layer that is written for embedding contains the default.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value, json};

use crate::field::{Table, field};
use crate::limits::{ENUM_MAX, PROSE_CHARS_MAX, REGEX_BYTES_MAX, REGEX_CHARS_MAX, SETTINGS_MAX};
use crate::name;
use crate::problem::{Report, code};
use crate::read::{Node, Object, join};
use crate::shape;

/// The text that replaces a secret.
pub const HIDDEN: &str = "***hidden***";

/// A setting of a plugin's configuration.
#[derive(Clone, PartialEq)]
pub struct Setting {
    /// The type of the value.
    pub kind: SettingType,
    /// Whether loading fails without a value.
    pub required: bool,
    /// The value if none is set. It is valid for the setting.
    pub default: Option<Value>,
    /// Whether the value is secret, and therefore never shown.
    pub secret: bool,
    /// The minimum of a number, of the characters of a string, or of the entries of a list or object.
    pub min: Option<Number>,
    /// The maximum of a number, of the characters of a string, or of the entries of a list or object.
    pub max: Option<Number>,
    /// The allowed values, if they are restricted (`enum`).
    pub allowed: Option<Vec<Value>>,
    /// A regular expression that a string must match.
    pub pattern: Option<Pattern>,
    /// A description.
    pub description: Option<String>,
}

/// The type of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    /// Text.
    String,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
}

/// A regular expression. It may match anywhere in the text, like `pattern` in JSON Schema; write `^…$` to match the
/// whole text. Matching takes time linear in the length of the text.
#[derive(Clone)]
pub struct Pattern(Regex);

const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

const SETTING: Table = &[
    field("type", "The type of the value.", || shape::word(&TYPES)),
    field("required", "Whether loading fails without a value.", shape::boolean),
    field("default", "The value if none is set.", shape::anything),
    field("secret", "Whether the value is never shown, logged or returned.", shape::boolean),
    field("min", "The minimum of a number, or of the characters or entries of other values.", number_shape),
    field("max", "The maximum of a number, or of the characters or entries of other values.", number_shape),
    field("enum", "The only accepted values.", || shape::list(shape::anything(), ENUM_MAX)),
    field("pattern", "A regular expression that a string must match somewhere.", || shape::line(REGEX_CHARS_MAX)),
    field("description", "What the setting is for.", || shape::prose(PROSE_CHARS_MAX)),
];

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// The problem with the expression.
    pub fn new(expression: &str) -> Result<Pattern, String> {
        let regex = RegexBuilder::new(expression).size_limit(REGEX_BYTES_MAX).build();
        regex.map(Pattern).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large once compiled: make it smaller".to_owned(),
            // The first lines of a syntax error show the expression; the last line states the problem.
            other => other.to_string().lines().last().unwrap_or_default().replace("error: ", ""),
        })
    }

    /// Returns the expression's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns whether the expression matches somewhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl SettingType {
    /// Returns the type's name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            SettingType::String => "string",
            SettingType::Integer => "integer",
            SettingType::Number => "number",
            SettingType::Boolean => "boolean",
            SettingType::Array => "array",
            SettingType::Object => "object",
        }
    }
}

impl Setting {
    /// Returns the setting as JSON. A secret's default and its allowed values are masked unless `keep_secrets` is set.
    fn to_json(&self, keep_secrets: bool) -> Value {
        let shown = |value: &Value| match self.secret && !keep_secrets {
            true => json!(HIDDEN),
            false => value.clone(),
        };
        let members = [
            ("type", Some(json!(self.kind))),
            ("required", self.required.then(|| json!(true))),
            ("default", self.default.as_ref().map(shown)),
            ("secret", self.secret.then(|| json!(true))),
            ("min", self.min.clone().map(Value::Number)),
            ("max", self.max.clone().map(Value::Number)),
            ("enum", self.allowed.as_ref().map(|values| values.iter().map(shown).collect())),
            ("pattern", self.pattern.as_ref().map(|pattern| json!(pattern.as_str()))),
            ("description", self.description.as_ref().map(|text| json!(text))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.to_json(false))
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(false).serialize(serializer)
    }
}

/// Serializes settings with their secrets, for embedding in a component, never for display.
pub(crate) fn with_secrets<S: Serializer>(
    settings: &Option<BTreeMap<String, Setting>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(settings) = settings else { return serializer.serialize_none() };
    let mut map = serializer.serialize_map(Some(settings.len()))?;
    for (name, setting) in settings {
        map.serialize_entry(name, &setting.to_json(true))?;
    }
    map.end()
}

pub(crate) fn read_settings(node: &Node<'_>, report: &mut Report) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    for (name, entry) in node.entries(SETTINGS_MAX, report) {
        if let Err(message) = name::setting(name) {
            entry.problem(report, code::INVALID_NAME, message);
        }
        if let Some(setting) = read_setting(&entry, report) {
            settings.insert(name.to_owned(), setting);
        }
    }
    settings
}

fn read_setting(node: &Node<'_>, report: &mut Report) -> Option<Setting> {
    let object = node.object(SETTING, report)?;
    let kind = object.need("type", report).and_then(|node| read_type(&node, report));
    let flag = |name, report: &mut Report| object.get(name).and_then(|node| node.boolean(report));
    let required = flag("required", report).unwrap_or(false);
    let secret = flag("secret", report).unwrap_or(false);
    let description = object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report));
    let pattern = object.get("pattern").and_then(|node| read_pattern(&node, report));
    let (min, max) = (read_bound("min", &object, report), read_bound("max", &object, report));
    let allowed = object.get("enum").map(|node| node.items(ENUM_MAX, report));
    let allowed = allowed.map(|items| items.iter().map(|item| item.value.clone()).collect());
    let default = object.get("default").map(|node| node.value.clone());
    let setting = Setting { kind: kind?, required, default, secret, min, max, allowed, pattern, description };
    check_consistency(&setting, &object, report);
    Some(setting)
}

fn read_type(node: &Node<'_>, report: &mut Report) -> Option<SettingType> {
    match node.word(&TYPES, report)? {
        "string" => Some(SettingType::String),
        "integer" => Some(SettingType::Integer),
        "number" => Some(SettingType::Number),
        "boolean" => Some(SettingType::Boolean),
        "array" => Some(SettingType::Array),
        _ => Some(SettingType::Object),
    }
}

fn read_pattern(node: &Node<'_>, report: &mut Report) -> Option<Pattern> {
    let expression = node.line(REGEX_CHARS_MAX, report)?;
    Pattern::new(&expression)
        .map_err(|message| {
            node.problem(report, code::INVALID_VALUE, format!("not a regular expression: {message}"));
        })
        .ok()
}

fn read_bound(name: &str, object: &Object<'_>, report: &mut Report) -> Option<Number> {
    let node = object.get(name)?;
    let Value::Number(number) = node.value else {
        node.wrong_type(report, "a number");
        return None;
    };
    Some(number.clone())
}

/// Checks that the setting is consistent: its bounds fit its type, and its allowed values and default fit the setting.
fn check_consistency(setting: &Setting, object: &Object<'_>, report: &mut Report) {
    if setting.pattern.is_some() && setting.kind != SettingType::String {
        let message = format!("a pattern is for strings, and this is of type {}: remove it", setting.kind.name());
        report.add(&join(&object.path, "pattern"), code::CONFLICT, message);
    }
    for (name, bound) in [("min", &setting.min), ("max", &setting.max)] {
        if let Some(message) = bound.as_ref().and_then(|bound| wrong_bound(setting.kind, bound)) {
            report.add(&join(&object.path, name), code::CONFLICT, message);
        }
    }
    if let (Some(min), Some(max)) = (setting.min.as_ref(), setting.max.as_ref())
        && super::setting_check::compare(min, max).is_gt()
    {
        report.add(&join(&object.path, "min"), code::CONFLICT, "is greater than `max`: no value could fit");
    }
    check_allowed(setting, object, report);
    if let Some(default) = &setting.default
        && let Err(message) = setting.check(default)
    {
        report.add(&join(&object.path, "default"), code::CONFLICT, format!("does not fit its own setting: {message}"));
    }
}

fn wrong_bound(kind: SettingType, bound: &Number) -> Option<String> {
    match kind {
        SettingType::Integer | SettingType::Number => None,
        SettingType::Boolean => Some("a boolean has no bounds: remove it".to_owned()),
        SettingType::String | SettingType::Array | SettingType::Object => {
            let what = if kind == SettingType::String { "characters" } else { "entries" };
            bound.as_u64().is_none().then(|| format!("counts {what} here: write an integer of at least 0"))
        }
    }
}

fn check_allowed(setting: &Setting, object: &Object<'_>, report: &mut Report) {
    let Some(allowed) = &setting.allowed else {
        return;
    };
    let path = join(&object.path, "enum");
    if allowed.is_empty() {
        report.add(&path, code::CONFLICT, "is empty: no value could fit");
    }
    let unlisted = Setting { allowed: None, ..setting.clone() };
    for (index, value) in allowed.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if let Err(message) = unlisted.check(value) {
            report.add(&path, code::CONFLICT, format!("does not fit its own setting: {message}"));
        } else if allowed[..index].contains(value) {
            report.add(&path, code::DUPLICATE, "is listed twice");
        }
    }
}

fn number_shape() -> Value {
    json!({ "type": "number" })
}

pub(crate) fn settings_shape() -> Value {
    shape::map(shape::object(SETTING, &["type"]), SETTINGS_MAX)
}
