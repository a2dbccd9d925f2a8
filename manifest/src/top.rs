//! The fields of a manifest file: their names, their aliases from other systems, and their descriptions.

use serde_json::{Value, json};

use crate::field::{Field, Table, field};
use crate::limits::{LINE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX, PROSE_CHARS_MAX, TAGS_MAX};
use crate::part::identity::{author_shape, execution_mode_shape, repo_type_shape};
use crate::part::page::frontend;
use crate::part::page::template::node;
use crate::part::requirement::version_shape;
use crate::part::{action, database, env, event, permission, requirement, resources, retry, route, setting, table};
use crate::{name, shape};

/// The fields of a manifest file.
pub(crate) const MANIFEST: Table = &[
    field("$schema", "The JSON Schema that an editor checks this file against.", line),
    field("name", "The plugin's unique name.", || shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)),
    field("version", "The plugin's version, by the rules of https://semver.org.", line),
    field("title", "The plugin's display name.", line),
    field("description", "What the plugin does.", || shape::prose(PROSE_CHARS_MAX)),
    field("license", "The licence, preferably as an SPDX expression.", line),
    field("category", "The plugin's category.", line),
    field("tags", "Search terms.", || shape::list(shape::line(LINE_CHARS_MAX), TAGS_MAX)),
    field("repository", "The location of the source code.", line),
    field("manifest", "The URL of the newest version of this file, or `local`.", line),
    field("repo_type", "The kind of repository.", repo_type_shape).or(&["repoType"]),
    field("author", "The author: a name, or an object with name, email and url.", author_shape),
    field("email", "The author's e-mail address.", line),
    field("plugbay_version", "The accepted versions of Plugbay, such as `>=0.1, <2`.", version_shape),
    field("framework_version", "The accepted versions of XCore. Plugbay is compatible with 2.0.", version_shape),
    field("nexus_version", "The accepted versions of Nexus. Plugbay is compatible with 0.1.", version_shape),
    field("api", "The accepted versions of Pup's plugin API. Plugbay is compatible with 1.0.", version_shape),
    field("python_version", "Accepted, but not applicable: plugins run as WebAssembly.", shape::anything),
    field("requires", "Plugins that must be loaded first.", requirement::requirements_shape).or(&["dependencies"]),
    field("entry_point", "The component's path, relative to this file.", || shape::line(PATH_CHARS_MAX)),
    field("execution_mode", "How the plugin runs; sandboxed if left out.", execution_mode_shape),
    field(
        "permissions",
        "What the plugin asks for. The first rule that matches decides; anything else is denied.",
        || definition("policy"),
    ),
    field("env", "Environment variables; `${NAME}` is the host's variable, if the operator allows it.", env::env_shape),
    field("resources", "The limits that the plugin asks for.", || definition("resources")),
    field("configuration", "The plugin's settings.", setting::settings_shape),
    field(
        "additional_configuration",
        "Whether the plugin may set keys that `configuration` does not declare; true by default for Nexus's manifests.",
        shape::boolean,
    ),
    ACTIONS,
    ROUTES,
    field("events", "The events that the plugin publishes and subscribes to.", event::events_shape),
    TABLES,
    field("database", "Collections of documents, their indexes and initial documents.", database::database_shape),
    field("frontend", "Pages that the host renders.", frontend::frontend_shape),
    field("retry", "How failed calls of idempotent actions are retried.", retry::retry_shape),
    field(
        "allowed_callers",
        "The plugins that may call this one; if left out, those that require it.",
        requirement::callers_shape,
    ),
    field("config", "DockStat's group of tables, routes and actions: the same as without the group.", || {
        shape::object(GROUP, &[])
    }),
    field("plugin", "Accepted, but not applicable: DockStat's source code.", shape::anything),
    field("id", "Accepted, but not applicable: the catalog numbers plugins.", shape::anything),
];

/// The fields of DockStat's group.
pub(crate) const GROUP: Table = &[ACTIONS, ROUTES, TABLES];

const ACTIONS: Field = field("actions", "The actions that the plugin declares.", || definition("actions"));
const ROUTES: Field = field("routes", "HTTP routes and the actions that answer them.", || definition("routes"))
    .or(&["api_endpoints", "apiRoutes"]);
const TABLES: Field =
    field("tables", "Tables that the host creates for the plugin.", || definition("tables")).or(&["table"]);

/// Returns the shapes that occur under several names.
pub(crate) fn definitions() -> Value {
    let [table, keyed_table] = table::table_definitions();
    let definitions = [
        ("actions", action::actions_shape()),
        ("policy", permission::policy_shape()),
        ("resources", resources::resources_shape()),
        ("routes", route::routes_shape()),
        ("tables", table::tables_shape()),
        (node::DEFINITION, node::node_shape()),
        table,
        keyed_table,
    ];
    definitions.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect()
}

pub(crate) fn definition(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn line() -> Value {
    shape::line(LINE_CHARS_MAX)
}
