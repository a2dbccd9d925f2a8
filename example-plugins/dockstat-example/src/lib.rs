//! DockStat's sample of a plugin's structure: a table with a JSON column, two routes, one of them a chain of two
//! actions, and hooks for containers that start and stop.

use plugbay_sdk::db::Table;
use plugbay_sdk::prelude::*;

/// A row of `plugin_data`.
#[derive(Table, Serialize, Schema)]
#[table(name = "plugin_data")]
struct PluginData {
    #[column(id)]
    id: i64,
    #[column(json)]
    #[schema(any)]
    data: Value,
}

/// The columns of a new row.
#[derive(Serialize, Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct NewData {
    #[schema(any)]
    data: Value,
}

/// The result of `validateData`, which `saveData` receives as the previous one.
#[derive(Serialize, Deserialize, Schema)]
struct Validated {
    valid: bool,
    data: NewData,
}

#[derive(Serialize, Schema)]
struct Saved {
    success: bool,
}

/// A container, as the hooks receive it.
#[derive(Deserialize, Schema)]
struct Container {
    id: String,
}

#[derive(Default)]
struct ExamplePlugin;

#[plugin(tables(PluginData), permissions("db.plugin_data:read,write"))]
impl ExamplePlugin {
    /// Returns all rows.
    #[action(name = "getStatus", idempotent)]
    #[get("/status")]
    fn get_status(&self) -> Result<Vec<PluginData>> {
        PluginData::select().order_by(PluginData::id).all()
    }

    /// Accepts a row. Data that is null is not valid.
    #[action(name = "validateData", idempotent)]
    fn validate_data(&self, body: NewData) -> Validated {
        log::debug!("Validating data");
        Validated { valid: !body.data.is_null(), data: body }
    }

    /// Inserts a row that is valid.
    #[action(name = "saveData")]
    #[post("/save", after = ["validateData"])]
    fn save_data(&self, Previous(previous): Previous<Validated>) -> Result<Saved> {
        if !previous.valid {
            return Ok(Saved { success: false });
        }
        PluginData::insert(&PluginData { id: 0, data: previous.data.data })?;
        Ok(Saved { success: true })
    }

    #[on_event("onContainerStart")]
    fn started(&self, Container { id }: Container) {
        log::info!("Container started: {id}");
    }

    #[on_event("onContainerStop")]
    fn stopped(&self, Container { id }: Container) {
        log::info!("Container stopped: {id}");
    }
}
