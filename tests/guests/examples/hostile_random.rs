//! Requests the number of random bytes in its payload, in one host call.

plugbay_guests::attack!(|bytes| {
    let random = wasip2::random::random::get_random_bytes(bytes.as_u64().unwrap_or(1 << 30));
    random.len().into()
});
