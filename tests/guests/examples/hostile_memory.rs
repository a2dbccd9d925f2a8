//! Allocates and never frees, until the host stops it.

plugbay_guests::attack!(|_| {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; 1 << 20]));
    }
});
