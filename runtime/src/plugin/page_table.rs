//! The pages of a revision: found by their paths, with the parts of their documents that are written once.

use std::sync::{Arc, OnceLock};

use plugbay_manifest::page::{Frontend, Page, PageAction, TemplateNode};
use plugbay_manifest::{Manifest, Method};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::polled_results::PolledResults;
use super::route_table::{RouteMatch, RouteTable, decoded_segments};
use crate::page::{FoundPage, PageParts};

/// The widget whose schema the host fills in.
const FORM: &str = "form";

/// The pages of a manifest.
pub(crate) struct PageTable {
    pub(crate) frontend: Arc<Frontend>,
    /// The pages in the order in which they are compared with a path: literal segments before parameters.
    order: Vec<usize>,
    /// Written when a page is opened first.
    parts: Vec<OnceLock<Arc<PageParts>>>,
    /// What polls share.
    pub(crate) polled: PolledResults,
}

impl PageTable {
    /// Creates the table of a manifest's pages; `None` if it has none. The plugin can or cannot see who calls it.
    pub(crate) fn new(manifest: &Manifest, sees_callers: bool) -> Option<Arc<Self>> {
        let frontend = manifest.frontend.clone().filter(|frontend| !frontend.pages.is_empty())?;
        let kinds = |page: &Page| page.path.split('/').map(|segment| segment.starts_with('{')).collect::<Vec<_>>();
        let mut order: Vec<usize> = (0..frontend.pages.len()).collect();
        order.sort_by_key(|index| kinds(&frontend.pages[*index]));
        let parts = frontend.pages.iter().map(|_| OnceLock::new()).collect();
        let polled = PolledResults::new(sees_callers);
        Some(Arc::new(PageTable { frontend, order, parts, polled }))
    }

    /// Finds the page with a path, which is percent-encoded, and the values of its parameters.
    pub(crate) fn find(&self, path: &str) -> Option<(usize, Map<String, Value>)> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let segments = decoded_segments(path).ok()?;
        self.order.iter().find_map(|index| {
            let template = self.frontend.pages[*index].path.strip_prefix('/')?;
            let names: Vec<&str> = if template.is_empty() { Vec::new() } else { template.split('/').collect() };
            if names.len() != segments.len() {
                return None;
            }
            let mut params = Map::new();
            for (name, segment) in names.into_iter().zip(&segments) {
                match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) if !segment.is_empty() => _ = params.insert(name.to_owned(), json!(segment)),
                    None if name == segment => {}
                    _ => return None,
                }
            }
            Some((*index, params))
        })
    }

    /// Returns the parts of a page's document that are the same for all callers.
    pub(crate) fn parts(&self, index: usize, manifest: &Manifest, routes: &RouteTable) -> Arc<PageParts> {
        self.parts[index].get_or_init(|| Arc::new(self.write(index, manifest, routes))).clone()
    }

    fn write(&self, index: usize, manifest: &Manifest, routes: &RouteTable) -> PageParts {
        let Frontend { fragments, global_state, .. } = &*self.frontend;
        let page = &self.frontend.pages[index];
        let found = FoundPage { frontend: self.frontend.clone(), index, params: Map::new() };
        let loaders: Vec<_> = found.loaders().collect();
        let actions: Vec<_> = found.actions().collect();
        let schemas = FormSchemas { actions: &actions, manifest, routes };
        let mut template = page.template.clone();
        schemas.fill(&mut template.widgets);
        let mut fragments = fragments.clone();
        fragments.iter_mut().for_each(|fragment| schemas.fill(&mut fragment.widgets));
        let fragments: Map<String, Value> =
            fragments.iter().map(|fragment| (fragment.id.clone(), json!(fragment))).collect();
        let title = manifest.title.as_ref().unwrap_or(&manifest.name);
        PageParts {
            plugin: raw(&json!({ "name": manifest.name, "title": title, "version": manifest.version })),
            route: raw(&json!({ "path": page.path, "meta": page.meta })),
            template: raw(&template),
            fragments: raw(&fragments),
            loaders: raw(&loaders),
            actions: raw(&actions),
            global_state: raw(&global_state.clone().unwrap_or_default()),
        }
    }
}

