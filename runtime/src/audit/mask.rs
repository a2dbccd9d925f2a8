//! Masks secrets in texts that leave the plugin: log lines, standard output, failures, trap messages, audit records.
//!
//! A secret is masked wherever its value appears as configured or as JSON writes it. Each line or member of a value
//! that has several is masked as well, and so is the part of a secret at the end of a text that was cut. Values that a
//! guest encodes or splits cannot be recognised: masking protects against accidents, not against a plugin that intends
//! to leak its secrets.
//!
//! # Why not an automaton for all secrets
//!
//! Secrets are searched for one after another. `aho-corasick` is not faster for the few secrets that plugins have (a
//! line of 100 bytes and 1 or 3 secrets: 15 and 73 ns, one by one 8 and 21 ns), and faster from some dozen on (64
//! secrets: 70 and 414 ns). But its states take 130 to 260 bytes per byte of a secret, and plugins can set secrets
//! themselves: 16 of 64 KiB took 0.5 s to prepare and 263 MB, one of 1 MiB 0.4 s and 132 MB.

use std::borrow::Cow;
use std::collections::VecDeque;

use parking_lot::RwLock;
use serde_json::Value;

pub(crate) use plugbay_manifest::HIDDEN;

use crate::limits::{MASKED_TEXTS_MAX, SECRET_TEXTS_MAX};

/// Values shorter than this are not searched for: masking every `1` in a log would hide the log, not the secret.
const SECRET_BYTES_MIN: usize = 4;

/// The secrets of one plugin.
#[derive(Default)]
pub(crate) struct Mask {
    /// `None` if there are none, as for most plugins.
    known: RwLock<Option<Box<Known>>>,
}

/// The texts that are masked.
#[derive(Default)]
struct Known {
    /// The masked texts, newest last. Replaced values stay: the credentials they hold may still be valid.
    by_age: VecDeque<String>,
    /// Longest first, so that a secret that contains another is masked whole.
    by_length: Vec<String>,
}

/// Where a text was cut off, which may have been in the middle of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its beginning is missing.
    Start,
    /// Its end is missing.
    End,
}

impl Mask {
    /// Masks these values from now on.
    pub(crate) fn add<'a>(&self, secrets: impl IntoIterator<Item = &'a Value>) {
        let texts: Vec<String> = secrets.into_iter().flat_map(texts_of).collect();
        if texts.is_empty() {
            return;
        }
        let mut known = self.known.write();
        let known = known.get_or_insert_default();
        for text in texts {
            if !known.by_age.contains(&text) {
                known.by_age.push_back(text);
            }
        }
        let excess = known.by_age.len().saturating_sub(MASKED_TEXTS_MAX);
        known.by_age.drain(..excess);
        known.by_length = known.by_age.iter().cloned().collect();
        known.by_length.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// Returns the text with its secrets masked.
    pub(crate) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read();
        let mut masked = Cow::Borrowed(text);
        for secret in known.iter().flat_map(|known| &known.by_length) {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), HIDDEN));
            }
        }
        masked
    }

    /// Returns a text that was cut, with its secrets masked, including a partial secret at the cut.
    pub(crate) fn apply_cut<'a>(&self, text: &'a str, cut: Cut) -> Cow<'a, str> {
        let torn = self.torn(text, cut);
        if torn == 0 {
            return self.apply(text);
        }
        Cow::Owned(match cut {
            Cut::Start => format!("{HIDDEN}{}", self.apply(&text[torn..])),
            Cut::End => format!("{}{HIDDEN}", self.apply(&text[..text.len() - torn])),
        })
    }

    /// Returns how many bytes at the cut belong to a secret.
    fn torn(&self, text: &str, cut: Cut) -> usize {
        let known = self.known.read();
        let of_secret = |secret: &str| {
            let lengths = SECRET_BYTES_MIN..secret.len().min(text.len() + 1);
            lengths.rev().find(|&length| match cut {
                Cut::Start => text.as_bytes().starts_with(&secret.as_bytes()[secret.len() - length..]),
                Cut::End => text.as_bytes().ends_with(&secret.as_bytes()[..length]),
            })
        };
        let secrets = known.iter().flat_map(|known| &known.by_length);
        let torn = secrets.filter_map(|secret| of_secret(secret)).max().unwrap_or(0);
        // The cut may have fallen inside a multi-byte character of the secret; the text has only whole characters.
        match cut {
            Cut::Start => (torn..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(torn),
            Cut::End => text.len() - text.floor_char_boundary(text.len() - torn),
        }
    }

    /// Masks secrets in every string of a JSON value, member names included.
    pub(crate) fn apply_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text).into_owned()),
            Value::Array(values) => values.into_iter().map(|value| self.apply_json(value)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.apply(&name).into_owned(), self.apply_json(value)))
                .collect(),
            Value::Number(number) => match self.apply(&number.to_string()) {
                Cow::Borrowed(_) => Value::Number(number),
                Cow::Owned(hidden) => Value::String(hidden),
            },
            plain => plain,
        }
    }
}

