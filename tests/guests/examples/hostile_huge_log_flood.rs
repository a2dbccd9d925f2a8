//! Logs the same line forever, of the length in its payload in bytes.

use plugbay_guests::log;

plugbay_guests::attack!(|bytes| {
    let line = "x".repeat(bytes.as_u64().unwrap_or(1 << 20) as usize);
    loop {
        log::write(log::Level::Info, "", &line, &[]);
    }
});
