//! The checks of a plugin's constant. A failed check is a compile error.
//!
//! Some mistakes are checked in three places, each for a reason:
//!
//! | Where | Without the check |
//! |---|---|
//! | the attribute macro (`sdk/macros`) | the error is at `#[plugin]`, with const evaluation notes, not at the method |
//! | here | a plugin of the builder, or with methods under `#[cfg]`, builds and then does not load |
//! | the manifest crate, in the host | the host trusts components that were not built with the SDK |
//!
//! These checks cover mistakes that the code alone shows: names, references from one part to another, sizes. Checks
//! that need the manifest crate's tables, such as the kinds of resources, are left to the host.

use super::route::Route;
use super::{Action, Parts, Source, Subscription, permission, requests};
use crate::constant::{Json, Writer, same};
use crate::ui;

/// The largest schema that the host accepts, in bytes.
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// An interface that a plugin may export in addition to `actions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// `on_load`, `save_state`, `on_reload` and `on_unload`.
    Lifecycle,
    /// Subscriptions.
    Events,
    /// The health check.
    Health,
}

pub(super) const fn all<S>(parts: &Parts<S>) {
    identity(parts);
    actions(parts.actions);
    routes(parts);
    subscriptions(parts);
    requests::check(&parts.requests);
    tables(parts);
    if let Some(frontend) = &parts.frontend {
        ui::check::all(frontend, parts.routes, &parts.source);
    }
    let mut index = 0;
    while index < parts.permissions.len() {
        permission::check(parts.permissions[index]);
        index += 1;
    }
    if let Some(file) = &parts.source {
        source(file, parts);
    }
}

pub(super) const fn exports<S>(parts: &Parts<S>, exports: &[Export]) {
    if parts.hooks.any_of_lifecycle() {
        assert!(has(exports, Export::Lifecycle), "the plugin has a lifecycle hook: export_plugin!(…, lifecycle)");
    }
    if !parts.subscriptions.is_empty() || parts.hooks.on_event.is_some() {
        assert!(has(exports, Export::Events), "the plugin handles events: export_plugin!(…, events)");
    }
    if parts.hooks.health.is_some() {
        assert!(has(exports, Export::Health), "the plugin has a health check: export_plugin!(…, health)");
    }
}

const fn has(exports: &[Export], wanted: Export) -> bool {
    let mut index = 0;
    while index < exports.len() {
        if exports[index] as u8 == wanted as u8 {
            return true;
        }
        index += 1;
    }
    false
}

const fn identity<S>(parts: &Parts<S>) {
    match parts.name {
        Some(name) if !is_name(name) => fail(&["Plugin name must match ^[a-z][a-z0-9_-]*$, and `", name, "` does not"]),
        None if parts.source.is_none() => {
            panic!("Plugin name is required: `.name(\"…\")`, or `.source(manifest!())` for that of Cargo.toml")
        }
        _ => {}
    }
    match parts.version {
        Some(version) if !begins_like_semver(version) => {
            fail(&["Plugin version must be semantic: MAJOR.MINOR.PATCH, not `", version, "`"])
        }
        None if parts.source.is_none() => {
            panic!("Plugin version is required: `.version(\"…\")`, or `.source(manifest!())` for that of Cargo.toml")
        }
        _ => {}
    }
}

pub(super) const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut index = 1;
    while index < bytes.len() {
        if !matches!(bytes[index], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            return false;
        }
        index += 1;
    }
    true
}

/// Whether a text begins with the three numbers of a semantic version. The host checks the rest.
const fn begins_like_semver(version: &str) -> bool {
    let bytes = version.as_bytes();
    let mut index = 0;
    let mut number = 0;
    while number < 3 {
        let start = index;
        while index < bytes.len() && bytes[index].is_ascii_digit() {
            index += 1;
        }
        if index == start || (bytes[start] == b'0' && index > start + 1) {
            return false;
        }
        number += 1;
        if number < 3 {
            if index == bytes.len() || bytes[index] != b'.' {
                return false;
            }
            index += 1;
        }
    }
    index == bytes.len() || matches!(bytes[index], b'-' | b'+')
}

