//! Passes every call on to the next plugin in its payload, in an endless cycle.

use plugbay_guests::{json, plugins, whole_error};

plugbay_guests::attack!(|payload| {
    let mut names = payload.as_array().cloned().unwrap_or_default();
    let next = names.first().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    names.rotate_left(1);
    match plugins::call(&next, "attack", &json!(names).to_string()) {
        Ok(answer) => serde_json::from_str(&answer).unwrap_or_default(),
        Err(error) => json!({ "error": whole_error(error) }),
    }
});
