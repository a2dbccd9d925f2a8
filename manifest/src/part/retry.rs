//! Retries of failed calls to idempotent actions.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::field::{Table, field};
use crate::limits::{ATTEMPTS_MAX, BACKOFF_SECONDS_MAX};
use crate::part::resources::{read_seconds_or_zero, seconds};
use crate::problem::Report;
use crate::read::Node;
use crate::shape;

/// The retry policy for actions that are declared idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// The number of attempts including the first, at least 1.
    pub max_attempts: u32,
    /// The pause before the second attempt (`backoff_seconds`); it doubles with each further one.
    #[serde(rename = "backoff_seconds", serialize_with = "as_seconds")]
    pub backoff: Duration,
}

const RETRY: Table = &[
    field("max_attempts", "The number of attempts, including the first.", || shape::count(1, ATTEMPTS_MAX)),
    field(
        "backoff_seconds",
        "The pause before the second attempt, 0 if left out; it doubles each time.",
        || json!({ "type": "number", "minimum": 0, "maximum": BACKOFF_SECONDS_MAX }),
    ),
];

pub(crate) fn read_retry(node: &Node<'_>, report: &mut Report) -> Option<Retry> {
    let object = node.object(RETRY, report)?;
    let attempts = object.need("max_attempts", report).and_then(|node| node.count(1..=ATTEMPTS_MAX, report));
    let backoff = object.get("backoff_seconds").map(|node| read_seconds_or_zero(&node, BACKOFF_SECONDS_MAX, report));
    Some(Retry { max_attempts: u32::try_from(attempts?).ok()?, backoff: backoff.unwrap_or(Some(Duration::ZERO))? })
}

fn as_seconds<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(*length).serialize(serializer)
}

pub(crate) fn retry_shape() -> Value {
    shape::object(RETRY, &["max_attempts"])
}
