//! Laying the layers of a manifest over one another.

use crate::layer::{Fields, Layer};
use crate::part::action::ActionDeclaration;

/// The fields of all layers, lowest first: later ones win.
pub(crate) fn merge(layers: &[Layer]) -> Fields {
    layers.iter().fold(Fields::default(), |below, layer| overridden(below, layer.fields.clone()))
}

fn overridden(below: Fields, above: Fields) -> Fields {
    let mut env = below.env;
    env.extend(above.env);
    let mut configuration = below.configuration;
    configuration.extend(above.configuration);
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
        requires: above.requires.or(below.requires),
        entry_point: above.entry_point.or(below.entry_point),
        execution_mode: above.execution_mode.or(below.execution_mode),
        permissions: above.permissions.or(below.permissions),
        env,
        resources: below.resources.overridden_by(above.resources),
        configuration,
        actions: merge_actions(below.actions, above.actions),
        routes: above.routes.or(below.routes),
        events: above.events.or(below.events),
        tables: above.tables.or(below.tables),
        database: above.database.or(below.database),
        frontend: above.frontend.or(below.frontend),
        retry: above.retry.or(below.retry),
        allowed_callers: above.allowed_callers.or(below.allowed_callers),
    }
}

/// By name; an action keeps its place, and new ones come last.
fn merge_actions(mut below: Vec<ActionDeclaration>, above: Vec<ActionDeclaration>) -> Vec<ActionDeclaration> {
    for action in above {
        match below.iter_mut().find(|known| known.name == action.name) {
            Some(known) => *known = action,
            None => below.push(action),
        }
    }
    below
}
