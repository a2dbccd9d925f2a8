//! Creates host resources and never drops them.

use wasip2::clocks::monotonic_clock;

plugbay_guests::attack!(|_| {
    let mut kept = Vec::new();
    loop {
        kept.push(monotonic_clock::subscribe_duration(3_600_000_000_000));
    }
});
