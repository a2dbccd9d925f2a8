//! Calls the action `ping` of the plugin in its payload forever, whatever the answer.

use plugbay_guests::plugins;

plugbay_guests::attack!(|payload| {
    let victim = payload.as_str().unwrap_or_default();
    loop {
        let _ = plugins::call(victim, "ping", "null");
    }
});
