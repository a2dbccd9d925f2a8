//! Events: the topics that a plugin publishes and subscribes to.
//!
//! Topics are read in all of their spellings and stored in the canonical one; see [`topic`](super::topic).

use serde::Serialize;
use serde_json::{Value, json};

use crate::field::{Field, Table, field};
use crate::limits::{PATTERN_CHARS_MAX, PRIORITY_MAX, TOPICS_MAX};
use crate::part::topic::{parse_topic, topic_of_hook};
use crate::problem::{Report, code};
use crate::read::{Node, Object};
use crate::shape;

/// The events of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// The topics, or patterns of topics, that the plugin may publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publishes: Vec<String>,
    /// The plugin's subscriptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscribes: Vec<Subscription>,
}

/// A subscription to a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// The id, unique among the plugin's subscriptions, by which its handler is found. Default: the topic.
    pub id: String,
    /// A topic or a pattern of topics.
    pub topic: String,
    /// The priority. Handlers of higher priority receive an event first.
    pub priority: i32,
    /// Whether the subscription ends with its first event.
    pub once: bool,
    /// Whether events survive a crash of the host. The plugin may then receive an event twice.
    pub durable: bool,
}

/// The events of one layer. With `None`, those of the layers below apply; an empty list drops them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct EventFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publishes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscribes: Option<Vec<SubscriptionFields>>,
}

/// A subscription as one layer declares it. Omitted fields are taken from the layers below.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct SubscriptionFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    pub(crate) topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    once: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durable: Option<bool>,
}

impl EventFields {
    pub(crate) fn events(self) -> Events {
        let subscribes = self.subscribes.unwrap_or_default();
        Events {
            publishes: self.publishes.unwrap_or_default(),
            subscribes: subscribes.into_iter().map(SubscriptionFields::subscription).collect(),
        }
    }
}

impl SubscriptionFields {
    fn plain(topic: String) -> SubscriptionFields {
        SubscriptionFields { topic, ..SubscriptionFields::default() }
    }

    /// The id: the declared one, or else the topic.
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.topic)
    }

    /// Overrides fields with those of a layer above.
    pub(crate) fn overridden_by(&mut self, above: &SubscriptionFields) {
        self.topic.clone_from(&above.topic);
        self.priority = above.priority.or(self.priority);
        self.once = above.once.or(self.once);
        self.durable = above.durable.or(self.durable);
    }

    fn subscription(self) -> Subscription {
        let SubscriptionFields { id, topic, priority, once, durable } = self;
        let id = id.unwrap_or_else(|| topic.clone());
        let priority = priority.unwrap_or(DEFAULT_PRIORITY);
        Subscription { id, topic, priority, once: once.unwrap_or(false), durable: durable.unwrap_or(false) }
    }
}

/// The default priority of a subscription.
pub const DEFAULT_PRIORITY: i32 = 50;

const PUBLISHES: Field = field("publishes", "Topics or patterns of topics that the plugin may publish.", || {
    shape::list(shape::line(PATTERN_CHARS_MAX), TOPICS_MAX)
})
.or(&["publish"]);
const SUBSCRIBES: Field = field("subscribes", "Topics, patterns of topics or hook names to subscribe to.", || {
    shape::list(shape::any_of([shape::line(PATTERN_CHARS_MAX), shape::object(SUBSCRIPTION, &["topic"])]), TOPICS_MAX)
})
.or(&["subscribe"]);
const EVENTS: Table = &[PUBLISHES, SUBSCRIBES];

const ID: Field = field(
    "id",
    "The id of the subscription, by which its handler is found; the topic if left out. Two subscriptions to one topic \
     need ids.",
    || shape::line(PATTERN_CHARS_MAX),
);
const TOPIC: Field =
    field("topic", "A topic or a pattern: `order.placed`, `order.*`, `**`.", || shape::line(PATTERN_CHARS_MAX))
        .or(&["event", "pattern"]);
const PRIORITY: Field =
    field("priority", "Handlers of higher priority receive an event first; 50 if left out.", || {
        shape::integer(-PRIORITY_MAX, PRIORITY_MAX)
    });
const ONCE: Field = field("once", "Whether the subscription ends with the first event.", shape::boolean);
const DURABLE: Field = field("durable", "Whether events are delivered again after a crash.", shape::boolean);
const SUBSCRIPTION: Table = &[ID, TOPIC, PRIORITY, ONCE, DURABLE];
/// The fields of the options after a hook's name.
const HOOK: Table = &[PRIORITY, ONCE, DURABLE];

