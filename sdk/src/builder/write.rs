//! The plugin's declaration as the bytes of the custom section `plugbay:manifest`.
//!
//! The section is a sequence of JSON documents. Each is a layer of the manifest that overrides the one before:
//! `Cargo.toml`, the code, the manifest file. The file comes last because it may also be next to the component, where
//! it overrides the code too, so that it means the same in both places.

use super::{Action, Parts, Plugin, Response, Route, Subscription, permission, requests};
use crate::constant::{Json, Writer, same};
use crate::ui;

impl<S> Plugin<S> {
    /// The size of [`Plugin::section`] in bytes.
    #[doc(hidden)]
    pub const fn section_length(&self) -> usize {
        let mut counter = Writer::<0>::new();
        write(&self.parts, &mut counter);
        counter.length()
    }

    /// The layers of the manifest.
    #[doc(hidden)]
    pub const fn section<const N: usize>(&self) -> [u8; N] {
        let mut writer = Writer::<N>::new();
        write(&self.parts, &mut writer);
        writer.finish()
    }
}

const fn write<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    if let Some(source) = parts.source {
        writer.raw(source.cargo);
        writer.raw("\n");
    }
    writer.open("{");
    identity(parts, writer);
    requests::write(parts, writer);
    writer.key("actions");
    writer.open("[");
    let mut index = 0;
    while index < parts.actions.len() {
        action(&parts.actions[index], writer);
        index += 1;
    }
    writer.close("]");
    if !parts.routes.is_empty() {
        writer.key("routes");
        writer.open("[");
        let mut index = 0;
        while index < parts.routes.len() {
            route(&parts.routes[index], writer);
            index += 1;
        }
        writer.close("]");
    }
    events(parts, writer);
    if !parts.tables.is_empty() {
        tables(parts, writer);
    }
    if let Some(frontend) = &parts.frontend {
        ui::write::frontend(frontend, writer);
    }
    if !parts.permissions.is_empty() {
        permissions(parts, writer);
    }
    writer.close("}");
    writer.raw("\n");
    if let Some(layer) = parts.requests.layer {
        writer.raw(layer);
        writer.raw("\n");
    }
    if let Some(source) = parts.source
        && !source.json.is_empty()
    {
        writer.raw(source.json);
        writer.raw("\n");
    }
}

const fn identity<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    optional("name", parts.name, writer);
    optional("version", parts.version, writer);
    optional("title", parts.title, writer);
    optional("description", parts.description, writer);
    optional("license", parts.license, writer);
    optional("category", parts.category, writer);
    optional("repository", parts.repository, writer);
    if let Some(author) = parts.author {
        writer.key("author");
        writer.open("{");
        optional("name", Some(author.name), writer);
        optional("email", author.email, writer);
        optional("url", author.url, writer);
        writer.close("}");
    }
    if let Some(tags) = parts.tags {
        texts("tags", tags, writer);
    }
}

const fn action<S, const N: usize>(action: &Action<S>, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    optional("name", Some(action.name), writer);
    optional("title", action.title, writer);
    optional("description", action.description, writer);
    schema("payload", &action.payload, writer);
    schema("result", &action.result, writer);
    if action.idempotent {
        flag("idempotent", Some(true), writer);
    }
    flag("read_only", action.read_only, writer);
    flag("destructive", action.destructive, writer);
    flag("open_world", action.open_world, writer);
    writer.close("}");
}

const fn flag<const N: usize>(name: &str, value: Option<bool>, writer: &mut Writer<N>) {
    if let Some(value) = value {
        writer.key(name);
        writer.raw(if value { "true" } else { "false" });
    }
}

