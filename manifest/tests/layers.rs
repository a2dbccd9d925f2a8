//! Merging layers, and the places that their problems name.

use plugbay_manifest::{Format, Instances, Layer, Manifest, ManifestError};

fn layer(origin: &str, text: &str) -> Layer {
    Layer::parse(origin, text, Format::Yaml).expect("the layer parses")
}

fn merged(layers: &[&str]) -> Result<Manifest, ManifestError> {
    let layers: Vec<Layer> =
        layers.iter().enumerate().map(|(index, text)| layer(&format!("layer {index}"), text)).collect();
    Manifest::from_layers(&layers)
}

#[test]
fn from_layers_later_layer_wins_field_by_field() {
    let manifest = merged(&[
        "{ name: a, version: 1.0.0, title: First, tags: [one, two], requires: [x] }",
        "{ title: Second, tags: [three], plugbay_version: 2.0.0 }",
        "{ name: b, title: null, plugbay_version: '>=3' }",
    ])
    .expect("good");
    assert_eq!(manifest.name, "b");
    assert_eq!(manifest.title.as_deref(), Some("Second"), "null counts as absent");
    assert_eq!(manifest.tags, ["three"], "lists are taken as a whole");
    assert_eq!(manifest.requires.len(), 1);
    let version = manifest.plugbay_version.expect("the last of the two");
    assert_eq!(version.to_string(), ">=3");
}

#[test]
fn from_layers_actions_merge_by_name() {
    let manifest = merged(&[
        "{ name: a, version: 1.0.0, actions: [{ name: one, idempotent: true }, two] }",
        "{ actions: { two: { description: Changed }, three: } }",
    ])
    .expect("good");
    let names: Vec<&str> = manifest.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert!(manifest.actions[0].idempotent);
    assert_eq!(manifest.actions[1].description.as_deref(), Some("Changed"));
}

/// A layer from code, and a manifest file above it.
fn with_file(file: &str) -> Result<Manifest, ManifestError> {
    let code = "{ name: a, version: 1.0.0,
        actions: [{ name: one, payload: { type: object }, idempotent: true }, two],
        routes: [{ method: GET, path: '/x/{id}', actions: [one], description: Reads }],
        events: { publishes: [a.done], subscribes: [{ topic: b.c, priority: 80, once: true }] },
        tables: [{ name: notes, columns: { id: id, text: text } }],
        permissions: [{ resource: db.*, actions: [read] }],
        configuration: { ttl: { type: integer, default: 60 } } }";
    let once = merged(&[code, file])?;
    assert_eq!(merged(&[code, file, file])?, once, "a file that is present twice has the same meaning");
    Ok(once)
}

#[test]
fn from_layers_lists_of_a_file_add_to_those_below() {
    let manifest = with_file(
        "{ actions: { one: { description: First }, three: }, routes: { /x/:id: { method: GET, actions: [one], tags: [t] },
           /y: { method: GET, actions: [two] } }, events: { publishes: [a.*], subscribes: [b.c, { topic: d.e }] },
           tables: { tags: { columns: { id: id, note: { type: foreign_key, references: { table: notes } } } } },
           permissions: [{ resource: db.secret, effect: deny }, { resource: db.*, actions: [read] }],
           configuration: { key: { type: string } } }",
    )
    .expect("good");
    let one = &manifest.actions[0];
    assert!(one.payload.is_some() && one.idempotent, "the fields below stay: {one:?}");
    assert_eq!((one.description.as_deref(), manifest.actions.len()), (Some("First"), 3));
    let route = &manifest.routes[0];
    assert_eq!((route.description.as_deref(), &route.tags[..]), (Some("Reads"), &["t".to_owned()][..]));
    assert_eq!(manifest.routes.len(), 2);
    assert_eq!(manifest.events.publishes, ["a.done", "a.*"]);
    let [first, second] = &manifest.events.subscribes[..] else { panic!("two: {:?}", manifest.events) };
    assert_eq!((first.priority, first.once, &*second.topic, second.priority), (80, true, "d.e", 50));
    assert_eq!(manifest.tables.len(), 2, "a table may refer to one of a layer below");
    let resources: Vec<&str> = manifest.permissions.iter().map(|rule| rule.resource.as_str()).collect();
    assert_eq!(resources, ["db.secret", "db.*"], "the rules above come first, and none is there twice");
    assert_eq!(manifest.configuration.len(), 2);
}

