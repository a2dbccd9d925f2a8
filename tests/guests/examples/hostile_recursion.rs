//! Calls itself for ever.

#[allow(unconditional_recursion)]
fn descend(depth: u64) -> u64 {
    // Something to do after the call, or it would be a loop.
    std::hint::black_box(descend(std::hint::black_box(depth + 1))) + depth
}

plugbay_guests::attack!(|_| descend(0).into());
