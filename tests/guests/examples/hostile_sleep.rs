//! Waits in the host for longer than it may: fuel does not measure that.

plugbay_guests::attack!(|_| {
    std::thread::sleep(std::time::Duration::from_secs(3600));
    plugbay_guests::Value::Null
});