#[test]
fn from_layers_empty_lists_drop_those_below() {
    let manifest = with_file(
        "{ actions: [], routes: [], events: { publishes: [], subscribes: [] }, tables: [], permissions: [],
           configuration: {} }",
    )
    .expect("good");
    assert!(manifest.actions.is_empty() && manifest.routes.is_empty() && manifest.tables.is_empty());
    assert!(manifest.events.publishes.is_empty() && manifest.events.subscribes.is_empty());
    assert!(manifest.permissions.is_empty() && manifest.configuration.is_empty());
}

#[test]
fn from_layers_empty_list_survives_being_embedded() {
    let file = layer("plugin.yaml", "{ events: { subscribes: [] }, routes: [] }");
    assert_eq!(file.to_json(), r#"{"routes":[],"events":{"subscribes":[]}}"#);
}

#[test]
fn from_layers_contradictions_name_both_places() {
    for (file, expected) in [
        (
            "{ routes: [{ method: GET, path: '/x/{id}', actions: [two] }] }",
            "layer 1: routes[0]: GET /x/{id} -> two contradicts routes[0] of layer 0, which has GET /x/{id} -> one",
        ),
        (
            "{ routes: [{ method: GET, path: '/x/{other}', actions: [one] }] }",
            "layer 1: routes[0]: GET /x/{other} -> one contradicts routes[0] of layer 0",
        ),
        (
            "{ tables: [{ name: Notes, columns: { id: id } }] }",
            "layer 1: tables[0]: the table `Notes` contradicts tables[0] of layer 0, which has other columns",
        ),
    ] {
        let error = with_file(file).expect_err("they contradict each other");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.problems[0].code, "conflict");
    }
}

#[test]
fn from_layers_unusable_entries_drop_nothing() {
    let error = with_file("{ routes: [{ method: NO, path: /y, actions: [two] }] }").expect_err("no such method");
    assert_eq!(error.problems.len(), 1, "{error}");
}

#[test]
fn from_layers_other_systems_versions_are_compared() {
    let with = |fields: &str| merged(&[&format!("{{ name: a, version: 1.0.0, {fields} }}")]);
    let manifest = with("framework_version: '>=2.0', nexus_version: '>=0.1.0', api: 1.0.0").expect("accepted");
    assert!(manifest.additional_configuration, "the default of Nexus's manifests");
    assert!(!with("additional_configuration: false, nexus_version: '*'").expect("good").additional_configuration);
    for (fields, expected) in [
        ("framework_version: '>=2.1'", "asks for XCore `>=2.1`, and Plugbay is compatible with XCore 2.0.0"),
        ("nexus_version: '>=1'", "asks for Nexus `>=1`, and Plugbay is compatible with Nexus 0.1.0"),
        ("api: 2.0.0", "asks for Pup API `^2.0.0`, and Plugbay is compatible with Pup API 1.0.0"),
    ] {
        let error = with(fields).expect_err("not accepted").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn from_layers_licence_of_author_is_the_plugins() {
    let manifest = merged(&["{ name: a, version: 1.0.0, author: { name: Ann, license: MIT } }"]).expect("good");
    assert_eq!(manifest.license.as_deref(), Some("MIT"));
}

#[test]
fn from_layers_keyed_fields_merge_by_key() {
    let manifest = merged(&[
        "{ name: a, version: 1.0.0, configuration: { x: { type: string }, y: { type: string } }, env: { A: '1', B: '1' },
           resources: { timeout_seconds: 5, max_memory_mb: 64, instances: 2 } }",
        "{ configuration: { y: { type: integer } }, env: { B: '2' }, resources: { timeout_seconds: 0, instances: per_call } }",
    ])
    .expect("good");
    assert_eq!(manifest.configuration.len(), 2);
    assert_eq!(manifest.configuration["y"].kind.name(), "integer");
    assert_eq!((manifest.env["A"].as_str(), manifest.env["B"].as_str()), ("1", "2"));
    assert_eq!(manifest.resources.timeout.map(|timeout| timeout.as_secs()), Some(0), "0 stays 0");
    assert_eq!(manifest.resources.max_memory_bytes, Some(64 << 20));
    assert_eq!(manifest.resources.instances, Some(Instances::PerCall));
}

#[test]
fn from_layers_problems_of_all_layers_name_their_origin() {
    let error = merged(&[
        "{ name: Bad, resources: { timeout: 1 } }",
        "{ version: one, actions: [known], routes: [] }",
        "{ routes: [{ method: GET, path: /x, actions: [unknown] }] }",
    ])
    .expect_err("bad");
    let found: Vec<(&str, &str)> =
        error.problems.iter().map(|problem| (problem.origin.as_str(), problem.path.as_str())).collect();
    let expected =
        [("layer 0", "name"), ("layer 0", "resources.timeout"), ("layer 1", "version"), ("layer 2", "routes[0]")];
    assert_eq!(found, expected, "{error}");
}

#[test]
fn from_layers_email_completes_author_of_another_layer() {
    let manifest = merged(&["{ name: a, version: 1.0.0, author: Ada }", "{ email: a@example.com }"]).expect("good");
    assert_eq!(manifest.author.and_then(|author| author.email).as_deref(), Some("a@example.com"));
}

#[test]
fn from_layers_nothing_at_all_misses_name_and_version() {
    let error = Manifest::from_layers(&[]).expect_err("it has no layers");
    let paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["name", "version"]);
}

