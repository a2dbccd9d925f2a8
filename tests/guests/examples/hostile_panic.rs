//! Panics with the message in its payload.

plugbay_guests::attack!(|message| panic!("{}", message.as_str().unwrap_or("on purpose")));
