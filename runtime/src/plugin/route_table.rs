//! The routes of a plugin as a tree of path segments, built when the plugin is loaded.
//!
//! A path is split into segments before it is percent-decoded, so an encoded slash is part of a parameter. A literal
//! segment takes precedence over a parameter, and a slash at the end of a path makes no difference. A search visits
//! each node of the tree at most once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use percent_encoding::percent_decode_str;
use plugbay_manifest::{Method, Route};

use super::route_parameters::RouteParameters;
use crate::error::LoadErrorKind;

/// The routes of a manifest by path and method.
#[derive(Default)]
pub(crate) struct RouteTable {
    root: Segment,
    /// The schemas of each route's parameters, in the order of the manifest.
    parameters: Vec<RouteParameters>,
    /// The path of each route, in the same order. Requests share them.
    templates: Vec<Arc<str>>,
}

/// The routes below a sequence of segments.
#[derive(Debug, Default)]
struct Segment {
    literals: BTreeMap<Box<str>, Segment>,
    parameter: Option<Box<Segment>>,
    /// The routes whose paths end here, as indices into the manifest's list.
    routes: Vec<(Method, usize)>,
}

/// The result of a search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RouteMatch {
    /// The index of a route, and the values of its parameters in the order of its path.
    Route { index: usize, values: Vec<String> },
    /// The path has routes with these methods only.
    OtherMethods(Vec<Method>),
    /// No route has the path.
    Nothing,
}

/// A path that is not percent-encoded UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MalformedPath;

impl RouteTable {
    /// Creates the table of these routes. Of routes with the same method and path, the first is used.
    ///
    /// # Errors
    /// [`LoadErrorKind::Schema`] if a schema of parameters cannot be compiled.
    pub(crate) fn new(routes: &[Route]) -> Result<Arc<Self>, LoadErrorKind> {
        static NONE: LazyLock<Arc<RouteTable>> = LazyLock::new(Arc::default);
        // Most plugins have none, and share this.
        if routes.is_empty() {
            return Ok(NONE.clone());
        }
        let mut table = RouteTable::default();
        for (index, route) in routes.iter().enumerate() {
            let mut node = &mut table.root;
            for segment in segments(&route.path) {
                node = match segment.starts_with('{') {
                    true => node.parameter.get_or_insert_default(),
                    false => node.literals.entry(segment.into()).or_default(),
                };
            }
            if !node.routes.iter().any(|(method, _)| *method == route.method) {
                node.routes.push((route.method, index));
            }
        }
        table.templates = routes.iter().map(|route| route.path.as_str().into()).collect();
        table.parameters = routes.iter().map(RouteParameters::compile).collect::<Result<_, _>>()?;
        Ok(Arc::new(table))
    }

    /// Returns the schemas of the parameters of the route with this index.
    pub(crate) fn parameters(&self, index: usize) -> &RouteParameters {
        &self.parameters[index]
    }

    /// Returns the path of the route with this index, such as `/items/{id}`.
    pub(crate) fn template(&self, index: usize) -> &Arc<str> {
        &self.templates[index]
    }

    /// Returns whether there is a route with this path, for any method.
    pub(crate) fn has(&self, path: &[Cow<'_, str>]) -> bool {
        !matches!(self.find(None, path), RouteMatch::Nothing)
    }

    /// Finds the route of a method, `None` being one that no route has, and a path of decoded segments.
    pub(crate) fn find(&self, method: Option<Method>, path: &[Cow<'_, str>]) -> RouteMatch {
        let mut search = Search { method, values: Vec::new(), others: Vec::new() };
        match search.below(&self.root, path) {
            Some(index) => RouteMatch::Route { index, values: search.values.into_iter().map(str::to_owned).collect() },
            None if search.others.is_empty() => RouteMatch::Nothing,
            None => {
                search.others.sort();
                search.others.dedup();
                RouteMatch::OtherMethods(search.others)
            }
        }
    }
}

/// The segments of a path for which memory is taken at once.
const SEGMENTS_EXPECTED: usize = 4;

struct Search<'a> {
    method: Option<Method>,
    values: Vec<&'a str>,
    /// The methods of the path's other routes.
    others: Vec<Method>,
}

impl<'a> Search<'a> {
    /// Returns the first route below `node` that has the rest of the path and the method.
    fn below(&mut self, node: &Segment, path: &'a [Cow<'a, str>]) -> Option<usize> {
        let Some((first, rest)) = path.split_first() else {
            self.others.extend(node.routes.iter().map(|(method, _)| *method));
            let found = node.routes.iter().find(|(method, _)| Some(*method) == self.method);
            return found.map(|(_, index)| *index);
        };
        let literal = node.literals.get(&**first).and_then(|next| self.below(next, rest));
        if literal.is_some() {
            return literal;
        }
        let next = node.parameter.as_deref().filter(|_| !first.is_empty())?;
        self.values.push(first);
        let found = self.below(next, rest);
        if found.is_none() {
            self.values.pop();
        }
        found
    }
}

