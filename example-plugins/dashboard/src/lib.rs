//! The sample of DockStat's plugin builder: a table, routes, a hook, and a page that lists the rows. The page and the
//! route `/save` are in `plugin.yaml`, member by member as in DockStat.

use plugbay_sdk::db::Table;
use plugbay_sdk::prelude::*;

#[derive(Table, Serialize, Schema)]
#[table(name = "my_plugin_data")]
struct Row {
    #[column(id)]
    id: i64,
    name: String,
    #[column(json, default = "{}")]
    #[schema(any)]
    settings: Value,
}

#[derive(Deserialize, Schema)]
struct NewRow {
    #[schema(min_length = 1)]
    name: String,
    #[serde(default)]
    #[schema(any)]
    settings: Value,
}

#[derive(Serialize, Schema)]
struct Saved {
    success: bool,
    id: i64,
}

/// A container, as the hook receives it.
#[derive(Deserialize, Schema)]
struct Container {
    id: String,
}

#[derive(Default)]
struct Dashboard;

#[plugin(tables(Row), permissions("db.my_plugin_data:read,write"))]
impl Dashboard {
    /// Returns all rows.
    #[action(name = "getData")]
    #[get("/data")]
    fn get_data(&self) -> Result<Vec<Row>> {
        log::info!("Fetching data");
        Row::select().order_by(Row::id).all()
    }

    /// Adds a row.
    #[action(name = "saveData")]
    #[post("/create")]
    fn save_data(&self, row: NewRow) -> Result<Saved> {
        log::info!("Saving data");
        let inserted = Row::insert(&Row { id: 0, name: row.name, settings: row.settings })?;
        Ok(Saved { success: true, id: inserted.insert_id })
    }

    #[on_event("onContainerStart")]
    fn container_started(&self, Container { id }: Container) {
        log::info!("Container started: {id}");
    }
}