/// Returns the texts in which a value may be printed, the most specific first.
fn texts_of(value: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    collect(value, &mut texts);
    texts.retain(|text| text.len() >= SECRET_BYTES_MIN);
    texts.truncate(SECRET_TEXTS_MAX);
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => {
            texts.push(text.clone());
            let json = value.to_string();
            let escaped = &json[1..json.len() - 1];
            if escaped != text {
                texts.push(escaped.to_owned());
            }
            // A log has one line at a time.
            if text.contains('\n') {
                texts.extend(text.lines().map(|line| line.trim().to_owned()));
            }
        }
        Value::Array(values) => {
            texts.push(value.to_string());
            values.iter().for_each(|value| collect(value, texts));
        }
        Value::Object(members) => {
            texts.push(value.to_string());
            members.values().for_each(|value| collect(value, texts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(secrets: &[Value]) -> Mask {
        let mask = Mask::default();
        mask.add(secrets);
        mask
    }

    fn mask(secrets: &[&str], text: &str) -> String {
        knowing(&secrets.iter().map(|&secret| secret.into()).collect::<Vec<_>>()).apply(text).into_owned()
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
        let by = knowing(&["hunter2".into(), 123_456.into()]);
        let value = serde_json::json!({ "hunter2": [1, { "key": "is hunter2" }, 123_456] });
        let hidden = serde_json::json!({ "***hidden***": [1, { "key": "is ***hidden***" }, "***hidden***"] });
        assert_eq!(by.apply_json(value), hidden);
    }

    #[test]
    fn short_or_no_secret_leaves_the_text_alone() {
        assert_eq!(mask(&["1", ""], "1 line"), "1 line");
        assert_eq!(mask(&[], "1 line"), "1 line");
        assert_eq!(knowing(&[true.into(), Value::Null]).apply("true or null"), "true or null");
    }

    #[test]
    fn secret_of_several_lines_is_hidden_line_by_line_and_as_json() {
        let key = "-----BEGIN KEY-----\nMIIBVQ\n-----END KEY-----\n";
        assert_eq!(mask(&[key], "MIIBVQ"), "***hidden***");
        assert_eq!(mask(&[key], &format!("{:?}", Value::from(key).to_string())).matches("MIIBVQ").count(), 0);
        assert_eq!(mask(&["say \"please\""], r#"{"word":"say \"please\""}"#), r#"{"word":"***hidden***"}"#);
    }

    #[test]
    fn members_of_a_secret_are_secret() {
        let secret = serde_json::json!({ "user": "Ada L.", "pins": [4711, 12] });
        let by = knowing(std::slice::from_ref(&secret));
        assert_eq!(by.apply(&secret.to_string()), HIDDEN);
        assert_eq!(by.apply("Ada L. has 4711 and 12"), "***hidden*** has ***hidden*** and 12");
    }

    #[test]
    fn what_a_cut_leaves_of_a_secret_is_hidden() {
        let by = knowing(&["hunter2-the-key".into()]);
        assert_eq!(by.apply_cut("key: hunter2-th", Cut::End), "key: ***hidden***");
        assert_eq!(by.apply_cut("the-key was it", Cut::Start), "***hidden*** was it");
        assert_eq!(by.apply_cut("hunter2-the-key hunt", Cut::End), "***hidden*** ***hidden***");
        assert_eq!(by.apply_cut("nothing hun", Cut::End), "nothing hun", "three bytes are below the minimum");
        assert_eq!(knowing(&["ä-ö-ü-ß-secret".into()]).apply_cut("x ä-ö-ü-", Cut::End), "x ***hidden***");
    }

    #[test]
    fn secret_that_was_replaced_is_still_hidden_and_there_is_an_end_to_it() {
        let by = knowing(&["old-secret".into()]);
        by.add(&["new-secret".into()]);
        assert_eq!(by.apply("old-secret new-secret"), "***hidden*** ***hidden***");
        for index in 0..MASKED_TEXTS_MAX {
            by.add(&[format!("secret-{index:05}").into()]);
        }
        assert_eq!(by.apply("old-secret secret-00000"), "old-secret ***hidden***");
        let many: Value = (0..10_000).map(|index| Value::from(format!("member-{index}"))).collect();
        assert!(texts_of(&many).len() <= SECRET_TEXTS_MAX);
    }
}
