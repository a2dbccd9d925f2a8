//! The comparison of expectations with results.

use plugbay::manifest::{ExpectedAnswer, ExpectedDenial, ExpectedError, ExpectedEvent, ExpectedLine, ExpectedRequest};
use plugbay::policy::Pattern;
use plugbay::{Event, LoadError};
use serde_json::Value;

use super::TestFailure;
use super::compare::{Match, differences, shown};
use super::run::{Expectation, Refusal, failure};
use crate::http::HttpRequest;
use crate::record::{DeniedUse, LogLine};

pub(super) fn answer(expected: &ExpectedAnswer, in_order: bool, found: Result<Value, Refusal>) -> Expectation {
    match (expected, found) {
        // The file was compared with the bytes of the body.
        (ExpectedAnswer::Any, _) | (ExpectedAnswer::Success | ExpectedAnswer::File(_), Ok(_)) => Ok(()),
        (ExpectedAnswer::Exactly(expected), Ok(found)) => value("the result differs", expected, &found, Match::Exact),
        (ExpectedAnswer::Containing(Value::String(part)), Ok(Value::String(text))) if text.contains(part) => Ok(()),
        (ExpectedAnswer::Containing(expected), Ok(found)) => {
            let how = if in_order { Match::PartInOrder } else { Match::Part };
            value("the result does not contain the expected value", expected, &found, how)
        }
        (ExpectedAnswer::Error(expected), Err(found)) => error(expected, &found),
        (ExpectedAnswer::Error(expected), Ok(found)) => {
            Err(failure(format!("expected {}, but the result is {}", shown_error(expected), shown(&found))))
        }
        (_, Err(Refusal { code, message, .. })) => Err(failure(format!("unexpected error: [{code}] {message}"))),
    }
}

pub(super) fn load_error(expected: &ExpectedError, found: Result<(), LoadError>) -> Expectation {
    match found {
        Ok(()) => Err(failure(format!("expected {}, but the plugin was loaded", shown_error(expected)))),
        Err(found) => error(expected, &found.into()),
    }
}

fn error(expected: &ExpectedError, found: &Refusal) -> Expectation {
    let Refusal { code, message, details } = found;
    let code_fits = expected.code.as_ref().is_none_or(|expected| expected == code);
    let message_fits = expected.message.as_ref().is_none_or(|part| message.contains(part));
    if !code_fits || !message_fits {
        return Err(failure(format!("expected {}, but the error is [{code}] {message}", shown_error(expected))));
    }
    match &expected.details {
        Some(expected) => value("the details of the error differ", expected, details, Match::Part),
        None => Ok(()),
    }
}

fn shown_error(expected: &ExpectedError) -> String {
    let code = expected.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
    let message = expected.message.as_ref().map(|part| format!(" that contains `{part}`")).unwrap_or_default();
    format!("the error{code}{message}")
}

fn value(what: &str, expected: &Value, found: &Value, how: Match) -> Expectation {
    let differences = differences(expected, found, how);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Box::new(TestFailure { message: format!("{what}: {}", shown(found)), differences, ..TestFailure::default() }))
}

/// Compares with `found`, the denials since the step began.
pub(super) fn denied(expected: &ExpectedDenial, found: &[DeniedUse]) -> Expectation {
    let ExpectedDenial { resource, action } = expected;
    let pattern = Pattern::new(resource.as_str());
    let fits = |denied: &DeniedUse| {
        (denied.resource == *resource || pattern.matches(&denied.resource))
            && action.is_none_or(|action| action.name() == denied.action)
    };
    if found.iter().any(fits) {
        return Ok(());
    }
    let action = action.map(|action| format!("{} ", action.name())).unwrap_or_default();
    let what = if found.is_empty() { "but nothing was" } else { "but only these were" };
    Err(Box::new(TestFailure {
        message: format!("{action}{resource} should have been denied, {what}"),
        differences: found.iter().map(ToString::to_string).collect(),
        ..TestFailure::default()
    }))
}

