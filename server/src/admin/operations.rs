//! The operations of the administration as the document of [`openapi`](crate::openapi) has them. Bodies and queries are
//! described by the types that read them.

use serde_json::{Map, Value, json};

use super::{catalog, dead_letters, dockstat, events, host, lifecycle, logs, stored, stream, tables, tokens};
use crate::access::ScopeKind::{Call, Manage, Read};
use crate::openapi::{Operation, Schemas, object};

/// All operations of [`admin_routes`](super::admin_routes).
pub(crate) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut operations = of_the_host(schemas);
    operations.extend(of_plugins(schemas));
    operations.extend(of_stored(schemas));
    operations.extend(of_events(schemas));
    operations.extend(of_pup(schemas));
    operations.extend(of_dockstat(schemas));
    operations
}

/// The schemas of answers that several operations share.
pub(crate) fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let seconds = || json!({ "type": "integer", "description": "In seconds since 1970." });
    let mut plugin = object(&["name"]);
    plugin["properties"] = json!({
        "name": text(), "version": text(), "state": text(), "enabled": { "type": "boolean" },
        "id": { "type": "integer", "description": "Its number in the catalog." }, "digest": text(), "since": seconds(),
        "loaded_at": seconds(), "last_error": text(), "last_error_code": text(), "restarts_at": seconds(),
    });
    let mut change = object(&["status"]);
    change["properties"] = json!({
        "status": { "const": "ok" }, "change": { "type": "string", "description": "What was done." },
    });
    let mut job = object(&["id", "action", "args", "schedule", "paused"]);
    job["properties"] = json!({ "id": text(), "action": text(), "paused": { "type": "boolean" } });
    let mut token = object(&["id", "consumer", "scopes", "created_at"]);
    token["properties"] = json!({
        "id": { "type": "integer" }, "consumer": text(), "scopes": { "type": "array", "items": text() },
        "created_at": seconds(), "expires_at": seconds(), "last_used_at": seconds(), "revoked_at": seconds(),
    });
    let mut line = object(&["time_ms", "level", "message"]);
    line["properties"] = json!({ "time_ms": { "type": "integer" }, "level": text(), "message": text() });
    Map::from_iter([
        ("Plugin".to_owned(), plugin),
        ("Change".to_owned(), change),
        ("Job".to_owned(), job),
        ("Token".to_owned(), token),
        ("LogLine".to_owned(), line),
    ])
}

fn shared(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with one member, a list of a shared schema.
fn list(member: &str, of: &str) -> Value {
    let mut list = object(&[member]);
    list["properties"] = json!({ member: { "type": "array", "items": shared(of) } });
    list
}

fn get(path: &str, id: &str, summary: &str, tag: &str) -> Operation {
    Operation::new("get", path, id, summary).tags(&[tag])
}

/// An operation that changes something, and answers with the change.
fn change(method: &'static str, path: &str, id: &str, summary: &str, tag: &str) -> Operation {
    let operation = Operation::new(method, path, id, summary).tags(&[tag]).needs(Manage);
    operation.json("200", "It is done.", shared("Change")).fails(&[404, 409, 422])
}

fn stream(path: &str, id: &str, summary: &str, tag: &str) -> Operation {
    let content = json!({ "text/event-stream": { "schema": { "type": "string" } } });
    let last = json!({
        "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" },
        "description": "The last event that the client received. The stream resumes after it.",
    });
    let stream = get(path, id, summary, tag).needs(Read).parameter(last);
    stream.content("200", "Server-sent events, for 15 minutes.", content).fails(&[400])
}

