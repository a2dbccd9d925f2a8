//! The fluent builder and its checks. Its functions are const, but tests call them at run time, where a failed check is
//! a panic instead of a compile error.

use plugbay_sdk::builder::{
    Action, Export, Method, Plugin, Route, Source, SourceRoute, Subscription, create_actions, create_api_routes,
    export_plugin,
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
