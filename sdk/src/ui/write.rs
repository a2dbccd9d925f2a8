//! Pages as the member `frontend` of the manifest.

use super::action::{ActionKind, Confirm, PageAction, Reaction};
use super::loader::Loader;
use super::node::Node;
use super::page::{Fragment, Frontend, Page};
use crate::constant::{Json, Writer};

/// Writes `frontend`.
pub(crate) const fn frontend<const N: usize>(frontend: &Frontend, writer: &mut Writer<N>) {
    writer.key("frontend");
    writer.open("{");
    writer.key("pages");
    writer.open("[");
    let mut index = 0;
    while index < frontend.pages.len() {
        page(&frontend.pages[index], writer);
        index += 1;
    }
    writer.close("]");
    loaders(frontend.loaders, writer);
    actions(frontend.actions, writer);
    if !frontend.fragments.is_empty() {
        writer.key("fragments");
        writer.open("[");
        let mut index = 0;
        while index < frontend.fragments.len() {
            fragment(&frontend.fragments[index], writer);
            index += 1;
        }
        writer.close("]");
    }
    state("globalState", frontend.state, frontend.computed, writer);
    writer.close("}");
}

const fn page<const N: usize>(page: &Page, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    text("path", Some(page.path), writer);
    writer.key("template");
    writer.open("{");
    nodes("widgets", page.template.widgets, writer);
    state("state", page.template.state, page.template.computed, writer);
    writer.close("}");
    writer.key("meta");
    writer.open("{");
    text("title", page.title, writer);
    text("icon", page.icon, writer);
    if page.is_hidden {
        writer.key("showInNav");
        writer.raw("false");
    }
    if let Some(order) = page.order {
        number("navOrder", order as i128, writer);
    }
    writer.close("}");
    loaders(page.template.loaders, writer);
    actions(page.template.actions, writer);
    writer.close("}");
}

const fn fragment<const N: usize>(fragment: &Fragment, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    text("id", Some(fragment.id), writer);
    if !fragment.props.is_empty() {
        writer.key("props");
        writer.open("{");
        let mut index = 0;
        while index < fragment.props.len() {
            let (name, kind) = fragment.props[index];
            writer.key(name);
            writer.open("{");
            text("type", Some(kind), writer);
            writer.close("}");
            index += 1;
        }
        writer.close("}");
    }
    nodes("widgets", fragment.widgets, writer);
    writer.close("}");
}

const fn nodes<const N: usize>(key: &str, nodes: &[Node], writer: &mut Writer<N>) {
    writer.key(key);
    writer.open("[");
    let mut index = 0;
    while index < nodes.len() {
        writer.element();
        node(&nodes[index], writer);
        index += 1;
    }
    writer.close("]");
}

const fn node<const N: usize>(node: &Node, writer: &mut Writer<N>) {
    writer.open("{");
    text("type", Some(node.widget), writer);
    text("id", node.id, writer);
    text("fragmentId", node.fragment_id, writer);
    props(node, writer);
    if !node.children.is_empty() {
        nodes("children", node.children, writer);
    }
    links("bindings", &node.bindings.all, node.bindings.count, writer);
    links("actions", &node.events.all, node.events.count, writer);
    text("condition", node.condition, writer);
    if let Some(repeat) = &node.repeat {
        writer.key("loop");
        writer.open("{");
        text("items", Some(repeat.items), writer);
        text("itemVar", Some(repeat.variable), writer);
        text("keyExpr", repeat.key, writer);
        writer.close("}");
    }
    if let Some(fallback) = node.fallback {
        writer.key("fallback");
        self::node(fallback, writer);
    }
    writer.close("}");
}

const fn props<const N: usize>(node: &Node, writer: &mut Writer<N>) {
    writer.key("props");
    writer.open("{");
    let mut index = 0;
    while index < node.props.count {
        let (name, value) = &node.props.all[index];
        json(name, value, writer);
        index += 1;
    }
    if !node.columns.is_empty() {
        columns(node, writer);
    }
    if !node.series.is_empty() {
        writer.key("series");
        writer.open("[");
        let mut index = 0;
        while index < node.series.len() {
            writer.element();
            writer.open("{");
            text("key", Some(node.series[index].key), writer);
            text("label", node.series[index].label, writer);
            writer.close("}");
            index += 1;
        }
        writer.close("]");
    }
    if !node.options.is_empty() {
        texts("options", node.options, writer);
    }
    writer.close("}");
}

const fn columns<const N: usize>(node: &Node, writer: &mut Writer<N>) {
    writer.key("columns");
    writer.open("[");
    let mut index = 0;
    while index < node.columns.len() {
        let column = &node.columns[index];
        writer.element();
        writer.open("{");
        text("key", Some(column.key), writer);
        text("title", column.title, writer);
        text("width", column.width, writer);
        text("align", column.align, writer);
        if column.is_plain {
            writer.key("sortable");
            writer.raw("false");
            writer.key("filterable");
            writer.raw("false");
        }
        if let Some(cell) = column.cell {
            writer.key("renderTemplate");
            self::node(cell, writer);
        }
        writer.close("}");
        index += 1;
    }
    writer.close("]");
}

const fn loaders<const N: usize>(loaders: &[Loader], writer: &mut Writer<N>) {
    if loaders.is_empty() {
        return;
    }
    writer.key("loaders");
    writer.open("[");
    let mut index = 0;
    while index < loaders.len() {
        loader(&loaders[index], writer);
        index += 1;
    }
    writer.close("]");
}

