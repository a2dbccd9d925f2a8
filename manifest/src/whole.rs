//! Checks across several fields, which need the whole manifest.

use std::collections::BTreeMap;

use crate::field::suggestion;
use crate::layer::Fields;
use crate::limits::{ACTIONS_MAX, ENV_MAX, PAGES_MAX, ROUTES_MAX, RULES_MAX, SETTINGS_MAX, TABLES_MAX, TOPICS_MAX};
use crate::part::action::ActionFields;
use crate::part::identity::Author;
use crate::part::page::references::check_references as check_page_references;
use crate::part::route::RouteFields;
use crate::part::table::check_references;
use crate::problem::{Report, code, quoted};
use crate::read::Found;
use crate::system::System;

pub(crate) fn check(fields: &Fields, report: &mut Report) {
    check_counts(fields, report);
    check_email(fields, report);
    check_requires(fields, report);
    check_systems(fields, report);
    let actions = fields.actions.as_deref().unwrap_or_default();
    let routes = fields.routes.as_deref().unwrap_or_default();
    check_routes(routes, actions, report);
    if let Some(frontend) = &fields.frontend {
        check_page_references(frontend, routes, report);
    }
    check_references(fields.tables.as_deref().unwrap_or_default(), report);
}

/// Returns the author, with the e-mail address from the field `email`.
pub(crate) fn author(author: Option<Author>, email: Option<String>) -> Option<Author> {
    author.map(|author| Author { email: author.email.or(email), ..author })
}

/// Checks the bounds of the merged lists: each layer is within them, but all layers together may exceed them.
fn check_counts(fields: &Fields, report: &mut Report) {
    let events = fields.events.as_ref();
    let counts = [
        ("actions", fields.actions.as_ref().map(Vec::len), ACTIONS_MAX),
        ("configuration", fields.configuration.as_ref().map(BTreeMap::len), SETTINGS_MAX),
        ("env", fields.env.as_ref().map(BTreeMap::len), ENV_MAX),
        ("permissions", fields.permissions.as_ref().map(Vec::len), RULES_MAX),
        ("routes", fields.routes.as_ref().map(Vec::len), ROUTES_MAX),
        ("tables", fields.tables.as_ref().map(Vec::len), TABLES_MAX),
        ("frontend.pages", fields.frontend.as_ref().and_then(|of| of.pages.as_ref()).map(Vec::len), PAGES_MAX),
        ("events.publishes", events.and_then(|events| events.publishes.as_ref()).map(Vec::len), TOPICS_MAX),
        ("events.subscribes", events.and_then(|events| events.subscribes.as_ref()).map(Vec::len), TOPICS_MAX),
    ];
    for (name, count, count_max) in counts {
        if let Some(count) = count.filter(|count| *count > count_max) {
            let message = format!("all layers together have {count} entries, at most {count_max} are allowed");
            report.add(name, code::TOO_LARGE, message);
        }
    }
}

/// Checks that a manifest of another system accepts the version that Plugbay is compatible with.
fn check_systems(fields: &Fields, report: &mut Report) {
    let asked = [
        (System::XCore, &fields.framework_version),
        (System::Nexus, &fields.nexus_version),
        (System::Pup, &fields.api),
    ];
    for (system, requirement) in asked {
        let Some(requirement) = requirement.as_ref().filter(|found| !found.value.matches(&system.level())) else {
            continue;
        };
        let (name, level, wanted) = (system.name(), system.level(), &requirement.value);
        let message = format!("asks for {name} `{wanted}`, and Plugbay is compatible with {name} {level}");
        report.add_from(&requirement.origin, &requirement.path, code::CONFLICT, message);
    }
}

fn check_email(fields: &Fields, report: &mut Report) {
    let author_is_wrong = report.problems.iter().any(|problem| problem.path.starts_with("author"));
    if let (Some(email), None, false) = (&fields.email, &fields.author, author_is_wrong) {
        let message = "an e-mail address needs an `author`: add one, or remove this field";
        report.add_from(&email.origin, &email.path, code::MISSING_FIELD, message);
    }
}

fn check_requires(fields: &Fields, report: &mut Report) {
    let (Some(requires), Some(name)) = (&fields.requires, &fields.name) else {
        return;
    };
    if requires.value.iter().any(|requirement| requirement.name == *name) {
        let message = format!("`{name}` requires itself: remove that");
        report.add_from(&requires.origin, &requires.path, code::CONFLICT, message);
    }
}

/// Checks that routes name declared actions, if the plugin declares any.
fn check_routes(routes: &[Found<RouteFields>], actions: &[ActionFields], report: &mut Report) {
    if actions.is_empty() {
        return;
    }
    let known = || actions.iter().map(|action| action.name.as_str());
    for Found { origin, path, value: route } in routes {
        for name in route.actions.iter().filter(|name| !known().any(|known| known == name.as_str())) {
            let (method, template) = (route.method.name(), &route.path);
            let hint = suggestion(name, known());
            let message = format!("{method} {template} names the action {}, which is not declared{hint}", quoted(name));
            report.add_from(origin, path, code::UNKNOWN_REFERENCE, message);
        }
    }
}
