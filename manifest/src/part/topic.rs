//! Topics: the names of events, and their spellings.
//!
//! A topic consists of words separated by dots. A pattern may use `*` for any text within a word and `**` for any
//! number of words. A topic has three spellings, so that plugins written for DockStat need no change:
//!
//! | Written | Topic |
//! |---|---|
//! | `container.start` | `container.start` |
//! | `container:start`, and for Docker's objects also `container:started` | `container.start` |
//! | the hook name `onContainerStart` | `container.start` |
//! | `image:removed`, `onImageRemove` | `image.delete`: Docker calls it so; containers and volumes are destroyed |
//!
//! Only [`parse_topic`] maps the spellings. All other code (the manifest's lists, the SDK's attributes, test files,
//! events that an application emits) calls it and then compares topics as text.

use crate::limits::PATTERN_CHARS_MAX;
use crate::problem::quoted;

/// Docker's objects, whose events are also named in the past tense after a colon.
const DOCKER_OBJECTS: &[&str] = &["container", "image", "network", "volume"];

/// Docker's actions by their past tense.
const PAST_TENSE: &[(&str, &str)] = &[
    ("attached", "attach"),
    ("connected", "connect"),
    ("created", "create"),
    ("deleted", "delete"),
    ("destroyed", "destroy"),
    ("died", "die"),
    ("disconnected", "disconnect"),
    ("killed", "kill"),
    ("paused", "pause"),
    ("pulled", "pull"),
    ("pushed", "push"),
    ("removed", "remove"),
    ("renamed", "rename"),
    ("restarted", "restart"),
    ("started", "start"),
    ("stopped", "stop"),
    ("tagged", "tag"),
    ("unpaused", "unpause"),
    ("updated", "update"),
];

/// Docker's actions for objects whose removal has another name. Networks are removed.
const REMOVALS: &[(&str, &str)] = &[("container", "destroy"), ("image", "delete"), ("volume", "destroy")];

/// Parses a topic or pattern and returns its canonical spelling.
///
/// # Errors
///
/// The problem and what to write instead.
pub fn parse_topic(text: &str) -> Result<String, String> {
    let topic = canonical_topic(text);
    check(&topic).map(|()| topic)
}

/// Returns the canonical spelling of a topic, without checking it.
pub fn canonical_topic(text: &str) -> String {
    if let Some(topic) = topic_of_hook(text) {
        return topic;
    }
    let happened = text.split_once(':').filter(|(thing, _)| DOCKER_OBJECTS.contains(thing));
    let tense = happened.and_then(|(thing, happened)| {
        let present = PAST_TENSE.iter().find(|(known, _)| *known == happened).map_or(happened, |(_, present)| present);
        let action = action_of(thing, present);
        (action != happened).then(|| format!("{thing}.{action}"))
    });
    tense.unwrap_or_else(|| text.replace(':', "."))
}

/// Returns Docker's name of an action, which other spellings call `remove` for each object.
fn action_of<'a>(thing: &str, action: &'a str) -> &'a str {
    let removal = REMOVALS.iter().find(|(known, _)| *known == thing).filter(|_| action == "remove");
    removal.map_or(action, |(_, removal)| removal)
}

fn check(topic: &str) -> Result<(), String> {
    let chars = topic.chars().count();
    if chars > PATTERN_CHARS_MAX {
        return Err(format!("a topic has at most {PATTERN_CHARS_MAX} characters, this one has {chars}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*');
    for word in topic.split('.') {
        if word.is_empty() {
            return Err(format!("{} has an empty word: write words with single dots between them", quoted(topic)));
        }
        if !word.chars().all(plain) {
            let rule = "use letters, digits, `_` and `-`, and `*` in patterns";
            return Err(format!("the word {} is not allowed in a topic: {rule}", quoted(word)));
        }
        if word.contains("**") && word != "**" {
            return Err(format!("{} mixes `**` with other characters: it must be a word of its own", quoted(word)));
        }
    }
    Ok(())
}

/// Returns the topic of a DockStat hook name. The first word after `on` is the object, and the rest is the event
/// (`onContainerHealthStatus` is `container.health_status`).
pub(crate) fn topic_of_hook(name: &str) -> Option<String> {
    let words = name.strip_prefix("on").filter(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric()))?;
    let starts = words.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(index, _)| index);
    let starts: Vec<usize> = starts.collect();
    let (&[0, second], _) = starts.split_first_chunk::<2>()? else {
        return None;
    };
    let thing = words[..second].to_ascii_lowercase();
    let mut happened = String::new();
    for c in words[second..].chars() {
        if c.is_ascii_uppercase() && !happened.is_empty() {
            happened.push('_');
        }
        happened.push(c.to_ascii_lowercase());
    }
    Some(format!("{thing}.{}", action_of(&thing, &happened)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_topic_is_one_topic() {
        for (written, topic) in [
            ("onContainerStart", "container.start"),
            ("container:start", "container.start"),
            ("container:started", "container.start"),
            ("container.start", "container.start"),
            ("container:metrics", "container.metrics"),
            ("container:*", "container.*"),
            ("container:died", "container.die"),
            ("container:removed", "container.destroy"),
            ("image:remove", "image.delete"),
            ("network:removed", "network.remove"),
            // Only Docker's objects have a past tense, and only after a colon.
            ("container.started", "container.started"),
            ("order:created", "order.created"),
            ("container:health:started", "container.health.started"),
        ] {
            assert_eq!(parse_topic(written).as_deref(), Ok(topic), "{written}");
            assert_eq!(parse_topic(topic).as_deref(), Ok(topic), "{topic} is canonical");
        }
    }

    #[test]
    fn topic_of_hook_names_become_topics() {
        let hooks = [
            ("onContainerStart", Some("container.start")),
            ("onContainerDie", Some("container.die")),
            ("onContainerHealthStatus", Some("container.health_status")),
            ("onImagePull", Some("image.pull")),
            ("onImageRemove", Some("image.delete")),
            ("onServerBoot", Some("server.boot")),
            ("on", None),
            ("onset", None),
            ("onCall", None),
            ("order.onPlacedNow", None),
            ("onContainer.Start", None),
        ];
        for (name, topic) in hooks {
            assert_eq!(topic_of_hook(name).as_deref(), topic, "{name}");
        }
    }

    #[test]
    fn parse_topic_patterns_and_plain_topics_are_accepted() {
        for good in ["log", "order.placed", "order.*", "**", "a.**.b", "process_status_changed", "my-plugin.*_done"] {
            assert_eq!(parse_topic(good).as_deref(), Ok(good), "{good}");
        }
        for bad in ["", ".", ":", "a.", "a:", "a..b", "a::b", "a.:b", "a b", "a.b**", "a/b", "é", "***"] {
            assert!(parse_topic(bad).is_err(), "{bad}");
        }
    }
}
