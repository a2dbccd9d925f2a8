//! References within the pages of a plugin: ids of loaders, actions and fragments, and requested routes. They are
//! checked when all layers are merged, because a page may use what another layer declares.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::action::PageActionKind;
use super::frontend::FrontendFields;
use crate::field::suggestion;
use crate::part::path::matches;
use crate::part::route::{Method, RouteFields};
use crate::problem::{Report, code, quoted};
use crate::read::Found;

/// A part of a page with its references.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Referring<T> {
    pub(crate) value: T,
    pub(crate) references: Vec<Reference>,
}

/// Serializes the value alone.
impl<T: Serialize> Serialize for Referring<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// A name of something else, and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) kind: ReferenceKind,
    pub(crate) path: String,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReferenceKind {
    /// A loader, by an action that runs it.
    Loader,
    /// An action, by another action.
    Action,
    /// An action, by a widget.
    NodeAction,
    /// An action with the type `api`, by a form.
    ApiAction,
    Fragment,
    /// A route of the plugin. A path with placeholders is not checked.
    Route(Method),
}

/// The ids that a page can refer to.
struct Known<'a> {
    loaders: BTreeSet<&'a str>,
    actions: BTreeMap<&'a str, PageActionKind>,
    fragments: BTreeSet<&'a str>,
}

/// Checks all references of the pages.
pub(crate) fn check_references(frontend: &FrontendFields, routes: &[Found<RouteFields>], report: &mut Report) {
    let FrontendFields { pages, loaders, actions, fragments, .. } = frontend;
    let pages = pages.as_deref().unwrap_or_default();
    let loaders = loaders.as_deref().unwrap_or_default();
    let actions = actions.as_deref().unwrap_or_default();
    let fragments = fragments.as_deref().unwrap_or_default();
    let shared = || Known {
        loaders: loaders.iter().map(|found| found.value.value.id.as_str()).collect(),
        actions: actions.iter().map(|found| (found.value.value.id.as_str(), found.value.value.kind)).collect(),
        fragments: fragments.iter().map(|found| found.value.value.id.as_str()).collect(),
    };
    let global = shared();
    loaders.iter().for_each(|found| check(&found.value.references, &found.origin, &global, routes, report));
    actions.iter().for_each(|found| check(&found.value.references, &found.origin, &global, routes, report));
    // A fragment may use what the pages declare on which it is shown.
    let mut any = shared();
    for found in pages {
        let page = &found.value.value;
        let mut known = shared();
        for known in [&mut known, &mut any] {
            known.loaders.extend(page.loaders.iter().map(|loader| loader.id.as_str()));
            // The first action of an id is the one that runs, and global ones come first.
            for action in &page.actions {
                known.actions.entry(&action.id).or_insert(action.kind);
            }
        }
        check(&found.value.references, &found.origin, &known, routes, report);
    }
    fragments.iter().for_each(|found| check(&found.value.references, &found.origin, &any, routes, report));
}

fn check(
    references: &[Reference],
    origin: &str,
    known: &Known<'_>,
    routes: &[Found<RouteFields>],
    report: &mut Report,
) {
    for Reference { kind, path, name } in references {
        let actions = || known.actions.keys().copied();
        let unknown = |what: &str, hint: String| format!("the page has no {what} {}{hint}", quoted(name));
        let problem = match kind {
            ReferenceKind::Loader if !known.loaders.contains(name.as_str()) => {
                let hint = suggestion(name, known.loaders.iter().copied());
                (code::UNKNOWN_REFERENCE, unknown("loader", hint))
            }
            ReferenceKind::Action if !known.actions.contains_key(name.as_str()) => {
                (code::UNKNOWN_REFERENCE, unknown("action", suggestion(name, actions())))
            }
            ReferenceKind::NodeAction if !known.actions.contains_key(name.as_str()) => {
                (code::INVALID_ACTION_REF, unknown("action", suggestion(name, actions())))
            }
            ReferenceKind::ApiAction => match known.actions.get(name.as_str()) {
                Some(PageActionKind::Api) => continue,
                Some(_) => (code::INVALID_ACTION_REF, format!("the action {} is not of the type `api`", quoted(name))),
                None => (code::INVALID_ACTION_REF, unknown("action", suggestion(name, actions()))),
            },
            ReferenceKind::Fragment if !known.fragments.contains(name.as_str()) => {
                let hint = suggestion(name, known.fragments.iter().copied());
                (code::UNKNOWN_REFERENCE, format!("there is no fragment {}{hint}", quoted(name)))
            }
            ReferenceKind::Route(method) if !is_answered(*method, name, routes) => {
                let message = format!("{} {} is not a route of the plugin", method.name(), quoted(name));
                (code::UNKNOWN_REFERENCE, message)
            }
            _ => continue,
        };
        report.add_from(origin, path, problem.0, problem.1);
    }
}

/// Returns whether a route answers the request. The values of placeholders are known only when the page runs, and a
/// plugin without routes may have them elsewhere.
fn is_answered(method: Method, path: &str, routes: &[Found<RouteFields>]) -> bool {
    let answers = |found: &Found<RouteFields>| found.value.method == method && matches(&found.value.path, path);
    routes.is_empty() || path.contains("{{") || routes.iter().any(answers)
}
