//! Layers: a manifest file next to a component built with the SDK, merged with what the code declares.

use plugbay::manifest::{Format, Layer, Manifest};
use plugbay::{LoadError, Package, Runtime};

use crate::harness::assert::assert_contains;
use crate::harness::guest::{example, sdk};

/// The manifest of `sdk_orders` with this `plugin.yaml` next to it. Its code declares actions, a route, a subscription
/// and a permission.
fn orders(file: &str) -> Result<Manifest, LoadError> {
    let layer = Layer::parse("plugin.yaml", file, Format::Yaml).expect("the file parses");
    let package = Package::from_bytes("orders", sdk::ORDERS.bytes()).manifest(layer.clone());
    let manifest = manifest_of(package)?;
    // The same file inside the component and next to it, as `plugbay run .` does in a crate's directory.
    let embedded = Package::from_bytes("orders", sdk::ORDERS.bytes()).manifest(layer.clone()).to_component()?;
    let twice = manifest_of(Package::from_bytes("orders", embedded).manifest(layer))?;
    assert_eq!(twice, manifest, "merging the file twice changes nothing");
    Ok(manifest)
}

fn manifest_of(package: Package) -> Result<Manifest, LoadError> {
    let runtime = Runtime::builder().build().expect("a runtime");
    runtime.inspect(package).map(|inspection| inspection.manifest)
}

fn topics(manifest: &Manifest) -> Vec<(&str, i32)> {
    manifest.events.subscribes.iter().map(|known| (&*known.topic, known.priority)).collect()
}

#[test]
fn events_of_the_file_keep_the_subscriptions_of_the_code() {
    let manifest = orders("events: { publishes: [order.placed] }").expect("it is valid");
    assert_eq!(manifest.events.publishes, ["order.placed"]);
    assert_eq!(topics(&manifest), [("order.*", 80), ("container.start", 50)]);
    let manifest = orders("events: { subscribes: [{ topic: 'order.*', once: true }] }").expect("it is valid");
    assert_eq!(topics(&manifest)[0], ("order.*", 80), "fields that the file leaves out stay");
    assert!(manifest.events.subscribes[0].once);
}

#[test]
fn actions_of_the_file_keep_the_schemas_of_the_code() {
    let alone = orders("title: Orders").expect("it is valid");
    let manifest = orders("actions: { place: { description: Orders something }, list: }").expect("it is valid");
    let action = |manifest: &Manifest, name: &str| {
        manifest.actions.iter().find(|action| action.name == name).cloned().expect("it is declared")
    };
    assert_eq!(manifest.actions.len(), alone.actions.len());
    assert_eq!(action(&manifest, "place").description.as_deref(), Some("Orders something"));
    assert!(action(&alone, "place").payload.is_some());
    assert_eq!(action(&manifest, "place").payload, action(&alone, "place").payload);
    assert!(action(&manifest, "list").idempotent);
}

#[test]
fn routes_and_permissions_of_file_and_code_are_merged() {
    let file = "
routes: [{ method: POST, path: /orders, actions: [place] }, { method: GET, path: /orders, actions: [list], tags: [all] }]
permissions: [{ resource: data.*, actions: [write] }]
configuration: { closed: { type: boolean } }
";
    let manifest = orders(file).expect("it is valid");
    let routes: Vec<String> =
        manifest.routes.iter().map(|route| format!("{} {}", route.method.name(), route.path)).collect();
    assert_eq!(routes, ["GET /orders", "POST /orders"]);
    assert_eq!(manifest.routes[0].tags, ["all"]);
    let resources: Vec<&str> = manifest.permissions.iter().map(|rule| &*rule.resource).collect();
    assert_eq!(resources, ["data.*", "data.orders"], "the file's rules come first");
    assert!(manifest.configuration.contains_key("closed"));
}

#[test]
fn tables_of_the_file_keep_those_of_the_code() {
    let names = |text: &str| {
        let layer = Layer::parse("plugin.yaml", text, Format::Yaml).expect("the file parses");
        let package = Package::from_bytes("notes", sdk::DB.bytes()).manifest(layer);
        let tables = manifest_of(package).expect("it is valid").tables;
        tables.into_iter().map(|table| table.name).collect::<Vec<_>>()
    };
    let of_code = names("title: Notes");
    assert!(of_code.len() > 1, "{of_code:?}");
    let both = names("tables: { extra: { columns: { id: id } } }");
    assert!(of_code.iter().all(|name| both.contains(name)) && both.contains(&"extra".to_owned()), "{both:?}");
}

#[test]
fn empty_list_in_the_file_drops_the_codes_entries() {
    let manifest = orders("{ events: { subscribes: [] }, routes: [], permissions: [] }").expect("it is valid");
    assert!(manifest.events.subscribes.is_empty() && manifest.routes.is_empty() && manifest.permissions.is_empty());
    assert!(!manifest.actions.is_empty());
}

#[test]
fn route_that_contradicts_the_code_names_both_places() {
    let error = orders("routes: [{ method: GET, path: /orders, actions: [about] }]").expect_err("it contradicts");
    let expected = [
        "plugin.yaml: routes[0]: GET /orders -> about",
        "routes[0] of orders (embedded manifest)",
        "GET /orders -> list",
    ];
    assert_contains(&error.to_string(), &expected);
}

#[test]
fn manifest_file_inside_and_next_to_it_is_the_same() {
    let component = example::NOTES.path();
    let alone = manifest_of(Package::open(&component).expect("a package")).expect("it is valid");
    let beside = Package::open_with_component(example::NOTES.directory(), &component).expect("a package");
    assert_eq!(manifest_of(beside).expect("it is valid"), alone);
    assert_eq!(alone.title.as_deref(), Some("Notes"), "the file's");
    assert_eq!(alone.tables.len(), 1, "the code's");
}