fn of_the_host(schemas: &mut Schemas) -> Vec<Operation> {
    let status = object(&["version", "pid", "uptime_seconds", "plugins"]);
    vec![
        get("/api/v1/status", "status", "The host, and its plugins by state", "Host").needs(Read).json(
            "200",
            "The status.",
            status,
        ),
        change("post", "/api/v1/refresh", "refresh", "Follows the catalog at once", "Host"),
        Operation::new("post", "/api/v1/terminate", "terminate", "Shuts the server down")
            .tags(&["Host"])
            .needs(Manage)
            .json("202", "Running requests are completed.", shared("Change")),
        get("/api/v1/policy", "policy", "The operator's rules", "Host").needs(Read).json(
            "200",
            "The rules, the first that matches decides.",
            object(&["rules"]),
        ),
        Operation::new("put", "/api/v1/policy", "set_policy", "Adds rules above all others")
            .tags(&["Host"])
            .needs(Manage)
            .body::<host::NewRules>(schemas)
            .json("200", "All rules.", object(&["rules"])),
        get("/api/v1/processes", "list_processes", "Processes with their statuses", "Processes").needs(Read).json(
            "200",
            "The processes, in the order of the host's file.",
            object(&["processes"]),
        ),
        get("/api/v1/processes/{process}", "get_process", "A process, with its use of the machine", "Processes")
            .needs(Read)
            .json("200", "The process.", object(&["status", "usage"]))
            .fails(&[404]),
        change(
            "post",
            "/api/v1/processes/{process}/{order}",
            "order_process",
            "Gives an order to a process",
            "Processes",
        )
        .path_schema("order", orders())
        .fails(&[503]),
        get("/api/v1/docker", "list_docker_engines", "Docker engines and whether they are followed", "Host")
            .needs(Read)
            .json("200", "The engines, in the order of the host's file.", object(&["engines"])),
        get("/api/v1/audit", "audit", "The latest denials", "Host").needs(Read).json(
            "200",
            "The denials.",
            object(&["denials"]),
        ),
        get("/api/v1/tokens", "list_tokens", "Tokens, without their texts", "Tokens")
            .needs(Manage)
            .json("200", "The tokens.", list("tokens", "Token"))
            .fails(&[409]),
        Operation::new("post", "/api/v1/tokens", "create_token", "Makes a token")
            .tags(&["Tokens"])
            .needs(Manage)
            .body::<tokens::Create>(schemas)
            .json(
                "201",
                "The token. Its text is in no other answer.",
                json!({
                    "allOf": [shared("Token"), object(&["token"])],
                }),
            )
            .fails(&[409]),
        change("delete", "/api/v1/tokens/{id}", "revoke_token", "Revokes a token", "Tokens")
            .path_schema("id", json!({ "type": "integer", "format": "int64" })),
    ]
}

fn orders() -> Value {
    json!({ "enum": ["start", "stop", "restart", "block", "unblock"] })
}

fn of_plugins(schemas: &mut Schemas) -> Vec<Operation> {
    let tag = "Plugins";
    let mut operations = vec![
        get("/api/v1/plugins", "list_plugins", "Plugins with their states", tag).needs(Read).json(
            "200",
            "Those that the caller may read.",
            list("plugins", "Plugin"),
        ),
        change("post", "/api/v1/plugins", "install_plugin", "Installs a plugin from a reference", tag)
            .description(
                "Without `yes`, the answer is 409 `unconfirmed` with what the plugin asks for in `details`. With `preview`, \
                 the plugin is examined, and nothing is installed.",
            )
            .body::<catalog::Install>(schemas),
        change("post", "/api/v1/plugins/upload", "upload_plugin", "Installs a component that is sent", tag)
            .query::<catalog::Confirmation>(schemas)
            .content_body("application/wasm", json!({}), true),
        get("/api/v1/plugins/{plugin}", "get_plugin", "A plugin, with its manifest if it is loaded", tag)
            .needs(Read)
            .json("200", "The plugin.", shared("Plugin"))
            .fails(&[404]),
        change("delete", "/api/v1/plugins/{plugin}", "remove_plugin", "Removes a plugin", tag)
            .query::<catalog::Remove>(schemas),
        change("post", "/api/v1/plugins/{plugin}/update", "update_plugin", "Installs another version", tag)
            .body::<catalog::Update>(schemas),
    ];
    for (verb, summary) in [
        ("rollback", "Brings the version before back"),
        ("enable", "Enables a plugin"),
        ("disable", "Disables a plugin"),
        ("restart", "Starts a plugin anew"),
        ("reload", "Loads a plugin again from its files or its package"),
    ] {
        let path = format!("/api/v1/plugins/{{plugin}}/{verb}");
        let operation = change("post", &path, &format!("{verb}_plugin"), summary, tag);
        operations.push(match verb {
            "disable" => operation.query::<lifecycle::Disable>(schemas),
            _ => operation,
        });
    }
    operations
}