const fn actions<S>(actions: &[Action<S>]) {
    let mut index = 0;
    while index < actions.len() {
        let action = &actions[index];
        if action.name.is_empty() {
            panic!("an action has an empty name");
        }
        let mut other = 0;
        while other < index {
            if same(actions[other].name, action.name) {
                fail(&["two actions have the name `", action.name, "`"]);
            }
            other += 1;
        }
        small(action.name, "payload", &action.payload);
        small(action.name, "result", &action.result);
        index += 1;
    }
}

/// Fails the build if a schema is larger than the host accepts.
const fn small(of: &str, what: &str, schema: &Json) {
    let mut counter = Writer::<0>::new();
    counter.json(schema);
    if counter.length() > SCHEMA_BYTES_MAX {
        fail(&["the schema of the ", what, " of `", of, "` is larger than 64 KiB: mark a part `#[schema(any)]`"]);
    }
}

const fn routes<S>(parts: &Parts<S>) {
    let mut index = 0;
    while index < parts.routes.len() {
        let route = &parts.routes[index];
        route_of_code(route, parts.actions);
        let mut other = 0;
        while other < index {
            let before = &parts.routes[other];
            if before.method as u8 == route.method as u8 && same(before.path, route.path) {
                fail(&["two routes are ", route.method.as_str(), " ", route.path]);
            }
            other += 1;
        }
        index += 1;
    }
}

/// Checks that the code has everything that the manifest file names, because the host calls it.
const fn source<S>(source: &Source, parts: &Parts<S>) {
    let mut index = 0;
    while index < source.actions.len() {
        if !has_action(parts.actions, source.actions[index]) {
            fail(&[source.file, " declares the action `", source.actions[index], "`, which is not in the code"]);
        }
        index += 1;
    }
    let mut index = 0;
    while index < source.routes.len() {
        let route = &source.routes[index];
        let mut step = 0;
        while step < route.actions.len() {
            let place = ["route ", route.method, " ", route.path, " of ", source.file];
            known(parts.actions, route.actions[step], &place);
            step += 1;
        }
        let mut own = 0;
        while own < parts.routes.len() {
            let other = &parts.routes[own];
            let same_requests = same(route.method, other.method.as_str()) && same(route.path, other.path);
            if same_requests && !all_same(route.actions, other.actions) {
                fail(&["route ", route.method, " ", route.path, " has other actions in ", source.file]);
            }
            own += 1;
        }
        index += 1;
    }
    let mut index = 0;
    while index < source.subscribes.len() {
        if parts.hooks.on_event.is_none() && !subscribes(parts.subscriptions, source.subscribes[index]) {
            fail(&[source.file, " subscribes to `", source.subscribes[index], "`, for which the code has no handler"]);
        }
        index += 1;
    }
}

const fn route_of_code<S>(route: &Route, actions: &[Action<S>]) {
    let (method, path) = (route.method.as_str(), route.path);
    if path.is_empty() || path.as_bytes()[0] != b'/' {
        fail(&["the path of route ", method, " ", path, " does not begin with `/`"]);
    }
    if route.actions.is_empty() {
        fail(&["route ", method, " ", path, " names no action"]);
    }
    small(path, "parameters", &route.params);
    small(path, "query", &route.query);
    let mut index = 0;
    while index < route.responses.len() {
        if !matches!(route.responses[index].status, 200..600) {
            fail(&["route ", method, " ", path, " has a response whose status is not from 200 to 599"]);
        }
        small(path, "response", &route.responses[index].schema);
        index += 1;
    }
    let mut step = 0;
    while step < route.actions.len() {
        known(actions, route.actions[step], &["route ", method, " ", path]);
        step += 1;
    }
}

