//! Hostile pages: each is refused when the manifest is read, with a clear error and the path of the problem.

use plugbay_manifest::limits::{
    DOCUMENT_BYTES_MAX, PAGE_PARTS_MAX, TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_NODES_MAX,
};
use plugbay_manifest::{Format, Layer, Manifest, ManifestError};
use serde_json::{Value, json};

fn read(page: Value) -> Result<Manifest, ManifestError> {
    let mut page = page;
    page["path"] = json!("/");
    let manifest = json!({ "name": "hostile", "version": "1.0.0", "frontend": { "pages": [page] } });
    let layer = Layer::parse("plugin.json", &manifest.to_string(), Format::Json)?;
    Manifest::from_layers(&[layer])
}

fn check(page: Value, path: &str, code: &str, part: &str) {
    let error = read(page).expect_err("it is refused");
    let problem = &error.problems[0];
    assert_eq!((problem.path.as_str(), problem.code), (path, code), "{error}");
    assert!(problem.message.contains(part), "{error}");
    assert!(error.to_string().len() < 100_000, "the report is bounded");
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({ "type": "card" }), |node, _| json!({ "type": "card", "children": [node] }))
}

#[test]
fn template_beyond_a_bound_is_too_large() {
    const AT: &str = "frontend.pages[0].template";
    let text = |bytes: usize| json!({ "type": "text", "props": { "text": "x".repeat(bytes) } });
    check(json!({ "template": text(TEMPLATE_BYTES_MAX) }), AT, "too_large", "bytes, at most");
    check(json!({ "template": text(10 << 20) }), "", "too_large", &(DOCUMENT_BYTES_MAX >> 20).to_string());

    let nodes = |count: usize| json!({ "template": vec![json!({ "type": "card" }); count] });
    read(nodes(TEMPLATE_NODES_MAX)).expect("at the bound");
    let halves = vec![json!({ "type": "card", "children": vec![json!({ "type": "card" }); 1_000] }); 3];
    check(json!({ "template": halves }), &format!("{AT}[1].children[998]"), "too_large", "more than 2000 nodes");
    check(nodes(TEMPLATE_NODES_MAX + 1), AT, "too_large", "entries");

    read(json!({ "template": nested(TEMPLATE_DEPTH_MAX) })).expect("at the bound");
    let error = read(json!({ "template": nested(TEMPLATE_DEPTH_MAX + 1) })).expect_err("too deep");
    assert!(error.problems[0].message.contains("nested more than 16"), "{error}");
    let error = read(json!({ "template": nested(100) })).expect_err("too deep");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn thousands_of_loaders_or_actions_are_too_large() {
    let loader = |id: usize| json!({ "id": format!("l{id}"), "apiRoute": "/" });
    let loaders = |count: usize| (0..count).map(loader).collect::<Vec<_>>();
    read(json!({ "template": {}, "loaders": loaders(PAGE_PARTS_MAX) })).expect("at the bound");
    let page = json!({ "template": {}, "loaders": loaders(10_000) });
    check(page, "frontend.pages[0].loaders", "too_large", "10000 entries, at most 128");
    let error = read(json!({ "template": {}, "loaders": loaders(100_000) })).expect_err("refused");
    assert_eq!(error.problems[0].code, "too_large", "{error}");
}

#[test]
fn polling_without_a_pause_is_out_of_range() {
    for interval in [0, 1, 99] {
        let loader = json!({ "id": "l", "apiRoute": "/", "polling": { "interval": interval } });
        let path = "frontend.pages[0].loaders[0].polling.interval";
        check(json!({ "template": {}, "loaders": [loader] }), path, "out_of_range", "from 100");
    }
}

#[test]
fn expression_of_great_depth_is_refused_wherever_it_is_written() {
    let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    let text = |member: &str| {
        let mut node = json!({ "type": "text", "props": { "text": "x" } });
        node[member] = json!(deep);
        json!({ "template": node })
    };
    check(text("condition"), "frontend.pages[0].template.condition", "INVALID_CONDITION", "at most 500");
    let page = json!({ "template": { "widgets": [], "state": { "computed": { "a": "!".repeat(100) } } } });
    check(page, "frontend.pages[0].template.state.computed.a", "INVALID_COMPUTED", "more than 32 levels");
    let node = json!({ "type": "text", "props": { "text": format!("{{{{{deep}}}}}") } });
    check(json!({ "template": node }), "frontend.pages[0].template.props.text", "INVALID_PROPS", "at most 500");
}

#[test]
fn link_that_runs_code_is_refused() {
    for href in ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>"] {
        let link = json!({ "type": "link", "props": { "text": "x", "href": href } });
        check(json!({ "template": link }), "frontend.pages[0].template.props.href", "INVALID_PROPS", "not a link");
    }
    let action = json!({ "id": "go", "type": "navigate", "path": "javascript:alert(1)" });
    let page = json!({ "template": {}, "actions": [action] });
    check(page, "frontend.pages[0].actions[0].path", "invalid_value", "not a link");
}

#[test]
fn prop_that_leaves_its_place_in_css_is_refused() {
    for gap in ["1px;position:fixed", "url(//evil.example)", "0}body{display:none", "1px/*"] {
        let node = json!({ "type": "container", "props": { "gap": gap } });
        check(json!({ "template": node }), "frontend.pages[0].template.props.gap", "INVALID_PROPS", "CSS length");
    }
}

#[test]
fn thousands_of_wrong_props_are_counted_not_listed() {
    let node = json!({ "type": "heading", "props": { "text": [], "level": "x", "nothing": 1 } });
    let error = read(json!({ "template": vec![node; 1_000] })).expect_err("refused");
    assert_eq!(error.problems.len(), 101, "{error}");
    let unknown = json!({ "type": "divider", "props": { "nothing": 1 } });
    let manifest = read(json!({ "template": vec![unknown; 1_000] })).expect("accepted");
    assert_eq!(manifest.notes.len(), 100);
}

#[test]
fn pages_of_code_and_of_a_file_are_merged_by_their_paths() {
    let layer = |origin: &str, frontend: Value| {
        let manifest = json!({ "name": "p", "version": "1.0.0", "frontend": frontend });
        Layer::parse(origin, &manifest.to_string(), Format::Json).expect("JSON")
    };
    let page = |path: &str, title: &str| json!({ "path": path, "template": {}, "meta": { "title": title } });
    let code = layer("code", json!({ "pages": [page("/a", "A"), page("/b", "B")], "loaders": [] }));
    let reload = json!({ "id": "again", "type": "reload", "loaderIds": ["all"] });
    let mut b = page("/b", "New B");
    b["actions"] = json!([reload]);
    let file = layer("file", json!({ "pages": [b], "loaders": [{ "id": "all", "apiRoute": "/" }] }));
    let manifest = Manifest::from_layers(&[code.clone(), file]).expect("they agree");
    let frontend = manifest.frontend.expect("pages");
    let titles: Vec<_> = frontend.pages.iter().filter_map(|page| page.meta.title.as_deref()).collect();
    assert_eq!(titles, ["A", "New B"]);

    let mut b = page("/b", "B");
    b["actions"] = json!([reload]);
    let error = Manifest::from_layers(&[code, layer("file", json!({ "pages": [b] }))]).expect_err("no loader `all`");
    assert!(
        error.to_string().contains("file: frontend.pages[0].actions[0].loaderIds[0]: the page has no loader `all`")
    );
}
