//! The weather of a city: asked of another service over HTTP, and kept in the cache for as long as it is as good as new.
//!
//! The service answers `GET <base_url>/current?city=…` with `{"celsius": 7.5, "sky": "rain"}`, and 404 for a city that it
//! does not know. Where it is slow or away, callers learn that, and what was cached is still told.

use std::time::Duration;

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;
use plugbay_sdk::{cache, http};

/// How long the service may take. The plugin's callers wait as well.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Place {
    #[schema(min_length = 1, max_length = 100)]
    city: String,
}

impl Place {
    /// One key for all spellings of a city.
    fn key(&self) -> String {
        format!("weather/{}", self.city.trim().to_lowercase())
    }
}

/// What the service answers, and what is cached.
#[derive(Serialize, Deserialize)]
struct Current {
    celsius: f64,
    sky: String,
}

#[derive(Serialize, Schema)]
struct Report {
    celsius: f64,
    sky: String,
    /// Whether it was known already.
    cached: bool,
}

#[derive(Default)]
struct Weather;

#[plugin]
impl Weather {
    /// Tells the weather of a city.
    #[action(idempotent)]
    fn current(&self, place: Place) -> Result<Report> {
        let ttl = Duration::from_secs(config::get("ttl_seconds")?.unwrap_or(600));
        let mut cached = true;
        let Current { celsius, sky } = cache::get_or_set(&place.key(), ttl, || {
            cached = false;
            ask(&place)
        })?;
        Ok(Report { celsius, sky, cached })
    }

    /// Forgets what is known of a city, and tells whether anything was.
    #[action]
    fn forget(&self, place: Place) -> Result<bool> {
        cache::delete(&place.key())
    }
}

fn ask(place: &Place) -> Result<Current> {
    let base: String = config::require("base_url")?;
    let mut request = http::get(format!("{base}/current")).query("city", place.city.trim()).timeout(PATIENCE);
    if let Some(key) = config::get::<String>("api_key")? {
        request = request.bearer(key);
    }
    let response = request.send()?;
    if response.status() == 404 {
        return Err(error(format!("nobody knows the weather of `{}`", place.city))
            .with_code("unknown_city")
            .with_status(404));
    }
    log::debug!("asked the service", city = place.city.trim(), status = response.status());
    response.checked()?.json()
}
