//! Calls itself forever.

#[allow(unconditional_recursion)]
fn descend(depth: u64) -> u64 {
    // Use the result after the call, or the compiler would make this a loop.
    std::hint::black_box(descend(std::hint::black_box(depth + 1))) + depth
}

plugbay_guests::attack!(|_| descend(0).into());
