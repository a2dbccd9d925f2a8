//! The weather of a city: requested from another service over HTTP, and cached for a configured time.
//!
//! The service responds to `GET <base_url>/current?city=…` with `{"celsius": 7.5, "sky": "rain"}`, and with 404 for a
//! city that it does not know. If it is slow or unavailable, callers get an error, unless the city is still cached.

use std::time::Duration;

use plugbay_sdk::config;
use plugbay_sdk::prelude::*;
use plugbay_sdk::{cache, http};

/// The timeout of the service. The plugin's callers wait as long.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Place {
    #[schema(min_length = 1, max_length = 100)]
    city: String,
}

impl Place {
    /// The cache key, which is the same for all spellings of a city.
    fn key(&self) -> String {
        format!("weather/{}", self.city.trim().to_lowercase())
    }
}

/// The response of the service, which is cached.
#[derive(Serialize, Deserialize)]
struct Current {
    celsius: f64,
    sky: String,
}

#[derive(Serialize, Schema)]
struct Report {
    celsius: f64,
    sky: String,
    /// Whether it comes from the cache.
    cached: bool,
}

#[derive(Default)]
struct Weather;

#[plugin]
impl Weather {
    /// Returns the weather of a city.
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

    /// Removes a city from the cache. Returns whether it was cached.
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
        return Err(error(format!("the service does not know the city `{}`", place.city))
            .with_code("unknown_city")
            .with_status(404));
    }
    log::debug!("called the service", city = place.city.trim(), status = response.status());
    response.checked()?.json()
}
