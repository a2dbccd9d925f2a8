//! Calls functions of the application without end, with huge arguments, or in ways in which they fail.

use plugbay_guests::json;

wit_bindgen::generate!({ path: "wit" });

use acme::warehouse::stock;

plugbay_guests::attack!(|payload| {
    let text = |member: &str| payload[member].as_str().unwrap_or_default().to_owned();
    let parcel = vec![7; payload["bytes"].as_u64().unwrap_or(0) as usize];
    match payload["attack"].as_str().unwrap_or_default() {
        "flood" => loop {
            let _ = stock::left("apple");
        },
        "flood of parcels" => loop {
            let _ = stock::weigh(&parcel);
        },
        "huge parcel" => json!(stock::weigh(&parcel)),
        "huge name" => json!(stock::left(&"x".repeat(parcel.len()))),
        "baskets" => {
            let mut baskets = Vec::new();
            loop {
                baskets.push(stock::Basket::new());
            }
        }
        "late, then on" => {
            stock::misbehave("late");
            loop {
                std::hint::black_box(0);
            }
        }
        _ => json!(stock::misbehave(&text("how"))),
    }
});
