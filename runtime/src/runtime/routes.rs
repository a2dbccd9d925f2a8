//! Routes of plugins, answered for an application that has a server of its own.

use super::Runtime;
use crate::error::{RouteError, RouteErrorKind};
use crate::invocation::{HttpBody, HttpCall, PluginRoutes, RouteCall, RouteOutcome};
use crate::trigger::{http, route};

impl Runtime {
    /// Answers an HTTP request by the route of a plugin that its method and path match: the route's actions run one
    /// after another, each as any other call of the plugin, and the first that fails ends the chain. A literal part of
    /// a path takes precedence over a parameter; `HEAD` is answered by the route of `GET`.
    ///
    /// The payload of each action is the request's body as JSON. A body that is not JSON is refused if the first action
    /// declares a schema of its payload; otherwise it is passed on as a JSON string. The bytes and the rest of the
    /// request are in the plugin's interface `exchange`.
    ///
    /// ```no_run
    /// # async fn answer(runtime: plugbay::Runtime) -> Result<(), plugbay::error::RouteError> {
    /// use plugbay::invocation::HttpRequest;
    ///
    /// let request = HttpRequest::new("GET", "/items/7").query("verbose", "1");
    /// let answered = runtime.handle_route("shop", request).await?;
    /// println!("{}", answered.outcome().json());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RouteError`] if no such plugin is loaded, it has no such route, the path is malformed, or an action fails. A
    /// plugin that is disabled or has failed answers none of its routes.
    pub async fn handle_route(&self, plugin: &str, call: impl Into<RouteCall>) -> Result<RouteOutcome, RouteError> {
        match self.0.plugins.get(plugin) {
            Some(plugin) => route::handle(&plugin, call.into()).await,
            None => Err(RouteError::new(plugin, RouteErrorKind::UnknownPlugin)),
        }
    }

    /// Returns whether a plugin answers requests of this path by its own handler ([`Runtime::handle_http`]): its
    /// component exports `wasi:http/incoming-handler@0.2`, and its manifest has no route with this path.
    pub fn is_for_handler(&self, plugin: &str, path: &str) -> bool {
        self.0.plugins.get(plugin).is_some_and(|plugin| http::is_for_handler(&plugin, path))
    }

    /// Passes an HTTP request to the handler that a plugin's component exports, `wasi:http/incoming-handler@0.2`, and
    /// returns its response as soon as its head is there. Both bodies are streamed: the request's may be as large as a
    /// payload of the plugin, the response's as a result, and the plugin's deadline applies to the whole exchange.
    /// Dropping the response stops the plugin. Each request gets a fresh instance unless the manifest says
    /// `resources.instances`.
    ///
    /// ```no_run
    /// # async fn answer(runtime: plugbay::Runtime) -> Result<(), plugbay::error::RouteError> {
    /// use plugbay::http::Request;
    /// use plugbay::invocation::{HttpBody, HttpCall};
    ///
    /// let request = Request::get("/greetings?name=Ada").body(String::new()).expect("a request");
    /// let response: plugbay::http::Response<HttpBody> = runtime.handle_http("greeter", HttpCall::new(request)).await?;
    /// println!("{}", response.status());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RouteError`] if no such plugin is loaded, it exports no handler, or the handler fails before the head of its
    /// response. What fails later ends the response's body with an error.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    pub async fn handle_http(&self, plugin: &str, call: HttpCall) -> Result<::http::Response<HttpBody>, RouteError> {
        match self.0.plugins.get(plugin) {
            Some(plugin) => http::handle(&plugin, call).await,
            None => Err(RouteError::new(plugin, RouteErrorKind::UnknownPlugin)),
        }
    }

    /// Returns the routes of all loaded plugins that have any or answer by a handler of their own, by the plugins'
    /// names.
    pub fn routes(&self) -> Vec<PluginRoutes> {
        let plugins = self.0.plugins.all();
        let of_plugin = plugins.iter().map(|plugin| {
            let revision = plugin.borrow();
            PluginRoutes {
                plugin: revision.name().to_owned(),
                routes: revision.manifest.routes.clone(),
                handler: revision.has_http_handler(),
            }
        });
        of_plugin.filter(|plugin| plugin.handler || !plugin.routes.is_empty()).collect()
    }
}