const fn all_same(left: &[&str], right: &[&str]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() && same(left[index], right[index]) {
        index += 1;
    }
    index == left.len() && index == right.len()
}

const fn has_action<S>(actions: &[Action<S>], name: &str) -> bool {
    let mut index = 0;
    while index < actions.len() {
        if same(actions[index].name, name) {
            return true;
        }
        index += 1;
    }
    false
}

const fn subscribes<S>(subscriptions: &[Subscription<S>], id: &str) -> bool {
    let mut index = 0;
    while index < subscriptions.len() {
        if !subscriptions[index].dynamic && same(subscriptions[index].id, id) {
            return true;
        }
        index += 1;
    }
    false
}

const fn known<S>(actions: &[Action<S>], name: &str, route: &[&str]) {
    if has_action(actions, name) {
        return;
    }
    let mut text = Text::new();
    text.all(route);
    text.all(&[" names the unknown action `", name, "`; there are: "]);
    let mut index = 0;
    while index < actions.len() {
        text.all(&[if index == 0 { "" } else { ", " }, actions[index].name]);
        index += 1;
    }
    text.fail();
}

const fn subscriptions<S>(parts: &Parts<S>) {
    let mut index = 0;
    while index < parts.subscriptions.len() {
        let pattern = parts.subscriptions[index].pattern;
        topic(pattern);
        let mut other = 0;
        while other < index {
            let (earlier, later) = (&parts.subscriptions[other], &parts.subscriptions[index]);
            if earlier.dynamic == later.dynamic && same(earlier.id, later.id) {
                fail(&["two subscriptions have the id `", parts.subscriptions[index].id, "`"]);
            }
            other += 1;
        }
        index += 1;
    }
}

/// The longest topic, in bytes; a topic has ASCII characters only.
const TOPIC_BYTES_MAX: usize = 256;

/// Fails the build unless a pattern is in the canonical spelling of `plugbay_manifest::parse_topic`.
///
/// By default the pattern is the subscription's id, by which the plugin finds the handler. The other
/// spellings (`onContainerStart`, `container:start`) are mapped in one place, the manifest crate, which const code
/// cannot call; a handler under such a name would never run.
pub(super) const fn topic(pattern: &str) {
    let bytes = pattern.as_bytes();
    if bytes.len() > TOPIC_BYTES_MAX {
        panic!("a topic has more than 256 bytes");
    }
    if is_hook(bytes) {
        fail(&[
            "`",
            pattern,
            "` is a hook name: name the topic that it stands for, such as `container.start` for `onContainerStart`, \
             or use `#[on_event]`, which takes both",
        ]);
    }
    let mut index = 0;
    let mut word = 0;
    while index <= bytes.len() {
        if index == bytes.len() || bytes[index] == b'.' {
            if index == word {
                fail(&["the topic `", pattern, "` has an empty word: write words with single dots between them"]);
            }
            word = index + 1;
        } else if bytes[index] == b':' {
            fail(&["the topic `", pattern, "` has a colon: write the canonical form, with dots, or use `#[on_event]`"]);
        } else if !matches!(bytes[index], b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'*') {
            fail(&["the topic `", pattern, "` may have letters, digits, `_`, `-`, dots, and `*` in patterns only"]);
        } else if bytes[index] == b'*' && index > word && bytes[index - 1] == b'*' && !is_word(bytes, word, index) {
            fail(&["the topic `", pattern, "` mixes `**` with other characters: it must be a word of its own"]);
        }
        index += 1;
    }
}

/// Whether a text is one of DockStat's hook names: `on` and at least two capitalised words.
const fn is_hook(bytes: &[u8]) -> bool {
    if bytes.len() < 4 || bytes[0] != b'o' || bytes[1] != b'n' || !bytes[2].is_ascii_uppercase() {
        return false;
    }
    let mut index = 3;
    let mut second = false;
    while index < bytes.len() {
        if !bytes[index].is_ascii_alphanumeric() {
            return false;
        }
        second |= bytes[index].is_ascii_uppercase();
        index += 1;
    }
    second
}

