//! Computes forever.

plugbay_guests::attack!(|_| loop {
    std::hint::black_box(0);
});