pub(super) fn line(expected: &ExpectedLine, found: &[LogLine]) -> Expectation {
    let fits = |line: &&LogLine| {
        expected.contains.as_ref().is_none_or(|part| line.to_string().contains(part))
            && expected.level.is_none_or(|level| line.level.to_string().eq_ignore_ascii_case(level))
            && expected.plugin.as_ref().is_none_or(|plugin| line.plugin == *plugin)
    };
    let mut what = "a line of the log".to_owned();
    for (name, value) in [("level", expected.level), ("plugin", expected.plugin.as_deref())] {
        what.extend(value.map(|value| format!(" of {name} {value}")));
    }
    what.extend(expected.contains.as_ref().map(|part| format!(" that contains `{part}`")));
    counted(&what, expected.count, found.iter().filter(fits).count(), Vec::new)
}

pub(super) fn request(expected: &ExpectedRequest, found: &[HttpRequest]) -> Expectation {
    let url = expected.url.as_deref().map(Pattern::new);
    let fits = |request: &&HttpRequest| {
        expected.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && url.as_ref().is_none_or(|url| url.matches(&request.url))
            && expected.text.as_ref().is_none_or(|part| request.text().contains(part))
            && expected.json.as_ref().is_none_or(|json| differences(json, &request.json(), Match::Part).is_empty())
    };
    let mut what = "a request".to_owned();
    what.extend([&expected.method, &expected.url].into_iter().flatten().map(|part| format!(" {part}")));
    what.extend(expected.json.as_ref().map(|json| format!(" with {}", shown(json))));
    what.extend(expected.text.as_ref().map(|part| format!(" that contains `{part}`")));
    counted(&what, expected.count, found.iter().filter(fits).count(), || {
        found.iter().map(|HttpRequest { method, url, .. }| format!("made: {method} {url}")).collect()
    })
}

/// Compares with the events that plugins have published, not with those of the host.
pub(super) fn published(expected: &ExpectedEvent, found: &[Event]) -> Expectation {
    let ExpectedEvent { topic, data, source, count } = expected;
    let pattern = Pattern::new(topic.as_str());
    let published: Vec<&Event> = found.iter().filter(|event| event.source != HOST).collect();
    let fits = |event: &&&Event| {
        pattern.matches(&event.name)
            && source.as_ref().is_none_or(|source| *source == event.source)
            && data.as_ref().is_none_or(|data| differences(data, &event.data, Match::Part).is_empty())
    };
    let mut what = format!("an event `{topic}`");
    what.extend(source.as_ref().map(|source| format!(" of plugin `{source}`")));
    what.extend(data.as_ref().map(|data| format!(" with {}", shown(data))));
    counted(&what, *count, published.iter().filter(fits).count(), || {
        let shown = |event: &&Event| format!("published: {} {} {}", event.source, event.name, shown(&event.data));
        published.iter().map(shown).collect()
    })
}

/// The source of events that the host or the test publishes.
const HOST: &str = "host";

/// An event of a topic that no subscription hears is usually a slip in its name.
pub(super) fn heard(topic: &str, expected: Option<u64>, found: usize) -> Expectation {
    match expected {
        None if found > 0 => Ok(()),
        Some(expected) if expected == found as u64 => Ok(()),
        None => Err(failure(format!("no subscription hears `{topic}`; if none should, expect `heard: 0`"))),
        Some(expected) => Err(failure(format!("expected {expected} subscriptions to hear `{topic}`, found {found}"))),
    }
}

