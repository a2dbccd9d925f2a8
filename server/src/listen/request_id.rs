//! Ids of requests, and the trace that a request is part of (W3C Trace Context).

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is taken over from a client.
const ID_BYTES_MAX: usize = 128;

/// The id of a request and of its trace, as an extension of the request. Both are the client's, if it sent valid ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    id: String,
    trace_id: String,
    span_id: String,
    is_sampled: bool,
}

impl RequestId {
    /// Reads the ids from the headers of a request, and makes those that are missing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok();
        let is_id = |id: &&str| {
            (1..=ID_BYTES_MAX).contains(&id.len())
                && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
        };
        let parent = RequestId::trace_parent(headers);
        let span_id = format!("{:016x}", fastrand::u64(1..));
        RequestId {
            id: text(X_REQUEST_ID).filter(is_id).map_or_else(|| span_id.clone(), str::to_owned),
            is_sampled: parent.is_some_and(|(_, _, is_sampled)| is_sampled),
            trace_id: parent.map_or_else(|| format!("{:032x}", fastrand::u128(1..)), |(id, ..)| id.to_owned()),
            span_id,
        }
    }

    /// The id of the request: `x-request-id`, or one that is made up.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the trace: that of `traceparent`, or one that is made up; 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The client's trace and span, and whether it is sampled, if the request has a valid `traceparent`.
    pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<(&str, &str, bool)> {
        parent(headers.get(TRACE_PARENT)?.to_str().ok()?)
    }

    /// Replaces the ids of the trace and of the span by those of a span that is exported.
    pub(crate) fn join(&mut self, trace_id: String, span_id: String, is_sampled: bool) {
        (self.trace_id, self.span_id, self.is_sampled) = (trace_id, span_id, is_sampled);
    }

    /// Adds the ids to the headers of an answer.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        let mut trace = format!("00-{}-{}-", self.trace_id, self.span_id);
        let _ = write!(trace, "{:02x}", u8::from(self.is_sampled));
        for (name, value) in [(X_REQUEST_ID, &self.id), (TRACE_RESPONSE, &trace)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Reads the ids of the trace and of the span, and whether it is sampled, from `traceparent`.
fn parent(text: &str) -> Option<(&str, &str, bool)> {
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &str, digits| is_hex(text, digits) && text.bytes().any(|c| c != b'0');
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may have more parts.
    let is_whole = version != "00" || parts.next().is_none();
    let is_valid = is_hex(version, 2) && version != "ff" && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2);
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| is_valid && is_whole)?;
    Some((trace, span, flags & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn trace_of_the_client_is_continued_if_it_is_valid() {
        let check = |text: &str, expected: Option<(&str, &str, bool)>| assert_eq!(parent(text), expected, "{text}");
        check(&format!("00-{TRACE}-b7ad6b7169203331-01"), Some((TRACE, "b7ad6b7169203331", true)));
        check(&format!("00-{TRACE}-b7ad6b7169203331-00"), Some((TRACE, "b7ad6b7169203331", false)));
        check(&format!("cc-{TRACE}-b7ad6b7169203331-01-later"), Some((TRACE, "b7ad6b7169203331", true)));
        for wrong in [
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b71692033é-01"),
            "00".to_owned(),
        ] {
            check(&wrong, None);
        }
    }

    #[test]
    fn id_of_the_client_is_used_if_it_is_harmless() {
        let id = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(id));
            RequestId::of(&headers).id().to_owned()
        };
        assert_eq!(id("order-7.a_B"), "order-7.a_B");
        for made in [id(""), id("a b"), id("a\"b"), RequestId::of(&HeaderMap::new()).id().to_owned()] {
            assert_eq!(made.len(), 16, "{made}");
        }
    }
}
