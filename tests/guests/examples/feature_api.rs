//! Asks for tokens of the host's API, and sends the requests that its payload describes.

use plugbay_guests::{Value, api, error, http};

plugbay_guests::actions!(|action, payload| match action {
    "token" => {
        let scopes: Vec<String> = serde_json::from_value(payload["scopes"].clone()).unwrap_or_default();
        let value = |json: String| serde_json::from_str::<Value>(&json).unwrap_or_default();
        Ok(api::token(&scopes).map_or_else(error, value))
    }
    "fetch" => Ok(http::fetch(&payload)),
    other => plugbay_guests::unknown(other),
});
