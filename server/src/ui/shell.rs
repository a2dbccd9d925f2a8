//! The HTML documents, in which a script of `server/ui` shows everything. They contain nothing of a plugin, so they
//! need no token; the script asks the API for the content, with the caller's session.

use std::collections::BTreeSet;
use std::fmt::Write;

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use super::files::{file, hash};

/// The policy of all HTML of this server other than the API's page: scripts and styles are files of this server alone,
/// no text becomes a script, and no other page frames this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A document: its title until the script sets another, its script below `server/ui`, its style sheets in
/// `server/ui/style` without their ending, and the query
/// of a rendering for browsers without scripts, if there is one.
pub(super) struct Shell {
    pub(super) title: &'static str,
    pub(super) script: &'static str,
    pub(super) styles: &'static [&'static str],
    pub(super) plain_query: Option<&'static str>,
}

impl Shell {
    /// The HTML. The modules that the script imports are loaded at once, not one after the other.
    pub(super) fn html(&self) -> String {
        let hash = hash();
        let styles = self.styles.join("+");
        let mut head = format!("<link rel=\"stylesheet\" href=\"/ui/{hash}/style/{styles}.css\">\n");
        let mut modules = BTreeSet::new();
        collect_imports(self.script, &mut modules);
        for module in modules.iter().filter(|module| *module != self.script) {
            let _ = writeln!(head, "<link rel=\"modulepreload\" href=\"/ui/{hash}/{module}\">");
        }
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
             <link rel=\"icon\" href=\"data:,\">\n{head}<script type=\"module\" src=\"/ui/{hash}/{}\"></script>\n\
             {no_script}\n<div id=\"app\"></div>\n</body>\n</html>\n",
            self.title, self.script
        )
    }

    /// The answer with this document.
    pub(super) fn response(&self, status: StatusCode) -> Response {
        html_response(status, self.html())
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

/// Adds a module and all that it imports when it is loaded. Modules imported later, by `import(…)`, are left out.
fn collect_imports(path: &str, modules: &mut BTreeSet<String>) {
    if !modules.insert(path.to_owned()) {
        return;
    }
    let Some(file) = file(path) else { return };
    for target in ["from \"", "from\"", "import \""].iter().flat_map(|mark| file.content.split(mark).skip(1)) {
        let target = target.split('"').next().unwrap_or_default();
        if let Some(module) = resolve(path, target) {
            collect_imports(&module, modules);
        }
    }
}

/// The path of a module that the module at `from` imports.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(folders.pop()?),
            name => folders.push(name),
        }
    }
    let path = folders.join("/");
    (target.starts_with('.') && file(&path).is_some()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_preloads_the_imported_modules_once() {
        let shell =
            Shell { title: "T", script: "page/main.js", styles: &["tokens", "base"], plain_query: Some("?plain") };
        let html = shell.html();
        for module in ["lib/view.js", "vendor/preact.js", "vendor/hooks.js", "vendor/htm.js"] {
            let link = format!("<link rel=\"modulepreload\" href=\"/ui/{}/{module}\">", hash());
            assert_eq!(html.matches(&link).count(), 1, "{module}: {html}");
        }
        assert!(!html.contains("uplot"), "{html}");
    }

    #[test]
    fn imports_are_resolved_within_the_files_alone() {
        assert_eq!(resolve("page/main.js", "../lib/view.js").as_deref(), Some("lib/view.js"));
        assert_eq!(resolve("lib/view.js", "./http.js").as_deref(), Some("lib/http.js"));
        for target in ["../../secret.js", "preact", "https://evil.example/x.js", "./missing.js"] {
            assert_eq!(resolve("lib/view.js", target), None, "{target}");
        }
    }
}
