//! The topics on which events are published.

use plugbay_manifest::parse_topic;

use super::index::PatternIndex;
use crate::error::EventError;
use crate::limits::TOPIC_WORDS_MAX;

/// A topic to publish on, in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic(String);

impl Topic {
    /// Reads a topic in any spelling.
    ///
    /// # Errors
    /// The problem, if it is not a topic, is a pattern or has too many words.
    pub(crate) fn new(topic: String) -> Result<Self, String> {
        let topic = if is_canonical(&topic) { topic } else { parse_topic(&topic)? };
        if topic.contains('*') {
            return Err(format!("`{topic}` is a pattern: an event has one topic, without `*`"));
        }
        let words = topic.bytes().filter(|byte| *byte == b'.').count() + 1;
        if words > TOPIC_WORDS_MAX {
            return Err(format!("a topic has at most {TOPIC_WORDS_MAX} words, this one has {words}"));
        }
        Ok(Topic(topic))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// A set of patterns of topics. An empty one, which most plugins have, takes no memory.
#[derive(Default)]
pub(crate) struct TopicPatterns(Option<Box<PatternIndex<()>>>);

impl TopicPatterns {
    pub(crate) fn new(patterns: &[String]) -> Self {
        if patterns.is_empty() {
            return TopicPatterns(None);
        }
        let mut index = PatternIndex::default();
        patterns.iter().for_each(|pattern| index.insert(pattern, ()));
        TopicPatterns(Some(Box::new(index)))
    }

    /// Returns whether one of the patterns matches a topic.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let mut matches = false;
        if let Some(index) = &self.0 {
            index.matching(topic, |()| matches = true);
        }
        matches
    }
}

/// A topic, or a pattern of topics such as `order.*` or `**`.
pub struct TopicFilter(Filter);

/// A topic alone needs no tree of words, which takes more than a kilobyte for each of them.
enum Filter {
    Topic(String),
    Pattern(TopicPatterns),
}

impl TopicFilter {
    /// Reads a pattern, in any spelling of a topic.
    ///
    /// # Errors
    /// [`EventError::Topic`] if it is not valid.
    pub fn new(pattern: &str) -> Result<Self, EventError> {
        let pattern = parse_topic(pattern).map_err(|message| EventError::Topic { message })?;
        Ok(TopicFilter(match pattern.contains('*') {
            true => Filter::Pattern(TopicPatterns::new(&[pattern])),
            false => Filter::Topic(pattern),
        }))
    }

    /// Returns whether it matches the canonical spelling of a topic, as [`Event::name`](super::Event::name) has it.
    pub fn matches(&self, topic: &str) -> bool {
        match &self.0 {
            Filter::Topic(own) => own == topic,
            Filter::Pattern(pattern) => pattern.matches(topic),
        }
    }
}

impl std::fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicFilter").finish_non_exhaustive()
    }
}

/// Returns whether a topic is short, valid and in its canonical spelling, as most are. The others are parsed.
fn is_canonical(topic: &str) -> bool {
    let mut in_word = false;
    for byte in topic.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => in_word = true,
            b'.' if in_word => in_word = false,
            _ => return false,
        }
    }
    in_word && topic.len() <= 64
}

/// Returns whether a topic or pattern is a plugin's own name, or below it.
pub(crate) fn is_own_topic(plugin: &str, topic: &str) -> bool {
    topic.strip_prefix(plugin).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_published_in_their_canonical_spelling() {
        for (written, topic) in [
            ("order.placed", "order.placed"),
            ("onContainerStart", "container.start"),
            ("container:started", "container.start"),
            ("onset", "onset"),
            ("Order.Placed", "Order.Placed"),
        ] {
            assert_eq!(Topic::new(written.to_owned()), Ok(Topic(topic.to_owned())), "{written}");
        }
    }

    #[test]
    fn filter_takes_a_topic_in_any_spelling_or_a_pattern() {
        let check = |pattern: &str, topic: &str, expected: bool| {
            let filter = TopicFilter::new(pattern).expect("valid");
            assert_eq!(filter.matches(topic), expected, "{pattern} {topic}");
        };
        for (pattern, topic) in [("order.placed", "order.placed"), ("onContainerStart", "container.start"), ("**", "a")]
        {
            check(pattern, topic, true);
        }
        for (pattern, topic) in [("order.placed", "order.placed.now"), ("order", "order.placed"), ("order.*", "order")]
        {
            check(pattern, topic, false);
        }
        check("order.*", "order.placed", true);
    }

    #[test]
    fn pattern_or_malformed_topic_is_not_published() {
        let long = vec!["a"; TOPIC_WORDS_MAX + 1].join(".");
        for bad in ["", ".", "a.", ".a", "a..b", "order.*", "**", "a b", &long] {
            assert!(Topic::new(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
