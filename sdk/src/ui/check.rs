//! The checks of pages that the code alone shows: each loader and action refers to a route, a loader or an action that
//! there is. The host checks the rest when it reads the plugin.

use super::action::{ActionKind, PageAction, Reaction};
use super::loader::Loader;
use super::node::Node;
use super::page::{Frontend, Page};
use crate::builder::{Route, Source, SourceRoute, fail};
use crate::constant::{Json, same};

/// The routes of a plugin: those of the code, and those of its manifest file.
#[derive(Clone, Copy)]
struct Routes<'a> {
    code: &'a [Route],
    file: &'a [SourceRoute],
}

/// The parts that a page can refer to.
struct Known<'a> {
    frontend: &'a Frontend,
    page: Option<&'a Page>,
    routes: Routes<'a>,
}

/// Fails the build if a page refers to something that there is not. Routes are of the code or of the manifest file.
pub(crate) const fn all(frontend: &Frontend, code: &[Route], source: &Option<Source>) {
    let file: &[SourceRoute] = match source {
        Some(source) => source.routes,
        None => &[],
    };
    let routes = Routes { code, file };
    let shared = Known { frontend, page: None, routes };
    shared.parts("all pages", frontend.loaders, frontend.actions);
    let mut index = 0;
    while index < frontend.pages.len() {
        let page = &frontend.pages[index];
        if page.path.is_empty() || page.path.as_bytes()[0] != b'/' {
            fail(&["the path of the page `", page.path, "` does not begin with `/`"]);
        }
        let mut other = 0;
        while other < index {
            if same(frontend.pages[other].path, page.path) {
                fail(&["two pages have the path `", page.path, "`"]);
            }
            other += 1;
        }
        let known = Known { frontend, page: Some(page), routes };
        known.parts(page.path, page.template.loaders, page.template.actions);
        known.nodes(page.path, page.template.widgets);
        index += 1;
    }
}

impl Known<'_> {
    const fn parts(&self, of: &str, loaders: &[Loader], actions: &[PageAction]) {
        let mut index = 0;
        while index < loaders.len() {
            let loader = &loaders[index];
            self.route(of, loader.id, loader.method.as_str(), loader.api_route);
            index += 1;
        }
        let mut index = 0;
        while index < actions.len() {
            let action = &actions[index];
            match &action.kind {
                ActionKind::Api { method, api_route, .. } => self.route(of, action.id, method.as_str(), api_route),
                ActionKind::Reload { loaders } => {
                    let mut named = 0;
                    while named < loaders.len() {
                        if !self.has_loader(loaders[named]) {
                            fail(&["page ", of, ": `", action.id, "` runs the unknown loader `", loaders[named], "`"]);
                        }
                        named += 1;
                    }
                }
                _ => {}
            }
            self.reaction(of, action.id, &action.on_success);
            self.reaction(of, action.id, &action.on_error);
            index += 1;
        }
    }

    const fn reaction(&self, of: &str, action: &str, reaction: &Option<Reaction>) {
        if let Some(Reaction { trigger: Some(next), .. }) = reaction
            && !self.has_action(next)
        {
            fail(&["page ", of, ": `", action, "` runs the unknown action `", next, "`"]);
        }
    }

    const fn nodes(&self, of: &str, nodes: &[Node]) {
        let mut index = 0;
        while index < nodes.len() {
            self.node(of, &nodes[index]);
            index += 1;
        }
    }

    const fn node(&self, of: &str, node: &Node) {
        let mut index = 0;
        while index < node.props.count {
            let (name, value) = &node.props.all[index];
            if same(name, "action")
                && let Json::Text(action) = value
            {
                self.action(of, node.widget, action);
            }
            index += 1;
        }
        let mut index = 0;
        while index < node.events.count {
            self.action(of, node.widget, node.events.all[index].1);
            index += 1;
        }
        self.nodes(of, node.children);
        let mut index = 0;
        while index < node.columns.len() {
            if let Some(cell) = node.columns[index].cell {
                self.node(of, cell);
            }
            index += 1;
        }
        if let Some(fallback) = node.fallback {
            self.node(of, fallback);
        }
    }

    const fn action(&self, of: &str, widget: &str, action: &str) {
        if !has_placeholder(action) && !self.has_action(action) {
            fail(&["page ", of, ": a `", widget, "` runs the unknown action `", action, "`"]);
        }
    }

    const fn has_loader(&self, id: &str) -> bool {
        let own: &[Loader] = match self.page {
            Some(page) => page.template.loaders,
            None => &[],
        };
        is_loader(self.frontend.loaders, id) || is_loader(own, id)
    }

    const fn has_action(&self, id: &str) -> bool {
        let own: &[PageAction] = match self.page {
            Some(page) => page.template.actions,
            None => &[],
        };
        is_action(self.frontend.actions, id) || is_action(own, id)
    }

    const fn route(&self, of: &str, id: &str, method: &str, path: &str) {
        let mut index = 0;
        while index < self.routes.code.len() {
            let route = &self.routes.code[index];
            if same(route.method.as_str(), method) && answers(route.path, path) {
                return;
            }
            index += 1;
        }
        let mut index = 0;
        while index < self.routes.file.len() {
            let route = &self.routes.file[index];
            if same(route.method, method) && answers(route.path, path) {
                return;
            }
            index += 1;
        }
        fail(&["page ", of, ": `", id, "` requests ", method, " ", path, ", which is not a route of the plugin"]);
    }
}