/// Whether the `**` that ends at `last` is the whole word that begins at `start`.
const fn is_word(bytes: &[u8], start: usize, last: usize) -> bool {
    last == start + 1 && (last + 1 == bytes.len() || bytes[last + 1] == b'.')
}

/// Checks the tables of the code: each name is unique, and every foreign key refers to a declared table.
const fn tables<S>(parts: &Parts<S>) {
    let tables = parts.tables;
    let mut index = 0;
    while index < tables.len() {
        let name = tables[index].name;
        let mut other = 0;
        while other < index {
            if tables[other].name.eq_ignore_ascii_case(name) {
                fail(&["two tables have the name `", name, "`"]);
            }
            other += 1;
        }
        let of_file = match &parts.source {
            Some(source) => source.tables,
            None => &[],
        };
        let mut other = 0;
        while other < of_file.len() {
            if of_file[other].name.eq_ignore_ascii_case(name) {
                fail(&["the table `", name, "` is in the manifest file too"]);
            }
            other += 1;
        }
        tables[index].check_references(tables, of_file);
        index += 1;
    }
}

/// Fails the build with a message composed of parts.
pub(crate) const fn fail(parts: &[&str]) -> ! {
    let mut text = Text::new();
    text.all(parts);
    text.fail()
}

/// The message of a panic, composed here because const code cannot format one.
struct Text {
    bytes: [u8; 512],
    length: usize,
}

impl Text {
    const fn new() -> Text {
        Text { bytes: [0; 512], length: 0 }
    }

    const fn all(&mut self, parts: &[&str]) {
        let mut index = 0;
        while index < parts.len() {
            let part = parts[index].as_bytes();
            let mut byte = 0;
            while byte < part.len() && self.length < self.bytes.len() {
                self.bytes[self.length] = part[byte];
                self.length += 1;
                byte += 1;
            }
            index += 1;
        }
    }

    const fn fail(&self) -> ! {
        let (text, _) = self.bytes.split_at(self.length);
        match core::str::from_utf8(text) {
            Ok(text) => panic!("{}", text),
            // A long name was cut inside a character.
            Err(_) => panic!("a name in the plugin's declaration is too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{begins_like_semver, is_name, topic};

    #[test]
    fn topic_is_accepted_exactly_if_it_is_canonical() {
        for text in [
            "order.placed",
            "order.*",
            "**",
            "a.**.b",
            "a_b-c.*_done",
            "onset",
            "log",
            "",
            ".",
            "a.",
            "a..b",
            "a b",
            "a.b**",
            "**a",
            "***",
            "a/b",
            "\u{e9}",
            "container:start",
            "onContainerStart",
            "onCall",
            "onContainer.Start",
            "*",
            "a*b*.c",
        ] {
            let canonical = plugbay_manifest::parse_topic(text).is_ok_and(|topic| topic == text);
            assert_eq!(std::panic::catch_unwind(|| topic(text)).is_ok(), canonical, "{text}");
        }
    }

    #[test]
    fn name_with_anything_but_lower_case_is_refused() {
        for (name, fits) in [("a", true), ("a-1_b", true), ("", false), ("1a", false), ("aB", false), ("ä", false)] {
            assert_eq!(is_name(name), fits, "{name}");
        }
    }

    #[test]
    fn version_without_three_numbers_is_refused() {
        for (version, fits) in [
            ("1.0.0", true),
            ("0.10.2-rc.1", true),
            ("1.0.0+build", true),
            ("1.0", false),
            ("1.0.0.0", false),
            ("01.0.0", false),
            ("1..0", false),
            ("v1.0.0", false),
            ("", false),
        ] {
            assert_eq!(begins_like_semver(version), fits, "{version}");
        }
    }
}
