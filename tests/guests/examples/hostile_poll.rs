//! Waits for one pollable a great many times over in a single host call.

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll;

plugbay_guests::attack!(|_| {
    let never = monotonic_clock::subscribe_duration(3_600_000_000_000);
    let many = vec![&never; 4 << 20];
    poll::poll(&many).len().into()
});
