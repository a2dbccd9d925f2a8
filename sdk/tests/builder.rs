//! The fluent builder and its checks. Its functions are const, but tests call them at run time, where a failed check is
//! a panic instead of a compile error.

use plugbay_sdk::builder::{
    Action, ExecutionMode, Export, Method, Plugin, RepositoryType, Resources, Route, Setting, Source, SourceRoute,
    Subscription, create_actions, create_api_routes, export_plugin,
};
use plugbay_sdk::constant::Json;
use plugbay_sdk::prelude::*;

#[derive(Default)]
struct Notes(Vec<String>);

#[derive(Deserialize, Schema)]
struct New {
    text: String,
}

impl Notes {
    fn add(&mut self, note: New, call: &Invocation) -> Result<usize> {
        self.0.push(format!("{}: {}", call.caller(), note.text));
        Ok(self.0.len())
    }

    fn drop_one(&mut self, index: usize) -> Result<String> {
        ensure!(index < self.0.len(), code = "not_found", "no note {index}");
        Ok(self.0.remove(index))
    }

    fn list(&mut self) -> Result<Vec<String>> {
        Ok(self.0.clone())
    }

    fn caller(&mut self, call: &Invocation) -> Result<String> {
        Ok(call.caller())
    }

    fn load(&mut self) -> Result<()> {
        self.0.push("loaded".to_owned());
        Ok(())
    }
}

const PLUGIN: Plugin<Notes> = Plugin::builder()
    .name("notes")
    .version("1.2.3-rc.1")
    .title("Notes")
    .description("Says \"hello\"\nand\ttabs")
    .author_with_email("Ann", "ann@example.org")
    .tags(&["text", "demo"])
    .actions(create_actions! {
        /// Adds a note
        /// and counts.
        "add" => Notes::add,
        "drop" => Notes::drop_one,
        "list" => Notes::list,
        "caller" => Notes::caller,
    })
    .routes(create_api_routes! {
        GET "/notes" => ["list"],
        POST "/notes" => ["add", "list"],
        DELETE "/notes/:index" => ["drop"],
    })
    .on_load(Notes::load)
    .build();

export_plugin!(PLUGIN: Notes, lifecycle);

#[test]
fn plugin_of_the_builder_runs() {
    let mut notes = native_instance();
    notes.load().expect("loaded");
    assert_eq!(notes.call("add", json!({ "text": "a" })).expect("added"), json!(2));
    assert_eq!(notes.call("list", ()).expect("a list"), json!(["loaded", "host: a"]));
    assert_eq!(notes.call("drop", 0).expect("dropped"), json!("loaded"));
    assert_eq!(notes.call("drop", 7).expect_err("not there").code(), "not_found");
    assert_eq!(notes.call("caller", ()).expect("a caller"), json!("host"));
}

#[test]
fn manifest_of_the_builder_is_one_layer() {
    let [layer] = <[Value; 1]>::try_from(native_instance().manifest()).expect("one layer");
    assert_eq!(layer["name"], "notes");
    assert_eq!(layer["description"], "Says \"hello\"\nand\ttabs");
    assert_eq!(layer["author"], json!({ "name": "Ann", "email": "ann@example.org" }));
    assert_eq!(layer["tags"], json!(["text", "demo"]));
    assert_eq!(layer["actions"][0]["description"], "Adds a note and counts.");
    assert_eq!(layer["actions"][0]["payload"]["required"], json!(["text"]));
    assert_eq!(layer["routes"][1], json!({ "method": "POST", "path": "/notes", "actions": ["add", "list"] }));
}

