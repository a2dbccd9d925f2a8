//! Registers service names until the host refuses one, and returns their number and the refusal.

use plugbay_guests::{json, plugins, whole_error};

plugbay_guests::attack!(|_| {
    for number in 0..100_000 {
        if let Err(error) = plugins::register_service(&format!("squatted-{number}")) {
            return json!({ "got": number, "error": whole_error(error) });
        }
    }
    json!({ "got": 100_000 })
});