fn of_stored(schemas: &mut Schemas) -> Vec<Operation> {
    let job = "/api/v1/plugins/{plugin}/jobs/{job}";
    let data = "/api/v1/plugins/{plugin}/data";
    vec![
        get("/api/v1/plugins/{plugin}/config", "configuration", "The configuration, with secrets hidden", "Plugins")
            .needs(Read)
            .json("200", "The configuration.", object(&["configuration"]))
            .fails(&[404]),
        change("put", "/api/v1/plugins/{plugin}/config/{key}", "configure", "Sets a value", "Plugins")
            .body::<stored::NewValue>(schemas),
        get("/api/v1/plugins/{plugin}/jobs", "list_jobs", "The jobs of a plugin", "Jobs")
            .needs(Read)
            .json("200", "The jobs.", list("jobs", "Job"))
            .fails(&[404]),
        get(job, "get_job", "A job with its latest outcomes", "Jobs")
            .needs(Read)
            .json("200", "The job.", shared("Job"))
            .fails(&[404]),
        change("delete", job, "remove_job", "Removes a job", "Jobs"),
        change("post", &format!("{job}/pause"), "pause_job", "Pauses a job", "Jobs"),
        change("post", &format!("{job}/resume"), "resume_job", "Resumes a job", "Jobs"),
        change("post", &format!("{job}/run"), "run_job", "Calls the action of a job now", "Jobs"),
        get("/api/v1/plugins/{plugin}/permissions", "permissions", "What is asked for, granted and denied", "Plugins")
            .needs(Read)
            .json("200", "The permissions.", object(&["asked", "denied", "allows", "denials"]))
            .fails(&[404]),
        get("/api/v1/plugins/{plugin}/tables", "list_tables", "The tables that the manifest declares", "Data")
            .needs(Manage)
            .json("200", "The tables and collections.", object(&["tables"]))
            .fails(&[404]),
        get("/api/v1/plugins/{plugin}/tables/{table}", "read_table", "Rows in the order of the primary key", "Data")
            .needs(Manage)
            .query::<tables::Rows>(schemas)
            .json("200", "The rows.", object(&["columns", "rows", "more"]))
            .fails(&[400, 404, 409, 422, 503]),
        get(data, "list_keys", "Keys of stored values", "Data")
            .needs(Manage)
            .query::<stored::Keys>(schemas)
            .json("200", "The keys in order.", object(&["keys", "more"]))
            .fails(&[400, 404]),
        get(&format!("{data}/{{key}}"), "get_value", "A stored value", "Data")
            .needs(Manage)
            .json("200", "The value, or the number of its bytes if it is not JSON.", object(&["key"]))
            .fails(&[400, 404]),
        change("delete", &format!("{data}/{{key}}"), "remove_value", "Removes a stored value", "Data"),
    ]
}

