//! The parts of URLs that sending a request and following a redirect need. The host checks host names.

use std::fmt;

/// `http` or `https`, an authority, and a path that begins with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_https: bool,
    pub(crate) authority: String,
    pub(crate) path_with_query: String,
}

impl Url {
    /// Parses an absolute URL. The fragment after `#` is dropped, because it is never sent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().split('#').next()?;
        let (scheme, rest) = text.split_once("://")?;
        let is_https = match &*scheme.to_ascii_lowercase() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path_with_query = format!("{slash}{}", escaped(path));
        (!authority.is_empty()).then(|| Url { is_https, authority: authority.to_owned(), path_with_query })
    }

    /// Resolves a reference relative to this URL (RFC 3986, section 5).
    pub(crate) fn join(&self, reference: &str) -> Option<Self> {
        let reference = reference.trim().split('#').next()?;
        if let Some(colon) = reference.find(':')
            && reference[..colon].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return Url::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme()));
        }
        let path = self.path_with_query.split('?').next().unwrap_or_default();
        let joined = match reference.chars().next() {
            None => self.path_with_query.clone(),
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            Some(_) => format!("{}{reference}", &path[..=path.rfind('/')?]),
        };
        Some(Url { path_with_query: escaped(&without_dots(&joined)), ..self.clone() })
    }

    /// Adds `name=value&…` to the query.
    pub(crate) fn add_query(&mut self, query: &str) {
        if !query.is_empty() {
            let join = if self.path_with_query.contains('?') { '&' } else { '?' };
            self.path_with_query.push(join);
            self.path_with_query.push_str(query);
        }
    }

    pub(crate) fn has_same_origin(&self, other: &Url) -> bool {
        self.is_https == other.is_https && self.authority.eq_ignore_ascii_case(&other.authority)
    }

    pub(crate) fn without_query(&self) -> String {
        let path = self.path_with_query.split('?').next().unwrap_or_default();
        format!("{}://{}{path}", self.scheme(), self.authority)
    }

    /// The resource that must be granted: `http.api.example.org`, with the port if it is not the scheme's default.
    pub(crate) fn resource(&self) -> String {
        let own_port = if self.is_https { ":443" } else { ":80" };
        let authority = self.authority.to_ascii_lowercase();
        format!("http.{}", authority.strip_suffix(own_port).unwrap_or(&authority))
    }

    fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path_with_query)
    }
}

/// Percent-encodes a name or value of a query: all characters except letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    percent(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Percent-encodes the blanks and non-ASCII characters of a URL, and nothing else.
fn escaped(text: &str) -> String {
    percent(text, |byte| byte.is_ascii_graphic())
}

fn percent(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            encoded.push(DIGITS[usize::from(byte >> 4)].into());
            encoded.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
    encoded
}

/// Removes `.` and `..` from a path. `..` cannot go above the root.
fn without_dots(path_with_query: &str) -> String {
    let end = path_with_query.find('?').unwrap_or(path_with_query.len());
    let (path, query) = path_with_query.split_at(end);
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            plain => kept.push(plain),
        }
    }
    let slash = if path.ends_with("/.") || path.ends_with("/..") { "/" } else { "" };
    let inside = kept.join("/");
    let slash = if inside.is_empty() { "" } else { slash };
    format!("/{inside}{slash}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|| panic!("{text} is not a URL"))
    }

    #[test]
    fn url_needs_scheme_and_authority_and_gets_a_path() {
        assert_eq!(url("HTTPS://a.example").to_string(), "https://a.example/");
        assert_eq!(url("http://a.example:8080?b=c#d").to_string(), "http://a.example:8080/?b=c");
        assert_eq!(url("http://a.example/ä b").to_string(), "http://a.example/%C3%A4%20b");
        for wrong in ["", "a.example", "ftp://a.example", "http://", "http:///path", "mailto:a@b.example"] {
            assert_eq!(Url::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn reference_is_resolved_by_rfc_3986() {
        let base = url("http://a.example/b/c/d?q");
        for (reference, expected) in [
            ("https://z.example/y", "https://z.example/y"),
            ("//z.example/y", "http://z.example/y"),
            ("/y", "http://a.example/y"),
            ("y", "http://a.example/b/c/y"),
            ("./y", "http://a.example/b/c/y"),
            ("../y", "http://a.example/b/y"),
            ("../../../../y", "http://a.example/y"),
            ("..", "http://a.example/b/"),
            ("../..", "http://a.example/"),
            ("?y", "http://a.example/b/c/d?y"),
            ("", "http://a.example/b/c/d?q"),
            ("y?x=../z", "http://a.example/b/c/y?x=../z"),
            ("/y#z", "http://a.example/y"),
        ] {
            assert_eq!(base.join(reference).map(|url| url.to_string()).as_deref(), Some(expected), "{reference}");
        }
        assert_eq!(base.join("javascript:alert(1)"), None);
    }

    #[test]
    fn query_is_encoded_and_added() {
        let mut url = url("http://a.example/b?c=d");
        url.add_query(&format!("{}={}", encode("e f"), encode("g&h=ü")));
        assert_eq!(url.to_string(), "http://a.example/b?c=d&e%20f=g%26h%3D%C3%BC");
        assert_eq!(url.without_query(), "http://a.example/b");
    }

    #[test]
    fn resource_contains_a_port_other_than_the_default() {
        assert_eq!(url("https://A.example:443/").resource(), "http.a.example");
        assert_eq!(url("http://a.example:443/").resource(), "http.a.example:443");
    }
}