pub(crate) fn read_events(node: &Node<'_>, report: &mut Report) -> Option<EventFields> {
    if node.value.is_array() {
        node.wrong_type(report, "an object with `publishes` and `subscribes`");
        return None;
    }
    // Hooks are keys of this object, and the table cannot list them, so they are removed first.
    let (hooks, rest) = split_hooks(node.value);
    let rest = Node { value: &rest, path: node.path.clone() };
    let object = rest.object(EVENTS, report)?;
    let publishes = object.get("publishes").and_then(|node| node.written(read_publishes(&node, report), Vec::len));
    let listed = object.get("subscribes");
    let dropped = listed.as_ref().is_some_and(|node| node.value.as_array().is_some_and(Vec::is_empty));
    let listed = listed.map(|node| read_subscriptions(&node, report)).unwrap_or_default();
    let mut subscribes: Vec<SubscriptionFields> = Vec::new();
    let hooked = hooks.iter().map(|(name, topic, value)| {
        let node = Node { value, path: crate::read::join(&node.path, name) };
        (node.path.clone(), read_hook(topic, &node, report))
    });
    let hooked: Vec<_> = hooked.collect();
    for (at, subscription) in listed.into_iter().chain(hooked) {
        let Some(subscription) = subscription else {
            continue;
        };
        if subscribes.iter().any(|known| known.id() == subscription.id()) {
            let message = match &subscription.id {
                Some(id) => format!("there are two subscriptions with the id `{id}`"),
                None => {
                    format!("`{}` is subscribed to twice: give one of the subscriptions an `id`", subscription.topic)
                }
            };
            report.add(&at, code::DUPLICATE, message);
        } else if subscribes.len() == TOPICS_MAX {
            report.add(&at, code::TOO_LARGE, format!("at most {TOPICS_MAX} subscriptions are allowed"));
        } else {
            subscribes.push(subscription);
        }
    }
    let subscribes = (dropped || !subscribes.is_empty()).then_some(subscribes);
    Some(EventFields { publishes, subscribes })
}

fn read_publishes(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for item in node.items(TOPICS_MAX, report) {
        let Some(topic) = read_topic(&item, report) else {
            continue;
        };
        if topics.contains(&topic) {
            item.problem(report, code::DUPLICATE, format!("`{topic}` is listed twice"));
        } else {
            topics.push(topic);
        }
    }
    topics
}

type Hooks = Vec<(String, String, Value)>;

fn split_hooks(value: &Value) -> (Hooks, Value) {
    let Value::Object(map) = value else {
        return (Vec::new(), value.clone());
    };
    let mut hooks = Vec::new();
    let mut rest = serde_json::Map::new();
    for (name, value) in map {
        match topic_of_hook(name) {
            Some(topic) => hooks.push((name.clone(), topic, value.clone())),
            None => _ = rest.insert(name.clone(), value.clone()),
        }
    }
    (hooks, Value::Object(rest))
}

type Placed = (String, Option<SubscriptionFields>);

fn read_subscriptions(node: &Node<'_>, report: &mut Report) -> Vec<Placed> {
    let items = node.items(TOPICS_MAX, report);
    items.iter().map(|item| (item.path.clone(), read_subscription(item, report))).collect()
}

fn read_subscription(node: &Node<'_>, report: &mut Report) -> Option<SubscriptionFields> {
    if node.value.is_string() {
        return read_topic(node, report).map(SubscriptionFields::plain);
    }
    if !node.value.is_object() {
        node.wrong_type(report, "a topic or an object with id, topic, priority, once and durable");
        return None;
    }
    let object = node.object(SUBSCRIPTION, report)?;
    let topic = object.need("topic", report).and_then(|node| read_topic(&node, report));
    let id = object.get("id").and_then(|node| read_id(&node, report));
    let options = read_options(&object, report);
    Some(SubscriptionFields { id, topic: topic?, ..options })
}

/// Reads an id. Ids with `#` are those of subscriptions that a plugin's code makes.
fn read_id(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let id = node.line(PATTERN_CHARS_MAX, report)?;
    if id.starts_with('#') {
        node.problem(report, code::INVALID_VALUE, "must not begin with `#`");
        return None;
    }
    Some(id)
}

/// Reads a hook's value: `true`, `null` or an object with options.
fn read_hook(topic: &str, node: &Node<'_>, report: &mut Report) -> Option<SubscriptionFields> {
    match node.value {
        Value::Null | Value::Bool(true) => Some(SubscriptionFields::plain(topic.to_owned())),
        Value::Bool(false) => None,
        _ => {
            let object = node.object(HOOK, report)?;
            let options = read_options(&object, report);
            Some(SubscriptionFields { topic: topic.to_owned(), ..options })
        }
    }
}

fn read_options(object: &Object<'_>, report: &mut Report) -> SubscriptionFields {
    let range = -PRIORITY_MAX..=PRIORITY_MAX;
    let priority = object.get("priority").and_then(|node| node.integer(range, report));
    let flag = |name, report: &mut Report| object.get(name).and_then(|node| node.boolean(report));
    SubscriptionFields {
        id: None,
        topic: String::new(),
        priority: priority.and_then(|priority| i32::try_from(priority).ok()),
        once: flag("once", report),
        durable: flag("durable", report),
    }
}

fn read_topic(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.string(report)?;
    parse_topic(text).map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()
}

pub(crate) fn events_shape() -> Value {
    let hook = shape::any_of([shape::object(HOOK, &[]), json!({ "type": ["boolean", "null"] })]);
    let mut shape = shape::object(EVENTS, &[]);
    shape["patternProperties"] = json!({ "^on[A-Z][a-z0-9]*[A-Z][A-Za-z0-9]*$": hook });
    shape
}
