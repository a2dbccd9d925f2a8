//! HTTP routes: a method, a path, and the actions that handle the request one after another.

use crate::constant::Json;

/// An HTTP method that a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Creates a resource, or runs an operation.
    Post,
    /// Replaces a resource.
    Put,
    /// Changes a part of a resource.
    Patch,
    /// Removes a resource.
    Delete,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A route. A request runs its actions in order, and the result of the last one is the response.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) actions: &'static [&'static str],
    pub(crate) summary: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) tags: &'static [&'static str],
    pub(crate) params: Json,
    pub(crate) query: Json,
    pub(crate) consumes: Option<&'static str>,
    pub(crate) responses: &'static [Response],
}

/// A response of a route, for the API's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) description: Option<&'static str>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) schema: Json,
}

impl Response {
    /// A response with a status, 200 to 599. A success in JSON has the schema of the last action's result unless
    /// [`Response::schema`] sets another.
    pub const fn new(status: u16) -> Response {
        Response { status, description: None, content_type: None, schema: Json::Nothing }
    }

    /// Sets the description.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Response {
        self.description = Some(description);
        self
    }

    /// Sets the media type of the body. Default: `application/json`.
    #[must_use]
    pub const fn content_type(mut self, content_type: &'static str) -> Response {
        self.content_type = Some(content_type);
        self
    }

    /// Sets the schema of the body.
    #[must_use]
    pub const fn schema(mut self, schema: Json) -> Response {
        self.schema = schema;
        self
    }
}

macro_rules! methods {
    ($($function:ident: $method:ident;)*) => {$(
        #[doc = concat!("A route for ", stringify!($method), " requests.")]
        pub const fn $function(path: &'static str, actions: &'static [&'static str]) -> Route {
            Route::new(Method::$method, path, actions)
        }
    )*};
}

impl Route {
    /// A route. The path begins with `/`; `:id` and `{id}` match any one segment.
    pub const fn new(method: Method, path: &'static str, actions: &'static [&'static str]) -> Route {
        Route {
            method,
            path,
            actions,
            summary: None,
            description: None,
            tags: &[],
            params: Json::Nothing,
            query: Json::Nothing,
            consumes: None,
            responses: &[],
        }
    }

    methods! {
        get: Get;
        post: Post;
        put: Put;
        patch: Patch;
        delete: Delete;
    }

    /// Sets the purpose in one line.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Route {
        self.summary = Some(summary);
        self
    }

    /// Sets the description.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Route {
        self.description = Some(description);
        self
    }

    /// Sets the tags, which group routes.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Route {
        self.tags = tags;
        self
    }

    /// Sets the schema of an object with the parameters of the path. Default: any texts.
    #[must_use]
    pub const fn params(mut self, schema: Json) -> Route {
        self.params = schema;
        self
    }

    /// Sets the schema of an object with the query parameters. Default: any.
    #[must_use]
    pub const fn query(mut self, schema: Json) -> Route {
        self.query = schema;
        self
    }

    /// Sets the media type of the body. Default: `application/json`.
    #[must_use]
    pub const fn consumes(mut self, media_type: &'static str) -> Route {
        self.consumes = Some(media_type);
        self
    }

    /// Sets the documented responses. Without a success among them, that is 200.
    #[must_use]
    pub const fn responses(mut self, responses: &'static [Response]) -> Route {
        self.responses = responses;
        self
    }
}

/// Creates one route: `create_route!(POST "/notes" => ["check", "add"])`.
#[macro_export]
macro_rules! create_route {
    (GET $path:literal => [$($action:expr),+ $(,)?]) => { $crate::builder::Route::get($path, &[$($action),+]) };
    (POST $path:literal => [$($action:expr),+ $(,)?]) => { $crate::builder::Route::post($path, &[$($action),+]) };
    (PUT $path:literal => [$($action:expr),+ $(,)?]) => { $crate::builder::Route::put($path, &[$($action),+]) };
    (PATCH $path:literal => [$($action:expr),+ $(,)?]) => { $crate::builder::Route::patch($path, &[$($action),+]) };
    (DELETE $path:literal => [$($action:expr),+ $(,)?]) => { $crate::builder::Route::delete($path, &[$($action),+]) };
    ($method:ident $($rest:tt)*) => {
        ::core::compile_error!("a route is GET, POST, PUT, PATCH or DELETE \"/path\" => [\"action\", …]")
    };
}

/// Creates all routes of a plugin: `create_api_routes! { GET "/notes" => ["list"], POST "/notes" => ["check", "add"]
/// }`.
#[macro_export]
macro_rules! create_api_routes {
    ($($method:ident $path:literal => $actions:tt),* $(,)?) => {
        &[$($crate::create_route!($method $path => $actions)),*]
    };
    ($($other:tt)*) => {
        ::core::compile_error!("routes are `GET \"/path\" => [\"action\", …], …`")
    };
}
