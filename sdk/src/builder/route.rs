//! HTTP routes: a method, a path, and the actions that handle the request one after another.

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
    pub(crate) description: Option<&'static str>,
    pub(crate) tags: &'static [&'static str],
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
        Route { method, path, actions, description: None, tags: &[] }
    }

    methods! {
        get: Get;
        post: Post;
        put: Put;
        patch: Patch;
        delete: Delete;
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
