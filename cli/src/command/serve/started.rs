//! What `plugbay serve` prints once it serves: the plugins with their routes, its own paths, and a command to try.

use std::fmt::Write;

use plugbay::Plugin;
use plugbay::manifest::{Method, Route};
use serde_json::json;

use crate::error::Error;
use crate::output::Output;

/// The most routes of one plugin that are listed.
const ROUTES_SHOWN_MAX: usize = 20;

/// A server that has started.
pub(super) struct Started {
    /// The URL of its address.
    pub(super) base: String,
    /// Whether it has tools for assistants.
    pub(super) has_tools: bool,
    /// A link to sign in.
    pub(super) link: Option<String>,
}

impl Started {
    /// The host's own paths for people and programs, with what is there.
    fn paths(&self) -> Vec<(&'static str, &'static str)> {
        let mut paths = vec![("dashboard", "/"), ("docs", "/docs"), ("metrics", "/metrics")];
        paths.extend(self.has_tools.then_some(("mcp", "/mcp")));
        paths
    }

    /// Prints what is served and where, and a command to try.
    pub(super) fn print(&self, plugins: &[Plugin], output: Output) -> Result<(), Error> {
        let base = &self.base;
        if output.json {
            let listed = |plugin: &Plugin| {
                let manifest = plugin.manifest();
                json!({
                    "name": manifest.name, "version": manifest.version.to_string(), "state": plugin.state(),
                    "url": format!("{base}/plugins/{}", manifest.name), "routes": manifest.routes,
                })
            };
            let plugins: Vec<_> = plugins.iter().map(listed).collect();
            // On one line, so that a program can read it while the server runs.
            let mut document = json!({ "url": base, "plugins": plugins });
            for (name, path) in self.paths() {
                document["paths"][name] = path.into();
            }
            if let Some(link) = &self.link {
                document["sign_in"] = link.as_str().into();
            }
            output.raw_result(&document.to_string())?;
            return Ok(());
        }
        let mut text = format!("serving on {base}\n");
        for plugin in plugins {
            let manifest = plugin.manifest();
            let _ = writeln!(text, "  {} {} ({})", manifest.name, manifest.version, plugin.state());
            for route in manifest.routes.iter().take(ROUTES_SHOWN_MAX) {
                let _ = writeln!(text, "    {:<6} /plugins/{}{}", route.method.name(), manifest.name, below(route));
            }
            if let Some(more) = manifest.routes.len().checked_sub(ROUTES_SHOWN_MAX).filter(|more| *more > 0) {
                let _ = writeln!(text, "    and {more} more");
            }
        }
        let paths: Vec<String> = self.paths().iter().map(|(name, path)| format!("{name} {path}")).collect();
        let _ = writeln!(text, "also: {}", paths.join(", "));
        if let Some(command) = to_try(base, plugins) {
            let _ = writeln!(text, "try: {command}");
        }
        if let Some(link) = &self.link {
            let _ = writeln!(text, "sign in, once within 10 minutes: {link}");
        }
        output.result(&text)?;
        Ok(())
    }
}

/// The path of a route below its plugin.
fn below(route: &Route) -> &str {
    if route.path == "/" { "" } else { &route.path }
}

/// A command that shows an answer: of a route that needs no input, otherwise of an action or of a report.
fn to_try(base: &str, plugins: &[Plugin]) -> Option<String> {
    let simple = |plugin: &Plugin| {
        let manifest = plugin.manifest();
        let route = manifest.routes.iter().find(|route| route.method == Method::Get && !route.path.contains('{'))?;
        Some(format!("curl {base}/plugins/{}{}", manifest.name, below(route)))
    };
    let reported = |plugin: &Plugin| format!("curl {base}/plugins/{}/status", plugin.name());
    plugins.iter().find_map(simple).or_else(|| plugins.first().map(reported))
}