#[test]
fn from_layers_wrong_name_below_a_right_one_is_a_problem() {
    let error = merged(&["{ name: Wrong, version: 1.0.0 }", "{ name: right }"]).expect_err("bad");
    assert_eq!(error.problems.len(), 1, "{error}");
    assert_eq!(error.problems[0].origin, "layer 0");
}

#[test]
fn from_layers_too_many_actions_together_are_too_large() {
    let actions = |prefix: &str| -> String {
        let names: Vec<String> = (0..300).map(|index| format!("{prefix}{index}")).collect();
        format!("{{ name: a, version: 1.0.0, actions: [{}] }}", names.join(", "))
    };
    let error = merged(&[&actions("x"), &actions("y")]).expect_err("600 are too many");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn from_section_documents_are_layers_in_their_order() {
    let section = br#"{"name":"a","version":"1.0.0","actions":["one"]}
        {"actions":[{"name":"two"}]}{"version":"1.1.0"}"#;
    let layers = Layer::from_section("x.wasm", section).expect("good");
    let manifest = Manifest::from_layers(&layers).expect("good");
    assert_eq!(manifest.version.to_string(), "1.1.0");
    assert_eq!(manifest.actions.len(), 2);
}

#[test]
fn debug_of_layer_shows_no_values() {
    let text = "{ name: a, version: 1.0.0, configuration: { x: { type: string, secret: true, default: hunter2 } } }";
    let layer = layer("x", text);
    let manifest = Manifest::from_layers(std::slice::from_ref(&layer)).expect("good");
    let json = serde_json::to_string(&manifest).expect("serializes");
    for shown in [format!("{layer:?}"), format!("{manifest:?}"), json] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(layer.to_json().contains("hunter2"), "what is embedded is the manifest itself");
}

#[test]
fn from_layers_directory_without_effect_is_noted() {
    let notes = |mode: &str, resource: &str, effect: &str| {
        let permissions = format!("[{{ resource: '{resource}', effect: {effect} }}]");
        let text = format!("{{ name: a, version: 1.0.0, execution_mode: {mode}, permissions: {permissions} }}");
        merged(&[&text]).expect("good").notes.join("\n")
    };
    assert!(notes("legacy", "fs./srv/x", "allow").contains("no effect in legacy mode"));
    assert!(notes("sandboxed", "fs./srv/x", "allow").contains("no effect in sandboxed mode"));
    assert!(notes("trusted", "fs./srv/*", "allow").contains("opens no directory"));
    for (mode, resource, effect) in
        [("trusted", "fs./srv/x", "allow"), ("legacy", "fs./srv/x", "deny"), ("legacy", "data.*", "allow")]
    {
        assert_eq!(notes(mode, resource, effect), "", "{mode} {resource}");
    }
}

#[test]
fn from_layers_directory_not_normalised_is_a_problem() {
    let problems = |path: &str| {
        let text = format!("{{ name: a, version: 1.0.0, permissions: [{{ resource: 'fs.{path}' }}] }}");
        merged(&[&text]).expect_err("refused").problems
    };
    for path in ["/srv/x/../y", "/srv/./x", "//etc", "/etc/", "etc", "../etc"] {
        assert_eq!(problems(path)[0].path, "permissions[0].resource", "{path}");
    }
}

#[test]
fn from_layers_plugin_as_an_object_is_a_problem() {
    let error = merged(&["{ name: a, version: 1.0.0, plugin: { name: x } }"]).expect_err("fields belong at the top");
    assert!(error.to_string().contains("plugin: is an object: write its fields at the top"), "{error}");
}

#[test]
fn from_layers_known_fields_are_listed_once() {
    let error = merged(&["{ name: a, version: 1.0.0, qqq: 1, zzz: 2, jjj: 3 }"]).expect_err("unknown fields");
    assert_eq!(error.problems.len(), 3);
    assert_eq!(error.to_string().matches("known fields are").count(), 1, "{error}");
}
