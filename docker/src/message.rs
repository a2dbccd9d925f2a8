//! Messages of `GET /events`, and the events that they are.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::DockerEndpoint;
use crate::event::{DockerEvent, DockerObject};

/// The most characters of an action.
const ACTION_CHARS_MAX: usize = 64;

/// Docker's event message, as far as it is read. Podman repeats some members in Docker's older spelling.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Type")]
    object: String,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor", default)]
    actor: Actor,
    #[serde(default)]
    time: u64,
    #[serde(rename = "timeNano", default)]
    time_ns: u64,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: Option<BTreeMap<String, Value>>,
}

/// The meaning of a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    Event(Box<DockerEvent>),
    /// It is about an object whose events are not published.
    Ignored,
    Malformed,
}

/// Reads a message.
pub(crate) fn read(endpoint: &DockerEndpoint, text: &[u8]) -> Read {
    let Ok(message) = serde_json::from_slice::<Message>(text) else { return Read::Malformed };
    let Some(object) = DockerObject::from_name(&message.object) else { return Read::Ignored };
    // `health_status: healthy`, `exec_create: /bin/sh -c true`
    let (action, detail) = match message.action.split_once(':') {
        Some((action, detail)) => (action, Some(detail.trim().to_owned())),
        None => (message.action.as_str(), None),
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if action.is_empty() || action.len() > ACTION_CHARS_MAX || !action.chars().all(fits) {
        return Read::Malformed;
    }
    let text_of = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let attributes = message.actor.attributes.unwrap_or_default();
    let attributes: BTreeMap<String, String> =
        attributes.into_iter().map(|(name, value)| (name, text_of(value))).collect();
    // Podman names volumes by their attribute alone.
    let id = match message.actor.id.is_empty() {
        true => attributes.get("name").cloned().unwrap_or_default(),
        false => message.actor.id,
    };
    let time_ns = if message.time_ns == 0 { message.time.saturating_mul(1_000_000_000) } else { message.time_ns };
    let event = DockerEvent::new(endpoint.name.clone(), endpoint.number, object, action_of(object, action));
    Read::Event(Box::new(DockerEvent { detail, id, attributes, time_ns, ..event }))
}

/// Docker's name of an action. Podman calls each removal `remove`, and has a name of its own for a load.
fn action_of(object: DockerObject, action: &str) -> &str {
    match (object, action) {
        (DockerObject::Container | DockerObject::Volume, "remove") => "destroy",
        (DockerObject::Image, "remove") => "delete",
        (DockerObject::Image, "loadfromarchive") => "load",
        _ => action,
    }
}

#[cfg(test)]
mod tests {
    use plugbay_manifest::{DockerEntry, DockerUrl};

    use super::*;

    fn read_text(text: &str) -> Read {
        let entry = DockerEntry::new("local", DockerUrl::Unix("/x".into()));
        read(&DockerEndpoint::new(&entry, 1).expect("it needs no files"), text.as_bytes())
    }

    #[track_caller]
    fn event(text: &str) -> DockerEvent {
        match read_text(text) {
            Read::Event(event) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn message_of_docker_is_an_event() {
        let event = event(
            r#"{"status":"die","id":"4f","from":"alpine","Type":"container","Action":"die","Actor":{"ID":"4f",
            "Attributes":{"image":"alpine","name":"web","exitCode":"137"}},"scope":"local","time":7,"timeNano":7000000003}"#,
        );
        assert_eq!((&*event.topic(), &*event.id, event.time_ns), ("container.die", "4f", 7_000_000_003));
        assert_eq!(event.attributes["exitCode"], "137");
    }

    #[test]
    fn text_behind_an_action_is_its_detail() {
        let event = event(r#"{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"4f"},"time":7}"#);
        assert_eq!(
            (&*event.action, event.detail.as_deref(), event.time_ns),
            ("health_status", Some("healthy"), 7_000_000_000)
        );
        let exec = r#"{"Type":"container","Action":"exec_create: sh -c 'a: b'","Actor":{"ID":"4f","Attributes":null}}"#;
        assert_eq!(self::event(exec).detail.as_deref(), Some("sh -c 'a: b'"));
    }

    #[test]
    fn podmans_removals_have_dockers_names() {
        let volume = event(r#"{"Type":"volume","Action":"remove","Actor":{"ID":"","Attributes":{"name":"v1"}}}"#);
        assert_eq!((&*volume.topic(), &*volume.id), ("volume.destroy", "v1"));
        assert_eq!(event(r#"{"Type":"network","Action":"remove"}"#).topic(), "network.remove");
    }

    #[test]
    fn other_messages_are_no_events() {
        assert_eq!(read_text(r#"{"Type":"order","Action":"placed"}"#), Read::Ignored);
        for text in ["{}", r#"{"Type":"container"}"#, r#"{"Type":"container","Action":"a.b"}"#, "{\"Type\":7}"] {
            assert_eq!(read_text(text), Read::Malformed, "{text}");
        }
        assert_eq!(read_text(r#"{"Type":"container","Action":": x"}"#), Read::Malformed);
    }
}
