//! The contract of a route beyond its actions: the schemas of its parameters, the media type of its body, and its
//! responses.
//!
//! The schema of a JSON body is the `payload` of the route's first action, and the schema of a successful response is
//! the `result` of its last action, so neither is repeated here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::field::{Field, Table, field};
use crate::limits::{LINE_CHARS_MAX, PROSE_CHARS_MAX, RESPONSES_MAX};
use crate::part::action::{read_schema, schema_shape};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// A documented response of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteResponse {
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The media type of the body. Default: `application/json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The JSON Schema of the body. Default for a successful response in JSON: the `result` of the route's last action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// The responses of a route by status.
pub type RouteResponses = BTreeMap<u16, RouteResponse>;

/// The contract as one layer declares it. Omitted fields are taken from the layers below.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ContractFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consumes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) responses: RouteResponses,
}

impl ContractFields {
    /// Adds the fields of a layer above. Responses are merged by their status.
    pub(crate) fn overridden_by(&mut self, above: &ContractFields) {
        let ContractFields { params, query, consumes, responses } = above;
        self.params = params.clone().or(self.params.take());
        self.query = query.clone().or(self.query.take());
        self.consumes = consumes.clone().or(self.consumes.take());
        self.responses.extend(responses.iter().map(|(status, response)| (*status, response.clone())));
    }
}

pub(crate) const PARAMS: Field = field(
    "params",
    "The JSON Schema of an object with the parameters of the path. Other values are refused before the plugin runs.",
    schema_shape,
);

pub(crate) const QUERY: Field = field(
    "query",
    "The JSON Schema of an object with the query parameters. Other values are refused before the plugin runs.",
    schema_shape,
);

pub(crate) const CONSUMES: Field =
    field("consumes", "The media type of the body. Default: `application/json`.", || shape::line(LINE_CHARS_MAX));

pub(crate) const RESPONSES_FIELD: Field =
    field("responses", "The responses by status: a description each, or a declaration.", responses_shape);

const RESPONSE: Table = &[
    field("description", "When the response is sent.", || shape::prose(PROSE_CHARS_MAX)),
    field("content_type", "The media type of the body. Default: `application/json`.", || shape::line(LINE_CHARS_MAX)),
    field(
        "schema",
        "The JSON Schema of the body. Default for a success in JSON: the `result` of the last action.",
        schema_shape,
    ),
];

pub(crate) fn read_contract(object: &Object<'_>, report: &mut Report) -> ContractFields {
    ContractFields {
        params: object.get("params").and_then(|node| read_schema(&node, report)),
        query: object.get("query").and_then(|node| read_schema(&node, report)),
        consumes: object.get("consumes").and_then(|node| read_media_type(&node, report)),
        responses: object.get("responses").map(|node| read_responses(&node, report)).unwrap_or_default(),
    }
}

fn read_responses(node: &Node<'_>, report: &mut Report) -> RouteResponses {
    let mut responses = RouteResponses::new();
    for (key, entry) in node.entries(RESPONSES_MAX, report) {
        let status = key.parse::<u16>().ok().filter(|status| (200..=599).contains(status));
        let response = read_response(&entry, report);
        match (status, response) {
            (Some(status), Some(response)) => _ = responses.insert(status, response),
            (Some(_), None) => {}
            (None, _) => {
                let message = format!("{} is not a status from 200 to 599", quoted(key));
                entry.problem(report, code::INVALID_VALUE, message);
            }
        }
    }
    responses
}

fn read_response(node: &Node<'_>, report: &mut Report) -> Option<RouteResponse> {
    if node.value.is_null() {
        return Some(RouteResponse::default());
    }
    if node.value.is_string() {
        let description = Some(node.prose(PROSE_CHARS_MAX, report)?);
        return Some(RouteResponse { description, ..RouteResponse::default() });
    }
    let object = node.object(RESPONSE, report)?;
    Some(RouteResponse {
        description: object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report)),
        content_type: object.get("content_type").and_then(|node| read_media_type(&node, report)),
        schema: object.get("schema").and_then(|node| read_schema(&node, report)),
    })
}

fn read_media_type(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(LINE_CHARS_MAX, report)?;
    let is_token =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c));
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    if text.is_ascii() && essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype)) {
        return Some(text);
    }
    let message = format!("{} is not a media type, such as `application/json`", quoted(&text));
    node.problem(report, code::INVALID_VALUE, message);
    None
}

fn responses_shape() -> Value {
    let response =
        shape::any_of([shape::prose(PROSE_CHARS_MAX), shape::object(RESPONSE, &[]), json!({ "type": "null" })]);
    let mut responses = shape::map(response, RESPONSES_MAX);
    responses["propertyNames"] = json!({ "pattern": "^[2-5][0-9][0-9]$" });
    responses
}
