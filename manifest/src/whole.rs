//! Checks that look at several fields, and therefore at the manifest as a whole.

use crate::field::suggestion;
use crate::layer::{Fields, Found};
use crate::limits::{ACTIONS_MAX, ENV_MAX, SETTINGS_MAX};
use crate::part::action::ActionDeclaration;
use crate::part::frontend::Frontend;
use crate::part::identity::Author;
use crate::part::path::matches;
use crate::part::route::{Method, Placed};
use crate::problem::{Report, code, quoted};

pub(crate) fn check(fields: &Fields, report: &mut Report) {
    check_counts(fields, report);
    check_email(fields, report);
    check_requires(fields, report);
    if let Some(routes) = &fields.routes {
        check_routes(routes, &fields.actions, report);
    }
    if let (Some(frontend), Some(routes)) = (&fields.frontend, &fields.routes) {
        check_pages(frontend, &routes.value, report);
    }
}

/// The author with the e-mail address that is written beside it.
pub(crate) fn author(author: Option<Author>, email: Option<String>) -> Option<Author> {
    author.map(|author| Author { email: author.email.or(email), ..author })
}

/// Each layer keeps these bounds; together they may exceed them.
fn check_counts(fields: &Fields, report: &mut Report) {
    let counts = [
        ("actions", fields.actions.len(), ACTIONS_MAX),
        ("configuration", fields.configuration.len(), SETTINGS_MAX),
        ("env", fields.env.len(), ENV_MAX),
    ];
    for (name, count, count_max) in counts {
        if count > count_max {
            let message = format!("all layers together have {count} entries, at most {count_max} are allowed");
            report.add(name, code::TOO_LARGE, message);
        }
    }
}

fn check_email(fields: &Fields, report: &mut Report) {
    let author_is_wrong = report.problems.iter().any(|problem| problem.path.starts_with("author"));
    if let (Some(email), None, false) = (&fields.email, &fields.author, author_is_wrong) {
        let message = "an e-mail address needs its `author`: add one, or remove this field";
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

/// A plugin that declares actions has no others.
fn check_routes(routes: &Found<Vec<Placed>>, actions: &[ActionDeclaration], report: &mut Report) {
    if actions.is_empty() {
        return;
    }
    let known = || actions.iter().map(|action| action.name.as_str());
    for (path, route) in &routes.value {
        for name in route.actions.iter().filter(|name| !known().any(|known| known == name.as_str())) {
            let (method, template) = (route.method.name(), &route.path);
            let hint = suggestion(name, known());
            let message = format!("{method} {template} names the action {}, which is not declared{hint}", quoted(name));
            report.add_from(&routes.origin, path, code::UNKNOWN_REFERENCE, message);
        }
    }
}

/// A page asks routes of its own plugin.
fn check_pages(frontend: &Found<Frontend>, routes: &[Placed], report: &mut Report) {
    if routes.is_empty() {
        return;
    }
    let answered = |method: Method, path: &str| {
        // What a template fills in is known only when the page runs.
        path.contains("{{") || routes.iter().any(|(_, route)| route.method == method && matches(&route.path, path))
    };
    for page in &frontend.value.pages {
        let loaders = page.loaders.iter().map(|loader| (&loader.id, loader.method, loader.api_route.as_str()));
        let actions =
            page.actions.iter().filter_map(|action| Some((&action.id, action.method?, action.api_route.as_deref()?)));
        for (id, method, path) in loaders.chain(actions).filter(|(_, method, path)| !answered(*method, path)) {
            let method = method.name();
            let message =
                format!("on the page `{}`, `{id}` asks {method} {}, which is no route", page.path, quoted(path));
            report.add_from(&frontend.origin, &frontend.path, code::UNKNOWN_REFERENCE, message);
        }
    }
}
