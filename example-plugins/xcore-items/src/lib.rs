//! XCore's sample of routes: items in memory, with whatever members a client sends.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;
use uuid::Uuid;

/// The members of an item.
type Fields = BTreeMap<String, Value>;

#[derive(Serialize, Schema)]
struct Items {
    items: Vec<Fields>,
}

#[derive(Serialize, Schema)]
struct Deleted {
    deleted: bool,
}

#[derive(Default)]
struct MyPlugin {
    items: BTreeMap<String, Fields>,
}

#[plugin(prefix = "/items", tags("items"))]
impl MyPlugin {
    /// List all items.
    #[action(idempotent)]
    #[get("/")]
    fn list_items(&self) -> Items {
        Items { items: self.items.values().cloned().collect() }
    }

    /// Get a specific item.
    #[action(idempotent)]
    #[get("/{item_id}", responses(404 = "Not found"))]
    fn get_item(&self, item_id: String) -> Result<Fields> {
        self.items.get(&item_id).cloned().ok_or_else(not_found)
    }

    /// Create a new item.
    #[post("/")]
    fn create_item(&mut self, data: Fields) -> Fields {
        let id = Uuid::new_v4().to_string();
        let mut item = data;
        item.insert("id".to_owned(), json!(id));
        self.items.insert(id, item.clone());
        item
    }

    /// Update an existing item.
    #[action(idempotent)]
    #[put("/{item_id}", responses(404 = "Not found"))]
    fn update_item(&mut self, item_id: String, data: Fields) -> Result<Fields> {
        let item = self.items.get_mut(&item_id).ok_or_else(not_found)?;
        item.extend(data.into_iter().filter(|(member, _)| member != "id"));
        Ok(item.clone())
    }

    /// Delete an item.
    #[delete("/{item_id}", responses(404 = "Not found"))]
    fn delete_item(&mut self, item_id: String) -> Result<Deleted> {
        self.items.remove(&item_id).map(|_| Deleted { deleted: true }).ok_or_else(not_found)
    }

    /// Creates an item for another plugin or program.
    #[action]
    fn create(&mut self, payload: Fields) -> Reply {
        ok!({ "id": self.create_item(payload)["id"] })
    }
}

fn not_found() -> Error {
    error("Item not found").with_code("not_found").with_status(404)
}
