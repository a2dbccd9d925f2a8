//! An inventory: items in a database, and a page to add, search, change and remove them.
//!
//! A form has the fields of the payload of its action's route, so `NewItem` is all that describes the two forms below.

use plugbay_sdk::constant::Json;
use plugbay_sdk::db::{Keyed, Table};
use plugbay_sdk::prelude::*;
use plugbay_sdk::ui::{self, Loader, Node, PageAction, Reaction, Template, Tone};

/// An item, as a row of the table and as a result.
#[derive(Table, Serialize, Schema)]
#[table(name = "items")]
struct Item {
    #[column(id)]
    id: i64,
    #[column(varchar(100))]
    name: String,
    #[column(default = 0)]
    count: i64,
    #[column(default = "")]
    place: String,
}

/// An item as a person enters it.
#[derive(Deserialize, Schema)]
struct NewItem {
    /// What it is.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// How many there are.
    #[serde(default)]
    #[schema(min = 0)]
    count: i64,
    /// The shelf.
    #[serde(default)]
    #[schema(max_length = 100)]
    place: String,
}

#[derive(Default)]
struct Inventory;

#[plugin(tables(Item), permissions("db.items:read,write"))]
impl Inventory {
    /// Returns all items by name.
    #[get("/items")]
    fn items(&self) -> Result<Vec<Item>> {
        Item::select().order_by(Item::name).all()
    }

    /// Adds an item.
    #[post("/items")]
    fn add(&self, item: NewItem) -> Result<Item> {
        let NewItem { name, count, place } = item;
        existing(Item::insert(&Item { id: 0, name, count, place })?.insert_id)
    }

    /// Changes an item.
    #[put("/items/{id}")]
    fn change(&self, id: i64, item: NewItem) -> Result<Item> {
        let NewItem { name, count, place } = item;
        let change = Item::update().set(Item::name, name).set(Item::count, count).set(Item::place, place);
        change.filter(Item::id.eq(id)).run()?;
        existing(id)
    }

    /// Removes an item.
    #[delete("/items/{id}")]
    fn remove(&self, id: i64) -> Result<()> {
        ensure!(Item::delete().filter(Item::id.eq(id)).run()? > 0, code = "not_found", "item {id} does not exist");
        Ok(())
    }

    #[page("/", title = "Inventory", icon = "box", order = 1)]
    const PAGE: Template = Template::new(&[
        ui::container(&[
            ui::stat("Items", "data.items.length"),
            ui::button("Add an item").variant("primary").action("open-add"),
        ])
        .with("layout", "flex")
        .with("justify", "between")
        .with("align", "center"),
        ui::table(&[
            ui::column("name").title("Item"),
            ui::column("count").title("Number").align("right"),
            ui::column("place").title("Place"),
            ui::column("id").title("Actions").plain().cell(&BUTTONS),
        ])
        .bind("data", "data.items")
        .flag("searchable")
        .with("emptyText", "There are no items yet."),
        ui::modal("state.adding", &[ui::form("add").with("submitText", "Add")]).with("title", "Add an item"),
        ui::modal("state.changing", &[ui::form("change").with("value", "{{state.item}}").with("submitText", "Save")])
            .with("title", "Change {{state.item.name}}"),
    ])
    .state(&[("adding", NO), ("changing", NO), ("item", Json::Object(&[]))])
    .loaders(&[Loader::get("items", "/items")])
    .actions(&[
        PageAction::reload("reload", &["items"]),
        PageAction::set_state("open-add", &[("adding", YES)]),
        PageAction::post("add", "/items").on_success(
            Reaction::new()
                .set_state(&[("adding", NO)])
                .notify(Tone::Success, "{{result.name}} is added.")
                .then("reload"),
        ),
        PageAction::set_state("open-change", &[("changing", YES), ("item", Json::Text("{{payload.row}}"))]),
        PageAction::put("change", "/items/{{state.item.id}}").on_success(
            Reaction::new()
                .set_state(&[("changing", NO)])
                .notify(Tone::Success, "{{result.name}} is saved.")
                .then("reload"),
        ),
        PageAction::delete("remove", "/items/{{payload.row.id}}")
            .confirm("Remove {{payload.row.name}}?")
            .on_success(Reaction::new().notify(Tone::Success, "It is removed.").then("reload")),
    ]);
}

const YES: Json = Json::Raw("true");
const NO: Json = Json::Raw("false");

/// The buttons in each row of the table. Their actions get the row.
const BUTTONS: Node = ui::container(&[
    ui::button("Change").size("sm").variant("outline").action("open-change"),
    ui::button("Remove").size("sm").variant("danger").action("remove"),
])
.with("layout", "flex")
.number("gap", 8);

fn existing(id: i64) -> Result<Item> {
    Item::find(id)?.ok_or_else(|| error(format!("item {id} does not exist")).with_code("not_found"))
}