fn of_events(schemas: &mut Schemas) -> Vec<Operation> {
    let number = || json!({ "type": "integer", "format": "int64", "minimum": 0 });
    vec![
        publish("/api/v1/events", "publish_event", "Events", schemas),
        follow_events("/api/v1/events/stream", "follow_events", "Events", schemas),
        get("/api/v1/dead-letters", "list_dead_letters", "Durable events that failed too often", "Events")
            .needs(Read)
            .query::<dead_letters::Page>(schemas)
            .json("200", "The events, by number.", object(&["dead_letters"])),
        change("delete", "/api/v1/dead-letters/{number}", "remove_dead_letter", "Removes a dead letter", "Events")
            .path_schema("number", number()),
        change("post", "/api/v1/dead-letters/{number}/retry", "retry_dead_letter", "Delivers it again", "Events")
            .path_schema("number", number()),
        log_query(get("/api/v1/logs", "read_logs", "The newest log lines that match", "Logs")).json(
            "200",
            "The lines, the oldest first.",
            list("lines", "LogLine"),
        ),
        Operation::new("post", "/api/v1/logs", "write_log", "Writes a line")
            .tags(&["Logs"])
            .needs(Call)
            .body::<logs::NewLine>(schemas)
            .json("201", "It is written.", shared("Change")),
        log_query(stream("/api/v1/logs/stream", "follow_logs", "Log lines as they are written", "Logs")),
    ]
}

fn publish(path: &str, id: &str, tag: &str, schemas: &mut Schemas) -> Operation {
    Operation::new("post", path, id, "Publishes an event")
        .tags(&[tag])
        .needs(Call)
        .body::<events::NewEvent>(schemas)
        .json("200", "The id of the event, and with `wait` the outcome of its handlers.", object(&["id"]))
        .fails(&[409, 503])
}

fn follow_events(path: &str, id: &str, tag: &str, schemas: &mut Schemas) -> Operation {
    stream(path, id, "Events as they happen", tag).query::<stream::Topics>(schemas).fails(&[503])
}

/// The parameters of [`LogQuery`](crate::telemetry::LogQuery).
fn log_query(operation: Operation) -> Operation {
    with_log_parameters(operation, ["plugin", "from", "to", "rows"])
}

/// The same parameters, whose names for the writer, the times and the number of lines are these.
fn with_log_parameters(operation: Operation, [writer, from, to, rows]: [&str; 4]) -> Operation {
    let time = "Milliseconds since 1970, or RFC 3339.";
    let parameter = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "description": about, "schema": schema });
    let moment = || {
        let moment = json!({ "type": "string", "format": "date-time" });
        json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, moment] })
    };
    let severities = json!({ "enum": ["trace", "debug", "info", "warn", "error"] });
    operation
        .needs(Read)
        .parameter(parameter(writer, "Only lines of this plugin or process.", json!({ "type": "string" })))
        .parameter(parameter("severity", "Only lines of this severity.", severities))
        .parameter(parameter(from, &format!("Only lines since this time. {time}"), moment()))
        .parameter(parameter(to, &format!("Only lines up to this time. {time}"), moment()))
        .parameter(parameter(
            rows,
            "At most this many, the newest. Default: 100.",
            json!({ "type": "integer", "minimum": 1 }),
        ))
        .fails(&[400])
}

