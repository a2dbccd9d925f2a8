//! Pages in the code: their declaration in the manifest, and the mistakes that do not build. Functions of the builder
//! are const, but tests call them at run time, where a failed check is a panic instead of a compile error.

use plugbay_sdk::builder::{
    Builder, Plugin, Route, create_frontend_action, create_frontend_config, create_frontend_loader,
    create_frontend_route,
};
use plugbay_sdk::constant::{Json, Member};
use plugbay_sdk::prelude::*;
use plugbay_sdk::ui::{self, Confirm, Fragment, Frontend, Loader, Node, Page, PageAction, Reaction, Template, Tone};

#[derive(Default)]
struct Shop;

#[plugin]
impl Shop {
    #[get("/items")]
    fn items(&self) -> Vec<String> {
        Vec::new()
    }

    #[post("/items/{id}")]
    fn save(&self, id: u64) -> u64 {
        id
    }

    #[page("/items", title = "Items", icon = "box", order = -1)]
    const ITEMS: Template = Template::new(&[
        ui::heading(1, "Items"),
        ui::table(&[
            ui::column("name").title("Name").width("40%").cell(&BADGE),
            ui::column("count").align("right").plain(),
        ])
        .bind("data", "data.items")
        .flag("searchable"),
        ui::container(&[ui::text("{{item}}").each("data.items").key("item"), ui::fragment("note").with("text", "x")])
            .when("data.items.length > 0")
            .id("list"),
        ui::button("Save").variant("danger").action("save").on("onClick", "save"),
        ui::form("save").number("columns", 2),
        ui::stat("Items", "data.items.length").with("unit", "pcs"),
        ui::chart("data.items", "time", &[ui::series("load").label("Load")]),
        ui::checkbox_group(&["a", "b"], "state.chosen"),
        ui::widget("hologram", &[]).fallback(&BADGE),
    ])
    .state(&[("filter", Json::Text("")), ("open", Json::Raw("false"))])
    .computed(&[("isFiltered", "filter !== ''")])
    .loaders(&[
        Loader::get("items", "/items?filter={{state.filter}}")
            .state_key("items")
            .cache_ms(500)
            .every_ms(1_000)
            .polls_while("!state.open")
            .events(&["items.*"]),
        Loader::post("saved", "/items/{{params.id}}", Json::Object(&[Member::Is("a", Json::Integer(1))])).late(),
    ])
    .actions(&[
        PageAction::post("save", "/items/{{payload.id}}")
            .body(Json::Text("{{payload}}"))
            .confirm("Save?")
            .debounce_ms(250)
            .show_loading()
            .on_success(
                Reaction::new()
                    .notify(Tone::Success, "Saved")
                    .then("again")
                    .set_state(&[("id", Json::Text("result.id"))]),
            )
            .on_error(Reaction::new().navigate("./error")),
        PageAction::reload("again", &["items", "saved"]),
        PageAction::set_state("toggle", &[("open", Json::Text("{{!state.open}}"))]),
        PageAction::custom("copy", "copy"),
        PageAction::navigate("home", "/").confirm_with(Confirm {
            title: Some("Leave"),
            message: "Really?",
            confirm_text: Some("Leave"),
            cancel_text: None,
        }),
    ]);

    #[page("/about", hidden)]
    const ABOUT: Template = Template::new(&[ui::text("About")]);
}

const BADGE: Node = ui::badge("{{value}}").size("sm").class("p-2");

