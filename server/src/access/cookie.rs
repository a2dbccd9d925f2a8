//! The cookie of a session.
//!
//! Browsers send cookies of one host to all of its ports, so the name has the port: two servers on one machine do not
//! end each other's sessions. Under TLS its prefix `__Host-` keeps other hosts and plain HTTP from setting it.

use std::time::Duration;

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::host_names::port;

/// The cookie of one listener, as one client names the server.
pub(super) struct SessionCookie {
    name: String,
    is_secure: bool,
}

impl SessionCookie {
    /// The cookie for a request, which came over TLS or not.
    pub(super) fn of(request: &Parts, is_secure: bool) -> Self {
        let prefix = if is_secure { "__Host-" } else { "" };
        let port = port(request).map(|port| format!("-{port}")).unwrap_or_default();
        SessionCookie { name: format!("{prefix}plugbay-session{port}"), is_secure }
    }

    /// Its value in a request; `None` if there is none, or there are several.
    pub(super) fn value<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let value = values.next()?;
        // Another server of this machine can add one for a path, which browsers send first.
        values.next().is_none().then_some(value)
    }

    /// The header that sets it for a time.
    pub(super) fn set(&self, value: &str, lifetime: Duration) -> Option<HeaderValue> {
        let SessionCookie { name, is_secure } = self;
        let secure = if *is_secure { "; Secure" } else { "" };
        let seconds = lifetime.as_secs();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        HeaderValue::try_from(text).ok()
    }

    /// The header that removes it.
    pub(super) fn removed(&self) -> Option<HeaderValue> {
        self.set("", Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &[&str]) -> Parts {
        let mut request = http::Request::get("/").header("host", "localhost:7070");
        for cookie in cookies {
            request = request.header(COOKIE, *cookie);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn value(cookies: &[&str]) -> Option<String> {
        let request = request(cookies);
        SessionCookie::of(&request, false).value(&request.headers).map(str::to_owned)
    }

    #[test]
    fn value_is_that_of_the_own_port() {
        assert_eq!(value(&["a=1; plugbay-session-7070=x; b=2"]).as_deref(), Some("x"));
        assert_eq!(value(&["a=1", "plugbay-session-7070=x"]).as_deref(), Some("x"));
        assert_eq!(value(&["plugbay-session-7071=x; plugbay-session=y; xplugbay-session-7070=z"]), None);
        assert_eq!(value(&["plugbay-session-7070=x; plugbay-session-7070=y"]), None);
    }

    #[test]
    fn cookie_is_for_this_host_and_for_no_script() {
        let set = |is_secure| {
            let cookie = SessionCookie::of(&request(&[]), is_secure).set("v", Duration::from_secs(60));
            cookie.expect("valid").to_str().expect("text").to_owned()
        };
        assert_eq!(set(false), "plugbay-session-7070=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        assert_eq!(set(true), "__Host-plugbay-session-7070=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure");
    }
}