const fn route<const N: usize>(route: &Route, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    optional("method", Some(route.method.as_str()), writer);
    optional("path", Some(route.path), writer);
    texts("actions", route.actions, writer);
    optional("summary", route.summary, writer);
    optional("description", route.description, writer);
    if !route.tags.is_empty() {
        texts("tags", route.tags, writer);
    }
    schema("params", &route.params, writer);
    schema("query", &route.query, writer);
    optional("consumes", route.consumes, writer);
    if !route.responses.is_empty() {
        responses(route.responses, writer);
    }
    writer.close("}");
}

const fn responses<const N: usize>(responses: &[Response], writer: &mut Writer<N>) {
    writer.key("responses");
    writer.open("{");
    let mut index = 0;
    while index < responses.len() {
        let response = &responses[index];
        let digits = response.status;
        let digits = [digit(digits / 100), digit(digits / 10), digit(digits)];
        match core::str::from_utf8(&digits) {
            Ok(status) => writer.key(status),
            Err(_) => panic!("digits are text"),
        }
        writer.open("{");
        optional("description", response.description, writer);
        optional("content_type", response.content_type, writer);
        schema("schema", &response.schema, writer);
        writer.close("}");
        index += 1;
    }
    writer.close("}");
}

/// The last decimal digit.
const fn digit(number: u16) -> u8 {
    b'0' + (number % 10) as u8
}

const fn events<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    let publishes = parts.requests.publishes;
    let subscribes = has_declared(parts.subscriptions);
    if publishes.is_empty() && !subscribes {
        return;
    }
    writer.key("events");
    writer.open("{");
    if !publishes.is_empty() {
        texts("publishes", publishes, writer);
    }
    if subscribes {
        subscriptions(parts.subscriptions, writer);
    }
    writer.close("}");
}

/// Whether the manifest has any of these subscriptions. An empty list of them would drop those of layers below.
const fn has_declared<S>(subscriptions: &[Subscription<S>]) -> bool {
    let mut index = 0;
    while index < subscriptions.len() {
        if !subscriptions[index].dynamic {
            return true;
        }
        index += 1;
    }
    false
}

const fn subscriptions<S, const N: usize>(subscriptions: &[Subscription<S>], writer: &mut Writer<N>) {
    writer.key("subscribes");
    writer.open("[");
    let mut index = 0;
    while index < subscriptions.len() {
        let subscription = &subscriptions[index];
        index += 1;
        if subscription.dynamic {
            continue;
        }
        writer.element();
        writer.open("{");
        if !same(subscription.id, subscription.pattern) {
            optional("id", Some(subscription.id), writer);
        }
        optional("topic", Some(subscription.pattern), writer);
        writer.key("priority");
        writer.json(&Json::Integer(subscription.priority as i128));
        writer.key("once");
        writer.raw(if subscription.once { "true" } else { "false" });
        if subscription.durable {
            writer.key("durable");
            writer.raw("true");
        }
        writer.close("}");
    }
    writer.close("]");
}

const fn tables<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    writer.key("tables");
    writer.open("[");
    let mut index = 0;
    while index < parts.tables.len() {
        parts.tables[index].write(writer);
        index += 1;
    }
    writer.close("]");
}

const fn permissions<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    writer.key("permissions");
    writer.open("[");
    let mut index = 0;
    while index < parts.permissions.len() {
        permission::write(parts.permissions[index], writer);
        index += 1;
    }
    writer.close("]");
}

const fn optional<const N: usize>(key: &str, text: Option<&str>, writer: &mut Writer<N>) {
    if let Some(text) = text {
        writer.key(key);
        writer.text(text);
    }
}

const fn schema<const N: usize>(key: &str, schema: &Json, writer: &mut Writer<N>) {
    if !matches!(schema, Json::Nothing) {
        writer.key(key);
        writer.json(schema);
    }
}

pub(super) const fn texts<const N: usize>(key: &str, texts: &[&str], writer: &mut Writer<N>) {
    writer.key(key);
    writer.open("[");
    let mut index = 0;
    while index < texts.len() {
        writer.element();
        writer.text(texts[index]);
        index += 1;
    }
    writer.close("]");
}