/// Compares a count with the expected one, which is at least one by default.
fn counted(what: &str, expected: Option<u64>, found: usize, more: impl FnOnce() -> Vec<String>) -> Expectation {
    let message = match expected {
        None if found > 0 => return Ok(()),
        Some(expected) if expected == found as u64 => return Ok(()),
        None => format!("expected {what}, found none"),
        Some(expected) => format!("expected {what} {expected} times, found {found}"),
    };
    Err(Box::new(TestFailure { message, differences: more(), ..TestFailure::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay::log::LogLevel;
    use plugbay::policy::Refused;
    use serde_json::json;

    fn refusal() -> Refusal {
        Refusal { code: "not_found".into(), message: "no note 7".into(), details: json!({ "id": 7, "x": 1 }) }
    }

    fn check_error(code: Option<&str>, message: Option<&str>, details: Option<Value>, passes: bool) {
        let expected = ExpectedError { code: code.map(Into::into), message: message.map(Into::into), details };
        let found = answer(&ExpectedAnswer::Error(expected.clone()), false, Err(refusal()));
        assert_eq!(found.is_ok(), passes, "{expected:?}: {found:?}");
    }

    #[test]
    fn error_is_compared_by_the_given_parts() {
        check_error(None, None, None, true);
        check_error(Some("not_found"), Some("note 7"), Some(json!({ "id": 7 })), true);
        check_error(Some("other"), None, None, false);
        check_error(None, Some("note 8"), None, false);
        check_error(None, None, Some(json!({ "id": 8 })), false);
    }

    #[test]
    fn result_and_error_are_not_interchangeable() {
        assert!(answer(&ExpectedAnswer::Success, false, Err(refusal())).is_err());
        assert!(answer(&ExpectedAnswer::Exactly(Value::Null), false, Err(refusal())).is_err());
        assert!(answer(&ExpectedAnswer::Error(ExpectedError::default()), false, Ok(Value::Null)).is_err());
        assert!(answer(&ExpectedAnswer::Any, false, Err(refusal())).is_ok());
    }

    #[test]
    fn text_contains_its_parts() {
        let contains =
            |part: &str, found: Value| answer(&ExpectedAnswer::Containing(json!(part)), false, Ok(found)).is_ok();
        assert!(contains("21", json!("21 °C")) && !contains("22", json!("21 °C")) && !contains("21", json!(21)));
        assert!(!contains("21", json!({ "degrees": "21 °C" })));
    }

    #[test]
    fn denial_must_match_resource_and_action() {
        let found = [DeniedUse {
            plugin: "p".into(),
            resource: "db.notes".into(),
            action: "write".into(),
            refused: Refused::ByManifest,
        }];
        let expected = |resource: &str, action: Option<&str>| ExpectedDenial {
            resource: resource.into(),
            action: action.and_then(plugbay::manifest::PermissionAction::from_name),
        };
        assert!(denied(&expected("db.notes", None), &found).is_ok());
        assert!(denied(&expected("db.notes", Some("write")), &found).is_ok());
        assert!(denied(&expected("db.notes", Some("read")), &found).is_err());
        assert!(denied(&expected("db.other", None), &found).is_err());
        assert!(denied(&expected("db.n*", None), &found).is_ok(), "`*` matches any text");
        assert!(denied(&expected("db.x*", None), &found).is_err());
        assert!(denied(&expected("db.notes", None), &[]).is_err());
    }

    #[test]
    fn lines_and_requests_are_counted() {
        let log = [LogLine {
            plugin: "p".into(),
            level: LogLevel::Info,
            target: String::new(),
            message: "saved".into(),
            fields: vec![("id".into(), "7".into())],
            request_id: None,
        }];
        let expected = |contains: &str, level, count| ExpectedLine {
            contains: Some(contains.into()),
            level,
            count,
            ..ExpectedLine::default()
        };
        assert!(line(&expected("saved id=7", Some("info"), None), &log).is_ok());
        assert!(line(&expected("saved", Some("warn"), None), &log).is_err());
        assert!(line(&expected("secret", None, Some(0)), &log).is_ok());
        assert!(line(&expected("saved", None, Some(2)), &log).is_err());

        let made = [HttpRequest {
            method: "POST".into(),
            url: "https://a.test/x".into(),
            headers: Vec::new(),
            body: b"{\"a\":1,\"b\":2}".to_vec(),
        }];
        let expected = |url: &str, json, count| ExpectedRequest {
            url: Some(url.into()),
            json,
            count,
            ..ExpectedRequest::default()
        };
        assert!(request(&expected("https://a.test/*", Some(json!({ "a": 1 })), Some(1)), &made).is_ok());
        assert!(request(&expected("https://a.test/*", Some(json!({ "a": 2 })), None), &made).is_err());
        assert!(request(&expected("https://b.test/*", None, Some(0)), &made).is_ok());
    }
}
