//! Permissions: the ordered list of rules in a manifest, and in the operator's policy in the host's file.
//!
//! This file checks the syntax of rules. The host's capability code evaluates them: the first rule whose resource and
//! action match decides, and an access that no rule matches is denied.

use serde::Serialize;
use serde_json::Value;

use super::host_pattern::check_host;
use crate::field::{Field, Table, field, nearest};
use crate::limits::{NAME_CHARS_MAX, RESOURCE_CHARS_MAX, RULES_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// A kind and, after a dot, a glob: `db.users`, `http.*.example.org`. `*` alone matches everything. A backslash
    /// escapes `*`, `?` and backslash.
    pub resource: String,
    /// The actions that the rule covers; `None` means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<PermissionAction>>,
    /// Whether the rule allows or denies.
    pub effect: Effect,
}

/// An action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionAction {
    /// Reading the resource.
    Read,
    /// Changing the resource.
    Write,
    /// Running the resource, or sending a request to it.
    Execute,
    /// Emitting an event.
    Publish,
    /// Receiving an event.
    Subscribe,
}

/// The effect of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The access is allowed.
    #[default]
    Allow,
    /// The access is denied.
    Deny,
}

/// The kinds of resources that a rule may name before its first dot, in addition to `*`. `ext` is for the interfaces of
/// an application, which chooses what follows the dot: `ext.stock.apple`.
pub const RESOURCE_KINDS: [&str; 16] = [
    "db",
    "cache",
    "data",
    "config",
    "events",
    "scheduler",
    "http",
    "plugin",
    "service",
    "process",
    "api",
    "log",
    "fs",
    "env",
    "net",
    "ext",
];

/// Kinds without members: there is only one log.
const KINDS_WITHOUT_MEMBERS: [&str; 1] = ["log"];

/// Wrong words for kinds with the right ones, for suggestions.
const KIND_SYNONYMS: [(&str, &str); 11] = [
    ("database", "db"),
    ("network", "net"),
    ("plugins", "plugin"),
    ("services", "service"),
    ("processes", "process"),
    ("event", "events"),
    ("logs", "log"),
    ("files", "fs"),
    ("filesystem", "fs"),
    ("extension", "ext"),
    ("extensions", "ext"),
];

/// In Nexus's manifests, `database.read` and `database.write` cover all stored data, including settings.
const NEXUS_DATABASE: &str = "database";
const NEXUS_DATABASE_KINDS: [&str; 3] = ["db", "data", "config"];

impl PermissionAction {
    /// All actions, in the order in which they are explained.
    pub const ALL: [PermissionAction; 5] = [
        PermissionAction::Read,
        PermissionAction::Write,
        PermissionAction::Execute,
        PermissionAction::Publish,
        PermissionAction::Subscribe,
    ];

