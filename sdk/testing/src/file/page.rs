//! Steps that open pages, run their loaders and their actions.

use plugbay::manifest::PageStep;
use plugbay::page::{LoaderResult, PageCallError, PageError};
use serde_json::{Map, Value, json};

use super::run::Refusal;
use super::saved::Saved;
use crate::plugin::TestPlugin;

/// The answer of a step: the page's `{title, state, data, params}`, the data of the loaders by their ids, or the data
/// of the action. A loader or an action that fails is an error.
pub(super) fn answer(
    step: &PageStep,
    plugin: &TestPlugin,
    saved: &Saved,
) -> Result<Result<Value, Refusal>, Box<super::TestFailure>> {
    let state = match saved.fill(&Value::Object(step.state.clone()))? {
        Value::Object(state) => state,
        _ => Map::new(),
    };
    let mut page = plugin.page(&step.path).with_state(state);
    if let Some(identity) = &step.identity {
        page = page.identity(&*identity.name, &identity.scopes());
    }
    let payload = saved.fill(&step.payload)?;
    Ok(match (&step.action, &step.loaders) {
        (Some(action), _) => match page.try_run(action, payload) {
            Ok(result) => result.error.map_or_else(|| Ok(result.data.unwrap_or_default()), |error| Err(error.into())),
            Err(error) => Err(error.into()),
        },
        (None, Some(loaders)) => {
            let ids: Vec<&str> = loaders.iter().map(String::as_str).collect();
            page.try_load(&ids).map_err(Refusal::from).and_then(|results| data(&results))
        }
        (None, None) => page.try_open().map_err(Refusal::from).and_then(|page| {
            data(page.loader_results())?;
            let title = &json!(page)["route"]["meta"]["title"];
            Ok(json!({ "title": title, "state": page.state(), "data": page.data(), "params": page.params() }))
        }),
    })
}

/// The data of loaders by their ids, or the error of the first that failed.
fn data(results: &[LoaderResult]) -> Result<Value, Refusal> {
    let mut data = Map::new();
    for result in results {
        match &result.error {
            Some(error) => return Err(error.clone().into()),
            None => _ = data.insert(result.loader_id.clone(), result.data.clone().unwrap_or_default()),
        }
    }
    Ok(Value::Object(data))
}

impl From<PageCallError> for Refusal {
    fn from(error: PageCallError) -> Self {
        Refusal { code: error.code, message: error.message, details: Value::Null }
    }
}

impl From<PageError> for Refusal {
    fn from(error: PageError) -> Self {
        Refusal { code: error.code().to_owned(), message: error.to_string(), details: Value::Null }
    }
}
