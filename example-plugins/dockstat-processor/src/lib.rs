//! DockStat's sample of a route with five actions. Each receives the result of the one before it, and passes a failure
//! on: a result with `success: false` does not end a chain, an error would.

use plugbay_sdk::db::Table;
use plugbay_sdk::prelude::*;

/// A row of `processed`.
#[derive(Table, Serialize, Schema)]
#[table(name = "processed")]
struct Processed {
    #[column(id)]
    id: i64,
    #[column(json)]
    #[schema(any)]
    data: Value,
}

/// The result of an action, which the next one receives.
#[derive(Default, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
struct Step {
    success: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(any)]
    data: Option<Value>,
    #[serde(default)]
    valid: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insert_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
}

#[derive(Default)]
struct DataProcessor;

#[plugin(tables(Processed), permissions("db.processed:read,write"))]
impl DataProcessor {
    /// Parses the body, which arrives as it was sent.
    #[action(name = "parseInput", idempotent)]
    fn parse_input(&self, Bytes(body): Bytes) -> Step {
        log::debug!("Parsing input");
        match serde_json::from_slice(&body) {
            Ok(data) => Step { success: true, data: Some(data), ..Step::default() },
            Err(_) => Step { error: Some("Invalid JSON".to_owned()), ..Step::default() },
        }
    }

    /// Checks that the data is an object with a name.
    #[action(name = "validateSchema", idempotent)]
    fn validate_schema(&self, Previous(previous): Previous<Step>) -> Step {
        if !previous.success {
            return previous;
        }
        let name = previous.data.as_ref().and_then(|data| data["name"].as_str());
        let valid = name.is_some_and(|name| !name.trim().is_empty());
        Step { valid, ..previous }
    }

    /// Writes the name in upper case.
    #[action(name = "transformData", idempotent)]
    fn transform_data(&self, Previous(mut previous): Previous<Step>) -> Step {
        if previous.valid
            && let Some(name) = previous.data.as_mut().and_then(|data| data.get_mut("name"))
        {
            *name = json!(name.as_str().unwrap_or_default().trim().to_uppercase());
        }
        previous
    }

    /// Inserts the data.
    #[action(name = "saveToDatabase")]
    fn save_to_database(&self, Previous(previous): Previous<Step>) -> Result<Step> {
        if !previous.valid {
            return Ok(previous);
        }
        let row = Processed { id: 0, data: previous.data.clone().unwrap_or_default() };
        let inserted = Processed::insert(&row)?;
        Ok(Step { insert_id: Some(inserted.insert_id), ..previous })
    }

    /// The last action, whose result is the answer.
    #[action(name = "sendNotification")]
    #[post("/process", after = ["parseInput", "validateSchema", "transformData", "saveToDatabase"])]
    fn send_notification(&self, Previous(previous): Previous<Step>) -> Step {
        let Some(id) = previous.insert_id.filter(|_| previous.valid) else { return previous };
        log::info!("Data saved with ID: {id}");
        Step { success: true, id: Some(id), ..Step::default() }
    }

    /// Returns the rows that were saved.
    #[action(idempotent)]
    #[get("/processed")]
    fn processed(&self) -> Result<Vec<Processed>> {
        Processed::select().order_by(Processed::id).all()
    }
}
