//! Answers of a route beyond JSON with status 200.

use super::{Bytes, Headers};
use crate::answer::Answerable;
use crate::error::Result;
use crate::exchange;

/// The status of an answer. As the whole result, it answers without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// 201: a resource was created, and `location` has its path.
    pub const CREATED: Status = Status(201);
    /// 202: the work goes on after the answer.
    pub const ACCEPTED: Status = Status(202);
    /// 204: the answer has no body.
    pub const NO_CONTENT: Status = Status(204);
    /// 304: the client has the current version.
    pub const NOT_MODIFIED: Status = Status(304);
}

impl Answerable for Status {
    fn json(&self) -> Result<String> {
        exchange::set_status(self.0)?;
        Ok("null".to_owned())
    }
}

/// Plain text: `text/plain; charset=utf-8`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Answerable for Text {
    fn json(&self) -> Result<String> {
        send_text(&self.0, "text/plain; charset=utf-8")
    }
}

/// A page: `text/html; charset=utf-8`. The server runs its scripts in an origin that is the page's alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(pub String);

impl Answerable for Html {
    fn json(&self) -> Result<String> {
        send_text(&self.0, "text/html; charset=utf-8")
    }
}

/// Sends a text to HTTP clients, and returns it as the result for other callers.
fn send_text(text: &str, content_type: &str) -> Result<String> {
    exchange::add_header("content-type", content_type)?;
    exchange::set_body(text)?;
    text.json()
}

impl Answerable for Bytes {
    fn json(&self) -> Result<String> {
        exchange::set_body(&self.0)?;
        Ok("null".to_owned())
    }
}

/// A file that browsers save under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    name: String,
    content_type: String,
    bytes: Vec<u8>,
}

impl Attachment {
    /// A file with a name and its bytes. Default content type: `application/octet-stream`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Attachment {
        Attachment { name: name.into(), content_type: "application/octet-stream".to_owned(), bytes: bytes.into() }
    }

    /// Sets the content type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Attachment {
        self.content_type = content_type.into();
        self
    }

    /// The value of `content-disposition` (RFC 6266): the name in ASCII, and in full.
    fn disposition(&self) -> String {
        let plain = |c: char| if c.is_ascii_graphic() && !"\"\\/%;".contains(c) { c } else { '_' };
        let ascii: String = self.name.chars().map(plain).collect();
        let mut encoded = String::new();
        for byte in self.name.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
                other => encoded.push_str(&format!("%{other:02X}")),
            }
        }
        format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
    }
}

impl Answerable for Attachment {
    fn json(&self) -> Result<String> {
        exchange::add_header("content-type", &self.content_type)?;
        exchange::add_header("content-disposition", self.disposition())?;
        exchange::set_body(&self.bytes)?;
        Ok("null".to_owned())
    }
}

/// A redirect to another path or URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    status: u16,
    location: String,
}

impl Redirect {
    /// 303: the client gets the other path, whatever the method was.
    pub fn to(location: impl Into<String>) -> Redirect {
        Redirect { status: 303, location: location.into() }
    }

    /// 307: the client repeats the request there.
    pub fn temporary(location: impl Into<String>) -> Redirect {
        Redirect { status: 307, location: location.into() }
    }

    /// 308: the client repeats this and later requests there.
    pub fn permanent(location: impl Into<String>) -> Redirect {
        Redirect { status: 308, location: location.into() }
    }
}

impl Answerable for Redirect {
    fn json(&self) -> Result<String> {
        exchange::set_status(self.status)?;
        exchange::add_header("location", &self.location)?;
        Ok("null".to_owned())
    }
}

/// Sets the status of a route's success before its method runs, which may set another.
pub fn set_status(status: u16) -> Result<()> {
    exchange::set_status(status)
}

/// A returned value, which may have a status and headers before it.
///
/// serde writes tuples as lists. The three tuples here are recognised in code that a macro writes, where the types are
/// known: an inherent method is preferred to that of a trait.
#[derive(Debug)]
pub struct Sent<T>(pub T);

impl<T> Sent<(Status, T)> {
    /// Sends the value, and returns the result as JSON.
    pub fn json(&self) -> Result<String>
    where
        T: Answerable,
    {
        let result = self.0.1.json()?;
        exchange::set_status(self.0.0.0)?;
        Ok(result)
    }
}

impl<T> Sent<(Headers, T)> {
    /// Sends the value, and returns the result as JSON.
    pub fn json(&self) -> Result<String>
    where
        T: Answerable,
    {
        send(&self.0.0, &self.0.1)
    }
}

impl<T> Sent<(Status, Headers, T)> {
    /// Sends the value, and returns the result as JSON.
    pub fn json(&self) -> Result<String>
    where
        T: Answerable,
    {
        let result = send(&self.0.1, &self.0.2)?;
        exchange::set_status(self.0.0.0)?;
        Ok(result)
    }
}

fn send<T: Answerable>(headers: &Headers, value: &T) -> Result<String> {
    let result = value.json()?;
    for (name, value) in headers.iter() {
        exchange::add_header(name, value)?;
    }
    Ok(result)
}

/// A returned value alone. The bound is on the method, so that the compiler's message names it.
pub trait PlainSent<T> {
    /// Sends the value, and returns the result as JSON.
    fn json(&self) -> Result<String>
    where
        T: Answerable;
}

impl<T> PlainSent<T> for Sent<T> {
    fn json(&self) -> Result<String>
    where
        T: Answerable,
    {
        self.0.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_file_is_quoted_and_encoded() {
        let check = |name: &str, expected: &str| {
            assert_eq!(Attachment::new(name, "").disposition(), format!("attachment; {expected}"));
        };
        check("a-1.txt", "filename=\"a-1.txt\"; filename*=UTF-8''a-1.txt");
        check("ä \"b\".txt", "filename=\"___b_.txt\"; filename*=UTF-8''%C3%A4%20%22b%22.txt");
        check("a\r\nb", "filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab");
    }
}
