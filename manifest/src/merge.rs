//! Merges the layers of a manifest.
//!
//! A later layer adds to the lists and maps of an earlier one, entry by entry, and replaces every other field that it
//! has. So a manifest file adds to the declarations in the plugin's code, and a file that is present twice, inside the
//! component and next to it, changes nothing the second time. An empty list or map drops the entries below it.

use std::collections::BTreeMap;

use crate::layer::{Fields, Layer};
use crate::part::action::ActionFields;
use crate::part::event::{EventFields, SubscriptionFields};
use crate::part::page::frontend::FrontendFields;
use crate::part::page::references::Referring;
use crate::part::permission::Rule;
use crate::part::route::RouteFields;
use crate::part::table::Table;
use crate::problem::{Report, code};
use crate::read::Found;

/// Merges the fields of all layers, lowest first, and reports contradictions between them.
pub(crate) fn merge(layers: &[Layer], report: &mut Report) -> Fields {
    layers.iter().fold(Fields::default(), |below, layer| overridden(below, layer.fields.clone(), report))
}

fn overridden(below: Fields, above: Fields, report: &mut Report) -> Fields {
    Fields {
        name: above.name.or(below.name),
        version: above.version.or(below.version),
        title: above.title.or(below.title),
        description: above.description.or(below.description),
        license: above.license.or(below.license),
        category: above.category.or(below.category),
        tags: above.tags.or(below.tags),
        repository: above.repository.or(below.repository),
        manifest: above.manifest.or(below.manifest),
        repo_type: above.repo_type.or(below.repo_type),
        author: above.author.or(below.author),
        email: above.email.or(below.email),
        plugbay_version: above.plugbay_version.or(below.plugbay_version),
        framework_version: above.framework_version.or(below.framework_version),
        nexus_version: above.nexus_version.or(below.nexus_version),
        api: above.api.or(below.api),
        requires: above.requires.or(below.requires),
        entry_point: above.entry_point.or(below.entry_point),
        execution_mode: above.execution_mode.or(below.execution_mode),
        permissions: permissions(below.permissions, above.permissions),
        env: map(below.env, above.env),
        resources: below.resources.overridden_by(above.resources),
        configuration: map(below.configuration, above.configuration),
        additional_configuration: above.additional_configuration.or(below.additional_configuration),
        actions: list(below.actions, above.actions, action),
        routes: list(below.routes, above.routes, |routes, above| route(routes, above, report)),
        events: events(below.events, above.events),
        tables: list(below.tables, above.tables, |tables, above| table(tables, above, report)),
        database: above.database.or(below.database),
        frontend: frontend(below.frontend, above.frontend),
        retry: above.retry.or(below.retry),
        allowed_callers: above.allowed_callers.or(below.allowed_callers),
    }
}

/// Merges the entries above into the list below with `add`. New entries come last.
fn list<T>(below: Option<Vec<T>>, above: Option<Vec<T>>, mut add: impl FnMut(&mut Vec<T>, T)) -> Option<Vec<T>> {
    match above {
        None => below,
        Some(above) if above.is_empty() => Some(above),
        Some(above) => {
            let mut merged = below.unwrap_or_default();
            above.into_iter().for_each(|entry| add(&mut merged, entry));
            Some(merged)
        }
    }
}

fn map<V>(below: Option<BTreeMap<String, V>>, above: Option<BTreeMap<String, V>>) -> Option<BTreeMap<String, V>> {
    match (below, above) {
        (below, None) => below,
        (Some(mut below), Some(above)) if !above.is_empty() => {
            below.extend(above);
            Some(below)
        }
        (_, above) => above,
    }
}

/// Puts the rules above first, because the first matching rule decides. A rule in both lists occurs once.
fn permissions(below: Option<Vec<Rule>>, above: Option<Vec<Rule>>) -> Option<Vec<Rule>> {
    match (below, above) {
        (Some(below), Some(mut above)) if !above.is_empty() => {
            let below: Vec<Rule> = below.into_iter().filter(|rule| !above.contains(rule)).collect();
            above.extend(below);
            Some(above)
        }
        (below, above) => above.or(below),
    }
}

