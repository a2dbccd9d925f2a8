//! The HTML documents, in which a script of `server/ui` shows everything. They contain nothing of a plugin, so they
//! need no token; the script asks the API for the content, with the caller's session.

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use super::files::hash;

/// The policy of all HTML of this server other than the API's page: scripts and styles are files of this server alone,
/// no text becomes a script, and no other page frames this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A document.
#[derive(Debug)]
pub(super) struct Shell {
    /// The title until the script sets another.
    pub(super) title: &'static str,
    /// The folder of the script in `server/ui`, and of the document's files.
    pub(super) folder: &'static str,
    /// The style sheets in `server/ui/style` without their ending, which are sent as one.
    pub(super) styles: &'static [&'static str],
    /// The query of a rendering for browsers without scripts, if there is one.
    pub(super) plain_query: Option<&'static str>,
}

impl Shell {
    /// The path of the script.
    pub(super) fn script(&self) -> String {
        format!("{}/main.js", self.folder)
    }

    /// The path of the style sheet.
    pub(super) fn style(&self) -> String {
        format!("{}/style.css", self.folder)
    }

    /// The HTML, with this script in addition.
    pub(super) fn html(&self, more: Option<&str>) -> String {
        let hash = hash();
        let (script, style) = (self.script(), self.style());
        let module = |path: &str| format!("<script type=\"module\" src=\"/ui/{hash}/{path}\"></script>\n");
        let scripts: String = [Some(&*script), more].into_iter().flatten().map(module).collect();
        let no_script = match self.plain_query {
            None => "</head>\n<body>\n<noscript>This page needs JavaScript.</noscript>".to_owned(),
            Some(query) => format!(
                "<noscript><meta http-equiv=\"refresh\" content=\"0; url={query}\"></noscript>\n</head>\n<body>\n\
                 <noscript><a href=\"{query}\">This page without scripts</a></noscript>"
            ),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/ui/{hash}/{style}\">\n{scripts}{no_script}\n<div id=\"app\"></div>\n</body>\n</html>\n",
            self.title
        )
    }

    /// The answer with this document.
    pub(super) fn response(&self, status: StatusCode) -> Response {
        html_response(status, self.html(None))
    }

    /// The answer with this document and a script in addition, if there is one.
    pub(super) fn response_with(&self, status: StatusCode, script: Option<&str>) -> Response {
        html_response(status, self.html(script))
    }
}

/// An answer with HTML under the policy. It is asked for again each time, because it names the current files.
pub(super) fn html_response(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}
