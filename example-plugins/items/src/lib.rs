//! Items and users over HTTP: create, read, update and delete, with validation, statuses, an upload and a download, and
//! a chain of actions, and a route that needs a scope. As tools, its actions say which of them change nothing.
//!
//! `plugbay serve example-plugins/items` answers the routes below `http://127.0.0.1:7070/plugins/items`. The items live
//! as long as the instance.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;

/// An item as a client sends it. The host checks it before the plugin runs.
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

/// The part of the list that a client asks for.
#[derive(Deserialize, Schema)]
struct Page {
    #[serde(default)]
    offset: usize,
    #[serde(default = "limit")]
    #[schema(min = 1, max = 100)]
    limit: usize,
}

fn limit() -> usize {
    50
}

#[derive(Serialize, Schema)]
struct Deleted {
    deleted: bool,
}

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
    pictures: BTreeMap<u64, Vec<u8>>,
    users: Vec<User>,
    saved: Vec<String>,
    last_id: u64,
}

#[plugin]
impl Store {
    /// Lists items in the order of their ids.
    #[action(idempotent, title = "List items", read_only)]
    #[get("/items", tags("items"))]
    fn list_items(&self, Query(page): Query<Page>) -> Items {
        Items { items: self.items.values().skip(page.offset).take(page.limit).cloned().collect() }
    }

    /// Returns an item.
    #[action(idempotent, read_only)]
    #[get("/items/{id}", tags("items"), responses(404 = "There is no such item."))]
    fn get_item(&self, id: u64) -> Result<Item> {
        self.items.get(&id).cloned().ok_or_else(|| unknown(id))
    }

    /// Creates an item.
    #[post("/items", status = 201, tags("items"))]
    fn create_item(&mut self, Json(new): Json<NewItem>) -> (Headers, Json<Item>) {
        self.last_id += 1;
        let item = Item { id: self.last_id, name: new.name, price_cents: new.price_cents };
        self.items.insert(item.id, item.clone());
        (Headers::new().with("location", format!("/plugins/items/items/{}", item.id)), Json(item))
    }

    /// Replaces an item.
    #[action(idempotent)]
    #[put("/items/{id}", tags("items"), responses(404 = "There is no such item."))]
    fn update_item(&mut self, id: u64, Json(new): Json<NewItem>) -> Result<Item> {
        let item = self.items.get_mut(&id).ok_or_else(|| unknown(id))?;
        *item = Item { id, name: new.name, price_cents: new.price_cents };
        Ok(item.clone())
    }

    /// Deletes an item.
    #[delete("/items/{id}", tags("items"), responses(404 = "There is no such item."))]
    fn delete_item(&mut self, id: u64) -> Result<Deleted> {
        self.pictures.remove(&id);
        self.items.remove(&id).map(|_| Deleted { deleted: true }).ok_or_else(|| unknown(id))
    }

    /// Stores the picture of an item: an upload of at most 100,000 bytes.
    #[put("/items/{id}/picture", status = 204, tags("items"), responses(404 = "There is no such item."))]
    fn upload_picture(&mut self, id: u64, picture: Bytes) -> Result<()> {
        ensure!(self.items.contains_key(&id), code = "not_found", "there is no item {id}");
        ensure!(picture.0.len() <= 100_000, code = "invalid_argument", "a picture has at most 100,000 bytes");
        self.pictures.insert(id, picture.0);
        Ok(())
    }

    /// Returns the picture of an item: a download.
    #[get("/items/{id}/picture", tags("items"), responses(404 = "The item has no picture."))]
    fn download_picture(&self, id: u64) -> Result<Attachment> {
        let Some(bytes) = self.pictures.get(&id) else { return Err(unknown(id)) };
        Ok(Attachment::new(format!("item-{id}"), bytes.clone()))
    }

    /// Returns the name of the client, which the server or the application has authenticated.
    #[action(idempotent)]
    #[get("/me", tags("users"))]
    fn me(&self, call: &Invocation) -> Option<String> {
        call.identity()
    }

    /// Creates a user.
    #[post("/users", tags("users"), responses(409 = "The name is taken."))]
    fn create_user(&mut self, Json(user): Json<User>) -> Result<User> {
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
    fn transform(&self, Previous(previous): Previous<Processed>) -> Processed {
        Processed { data: previous.data.to_uppercase() }
    }

    /// The last action: stores the result of the second. Its answer is that of the route.
    #[post("/process", after = ["validate", "transform"], tags("chain"))]
    fn save(&mut self, Previous(previous): Previous<Processed>) -> Processed {
        self.saved.push(previous.data.clone());
        previous
    }

    /// Saves data as it is.
    #[post("/save", status = 201, tags("chain"))]
    fn save_data(&mut self, Json(input): Json<Processed>) {
        self.saved.push(input.data);
    }

    /// Returns everything that was saved.
    #[action(idempotent)]
    #[get("/data", tags("chain"))]
    fn get_data(&self) -> Vec<String> {
        self.saved.clone()
    }

    /// Deletes everything that was saved. The client needs the scope `manage`.
    #[delete("/data", tags("chain"), responses(403 = "The client may not do that."))]
    fn clear_data(&mut self, call: &Invocation) -> Result<Deleted> {
        let may_delete = call.scopes().iter().any(|scope| scope == "manage");
        ensure!(may_delete, code = "permission_denied", "deleting needs the scope `manage`");
        let deleted = !self.saved.is_empty();
        self.saved.clear();
        Ok(Deleted { deleted })
    }
}

fn unknown(id: u64) -> Error {
    error(format!("there is no item {id}")).with_code("not_found")
}
