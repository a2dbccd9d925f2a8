//! Ids of requests, and the trace that a request is part of (W3C Trace Context).

use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is taken over from a client.
const ID_BYTES_MAX: usize = 128;

/// The id of a request and of its trace, as an extension of the request. Both are the client's, if it sent valid ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    /// The client's id of the request.
    id: Option<String>,
    /// `traceresponse`: version, id of the trace, id of the span and flags, with `-` between them.
    trace: [u8; 55],
}

/// An answer is without the ids of its request, as an extension of it: clients store it for other requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithoutIds;

impl RequestId {
    /// Reads the ids from the headers of a request, and makes those that are missing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok();
        let is_id = |id: &&str| {
            (1..=ID_BYTES_MAX).contains(&id.len())
                && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
        };
        let mut trace = *b"00-00000000000000000000000000000000-0000000000000000-00";
        match RequestId::trace_parent(headers) {
            Some((id, _, is_sampled)) => {
                trace[3..35].copy_from_slice(id.as_bytes());
                trace[54] += u8::from(is_sampled);
            }
            None => write_hex(&(fastrand::u128(..) | 1 << 127).to_be_bytes(), &mut trace[3..35]),
        }
        // Neither id may be zero.
        write_hex(&(fastrand::u64(..) | 1 << 63).to_be_bytes(), &mut trace[36..52]);
        RequestId { id: text(X_REQUEST_ID).filter(is_id).map(str::to_owned), trace }
    }

    /// The id of the request: `x-request-id`, or one that is made up.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_else(|| self.part(36..52))
    }

    /// The id of the trace: that of `traceparent`, or one that is made up; 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.part(3..35)
    }

    /// The client's trace and span, and whether it is sampled, if the request has a valid `traceparent`.
    pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<(&str, &str, bool)> {
        parent(headers.get(TRACE_PARENT)?.to_str().ok()?)
    }

    /// Replaces the ids of the trace and of the span by those of a span that is exported.
    /// The id of the request stays.
    pub(crate) fn join(&mut self, trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) {
        self.id = Some(self.id().to_owned());
        write_hex(&trace_id, &mut self.trace[3..35]);
        write_hex(&span_id, &mut self.trace[36..52]);
        self.trace[54] = b'0' + u8::from(is_sampled);
    }

    /// Adds the ids to the headers of an answer.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        let id = self.id.as_ref().map_or(&self.trace[36..52], |id| id.as_bytes());
        for (name, value) in [(X_REQUEST_ID, id), (TRACE_RESPONSE, &self.trace)] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(name, value);
            }
        }
    }

    fn part(&self, range: Range<usize>) -> &str {
        // All of it is ASCII.
        std::str::from_utf8(&self.trace[range]).unwrap_or_default()
    }
}

/// Writes bytes as hexadecimal digits.
fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, two) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
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
        let mut answer = HeaderMap::new();
        let mut request = HeaderMap::new();
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        request.insert(TRACE_PARENT, HeaderValue::try_from(&parent).expect("text"));
        let ids = RequestId::of(&request);
        ids.add_to(&mut answer);
        assert_eq!((ids.trace_id(), ids.id().len()), (TRACE, 16));
        assert_eq!(answer[TRACE_RESPONSE], format!("00-{TRACE}-{}-01", ids.id()));
        for made in [id(""), id("a b"), id("a\"b"), RequestId::of(&HeaderMap::new()).id().to_owned()] {
            assert_eq!(made.len(), 16, "{made}");
        }
    }
}