fn of_pup(schemas: &mut Schemas) -> Vec<Operation> {
    let text = || json!({ "type": "string", "minLength": 1 });
    let mut line = object(&["severity", "plugin", "message"]);
    line["properties"] = json!({
        "severity": { "enum": ["error", "warn", "info", "log", "debug"] }, "plugin": text(), "message": text(),
    });
    let mut telemetry = object(&["sender", "memory", "sent", "cwd"]);
    let mut memory = object(&["rss", "heapTotal", "heapUsed", "external"]);
    let number = || json!({ "type": "number" });
    memory["properties"] =
        json!({ "rss": number(), "heapTotal": number(), "heapUsed": number(), "external": number() });
    let any_text = || json!({ "type": "string" });
    telemetry["properties"] = json!({ "sender": any_text(), "memory": memory, "sent": any_text(), "cwd": any_text() });
    let mut ipc = object(&["target", "event", "eventData"]);
    ipc["properties"] = json!({ "target": text(), "event": text(), "eventData": {} });
    vec![
        with_log_parameters(
            get("/logs", "pup_logs", "Log lines in Pup's shape", "Pup"),
            ["processId", "startTimeStamp", "endTimeStamp", "nRows"],
        )
        .json("200", "The lines.", object(&["data"])),
        Operation::new("post", "/log", "pup_log", "Writes a line")
            .tags(&["Pup"])
            .needs(Call)
            .json_body(line, true)
            .json("201", "It is written.", shared("Change")),
        publish("/events", "pup_publish_event", "Pup", schemas),
        follow_events("/events/stream", "pup_follow_events", "Pup", schemas),
        Operation::new("post", "/ipc", "pup_ipc", "Sends a message as an event")
            .tags(&["Pup"])
            .needs(Call)
            .json_body(ipc, true)
            .json("200", "The id of the event.", object(&["id"])),
        get("/state", "pup_state", "The host, the machine and the processes", "Pup")
            .needs(Read)
            .json("200", "The state.", object(&["data"]))
            .fails(&[409]),
        get("/processes", "pup_processes", "Processes with their statuses", "Pup").needs(Read).json(
            "200",
            "The processes.",
            object(&["data"]),
        ),
        Operation::new("post", "/processes/{process}/{order}", "pup_order_process", "Gives an order to a process")
            .tags(&["Pup"])
            .needs(Manage)
            .path_schema("order", orders())
            .answer("200", json!({ "description": "It is accepted." }))
            .fails(&[404, 409, 503]),
        Operation::new("post", "/telemetry", "pup_telemetry", "Takes the report of a process about itself")
            .tags(&["Pup"])
            .needs(Call)
            .json_body(telemetry, true)
            .answer("200", json!({ "description": "It is in the status of the process." }))
            .fails(&[403, 404]),
        Operation::new("post", "/terminate", "pup_terminate", "Shuts the server down")
            .tags(&["Pup"])
            .needs(Manage)
            .json("202", "Running requests are completed.", shared("Change")),
        get("/wss", "pup_web_socket", "Events as frames `{t, d}` of a web socket", "Pup")
            .needs(Read)
            .answer("101", json!({ "description": "The connection becomes a web socket." }))
            .fails(&[400, 503]),
    ]
}

fn of_dockstat(schemas: &mut Schemas) -> Vec<Operation> {
    let tag = "DockStat";
    let plugin = "/api/v2/plugins/{plugin}";
    let number = || json!({ "type": "integer", "format": "int64" });
    let answer = || object(&["success", "message"]);
    let of_catalog = |operation: Operation| {
        operation.needs(Manage).json("200", "It is done.", answer()).json("409", "It is not.", answer())
    };
    vec![
        get("/plugins", "dockstat_status", "What is installed and loaded", tag)
            .needs(Read)
            .json("200", "The status.", object(&["installed_plugins", "loaded_plugins"]))
            .fails(&[409]),
        get("/api/v2/plugins", "dockstat_plugins", "What is installed", tag)
            .needs(Read)
            .json("200", "The plugins.", json!({ "type": "array", "items": object(&["id"]) }))
            .fails(&[409]),
        of_catalog(Operation::new("post", "/api/v2/plugins/install", "dockstat_install", "Installs a plugin"))
            .tags(&[tag])
            .body::<dockstat::Install>(schemas),
        get(plugin, "dockstat_plugin", "An installed plugin", tag)
            .needs(Read)
            .path_schema("plugin", number())
            .json("200", "The plugin.", object(&["id", "name"]))
            .fails(&[404, 409]),
        of_catalog(Operation::new("delete", plugin, "dockstat_remove", "Removes a plugin"))
            .tags(&[tag])
            .path_schema("plugin", number()),
        change("post", &format!("{plugin}/activate"), "dockstat_activate", "Enables a plugin", tag),
        change("post", &format!("{plugin}/deactivate"), "dockstat_deactivate", "Disables a plugin", tag),
    ]
}
