//! DockStat's builder, function by function: actions, routes, a table, events, a page and `init`, as one constant.
//!
//! Each function of its page has its name in Rust here: `pluginBuilder` is `Plugin::builder`, `createActions` is
//! `create_actions!`, and so on. A route to an unknown action does not compile.

use plugbay_sdk::builder::{
    Plugin, RepositoryType, Subscription, create_actions, create_api_routes, create_frontend_config,
    create_frontend_route, export_plugin,
};
use plugbay_sdk::db::{Table, create_tables};
use plugbay_sdk::exchange;
use plugbay_sdk::prelude::*;
use plugbay_sdk::ui::Template;

/// A row of `plugin_users`.
#[derive(Table, Serialize, Schema)]
#[table(name = "plugin_users")]
#[serde(rename_all = "camelCase")]
struct User {
    #[column(id)]
    id: i64,
    #[column(unique)]
    username: String,
    email: String,
    #[column(json, default = "{}")]
    #[schema(any)]
    preferences: Value,
    /// In milliseconds since the Unix epoch, set by the host.
    #[column(created_at, name = "createdAt")]
    created_at: i64,
}

/// A row of `container_events`, which the hooks write.
#[derive(Table)]
#[table(name = "container_events")]
struct ContainerEvent {
    #[column(id)]
    id: i64,
    event: String,
    #[column(name = "containerId")]
    container_id: String,
}

/// The body of `POST /create`.
#[derive(Deserialize, Schema)]
struct NewUser {
    username: String,
    email: String,
    #[serde(default)]
    #[schema(any)]
    preferences: Option<Value>,
}

/// The fields that a body may have. Those that it leaves out are not changed.
#[derive(Serialize, Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct UserFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "email")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(any)]
    preferences: Option<Value>,
}

/// The result of `create`.
#[derive(Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
struct Created {
    success: bool,
    user_id: i64,
}

#[derive(Serialize, Schema)]
struct Updated {
    changes: u64,
}

#[derive(Deserialize)]
struct Container {
    id: String,
}

#[derive(Default)]
struct Users;

impl Users {
    fn fetch_all(&mut self) -> Result<Vec<User>> {
        log::debug!("Fetching all records");
        User::select().order_by(User::id).all()
    }

    fn validate(&mut self, body: UserFields) -> Result<UserFields> {
        let is_empty = body.username.is_none() && body.email.is_none() && body.preferences.is_none();
        ensure!(!is_empty, code = "invalid_argument", "the body has no field of a user");
        Ok(body)
    }

    fn create(&mut self, body: NewUser) -> Result<Created> {
        log::info!("Creating user", name = body.username);
        let NewUser { username, email, preferences } = body;
        let preferences = preferences.unwrap_or_else(|| json!({}));
        let inserted = User::insert(&User { id: 0, username, email, preferences, created_at: 0 })?;
        Ok(Created { success: true, user_id: inserted.insert_id })
    }

    fn notify(&mut self) -> Result<Created> {
        let previous = exchange::request().map(|request| request.previous::<Created>()).transpose()?.flatten();
        let Some(created) = previous else { bail!(code = "invalid_argument", "there is no user to announce") };
        log::info!("Created", user = created.user_id);
        Ok(created)
    }

    fn update(&mut self, body: UserFields) -> Result<Updated> {
        let id = exchange::request().and_then(|request| request.param("id")).and_then(|id| id.parse::<i64>().ok());
        let Some(id) = id else { bail!(code = "invalid_argument", "the path has no number of a user") };
        let changes = User::update().set_from(&body).filter(User::id.eq(id)).run()?;
        ensure!(changes > 0, code = "not_found", "there is no user {id}");
        Ok(Updated { changes })
    }

    fn container_started(&mut self, event: &Event) -> Result<()> {
        let Container { id } = event.data()?;
        log::info!("Container {id} started");
        ContainerEvent::insert(&ContainerEvent { id: 0, event: "start".to_owned(), container_id: id }).map(drop)
    }

    fn container_stopped(&mut self, event: &Event) -> Result<()> {
        let Container { id } = event.data()?;
        log::info!("Container {id} stopped");
        Ok(())
    }

    fn container_restarted(&mut self, event: &Event) -> Result<()> {
        let Container { id } = event.data()?;
        log::warn!("Container {id} restarted");
        Ok(())
    }

    fn server_booted(&mut self, _event: &Event) -> Result<()> {
        log::info!("Plugin initialized on server boot");
        Ok(())
    }

    fn container_events(&mut self) -> Result<u64> {
        ContainerEvent::select().count()
    }

    fn init(&mut self) -> Result<()> {
        log::info!("Plugin initialized");
        Ok(())
    }
}

const PLUGIN: Plugin<Users> = Plugin::builder()
    .name("my-plugin")
    .description("A plugin built with the fluent API")
    .version("1.0.0")
    .repository("https://github.com/user/my-plugin")
    .repository_type(RepositoryType::Github)
    .manifest_url("https://github.com/user/my-plugin/manifest.json")
    .author_with_email("Developer", "dev@example.com")
    .tags(&["example", "demo"])
    .tables(create_tables![User, ContainerEvent])
    .permissions(&["db.plugin_users:read,write", "db.container_events:read,write"])
    .actions(create_actions! {
        /// Returns all users.
        "fetchAll" => Users::fetch_all,
        /// Checks the body of a new or changed user.
        "validate" => Users::validate,
        /// Adds a user.
        "create" => Users::create,
        /// Announces the user that the previous action added.
        "notify" => Users::notify,
        /// Changes the user of the path.
        "update" => Users::update,
        /// Counts the containers that were started.
        "containerEvents" => Users::container_events,
    })
    .routes(create_api_routes! {
        GET "/list" => ["fetchAll"],
        POST "/create" => ["validate", "create", "notify"],
        POST "/update/:id" => ["validate", "update"],
    })
    .frontend(create_frontend_config(&[create_frontend_route("/", Template::new(&[]))]))
    .subscriptions(&[
        Subscription::new("container.start", Users::container_started),
        Subscription::new("container.stop", Users::container_stopped),
        Subscription::new("container.restart", Users::container_restarted),
        Subscription::new("server.boot", Users::server_booted),
    ])
    .on_load(Users::init)
    .build();

export_plugin!(PLUGIN: Users, lifecycle, events);
