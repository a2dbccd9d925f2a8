//! The actions that an operator exposes as tools: patterns such as `shop.*`.

use std::fmt;

use serde_json::Value;

use crate::limits::LINE_CHARS_MAX;
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// The most patterns of a host's file.
const PATTERNS_MAX: usize = 1_000;

/// A pattern of actions: a plugin's name and an action's, each with `*` for any characters, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPattern {
    plugin: String,
    action: String,
}

impl ToolPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// The problem and what to write instead.
    pub fn parse(text: &str) -> Result<ToolPattern, String> {
        let (plugin, action) = if text == "*" { ("*", "*") } else { text.split_once('.').unwrap_or((text, "")) };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
        if plugin.is_empty() || action.is_empty() || !text.chars().all(is_name) {
            let rule = "write PLUGIN.ACTION, in which `*` stands for any characters, such as `shop.*`";
            return Err(format!("{} is not a pattern of actions: {rule}", quoted(text)));
        }
        Ok(ToolPattern { plugin: plugin.to_owned(), action: action.to_owned() })
    }

    /// Whether it matches an action of a plugin.
    pub fn matches(&self, plugin: &str, action: &str) -> bool {
        matches(&self.plugin, plugin) && matches(&self.action, action)
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plugin, self.action)
    }
}

/// Whether a text matches a pattern. Each part between two `*` is found at its first place, which leaves most for the
/// parts after it.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(place) = text.find(part) else { return false };
        text = &text[place + part.len()..];
    }
    text.ends_with(last)
}

pub(crate) fn read_patterns(node: &Node<'_>, report: &mut Report) -> Vec<ToolPattern> {
    let items = node.items(PATTERNS_MAX, report);
    let read = |item: &Node<'_>, report: &mut Report| {
        let text = item.line(LINE_CHARS_MAX, report)?;
        ToolPattern::parse(&text).map_err(|message| item.problem(report, code::INVALID_VALUE, message)).ok()
    };
    items.iter().filter_map(|item| read(item, report)).collect()
}

pub(crate) fn patterns_shape() -> Value {
    shape::list(shape::line(LINE_CHARS_MAX), PATTERNS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_plugin_and_action_apart() {
        let check = |pattern: &str, plugin: &str, action: &str, expected: bool| {
            let parsed = ToolPattern::parse(pattern).expect(pattern);
            assert_eq!(parsed.matches(plugin, action), expected, "{pattern}: {plugin}.{action}");
        };
        check("shop.add", "shop", "add", true);
        check("shop.add", "shop", "add_all", false);
        check("shop.*", "shop", "item.add", true);
        check("shop.*", "shop2", "add", false);
        check("*.list", "shop", "list", true);
        check("*", "shop", "a.b", true);
        check("s*p.*add*l", "shop", "item.add_all", true);
        check("s*p.*add*l", "shop", "item.add", false);
        check("shop.a*a", "shop", "a", false);
    }

    #[test]
    fn text_that_names_no_action_is_refused() {
        for wrong in ["", "shop", "shop.", ".add", "shop/add", "a b.c", "**", "shop. add"] {
            assert!(ToolPattern::parse(wrong).is_err_and(|message| message.contains("shop.*")), "{wrong}");
        }
    }
}
