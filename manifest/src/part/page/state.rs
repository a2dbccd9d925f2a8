//! The state of a page, or of all pages of a plugin: initial values and computed ones.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::computed::{Computed, computed_shape, read_computed};
use crate::field::{Table, field};
use crate::problem::{Report, code};
use crate::read::Node;
use crate::shape;

/// Initial values, and values computed from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PageState {
    /// The values when the page opens.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub initial: Map<String, Value>,
    /// The computed values.
    #[serde(skip_serializing_if = "Computed::is_empty")]
    pub computed: Computed,
}

impl PageState {
    /// Returns whether there are neither initial nor computed values.
    pub fn is_empty(&self) -> bool {
        self.initial.is_empty() && self.computed.is_empty()
    }
}

const STATE: Table = &[
    field("initial", "The values when the page opens.", || json!({ "type": "object" })),
    field("computed", "Names and expressions of computed values.", computed_shape),
];

pub(super) fn read_state(node: &Node<'_>, report: &mut Report) -> PageState {
    let Some(object) = node.object(STATE, report) else {
        return PageState::default();
    };
    let mut state = PageState::default();
    if let Some(initial) = object.get("initial") {
        match initial.value {
            Value::Object(map) => state.initial = map.clone(),
            _ => initial.problem(report, code::INVALID_INITIAL_STATE, "must be an object"),
        }
    }
    if let Some(computed) = object.get("computed") {
        state.computed = read_computed(&computed, &state.initial, report);
    }
    state
}

pub(super) fn state_shape() -> Value {
    shape::object(STATE, &[])
}
