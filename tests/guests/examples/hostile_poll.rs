//! Polls one pollable, listed as many times as its payload says in a single host call, and repeats that forever.

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll;

plugbay_guests::attack!(|count| {
    let ready = monotonic_clock::subscribe_duration(0);
    let many = vec![&ready; count.as_u64().unwrap_or(1) as usize];
    loop {
        std::hint::black_box(poll::poll(&many));
    }
});
