//! Calls an interface of the application, `acme:warehouse/stock`.

use plugbay_guests::{Value, failure, json};

wit_bindgen::generate!({ path: "wit" });

use acme::warehouse::stock;

fn answer<T>(result: Result<T, String>, to_json: impl FnOnce(T) -> Value) -> Value {
    result.map_or_else(|error| json!({ "error": error }), to_json)
}

plugbay_guests::actions!(|action, payload| {
    let item = payload["item"].as_str().unwrap_or_default();
    Ok(match action {
        "left" => answer(stock::left(item), |left| json!(left)),
        "reserve" => {
            answer(stock::reserve(item, payload["pieces"].as_u64().unwrap_or(1) as u32), |reserved| json!(reserved))
        }
        "items" => json!(stock::items()),
        "caller" => json!(stock::caller()),
        "weigh" => {
            answer(stock::weigh(&vec![7; payload["bytes"].as_u64().unwrap_or(0) as usize]), |bytes| json!(bytes))
        }
        "ping_back" => answer(stock::ping_back(), |pong| json!(pong)),
        "baskets" => {
            let (full, empty) = (stock::Basket::new(), stock::Basket::new());
            full.add("apple");
            json!([full.add("pear"), empty.add("apple")])
        }
        "misbehave" => json!(stock::misbehave(payload["how"].as_str().unwrap_or_default())),
        other => return Err(failure("unknown_action", format!("no action `{other}`"))),
    })
});
