//! Panics, with the message that it is told.

plugbay_guests::attack!(|message| panic!("{}", message.as_str().unwrap_or("on purpose")));
