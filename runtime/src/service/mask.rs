//! Takes secrets out of texts that leave the plugin: log lines, standard output, trap messages.
//!
//! A secret is masked where its value appears as it was configured. What a guest encodes or splits cannot be recognised:
//! masking protects from accidents, not from a plugin that means to leak what it was given.

use std::borrow::Cow;
use std::sync::RwLock;

use serde_json::Value;

pub(crate) use plugbay_manifest::HIDDEN;

/// Values shorter than this are not looked for: masking every `1` in a log would hide the log, not the secret.
const SECRET_BYTES_MIN: usize = 4;

/// The secrets of one plugin.
#[derive(Default)]
pub(crate) struct Mask {
    /// Longest first, so that a secret that contains another is masked whole.
    secrets: RwLock<Vec<String>>,
}

impl Mask {
    /// Replaces the secrets that are looked for.
    pub(crate) fn set(&self, secrets: impl IntoIterator<Item = String>) {
        let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        *self.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner) = secrets;
    }

    /// The text without secrets.
    pub(crate) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut masked = Cow::Borrowed(text);
        for secret in secrets.iter() {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), HIDDEN));
            }
        }
        masked
    }

    /// Takes secrets out of every text in a JSON value, names of members included.
    pub(crate) fn apply_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text).into_owned()),
            Value::Array(values) => values.into_iter().map(|value| self.apply_json(value)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.apply(&name).into_owned(), self.apply_json(value)))
                .collect(),
            plain => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[&str], text: &str) -> String {
        let mask = Mask::default();
        mask.set(secrets.iter().map(|&secret| secret.to_owned()));
        mask.apply(text).into_owned()
    }

    #[test]
    fn secret_in_a_text_is_hidden_wherever_it_stands() {
        assert_eq!(mask(&["hunter2"], "hunter2 and hunter2!"), "***hidden*** and ***hidden***!");
    }

    #[test]
    fn longer_secret_is_masked_before_the_one_inside_it() {
        assert_eq!(mask(&["pass", "passport"], "passport pass"), "***hidden*** ***hidden***");
    }

    #[test]
    fn secret_anywhere_in_a_json_value_is_hidden() {
        let by = Mask::default();
        by.set(["hunter2".to_owned()]);
        let value = serde_json::json!({ "hunter2": [1, { "key": "is hunter2" }] });
        assert_eq!(by.apply_json(value), serde_json::json!({ "***hidden***": [1, { "key": "is ***hidden***" }] }));
    }

    #[test]
    fn short_or_no_secret_leaves_the_text_alone() {
        assert_eq!(mask(&["1", ""], "1 line"), "1 line");
        assert_eq!(mask(&[], "1 line"), "1 line");
    }
}
