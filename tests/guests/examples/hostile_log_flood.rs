//! Logs forever.

use plugbay_guests::log;

plugbay_guests::attack!(|_| {
    let line = "flood ".repeat(100);
    loop {
        log::write(log::Level::Error, "flood", &line, &[]);
    }
});
