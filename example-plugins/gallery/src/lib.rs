//! Every widget of pages, and everything that their loaders and actions can do. The pages are in `plugin.yaml`; here
//! are the routes behind them.
//!
//! `plugbay serve example-plugins/gallery` shows them at `http://127.0.0.1:7070/p/gallery`. The browser's tests use it.

use plugbay_sdk::events;
use plugbay_sdk::prelude::*;

#[derive(Clone, Serialize, Schema)]
struct Person {
    id: u64,
    name: String,
    age: u32,
    roles: Vec<String>,
}

#[derive(Clone, Serialize, Schema)]
struct Article {
    id: u64,
    name: String,
    price: u64,
    stock: u64,
    kind: String,
}

#[derive(Serialize, Schema)]
struct Point {
    /// Milliseconds since 1970.
    at: u64,
    load: u64,
    memory: u64,
}

#[derive(Serialize, Schema)]
struct Figures {
    visits: u64,
    trend: Vec<u64>,
    load: Vec<Point>,
    groups: Vec<Group>,
}

#[derive(Serialize, Schema)]
struct Group {
    name: String,
    members: Vec<String>,
}

#[derive(Serialize, Schema)]
struct Count {
    value: u64,
}

#[derive(Clone, Deserialize, Serialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Piece,
    Box,
}

#[derive(Clone, Deserialize, Serialize, Schema)]
struct Supplier {
    #[schema(min_length = 1)]
    company: String,
    #[schema(format = "email")]
    email: Option<String>,
}

/// What the form of the page asks for.
#[derive(Clone, Deserialize, Serialize, Schema)]
struct NewItem {
    /// At least two characters.
    #[schema(min_length = 2, max_length = 40)]
    name: String,
    #[schema(min = 0, max = 1000)]
    quantity: u32,
    unit: Unit,
    #[serde(default)]
    tags: Vec<String>,
    supplier: Option<Supplier>,
}

#[derive(Clone, Serialize, Schema)]
struct Item {
    id: u64,
    name: String,
    quantity: u32,
    unit: Unit,
    tags: Vec<String>,
}

#[derive(Deserialize, Schema)]
struct Search {
    #[serde(default)]
    text: String,
}

#[derive(Serialize, Schema)]
struct Found {
    text: String,
    names: Vec<String>,
}

#[derive(Deserialize, Serialize, Schema)]
struct Said {
    text: String,
}

struct Gallery {
    count: u64,
    is_broken: bool,
    items: Vec<Item>,
    last_id: u64,
}

impl Default for Gallery {
    fn default() -> Self {
        let bolt = Item { id: 1, name: "Bolt".into(), quantity: 40, unit: Unit::Piece, tags: vec!["steel".into()] };
        Gallery { count: 0, is_broken: false, items: vec![bolt], last_id: 1 }
    }
}

#[plugin]
impl Gallery {
    /// A few rows.
    #[action(idempotent)]
    #[get("/people")]
    fn people(&self) -> Vec<Person> {
        let person = |(id, name, age, roles): (u64, &str, u32, &[&str])| Person {
            id,
            name: name.into(),
            age,
            roles: roles.iter().map(|role| (*role).into()).collect(),
        };
        [(1, "Ada", 36, ["admin", "author"].as_slice()), (2, "Bob", 9, &[]), (3, "Cleo", 101, &["reader"])]
            .map(person)
            .into()
    }

    /// Ten thousand rows.
    #[action(idempotent)]
    #[get("/articles")]
    fn articles(&self) -> Vec<Article> {
        let kinds = ["bolt", "nut", "screw"];
        (1..=10_000)
            .map(|id| Article {
                id,
                name: format!("Article {id}"),
                price: id * 7_919 % 1_000,
                stock: id % 13,
                kind: kinds[id as usize % 3].into(),
            })
            .collect()
    }

    /// Figures for the chart and the stat.
    #[action(idempotent)]
    #[get("/figures")]
    fn figures(&self) -> Figures {
        let at = |minute: u64| 1_700_000_000_000 + minute * 60_000;
        let point = |minute| Point { at: at(minute), load: minute * 13 % 40, memory: 60 + minute % 7 };
        let group = |name: &str, members: &[&str]| Group {
            name: name.into(),
            members: members.iter().map(|member| (*member).into()).collect(),
        };
        Figures {
            visits: 12_345,
            trend: vec![3, 5, 4, 8, 6, 9, 12],
            load: (0..60).map(point).collect(),
            groups: vec![group("North", &["Oslo", "Turku"]), group("South", &["Rome"])],
        }
    }

    /// Counts its calls.
    #[get("/count")]
    fn count(&mut self) -> Result<Count> {
        ensure!(!self.is_broken, code = "broken", "the counter is broken");
        self.count += 1;
        Ok(Count { value: self.count })
    }

    /// Breaks the counter.
    #[post("/break")]
    fn break_count(&mut self) {
        self.is_broken = true;
    }

    /// Repairs the counter.
    #[post("/repair")]
    fn repair_count(&mut self) {
        self.is_broken = false;
    }

    /// Always fails.
    #[get("/fails")]
    fn fails(&self) -> Result<()> {
        Err(error("this part is always broken").with_code("broken"))
    }

    /// Says that the counter changed, to those who follow `gallery.counted`.
    #[post("/announce")]
    fn announce(&mut self) -> Result<()> {
        events::publish("gallery.counted", &self.count)?;
        Ok(())
    }

    /// Returns what it was sent.
    #[post("/echo")]
    fn echo(&self, Json(said): Json<Said>) -> Said {
        said
    }

    /// Answers after a while.
    #[post("/slow")]
    fn slow(&self, Json(said): Json<Said>) -> Said {
        std::thread::sleep(std::time::Duration::from_millis(700));
        said
    }

    /// Finds people by a part of their name.
    #[action(idempotent)]
    #[get("/search")]
    fn search(&self, Query(search): Query<Search>) -> Found {
        let wanted = search.text.to_lowercase();
        let names = self.people().into_iter().map(|person| person.name);
        let names = names.filter(|name| name.to_lowercase().contains(&wanted)).collect();
        Found { text: search.text, names }
    }

    /// The items of the form.
    #[action(idempotent)]
    #[get("/items")]
    fn items(&self) -> Vec<Item> {
        self.items.clone()
    }

    /// An item.
    #[action(idempotent)]
    #[get("/items/{id}")]
    fn item(&self, id: u64) -> Result<Item> {
        self.items.iter().find(|item| item.id == id).cloned().ok_or_else(|| unknown(id))
    }

    /// Adds an item.
    #[post("/items")]
    fn add_item(&mut self, Json(new): Json<NewItem>) -> Result<Item> {
        let is_known = self.items.iter().any(|item| item.name == new.name);
        ensure!(!is_known, code = "conflict", "there is an item `{}` already", new.name);
        self.last_id += 1;
        let item = Item { id: self.last_id, name: new.name, quantity: new.quantity, unit: new.unit, tags: new.tags };
        self.items.push(item.clone());
        Ok(item)
    }

    /// Removes an item.
    #[post("/items/{id}/remove")]
    fn remove_item(&mut self, id: u64) -> Result<Count> {
        let count = self.items.len();
        self.items.retain(|item| item.id != id);
        ensure!(self.items.len() < count, code = "not_found", "there is no item {id}");
        Ok(Count { value: self.items.len() as u64 })
    }
}

fn unknown(id: u64) -> Error {
    error(format!("there is no item {id}")).with_code("not_found")
}
