//! Steps that request routes.

use std::path::Path;

use plugbay::manifest::{Expected, ExpectedAnswer, RequestBody, RouteRequest};
use plugbay::policy::Pattern;
use plugbay_files::PluginDirectory;
use serde_json::Value;

use super::compare::shown;
use super::run::{Expectation, Refusal, failure};
use super::saved::Saved;
use crate::plugin::TestPlugin;
use crate::route::RouteResponse;

/// The most bytes of a file that is sent or expected.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Sends a request with the saved values that it uses.
pub(super) fn send(
    request: &RouteRequest,
    plugin: &TestPlugin,
    saved: &Saved,
    directory: &Path,
) -> Result<RouteResponse, Box<super::TestFailure>> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut segments = Vec::new();
    for segment in path.split('/') {
        segments.push(match saved.fill(&Value::from(segment))? {
            Value::String(text) => text,
            other => other.to_string(),
        });
    }
    let mut sent = plugin.request(request.method, &format!("{}?{query}", segments.join("/")));
    for (name, value) in &request.query {
        let values = match saved.fill(value)? {
            Value::Array(values) => values,
            one => vec![one],
        };
        for value in values {
            sent = match value {
                Value::String(text) => sent.query(name, text),
                other => sent.query(name, other),
            };
        }
    }
    for (name, value) in &request.headers {
        sent = sent.header(name, value);
    }
    if let Some(identity) = &request.identity {
        sent = sent.identity(&*identity.name, &identity.scopes());
    }
    Ok(match &request.body {
        RequestBody::Nothing => sent,
        RequestBody::Json(value) => sent.json(saved.fill(value)?),
        RequestBody::Text(text) => sent.body(text.as_bytes()),
        RequestBody::File(name) => sent.body(file(directory, name)?),
    }
    .send())
}

/// Reads a file in the directory of the test file.
fn file(directory: &Path, name: &str) -> Result<Vec<u8>, Box<super::TestFailure>> {
    let read = PluginDirectory::open(directory).and_then(|directory| directory.read(name, FILE_BYTES_MAX));
    read.map_err(|error| {
        failure(format!(
            "the file {} {}; `file` is a path from the test file's directory",
            error.path.display(),
            error.problem
        ))
    })
}

/// Compares the status, the headers, and a body that is to be that of a file.
pub(super) fn check(expected: &Expected, response: &RouteResponse, directory: &Path) -> Expectation {
    if let Some(status) = expected.status
        && status != response.status
    {
        let body = shown(&response.value());
        return Err(failure(format!("expected status {status}, but it is {}: {body}", response.status)));
    }
    for (name, value) in &expected.headers {
        match response.header(name) {
            Some(found) if found == value || Pattern::new(&**value).matches(found) => {}
            Some(found) => return Err(failure(format!("expected header `{name}: {value}`, but it is `{found}`"))),
            None => return Err(failure(format!("expected header `{name}: {value}`, but the answer has none"))),
        }
    }
    match &expected.answer {
        // An error is reported as one, unless its status is expected.
        ExpectedAnswer::File(name) if expected.status.is_some() || response.status < 400 => {
            same_bytes(name, &file(directory, name)?, &response.body)
        }
        _ => Ok(()),
    }
}

fn same_bytes(name: &str, expected: &[u8], found: &[u8]) -> Expectation {
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let (wanted, there) = (expected.len(), found.len());
    Err(failure(format!(
        "the body has {there} bytes and is not the file `{name}`, which has {wanted}: they differ at byte {at}"
    )))
}

/// The body of an answer, or the error of a route that failed. A status of 400 and more that the plugin answers itself
/// is an error too. If a status is expected and no error, the body is compared in any case.
pub(super) fn answer(response: RouteResponse, expected: &Expected) -> Result<Value, Refusal> {
    let value = response.value();
    if expected.status.is_some() && !matches!(expected.answer, ExpectedAnswer::Error(_)) {
        return Ok(value);
    }
    let details = response.error.as_ref().and_then(|error| error.invoke_error()).map(|error| error.to_json());
    let refusal = |code: String, message: String| Refusal {
        code,
        message,
        details: details.map(|mut json| json["details"].take()).unwrap_or_default(),
    };
    match &response.error {
        Some(error) => Err(refusal(error.code().to_owned(), error.to_string())),
        None if response.status >= 400 => Err(refusal(format!("status_{}", response.status), response.text())),
        None => Ok(value),
    }
}
