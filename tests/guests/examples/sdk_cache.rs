//! Uses the SDK's `cache`: typed values, times to live, values that are computed once.

use std::time::Duration;

use plugbay_sdk::cache;
use plugbay_sdk::prelude::*;

#[derive(Serialize, Deserialize, Schema)]
struct Forecast {
    celsius: i32,
}

#[derive(Default)]
struct Weather {
    /// The number of times the weather was observed.
    looked: i32,
}

#[plugin]
impl Weather {
    /// Observes the weather at most once in ten minutes.
    #[action]
    fn forecast(&mut self, city: String) -> Result<Forecast> {
        cache::get_or_set(&format!("forecast/{city}"), Duration::from_secs(600), || {
            self.looked += 1;
            Ok(Forecast { celsius: self.looked })
        })
    }

    #[action]
    fn note(&mut self, key: String) -> Result<Option<String>> {
        let before = cache::get(&key)?;
        cache::set(&key, "noted")?;
        Ok(before)
    }

    #[action]
    fn many(&mut self) -> Result<(Vec<Option<u32>>, bool, u64, u64)> {
        cache::mset([("n/1", 1), ("n/2", 2)])?;
        cache::mset_for([("n/3", 3)], Duration::from_secs(1))?;
        cache::set_for("n/4", 4, Duration::from_secs(1))?;
        cache::set_forever("other", 5)?;
        let values = cache::mget(["n/1", "n/3", "n/none"])?;
        Ok((values, cache::delete("n/1")?, cache::delete_pattern("n/*")?, cache::clear()?))
    }

    #[action]
    fn wrong_type(&mut self) -> Result<Option<u32>> {
        cache::set("text", "text")?;
        cache::get("text")
    }

    #[action]
    fn too_long(&mut self) -> Result<()> {
        cache::set("long", "x".repeat(1 << 20))
    }
}
