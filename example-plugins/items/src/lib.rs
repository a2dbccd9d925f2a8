//! Items and users over HTTP: create, read, update and delete, with validation, statuses and a chain of actions.
//!
//! `plugbay serve example-plugins/items` answers the routes below `http://127.0.0.1:7070/plugins/items`. A payload is
//! the body of the request; [`exchange`] has the rest of it, and the parts of the answer beyond JSON. The items live as
//! long as the instance.

use std::collections::BTreeMap;

use plugbay_sdk::exchange::{self, Request};
use plugbay_sdk::prelude::*;

/// An item as a client sends it.
#[derive(Clone, Deserialize, Serialize, Schema)]
#[serde(deny_unknown_fields)]
struct NewItem {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(default)]
    #[schema(min = 0)]
    price_cents: u64,
}

#[derive(Clone, Serialize, Schema)]
struct Item {
    id: u64,
    name: String,
    price_cents: u64,
}

#[derive(Serialize, Schema)]
struct Items {
    items: Vec<Item>,
}

#[derive(Serialize, Schema)]
struct Deleted {
    deleted: bool,
}

/// A user, checked by the host before the plugin runs.
#[derive(Clone, Deserialize, Serialize, Schema)]
#[serde(deny_unknown_fields)]
struct User {
    #[schema(min_length = 3, max_length = 50)]
    username: String,
    #[schema(format = "email")]
    email: String,
    #[schema(min = 0, max = 150)]
    age: u32,
}

/// The result of one step of the chain.
#[derive(Serialize, Deserialize, Schema)]
struct Processed {
    data: String,
}

#[derive(Default)]
struct Store {
    items: BTreeMap<u64, Item>,
    users: Vec<User>,
    saved: Vec<String>,
    last_id: u64,
}

#[plugin]
impl Store {
    /// Lists all items.
    #[action(idempotent)]
    #[route(GET "/items")]
    fn list_items(&self) -> Items {
        Items { items: self.items.values().cloned().collect() }
    }

    /// Returns an item.
    #[action(idempotent)]
    #[route(GET "/items/{id}")]
    fn get_item(&self) -> Result<Item> {
        let id = id()?;
        self.items.get(&id).cloned().ok_or_else(|| unknown(id))
    }

    /// Creates an item.
    #[action]
    #[route(POST "/items")]
    fn create_item(&mut self, new: NewItem) -> Result<Item> {
        self.last_id += 1;
        let item = Item { id: self.last_id, name: new.name, price_cents: new.price_cents };
        self.items.insert(item.id, item.clone());
        if exchange::request().is_some() {
            exchange::set_status(201)?;
            exchange::add_header("location", format!("/plugins/items/items/{}", item.id))?;
        }
        Ok(item)
    }

    /// Replaces an item.
    #[action(idempotent)]
    #[route(PUT "/items/{id}")]
    fn update_item(&mut self, new: NewItem) -> Result<Item> {
        let id = id()?;
        let item = self.items.get_mut(&id).ok_or_else(|| unknown(id))?;
        *item = Item { id, name: new.name, price_cents: new.price_cents };
        Ok(item.clone())
    }

    /// Deletes an item.
    #[action]
    #[route(DELETE "/items/{id}")]
    fn delete_item(&mut self) -> Result<Deleted> {
        let id = id()?;
        self.items.remove(&id).map(|_| Deleted { deleted: true }).ok_or_else(|| unknown(id))
    }

    /// Creates a user. The host checks the body before the plugin runs.
    #[action]
    #[route(POST "/users")]
    fn create_user(&mut self, user: User) -> Result<User> {
        ensure!(
            self.users.iter().all(|known| known.username != user.username),
            code = "conflict",
            "`{}` is a user already",
            user.username
        );
        self.users.push(user.clone());
        Ok(user)
    }

    /// The first action of the chain: checks the data.
    #[action(idempotent)]
    fn validate(&self, input: Processed) -> Result<Processed> {
        ensure!(!input.data.trim().is_empty(), code = "invalid_argument", "there is no data");
        Ok(input)
    }

    /// The second action: works on the result of the first.
    #[action(idempotent)]
    fn transform(&self) -> Result<Processed> {
        let previous: Processed = previous()?;
        Ok(Processed { data: previous.data.to_uppercase() })
    }

    /// The last action: stores the result of the second. Its answer is that of the route.
    #[action]
    #[route(POST "/process", after = ["validate", "transform"])]
    fn save(&mut self) -> Result<Processed> {
        let previous: Processed = previous()?;
        self.saved.push(previous.data.clone());
        Ok(previous)
    }
}

fn request() -> Result<Request> {
    exchange::request()
        .ok_or_else(|| error("the action answers an HTTP request").with_code("no_request").with_status(400))
}

/// The parameter `id` of the route.
fn id() -> Result<u64> {
    let id = request()?.param("id").unwrap_or_default();
    id.parse()
        .map_err(|_| error(format!("`{id}` is not the number of an item")).with_code("not_found").with_status(404))
}

/// The result of the action before.
fn previous() -> Result<Processed> {
    match request()?.previous()? {
        Some(previous) => Ok(previous),
        None => bail!(code = "invalid_argument", "the action needs the result of the one before"),
    }
}

fn unknown(id: u64) -> Error {
    error(format!("there is no item {id}")).with_code("not_found").with_status(404)
}
