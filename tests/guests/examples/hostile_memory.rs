//! Keeps everything: its memory grows until somebody stops it.

plugbay_guests::attack!(|_| {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; 1 << 20]));
    }
});