/// Splits the path of a URL into decoded segments.
///
/// # Errors
/// [`MalformedPath`] if an escape is not two hexadecimal digits, or a segment is not UTF-8.
pub(crate) fn decoded_segments(path: &str) -> Result<Vec<Cow<'_, str>>, MalformedPath> {
    let mut all = Vec::with_capacity(SEGMENTS_EXPECTED);
    for segment in segments(path) {
        all.push(decoded(segment)?);
    }
    Ok(all)
}

fn decoded(segment: &str) -> Result<Cow<'_, str>, MalformedPath> {
    if !segment.bytes().any(|byte| byte == b'%') {
        return Ok(segment.into());
    }
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(MalformedPath);
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| MalformedPath)
}

/// Splits a path at its slashes. The first and the last one separate nothing, but `//` has an empty segment.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let is_root = path.is_empty();
    path.strip_suffix('/').unwrap_or(path).split('/').filter(move |_| !is_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(Method, &str)]) -> Arc<RouteTable> {
        let route = |(method, path): &(Method, &str)| Route::new(*method, *path, vec!["a".to_owned()]);
        RouteTable::new(&routes.iter().map(route).collect::<Vec<_>>()).expect("no schemas")
    }

    fn find(table: &RouteTable, method: Method, path: &str) -> RouteMatch {
        table.find(Some(method), &decoded_segments(path).expect("well-formed"))
    }

    fn route(index: usize, values: &[&str]) -> RouteMatch {
        RouteMatch::Route { index, values: values.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn literal_takes_precedence_over_a_parameter() {
        let table = table(&[
            (Method::Get, "/items/{id}"),
            (Method::Get, "/items/new"),
            (Method::Get, "/items/{item}/parts"),
            (Method::Post, "/items/{any}"),
        ]);
        let check = |method, path, expected: RouteMatch| assert_eq!(find(&table, method, path), expected, "{path}");
        check(Method::Get, "/items/new", route(1, &[]));
        check(Method::Get, "/items/7", route(0, &["7"]));
        check(Method::Post, "/items/new", route(3, &["new"]));
        check(Method::Get, "/items/new/parts", route(2, &["new"]));
        check(Method::Get, "/items", RouteMatch::Nothing);
        check(Method::Delete, "/items/7", RouteMatch::OtherMethods(vec![Method::Get, Method::Post]));
        assert_eq!(table.find(None, &["items".into(), "new".into()]), {
            RouteMatch::OtherMethods(vec![Method::Get, Method::Post])
        });
    }

    #[test]
    fn slash_at_the_end_makes_no_difference() {
        let table = table(&[(Method::Get, "/"), (Method::Get, "/items"), (Method::Get, "/parts/{id}")]);
        for (path, expected) in [("", 0), ("/", 0), ("/items", 1), ("/items/", 1)] {
            assert_eq!(find(&table, Method::Get, path), route(expected, &[]), "{path}");
        }
        assert_eq!(find(&table, Method::Get, "/parts/7/"), route(2, &["7"]));
        for path in ["//", "/items//", "//items", "/parts/", "/parts//"] {
            assert_eq!(find(&table, Method::Get, path), RouteMatch::Nothing, "{path}");
        }
    }

    #[test]
    fn segment_is_decoded_after_the_path_is_split() {
        let table = table(&[(Method::Get, "/items/{id}")]);
        assert_eq!(find(&table, Method::Get, "/%69tems/a%2Fb"), route(0, &["a/b"]));
        assert_eq!(find(&table, Method::Get, "/items/%c3%bc%25"), route(0, &["ü%"]));
        for path in ["/items/%", "/items/%2", "/items/%zz", "/items/%ff"] {
            assert_eq!(decoded_segments(path), Err(MalformedPath), "{path}");
        }
    }
}
