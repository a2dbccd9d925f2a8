//! Sends requests as its payload specifies, with the bindings of `wasi:http` alone.

use std::cell::RefCell;

use plugbay_guests::{Value, http, json};
use wasip2::http::types::FutureIncomingResponse;

thread_local! {
    static HELD: RefCell<Vec<FutureIncomingResponse>> = const { RefCell::new(Vec::new()) };
}

plugbay_guests::actions!(|action, payload| match action {
    "fetch" => Ok(http::fetch(&payload)),
    // Sends the same request repeatedly, one at a time, and returns the outcome of each.
    "repeat" => {
        let outcomes = (0..payload["times"].as_u64().unwrap_or(0)).map(|_| http::fetch(&payload));
        let results = outcomes
            .map(|answer| if answer["error"].is_null() { answer["status"].clone() } else { answer["error"].clone() });
        Ok(results.collect::<Vec<Value>>().into())
    }
    // Sends the same request repeatedly without waiting, holds the open ones and returns the refusals.
    "hold" => {
        let opened: Vec<_> = (0..payload["times"].as_u64().unwrap_or(0)).map(|_| http::send(&payload)).collect();
        let mut refused = Vec::new();
        for response in opened {
            match response {
                Ok(response) if payload["wait"] == true => {
                    refused.extend(http::header(&response).err());
                    HELD.with_borrow_mut(|held| held.push(response));
                }
                Ok(response) => HELD.with_borrow_mut(|held| held.push(response)),
                Err(error) => refused.push(error),
            }
        }
        Ok(json!(refused))
    }
    "release" => Ok(json!(HELD.take().len())),
    other => plugbay_guests::unknown(other),
});
