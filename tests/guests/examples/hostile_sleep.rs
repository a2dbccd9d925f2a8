//! Waits in the host past its deadline, which consumes no fuel.

plugbay_guests::attack!(|_| {
    std::thread::sleep(std::time::Duration::from_secs(3600));
    plugbay_guests::Value::Null
});