    /// Returns the action's name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            PermissionAction::Read => "read",
            PermissionAction::Write => "write",
            PermissionAction::Execute => "execute",
            PermissionAction::Publish => "publish",
            PermissionAction::Subscribe => "subscribe",
        }
    }

    /// Returns the action with this name in manifests.
    pub fn from_name(name: &str) -> Option<PermissionAction> {
        PermissionAction::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// Checks that the text is valid as a rule's resource.
///
/// # Errors
///
/// The problem and what to write instead.
pub fn check_resource(resource: &str) -> Result<(), String> {
    if matches!(resource, "*" | "**") {
        return Ok(());
    }
    let chars = resource.chars().count();
    if chars > RESOURCE_CHARS_MAX {
        return Err(format!("a resource has at most {RESOURCE_CHARS_MAX} characters, this one has {chars}"));
    }
    let (kind, member) = match resource.split_once('.') {
        Some((kind, member)) => (kind, Some(member)),
        None => (resource, None),
    };
    if !RESOURCE_KINDS.contains(&kind) {
        return Err(unknown_kind(kind));
    }
    match member {
        None if KINDS_WITHOUT_MEMBERS.contains(&kind) => Ok(()),
        None => Err(format!("`{kind}` names no resource: write `{kind}.*` for all of them")),
        Some("") => Err(format!("nothing follows `{kind}.`: write `{kind}.*` for all of them")),
        // Spaces are allowed, because keys may contain them.
        Some(member) if member.contains(char::is_control) => {
            Err(format!("{} contains control characters: remove them", quoted(resource)))
        }
        Some(path) if kind == "fs" => check_path(path).map_err(|message| format!("{} {message}", quoted(resource))),
        Some(host) if kind == "http" || kind == "net" => {
            check_host(host).map_err(|message| format!("{} {message}", quoted(resource)))
        }
        Some(_) => Ok(()),
    }
}

/// Checks that the text is, or as a pattern can match, the absolute path of a directory without `.`, `..` and `//`.
/// Paths are compared only in that form, so a rule in any other form would match nothing.
fn check_path(path: &str) -> Result<(), String> {
    let separators: &[char] = if has_drive(path) { &['/', '\\'] } else { &['/'] };
    let Some((root, below)) = path.split_once(separators) else {
        // `*` and `?*` may match a whole absolute path.
        return if path.starts_with(['*', '?']) { Ok(()) } else { Err(NOT_ABSOLUTE.to_owned()) };
    };
    if !(root.is_empty() || has_drive(root) || root.starts_with(['*', '?'])) {
        return Err(NOT_ABSOLUTE.to_owned());
    }
    let mut components = below.split(separators);
    match components.find(|component| matches!(*component, "" | "." | "..")) {
        Some("") if below.is_empty() => Ok(()),
        Some("") => Err("has an empty component: write one `/` between two names, and none at the end".to_owned()),
        Some(dots) => Err(format!("has the component `{dots}`: write the path that it resolves to")),
        None => Ok(()),
    }
}

const NOT_ABSOLUTE: &str = "is not an absolute path: it begins with `/`, such as `fs./srv/photos`";

/// Returns whether a path begins with a drive letter, such as `C:`.
fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn unknown_kind(kind: &str) -> String {
    let synonym = KIND_SYNONYMS.iter().find(|(word, _)| *word == kind).map(|(_, right)| *right);
    match synonym.or_else(|| nearest(kind, RESOURCE_KINDS)) {
        Some(right) => format!("unknown resource kind {}: did you mean `{right}`?", quoted(kind)),
        None => format!("unknown resource kind {}: use {} or `*`", quoted(kind), RESOURCE_KINDS.join(", ")),
    }
}

const RULE: Table = &[RESOURCE, ACTIONS, EFFECT];
const RESOURCE: Field =
    field("resource", "The resources that the rule covers: a kind and a glob, such as `db.users`.", || {
        shape::line(RESOURCE_CHARS_MAX)
    });
const ACTIONS: Field = field("actions", "The actions that the rule covers. Left out: all.", || {
    shape::list(shape::word(&action_names()), PermissionAction::ALL.len())
});
const EFFECT: Field = field("effect", "Whether the rule allows (the default) or denies.", || shape::word(&EFFECTS));
const EFFECTS: [&str; 2] = ["allow", "deny"];

fn action_names() -> [&'static str; 5] {
    PermissionAction::ALL.map(PermissionAction::name)
}

/// Reads a policy: rules, or short forms such as `db.read`.
pub(crate) fn read_policy(node: &Node<'_>, report: &mut Report) -> Vec<Rule> {
    let rules = node.items(RULES_MAX, report);
    rules.iter().flat_map(|rule| read_rule(rule, report)).collect()
}

fn read_rule(node: &Node<'_>, report: &mut Report) -> Vec<Rule> {
    match node.value.as_str() {
        Some(short) => read_short(node, short, report),
        None => read_object(node, report).into_iter().collect(),
    }
}

fn read_object(node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    if !node.value.is_object() {
        node.wrong_type(report, "a rule with resource, actions and effect, or a short form such as `db.read`");
        return None;
    }
    let object = node.object(RULE, report)?;
    let resource = object.need("resource", report).and_then(|resource| read_resource(&resource, report));
    let actions = object.get("actions").map(|actions| read_actions(&actions, report));
    let effect = match object.get("effect").map(|effect| effect.word(&EFFECTS, report)) {
        None | Some(Some("allow")) => Effect::Allow,
        Some(Some(_)) => Effect::Deny,
        Some(None) => return None,
    };
    Some(Rule { resource: resource?, actions, effect })
}

fn read_resource(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let resource = node.string(report)?;
    match check_resource(resource) {
        Ok(()) => Some(resource.to_owned()),
        Err(message) => {
            node.problem(report, code::INVALID_VALUE, message);
            None
        }
    }
}

fn read_actions(node: &Node<'_>, report: &mut Report) -> Vec<PermissionAction> {
    let items = node.items(PermissionAction::ALL.len(), report);
    if node.value.as_array().is_some_and(Vec::is_empty) {
        let message = "is empty, so the rule has no effect: name actions, or leave it out for all of them";
        node.problem(report, code::INVALID_VALUE, message);
    }
    let word = |item: &Node<'_>| item.word(&action_names(), report).and_then(PermissionAction::from_name);
    let mut actions: Vec<PermissionAction> = items.iter().filter_map(word).collect();
    actions.sort();
    actions.dedup();
    actions
}

/// Reads a short form such as `db.read`: an action on everything of a kind. Nexus's `database.read` stands for three
/// kinds.
fn read_short(node: &Node<'_>, short: &str, report: &mut Report) -> Vec<Rule> {
    let parts = short.split_once('.').and_then(|(kind, action)| Some((kind, PermissionAction::from_name(action)?)));
    let Some((word, action)) = parts else {
        let rule = "write a kind and an action such as `db.read`, or a rule with `resource` and `actions`";
        node.problem(report, code::INVALID_VALUE, format!("{} is not a permission: {rule}", quoted(short)));
        return Vec::new();
    };
    let all = |resource: String| Rule { resource, actions: Some(vec![action]), effect: Effect::Allow };
    if word == NEXUS_DATABASE {
        return NEXUS_DATABASE_KINDS.map(|kind| all(format!("{kind}.*"))).into();
    }
    let kind = KIND_SYNONYMS.iter().find(|(synonym, _)| *synonym == word).map_or(word, |(_, kind)| kind);
    if !RESOURCE_KINDS.contains(&kind) {
        node.problem(report, code::INVALID_VALUE, unknown_kind(word));
        return Vec::new();
    }
    vec![all(if KINDS_WITHOUT_MEMBERS.contains(&kind) { kind.to_owned() } else { format!("{kind}.*") })]
}

pub(crate) fn policy_shape() -> Value {
    let short = shape::name(r"^[a-z]+\.(read|write|execute|publish|subscribe)$", NAME_CHARS_MAX);
    shape::list(shape::any_of([shape::object(RULE, &["resource"]), short]), RULES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_resource_known_kinds_are_accepted() {
        for good in [
            "*",
            "db.*",
            "log",
            "http.*.example.org",
            "fs./var/lib/**",
            "plugin.other-plugin",
            "net.10.0.0.1:80",
            "ext.stock.apple",
            r"data.a key with \* and spaces",
        ] {
            assert_eq!(check_resource(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn directory_absolute_and_normalised_is_accepted() {
        for good in [
            "/",
            "/srv/x",
            "/srv/x*",
            "/srv/*",
            "*",
            "**",
            "?:\\x",
            "*/photos",
            "/a/..b/.c",
            r"C:\dir",
            "C:/dir",
            "C:/",
        ] {
            assert_eq!(check_resource(&format!("fs.{good}")), Ok(()), "{good}");
        }
    }

    #[test]
    fn directory_relative_or_not_normalised_is_refused() {
        for bad in ["srv", "srv/x", ".", "./x", "../x", r"\*", r"\\server\share", "C:", r"a\b"] {
            let message = check_resource(&format!("fs.{bad}")).expect_err(bad);
            assert!(message.contains("absolute"), "{bad}: {message}");
        }
        for bad in [
            "//",
            "//etc",
            "/usr//etc",
            "/etc/",
            "/usr/../etc",
            "/./etc",
            "/etc/.",
            "/etc/..",
            "/*/../etc",
            r"C:\a\..\b",
        ] {
            let message = check_resource(&format!("fs.{bad}")).expect_err(bad);
            assert!(message.contains("component"), "{bad}: {message}");
        }
    }

    #[test]
    fn check_resource_other_kinds_name_the_right_one() {
        let hints = [("database.users", "`db`"), ("chache.x", "`cache`"), ("db", "`db.*`"), ("db.", "`db.*`")];
        for (bad, hint) in hints {
            let message = check_resource(bad).expect_err("refused");
            assert!(message.contains(hint), "{bad}: {message}");
        }
        assert!(check_resource("d*").is_err());
        assert!(check_resource("").is_err());
        assert!(check_resource("db.a\nb").is_err());
    }
}