const COMPLETE: Plugin<Notes> = Plugin::builder()
    .name("complete")
    .version("1.0.0")
    .author("Ann")
    .author_url("https://ann.example.org")
    .actions(create_actions! { "list" => Notes::list })
    .subscriptions(&[
        Subscription::new("order.*", |_, _| Ok(())).durable(),
        Subscription::dynamic("a.*", |_, _| Ok(())),
    ])
    .publishes(&["order.placed", "stock.**"])
    .requires(&[("stock", ">=1.2, <2"), ("erp", "*")])
    .resources(
        Resources::new().timeout_seconds(30).max_memory_mb(64).max_fuel(1_000_000).rate_limit(1000, 60).instances(4),
    )
    .configuration(&[
        Setting::string("api_key").required().secret().pattern("^[a-z]+$").description("The \"key\""),
        Setting::integer("retries").default(Json::Integer(3)).min(Json::Integer(1)).max(Json::Integer(10)),
        Setting::string("units").one_of(&[Json::Text("metric"), Json::Text("us")]),
        Setting::boolean("enabled").default(Json::Raw("true")),
    ])
    .additional_configuration()
    .env(&[("DEBUG", "false")])
    .manifest_url("https://example.org/plugin.json")
    .repository("https://github.com/example/complete")
    .repository_type(RepositoryType::Github)
    .plugbay_version(">=0.1")
    .execution_mode(ExecutionMode::Sandboxed)
    .allowed_callers(&["shop"])
    .retry(3, 2)
    .layer(r#"{ "frontend": { "pages": [{ "path": "/", "template": {} }] } }"#)
    .build();

/// The manifest of a plugin as the host reads it.
fn manifest<const N: usize>(section: [u8; N]) -> plugbay_manifest::Manifest {
    let layers = serde_json::Deserializer::from_slice(&section).into_iter::<Value>();
    let layers: Vec<_> = layers
        .map(|layer| plugbay_manifest::Layer::from_value("the section", layer.expect("JSON")).expect("a layer"))
        .collect();
    plugbay_manifest::Manifest::from_layers(&layers).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn builder_declares_every_field_of_a_manifest() {
    let manifest = manifest(COMPLETE.section::<{ COMPLETE.section_length() }>());
    let json = serde_json::to_value(&manifest).expect("JSON");
    let expected = json!({
        "publishes": ["order.placed", "stock.**"],
        "subscribes": [{ "id": "order.*", "topic": "order.*", "priority": 50, "once": false, "durable": true }],
    });
    assert_eq!(json["events"], expected);
    assert_eq!(json["requires"], json!([{ "name": "stock", "version": ">=1.2, <2" }, { "name": "erp" }]));
    let resources = json!({
        "timeout_seconds": 30, "max_memory_mb": 64, "max_fuel": 1_000_000,
        "rate_limit": { "calls": 1000, "period_seconds": 60 }, "instances": 4,
    });
    assert_eq!(json["resources"], resources);
    let configuration = json!({
        "api_key": {
            "type": "string", "required": true, "secret": true, "pattern": "^[a-z]+$", "description": "The \"key\"",
        },
        "enabled": { "type": "boolean", "default": true },
        "retries": { "type": "integer", "default": 3, "min": 1, "max": 10 },
        "units": { "type": "string", "enum": ["metric", "us"] },
    });
    assert_eq!(json["configuration"], configuration);
    for (field, expected) in [
        ("author", json!({ "name": "Ann", "url": "https://ann.example.org" })),
        ("additional_configuration", json!(true)),
        ("env", json!({ "DEBUG": "false" })),
        ("manifest", json!("https://example.org/plugin.json")),
        ("repo_type", json!("github")),
        ("plugbay_version", json!(">=0.1")),
        ("execution_mode", json!("sandboxed")),
        ("allowed_callers", json!(["shop"])),
        ("retry", json!({ "max_attempts": 3, "backoff_seconds": 2 })),
    ] {
        assert_eq!(json[field], expected, "{field}");
    }
    assert!(manifest.frontend.is_some(), "of the layer");
}

#[test]
#[should_panic(expected = "two settings have the name `a`")]
fn setting_given_twice_does_not_build() {
    const TWICE: &[Setting] = &[Setting::string("a"), Setting::integer("a")];
    let _ = named().configuration(TWICE).build();
}

#[test]
#[should_panic(expected = "the plugin requires `Stock`, which is not the name of a plugin")]
fn requirement_that_is_no_name_does_not_build() {
    let _ = named().requires(&[("Stock", "*")]).build();
}

#[test]
#[should_panic(expected = "the topic `a..b` has an empty word")]
fn published_topic_that_is_none_does_not_build() {
    let _ = named().publishes(&["a..b"]).build();
}

#[test]
#[should_panic(expected = "the layer of the manifest must be a JSON object")]
fn layer_that_is_no_object_does_not_build() {
    let _ = named().layer("[]").build();
}

#[test]
#[should_panic(expected = "the plugin handles events: export_plugin!(…, events)")]
fn handler_of_other_events_without_its_export_does_not_build() {
    named().on_event(|_, _| Ok(())).build().check_exports(&[Export::Lifecycle]);
}

const LIST: &[Action<Notes>] = create_actions! { "list" => Notes::list };

fn named() -> plugbay_sdk::builder::Builder<Notes> {
    Plugin::builder().name("notes").version("1.0.0")
}

#[test]
#[should_panic(expected = "Plugin name is required")]
fn plugin_without_a_name_does_not_build() {
    let _ = Plugin::builder::<Notes>().version("1.0.0").build();
}

#[test]
#[should_panic(expected = "Plugin version is required")]
fn plugin_without_a_version_does_not_build() {
    let _ = Plugin::builder::<Notes>().name("notes").build();
}

#[test]
#[should_panic(expected = "Plugin name must match ^[a-z][a-z0-9_-]*$")]
fn plugin_with_an_upper_case_name_does_not_build() {
    let _ = named().name("Notes").build();
}

#[test]
#[should_panic(expected = "Plugin version must be semantic: MAJOR.MINOR.PATCH")]
fn plugin_with_half_a_version_does_not_build() {
    let _ = named().version("1.0").build();
}

#[test]
#[should_panic(expected = "route PUT /notes names the unknown action `lst`")]
fn route_to_an_unknown_action_does_not_build() {
    const ROUTES: &[Route] = create_api_routes! { GET "/notes" => ["list"], PUT "/notes" => ["list", "lst"] };
    let _ = named().actions(LIST).routes(ROUTES).build();
}

#[test]
#[should_panic(expected = "the path of route GET notes does not begin with `/`")]
fn route_without_a_slash_does_not_build() {
    const ROUTES: &[Route] = &[Route::get("notes", &["list"])];
    let _ = named().actions(LIST).routes(ROUTES).build();
}

#[test]
#[should_panic(expected = "route GET / names no action")]
fn route_without_an_action_does_not_build() {
    const ROUTES: &[Route] = &[Route::new(Method::Get, "/", &[])];
    let _ = named().routes(ROUTES).build();
}

#[test]
#[should_panic(expected = "two routes are GET /notes")]
fn route_given_twice_does_not_build() {
    const ROUTES: &[Route] = &[Route::get("/notes", &["list"]); 2];
    let _ = named().actions(LIST).routes(ROUTES).build();
}

#[test]
#[should_panic(expected = "two actions have the name `list`")]
fn action_given_twice_does_not_build() {
    const TWICE: &[Action<Notes>] = create_actions! { "list" => Notes::list, "list" => Notes::list };
    let _ = named().actions(TWICE).build();
}

#[test]
#[should_panic(expected = "two subscriptions have the id `a.*`")]
fn pattern_given_twice_does_not_build() {
    const TWICE: &[Subscription<Notes>] = &[Subscription::new("a.*", |_, _| Ok(())); 2];
    let _ = named().subscriptions(TWICE).build();
}

#[test]
#[should_panic(expected = "`onContainerStart` is a hook name")]
fn subscription_to_a_hook_name_does_not_build() {
    const HOOK: &[Subscription<Notes>] = &[Subscription::new("onContainerStart", |_, _| Ok(()))];
    let _ = named().subscriptions(HOOK).build();
}

#[test]
#[should_panic(expected = "the topic `container:start` has a colon")]
fn subscription_with_a_colon_does_not_build() {
    const COLON: &[Subscription<Notes>] = &[Subscription::new("container:start", |_, _| Ok(()))];
    let _ = named().subscriptions(COLON).build();
}

#[test]
#[should_panic(expected = "the schema of the payload of `big` is larger than 64 KiB")]
fn schema_that_the_host_would_refuse_does_not_build() {
    const TEXT: &str = {
        static BYTES: [u8; 70_000] = [b' '; 70_000];
        match core::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => "",
        }
    };
    const BIG: &[Action<Notes>] = &[Action::new("big", |_, _| Ok(String::new())).payload(Json::Raw(TEXT))];
    let _ = named().actions(BIG).build();
}

const SOURCE: Source = Source {
    file: "plugin.yaml",
    cargo: r#"{"name":"from-cargo","version":"2.0.0"}"#,
    json: r#"{"name":"from-file"}"#,
    actions: &[],
    routes: &[],
    subscribes: &[],
    tables: &[],
};

#[test]
fn plugin_with_a_manifest_file_needs_no_name_of_its_own() {
    let _ = Plugin::builder::<Notes>().source(SOURCE).build();
}

#[test]
#[should_panic(expected = "plugin.yaml declares the action `add`, which is not in the code")]
fn action_only_in_the_file_does_not_build() {
    let _ = named().actions(LIST).source(Source { actions: &["list", "add"], ..SOURCE }).build();
}

#[test]
#[should_panic(expected = "route GET /x of plugin.yaml names the unknown action `x`")]
fn route_of_the_file_to_an_unknown_action_does_not_build() {
    const ROUTE: SourceRoute = SourceRoute { method: "GET", path: "/x", actions: &["list", "x"] };
    let _ = named().actions(LIST).source(Source { routes: &[ROUTE], ..SOURCE }).build();
}

#[test]
#[should_panic(expected = "route GET /x has other actions in plugin.yaml")]
fn route_with_other_actions_in_file_and_code_does_not_build() {
    const ROUTE: SourceRoute = SourceRoute { method: "GET", path: "/x", actions: &["list", "list"] };
    const ROUTES: &[Route] = create_api_routes! { GET "/x" => ["list"] };
    let _ = named().actions(LIST).routes(ROUTES).source(Source { routes: &[ROUTE], ..SOURCE }).build();
}

#[test]
#[should_panic(expected = "plugin.yaml subscribes to `a.b`, for which the code has no handler")]
fn subscription_only_in_the_file_does_not_build() {
    let _ = named().source(Source { subscribes: &["a.b"], ..SOURCE }).build();
}

#[test]
#[should_panic(expected = "the plugin has a lifecycle hook: export_plugin!(…, lifecycle)")]
fn hook_without_its_export_does_not_build() {
    PLUGIN.check_exports(&[Export::Events, Export::Health]);
}

#[test]
fn hook_with_its_export_builds() {
    PLUGIN.check_exports(&[Export::Lifecycle]);
}