const fn loader<const N: usize>(loader: &Loader, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    text("id", Some(loader.id), writer);
    text("apiRoute", Some(loader.api_route), writer);
    text("method", Some(loader.method.as_str()), writer);
    json("body", &loader.body, writer);
    text("stateKey", loader.state_key, writer);
    text("dataKey", loader.data_key, writer);
    if let Some(ttl) = loader.cache_ms {
        writer.key("cache");
        writer.open("{");
        number("ttl", ttl as i128, writer);
        writer.close("}");
    }
    if loader.is_late {
        writer.key("runOnNavigate");
        writer.raw("false");
    }
    if let Some(interval) = loader.interval_ms {
        writer.key("polling");
        writer.open("{");
        number("interval", interval as i128, writer);
        text("enabled", loader.polls_while, writer);
        writer.close("}");
    }
    if !loader.events.is_empty() {
        texts("events", loader.events, writer);
    }
    writer.close("}");
}

const fn actions<const N: usize>(actions: &[PageAction], writer: &mut Writer<N>) {
    if actions.is_empty() {
        return;
    }
    writer.key("actions");
    writer.open("[");
    let mut index = 0;
    while index < actions.len() {
        action(&actions[index], writer);
        index += 1;
    }
    writer.close("]");
}

const fn action<const N: usize>(action: &PageAction, writer: &mut Writer<N>) {
    writer.element();
    writer.open("{");
    text("id", Some(action.id), writer);
    match &action.kind {
        ActionKind::Api { method, api_route, body } => {
            text("type", Some("api"), writer);
            text("apiRoute", Some(api_route), writer);
            text("method", Some(method.as_str()), writer);
            json("body", body, writer);
        }
        ActionKind::Reload { loaders } => {
            text("type", Some("reload"), writer);
            if !loaders.is_empty() {
                texts("loaderIds", loaders, writer);
            }
        }
        ActionKind::Navigate { path } => {
            text("type", Some("navigate"), writer);
            text("path", Some(path), writer);
        }
        ActionKind::SetState { updates } => {
            text("type", Some("setState"), writer);
            values("stateUpdates", updates, writer);
        }
        ActionKind::Custom { handler } => {
            text("type", Some("custom"), writer);
            text("handler", Some(handler), writer);
        }
    }
    if let Some(question) = &action.confirm {
        confirm(question, writer);
    }
    if let Some(milliseconds) = action.debounce_ms {
        number("debounce", milliseconds as i128, writer);
    }
    if action.shows_loading {
        writer.key("showLoading");
        writer.raw("true");
    }
    if let Some(success) = &action.on_success {
        reaction("onSuccess", success, writer);
    }
    if let Some(error) = &action.on_error {
        reaction("onError", error, writer);
    }
    writer.close("}");
}

const fn confirm<const N: usize>(confirm: &Confirm, writer: &mut Writer<N>) {
    writer.key("confirm");
    writer.open("{");
    text("title", confirm.title, writer);
    text("message", Some(confirm.message), writer);
    text("confirmText", confirm.confirm_text, writer);
    text("cancelText", confirm.cancel_text, writer);
    writer.close("}");
}

const fn reaction<const N: usize>(key: &str, reaction: &Reaction, writer: &mut Writer<N>) {
    writer.key(key);
    writer.open("{");
    if !reaction.set_state.is_empty() {
        values("setState", reaction.set_state, writer);
    }
    if let Some((tone, message)) = reaction.notify {
        writer.key("notify");
        writer.open("{");
        text("message", Some(message), writer);
        text("type", Some(tone.as_str()), writer);
        writer.close("}");
    }
    text("triggerAction", reaction.trigger, writer);
    text("navigate", reaction.navigate, writer);
    writer.close("}");
}

const fn state<const N: usize>(key: &str, initial: &[(&str, Json)], computed: &[(&str, &str)], writer: &mut Writer<N>) {
    if initial.is_empty() && computed.is_empty() {
        return;
    }
    writer.key(key);
    writer.open("{");
    if !initial.is_empty() {
        values("initial", initial, writer);
    }
    links("computed", computed, computed.len(), writer);
    writer.close("}");
}

const fn values<const N: usize>(key: &str, values: &[(&str, Json)], writer: &mut Writer<N>) {
    writer.key(key);
    writer.open("{");
    let mut index = 0;
    while index < values.len() {
        writer.key(values[index].0);
        writer.json(&values[index].1);
        index += 1;
    }
    writer.close("}");
}

const fn links<const N: usize>(key: &str, links: &[(&str, &str)], count: usize, writer: &mut Writer<N>) {
    if count == 0 {
        return;
    }
    writer.key(key);
    writer.open("{");
    let mut index = 0;
    while index < count {
        text(links[index].0, Some(links[index].1), writer);
        index += 1;
    }
    writer.close("}");
}

const fn texts<const N: usize>(key: &str, texts: &[&str], writer: &mut Writer<N>) {
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

const fn json<const N: usize>(key: &str, value: &Json, writer: &mut Writer<N>) {
    if !matches!(value, Json::Nothing) {
        writer.key(key);
        writer.json(value);
    }
}

const fn text<const N: usize>(key: &str, text: Option<&str>, writer: &mut Writer<N>) {
    if let Some(text) = text {
        writer.key(key);
        writer.text(text);
    }
}

const fn number<const N: usize>(key: &str, number: i128, writer: &mut Writer<N>) {
    writer.key(key);
    writer.json(&Json::Integer(number));
}
