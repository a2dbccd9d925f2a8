//! The plugin's own metrics in a native build, which has no figures of a host.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Result;

thread_local! {
    static OWN: RefCell<BTreeMap<String, Value>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn metrics_snapshot() -> String {
    OWN.with_borrow(|own| json!({ "uptime_ms": 0, "own": own }).to_string())
}

pub(crate) fn metrics_add(name: &str, by: u64) -> Result<()> {
    OWN.with_borrow_mut(|own| {
        let counter = own.entry(name.to_owned()).or_insert(json!(0));
        *counter = json!(counter.as_u64().unwrap_or_default().saturating_add(by));
    });
    Ok(())
}

pub(crate) fn metrics_set(name: &str, value: f64) -> Result<()> {
    OWN.with_borrow_mut(|own| own.insert(name.to_owned(), json!(value)));
    Ok(())
}