/// The schemas of forms: the payload of the first plugin action behind the route of a form's action.
struct FormSchemas<'a> {
    actions: &'a [&'a PageAction],
    manifest: &'a Manifest,
    routes: &'a RouteTable,
}

impl FormSchemas<'_> {
    fn fill(&self, nodes: &mut [TemplateNode]) {
        for node in nodes {
            if node.widget == FORM && !node.props.contains_key("schema") {
                let schema = node.props.get("action").and_then(Value::as_str).and_then(|id| self.of_action(id));
                node.props.extend(schema.map(|schema| ("schema".to_owned(), schema)));
            }
            self.fill(&mut node.children);
            node.fallback.iter_mut().for_each(|node| self.fill(std::slice::from_mut(node)));
        }
    }

    fn of_action(&self, id: &str) -> Option<Value> {
        let action = self.actions.iter().find(|action| action.id == id)?;
        // Any value of a placeholder leads to the same route, unless another one has it as a literal.
        let path = action.api_route.as_ref()?.with_values("-");
        let path = path.split('?').next()?;
        let segments = decoded_segments(path).ok()?;
        let RouteMatch::Route { index, .. } = self.routes.find(action.method.or(Some(Method::Post)), &segments) else {
            return None;
        };
        let first = self.manifest.routes[index].actions.first()?;
        self.manifest.actions.iter().find(|action| action.name == *first)?.payload.clone()
    }
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Nothing in a manifest has keys that are not texts.
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use plugbay_manifest::{Format, Layer};

    use super::*;

    fn manifest(rest: &Value) -> Manifest {
        let mut value = json!({ "name": "p", "version": "1.0.0" });
        value.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        let layer = Layer::parse("p", &value.to_string(), Format::Json).expect("JSON");
        Manifest::from_layers(&[layer]).expect("good")
    }

    fn table(paths: &[&str]) -> Arc<PageTable> {
        let pages: Vec<_> = paths.iter().map(|path| json!({ "path": path, "template": {} })).collect();
        PageTable::new(&manifest(&json!({ "frontend": { "pages": pages } })), false).expect("pages")
    }

    #[test]
    fn literal_segment_takes_precedence_over_a_parameter() {
        let table = table(&["/", "/items/:id", "/items/new", "/:kind/new", "/items/:id/parts"]);
        let check = |path: &str, expected: Option<(usize, Value)>| {
            let found = table.find(path).map(|(index, params)| (index, Value::Object(params)));
            assert_eq!(found, expected, "{path}");
        };
        check("/", Some((0, json!({}))));
        check("", Some((0, json!({}))));
        check("items/new", Some((2, json!({}))));
        check("/items/7/", Some((1, json!({ "id": "7" }))));
        check("/items/a%2Fb?x=1", Some((1, json!({ "id": "a/b" }))));
        check("/carts/new", Some((3, json!({ "kind": "carts" }))));
        check("/items/7/parts", Some((4, json!({ "id": "7" }))));
        check("/items//parts", None);
        check("/items/%zz", None);
        check("/nothing", None);
    }

    #[test]
    fn form_has_the_schema_of_the_payload_behind_its_action() {
        let form = |action: &str| json!({ "type": "form", "props": { "action": action } });
        let action = |id: &str, path: &str| json!({ "id": id, "type": "api", "apiRoute": path, "method": "PUT" });
        let manifest = manifest(&json!({
            "actions": [{ "name": "save", "payload": { "type": "object" } }],
            "routes": [{ "method": "PUT", "path": "/items/:id", "actions": ["save"] }],
            "frontend": { "pages": [{
                "path": "/",
                "template": [{ "type": "card", "children": [form("save"), form("other")] }],
                "actions": [action("save", "/items/{{params.id}}?x={{a}}"), action("other", "/{{any}}")],
            }] },
        }));
        let routes = RouteTable::new(&manifest.routes).expect("no schemas");
        let parts = PageTable::new(&manifest, false).expect("a page").parts(0, &manifest, &routes);
        let template: Value = serde_json::from_str(parts.template.get()).expect("JSON");
        let props = |index: usize| &template["widgets"][0]["children"][index]["props"];
        assert_eq!(props(0), &json!({ "action": "save", "schema": { "type": "object" } }));
        assert_eq!(props(1), &json!({ "action": "other" }));
    }
}