/// The manifest as the host reads it, with a fragment that the manifest file would have.
fn manifest<const N: usize>(section: [u8; N]) -> plugbay_manifest::Manifest {
    let layers = serde_json::Deserializer::from_slice(&section).into_iter::<Value>();
    let mut layers: Vec<_> = layers
        .map(|layer| plugbay_manifest::Layer::from_value("the section", layer.expect("JSON")).expect("a layer"))
        .collect();
    let fragment = json!({ "frontend": { "fragments": [{ "id": "note", "widgets": [] }] } });
    layers.push(plugbay_manifest::Layer::from_value("file", fragment).expect("a layer"));
    plugbay_manifest::Manifest::from_layers(&layers).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn pages_of_the_code_are_in_the_manifest() {
    const PLUGIN: &Plugin<Shop> = &Shop::__PLUGBAY_PLUGIN;
    let manifest = manifest(PLUGIN.section::<{ PLUGIN.section_length() }>());
    assert_eq!(
        manifest.notes,
        ["the section: frontend.pages[0].template.widgets[8].type: the widget `hologram` is \
                                 unknown, so its fallback is shown"]
    );
    let frontend = serde_json::to_value(manifest.frontend.as_deref()).expect("JSON");
    let [items, about] = frontend["pages"].as_array().expect("a list").as_slice() else { panic!("{frontend}") };
    assert_eq!(items["path"], "/items");
    assert_eq!(items["meta"], json!({ "title": "Items", "icon": "box", "showInNav": true, "navOrder": -1 }));
    assert_eq!((&about["path"], &about["meta"]["showInNav"]), (&json!("/about"), &json!(false)));
    let widgets = &items["template"]["widgets"];
    let badge = json!({ "type": "badge", "props": { "text": "{{value}}", "size": "sm", "className": "p-2" } });
    let columns = json!([
        { "key": "name", "title": "Name", "width": "40%", "renderTemplate": badge },
        { "key": "count", "align": "right", "sortable": false, "filterable": false },
    ]);
    assert_eq!(widgets[1]["props"], json!({ "searchable": true, "columns": columns }));
    assert_eq!(widgets[1]["bindings"], json!({ "data": "data.items" }));
    assert_eq!((&widgets[2]["condition"], &widgets[2]["id"]), (&json!("data.items.length > 0"), &json!("list")));
    let repeat = json!({ "items": "data.items", "itemVar": "item", "indexVar": "index", "keyExpr": "item" });
    assert_eq!(widgets[2]["children"][0]["loop"], repeat);
    assert_eq!(widgets[2]["children"][1]["fragmentId"], "note");
    assert_eq!(widgets[3]["actions"], json!({ "onClick": "save" }));
    assert_eq!(widgets[6]["props"]["series"], json!([{ "key": "load", "label": "Load" }]));
    assert_eq!(widgets[7]["props"], json!({ "binding": "state.chosen", "options": ["a", "b"] }));
    assert_eq!(widgets[8]["fallback"]["type"], "badge");
    assert_eq!(items["template"]["state"]["computed"], json!({ "isFiltered": "filter !== ''" }));
    assert_eq!(items["loaders"][0]["polling"], json!({ "interval": 1_000, "enabled": "!state.open" }));
    assert_eq!(items["loaders"][1]["runOnNavigate"], false);
    let save = json!({
        "id": "save", "type": "api", "apiRoute": "/items/{{payload.id}}", "method": "POST", "body": "{{payload}}",
        "confirm": { "message": "Save?" }, "debounce": 250, "showLoading": true,
        "onSuccess": {
            "setState": { "id": "result.id" }, "notify": { "message": "Saved", "type": "success" },
            "triggerAction": "again",
        },
        "onError": { "navigate": "./error" },
    });
    assert_eq!(items["actions"][0], save);
}

const LIST: &[Route] = &[Route::get("/data", &["list"])];

fn named() -> Builder<Shop> {
    const ACTIONS: &[plugbay_sdk::builder::Action<Shop>] =
        &[plugbay_sdk::builder::Action::new("list", |_, _| Ok("null".to_owned()))];
    Plugin::builder().name("p").version("1.0.0").actions(ACTIONS).routes(LIST)
}

#[test]
fn builder_has_the_names_of_dockstat() {
    const FRONTEND: Frontend = create_frontend_config(&[create_frontend_route(
        "/dashboard",
        Template::new(&[ui::data_table("items")]).loaders(&[create_frontend_loader("items", "/data")]),
    )
    .title("Dashboard")])
    .fragments(&[Fragment::new("f", &[ui::divider()]).props(&[("a", "string")])])
    .state(&[("theme", Json::Text("light"))])
    .computed(&[("isDark", "state.theme === 'dark'")])
    .actions(&[PageAction::reload("all", &[])]);
    const _: PageAction = create_frontend_action("create", "/create");
    let _ = named().frontend(FRONTEND).build();
}

/// Builds a plugin with these pages.
macro_rules! build {
    ($($page:expr),*) => {{
        const PAGES: &[Page] = &[$($page),*];
        let _ = named().frontend(Frontend::new(PAGES)).build();
    }};
}

#[test]
#[should_panic(expected = "page /p: `l` requests GET /dta, which is not a route of the plugin")]
fn loader_of_an_unknown_route_does_not_build() {
    build!(Page::new("/p", Template::new(&[]).loaders(&[Loader::get("l", "/dta")])));
}

#[test]
#[should_panic(expected = "page /p: `a` requests POST /data, which is not a route of the plugin")]
fn action_of_a_route_with_another_method_does_not_build() {
    build!(Page::new("/p", Template::new(&[]).actions(&[PageAction::post("a", "/data")])));
}

#[test]
#[should_panic(expected = "page /p: `a` runs the unknown loader `none`")]
fn reload_of_an_unknown_loader_does_not_build() {
    build!(Page::new("/p", Template::new(&[]).actions(&[PageAction::reload("a", &["none"])])));
}

#[test]
#[should_panic(expected = "page /p: `a` runs the unknown action `none`")]
fn reaction_with_an_unknown_action_does_not_build() {
    const ACTION: PageAction = PageAction::reload("a", &[]).on_error(Reaction::new().then("none"));
    build!(Page::new("/p", Template::new(&[]).actions(&[ACTION])));
}

#[test]
#[should_panic(expected = "page /p: a `button` runs the unknown action `none`")]
fn button_of_an_unknown_action_does_not_build() {
    build!(Page::new("/p", Template::new(&[ui::card(&[ui::button("x").action("none")])])));
}

#[test]
#[should_panic(expected = "two pages have the path `/p`")]
fn two_pages_with_one_path_do_not_build() {
    build!(Page::new("/p", Template::new(&[])), Page::new("/p", Template::new(&[])));
}