/// Merges by name, field by field: if a file has only an action's description, the schemas from the code remain.
fn action(actions: &mut Vec<ActionFields>, above: ActionFields) {
    match actions.iter_mut().find(|known| known.name == above.name) {
        Some(known) => known.overridden_by(above),
        None => actions.push(above),
    }
}

/// Merges by method and path.
fn route(routes: &mut Vec<Found<RouteFields>>, above: Found<RouteFields>, report: &mut Report) {
    let Some(known) = routes.iter_mut().find(|known| known.value.clashes_with(&above.value)) else {
        return routes.push(above);
    };
    if !known.value.overridden_by(&above.value) {
        let shown =
            |route: &RouteFields| format!("{} {} -> {}", route.method.name(), route.path, route.actions.join(" -> "));
        contradiction(&shown(&above.value), &above, &shown(&known.value), known, report);
    }
}

/// Merges by name.
fn table(tables: &mut Vec<Found<Table>>, above: Found<Table>, report: &mut Report) {
    let Some(known) = tables.iter_mut().find(|known| known.value.has_name(&above.value.name)) else {
        return tables.push(above);
    };
    if !known.value.overridden_by(&above.value) {
        let what = format!("the table `{}`", above.value.name);
        contradiction(&what, &above, "other columns", known, report);
    }
}

/// Reports a declaration that contradicts one of the layers below, with both positions.
fn contradiction<T>(what: &str, above: &Found<T>, instead: &str, below: &Found<T>, report: &mut Report) {
    let (origin, path) = (&below.origin, &below.path);
    let message = format!("{what} contradicts {path} of {origin}, which has {instead}: change or remove one of them");
    report.add_from(&above.origin, &above.path, code::CONFLICT, message);
}

fn events(below: Option<EventFields>, above: Option<EventFields>) -> Option<EventFields> {
    let publish = |topics: &mut Vec<String>, above: String| {
        if !topics.contains(&above) {
            topics.push(above);
        }
    };
    match (below, above) {
        (Some(below), Some(above)) => Some(EventFields {
            publishes: list(below.publishes, above.publishes, publish),
            subscribes: list(below.subscribes, above.subscribes, subscription),
        }),
        (below, above) => above.or(below),
    }
}

/// Merges pages by path, and what they share by id. An entry above replaces the one below.
fn frontend(below: Option<FrontendFields>, above: Option<FrontendFields>) -> Option<FrontendFields> {
    let (Some(below), Some(above)) = (&below, &above) else {
        return above.or(below);
    };
    let (below, above) = (below.clone(), above.clone());
    Some(FrontendFields {
        pages: list(below.pages, above.pages, |pages, above| replace(pages, above, |page| &page.path)),
        loaders: list(below.loaders, above.loaders, |loaders, above| replace(loaders, above, |loader| &loader.id)),
        actions: list(below.actions, above.actions, |actions, above| replace(actions, above, |action| &action.id)),
        fragments: list(below.fragments, above.fragments, |fragments, above| {
            replace(fragments, above, |fragment| &fragment.id);
        }),
        global_state: above.global_state.or(below.global_state),
    })
}

fn replace<T>(parts: &mut Vec<Found<Referring<T>>>, above: Found<Referring<T>>, key: impl Fn(&T) -> &String) {
    match parts.iter_mut().find(|known| key(&known.value.value) == key(&above.value.value)) {
        Some(known) => *known = above,
        None => parts.push(above),
    }
}

/// Merges by id, field by field.
fn subscription(subscriptions: &mut Vec<SubscriptionFields>, above: SubscriptionFields) {
    match subscriptions.iter_mut().find(|known| known.id() == above.id()) {
        Some(known) => known.overridden_by(&above),
        None => subscriptions.push(above),
    }
}
