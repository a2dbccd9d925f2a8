//! A page that is always up to date. Its loaders run again after each event of the plugin, and every few seconds in
//! case one is missed.

use std::collections::VecDeque;

use plugbay_sdk::constant::{Json, Member};
use plugbay_sdk::events;
use plugbay_sdk::prelude::*;
use plugbay_sdk::ui::{self, Loader, PageAction, Reaction, Template, Tone};

/// The maximum number of values on the chart.
const VALUES_MAX: usize = 120;

/// The topic of the event after each value.
const MEASURED: &str = "live-chart.measured";

#[derive(Clone, Serialize, Schema)]
struct Measurement {
    number: u64,
    value: f64,
}

#[derive(Deserialize, Schema)]
struct NewValue {
    #[schema(min = -1000, max = 1000)]
    value: f64,
}

#[derive(Serialize, Schema)]
struct Summary {
    count: u64,
    latest: Option<f64>,
    /// The difference between the last two values.
    change: Option<f64>,
    values: Vec<f64>,
}

#[derive(Default)]
struct LiveChart {
    count: u64,
    measurements: VecDeque<Measurement>,
}

#[plugin(publishes("live-chart.measured"))]
impl LiveChart {
    /// Returns the latest values.
    #[get("/measurements")]
    fn measurements(&self) -> Vec<Measurement> {
        self.measurements.iter().cloned().collect()
    }

    /// Adds a value.
    #[post("/measurements")]
    fn measure(&mut self, new: NewValue) -> Result<u64> {
        self.count += 1;
        if self.measurements.len() == VALUES_MAX {
            self.measurements.pop_front();
        }
        self.measurements.push_back(Measurement { number: self.count, value: new.value });
        events::publish(MEASURED, &json!({ "number": self.count }))?;
        Ok(self.count)
    }

    /// Returns the figures of the values.
    #[get("/summary")]
    fn summary(&self) -> Summary {
        let values: Vec<f64> = self.measurements.iter().map(|measurement| measurement.value).collect();
        let change = match values.as_slice() {
            [.., before, latest] => Some(latest - before),
            _ => None,
        };
        Summary { count: self.count, latest: values.last().copied(), change, values }
    }

    #[page("/", title = "Live chart", icon = "chart", order = 2)]
    const PAGE: Template = Template::new(&[
        ui::container(&[
            ui::stat("Latest", "data.summary.latest")
                .bind("change", "data.summary.change")
                .bind("sparkline", "data.summary.values"),
            ui::stat("Values", "data.summary.count"),
        ])
        .with("layout", "grid")
        .number("columns", 2)
        .number("gap", 16),
        ui::chart("data.measurements", "number", &[ui::series("value").label("Value")])
            .with("kind", "area")
            .with("title", "The latest values")
            .number("height", 260)
            .when("data.measurements.length > 0"),
        ui::text("There are no values yet. Add the first.").when("data.measurements.length === 0"),
        ui::slider("state.value").number("min", 0).number("max", 100).with("label", "The next value"),
        ui::button("Add the value").variant("primary").action("measure"),
    ])
    .state(&[("value", Json::Integer(50))])
    .loaders(&[
        Loader::get("measurements", "/measurements").events(&[MEASURED]).every_ms(10_000),
        Loader::get("summary", "/summary").events(&[MEASURED]).every_ms(10_000),
    ])
    .actions(&[PageAction::post("measure", "/measurements")
        .body(Json::Object(&[Member::Is("value", Json::Text("{{state.value}}"))]))
        .show_loading()
        .on_error(Reaction::new().notify(Tone::Error, "The value was not added: {{result.message}}"))]);
}