const fn is_loader(loaders: &[Loader], id: &str) -> bool {
    let mut index = 0;
    while index < loaders.len() {
        if same(loaders[index].id, id) {
            return true;
        }
        index += 1;
    }
    false
}

const fn is_action(actions: &[PageAction], id: &str) -> bool {
    let mut index = 0;
    while index < actions.len() {
        if same(actions[index].id, id) {
            return true;
        }
        index += 1;
    }
    false
}

const fn has_placeholder(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index + 1 < bytes.len() {
        if bytes[index] == b'{' && bytes[index + 1] == b'{' {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether the route with this template answers a path, which may have placeholders and a query. A segment with a
/// placeholder may have any value.
const fn answers(template: &str, path: &str) -> bool {
    let (template, path) = (template.as_bytes(), path.as_bytes());
    let (mut at, mut in_path) = (0, 0);
    loop {
        let (end, path_end) = (segment_end(template, at), segment_end(path, in_path));
        let is_parameter = at < end && matches!(template[at], b'{' | b':');
        if !is_parameter && !holds_braces(path, in_path, path_end) && !equal(template, at, end, path, in_path, path_end)
        {
            return false;
        }
        let is_last = end == template.len();
        let is_last_of_path = path_end == path.len() || path[path_end] == b'?';
        if is_last || is_last_of_path {
            return is_last && is_last_of_path;
        }
        at = end + 1;
        in_path = path_end + 1;
    }
}

/// The end of the segment that begins at an index: a slash, a question mark outside of a placeholder, or the end.
const fn segment_end(text: &[u8], from: usize) -> usize {
    let mut index = from;
    let mut depth = 0;
    while index < text.len() {
        match text[index] {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'/' | b'?' if depth == 0 => break,
            _ => {}
        }
        index += 1;
    }
    index
}

const fn holds_braces(text: &[u8], from: usize, end: usize) -> bool {
    let mut index = from;
    while index + 1 < end {
        if text[index] == b'{' && text[index + 1] == b'{' {
            return true;
        }
        index += 1;
    }
    false
}

const fn equal(left: &[u8], from: usize, end: usize, right: &[u8], right_from: usize, right_end: usize) -> bool {
    if end - from != right_end - right_from {
        return false;
    }
    let mut index = 0;
    while index < end - from {
        if left[from + index] != right[right_from + index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn path_is_compared_with_the_route_segment_by_segment() {
        for (template, path, expected) in [
            ("/items", "/items", true),
            ("/items", "/items?page={{state.page}}", true),
            ("/items", "/item", false),
            ("/items", "/items/7", false),
            ("/items/{id}", "/items/7", true),
            ("/items/:id", "/items/{{params.id}}", true),
            ("/items/{id}/parts", "/items/{{params.id}}/parts?x={{a}}", true),
            ("/items/{id}/parts", "/items/{{params.id}}", false),
            ("/items/new", "/{{state.kind}}/new", true),
            ("/", "/", true),
            ("/", "/items", false),
        ] {
            assert_eq!(answers(template, path), expected, "{template} {path}");
        }
    }
}
