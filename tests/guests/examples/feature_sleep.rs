//! Takes long: one action waits in the host, the other computes.

use std::time::{Duration, Instant};

use plugbay_guests::json;

plugbay_guests::actions!(|action, payload| {
    let time = Duration::from_millis(payload.as_u64().unwrap_or(0));
    match action {
        "sleep" => {
            println!("sleeping");
            std::thread::sleep(time);
            Ok(json!("slept"))
        }
        "compute" => {
            let start = Instant::now();
            while start.elapsed() < time {
                std::hint::black_box(0);
            }
            Ok(json!("computed"))
        }
        other => plugbay_guests::unknown(other),
    }
});
