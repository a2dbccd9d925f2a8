//! Prints forever, to the stream in its payload.

use std::io::Write;

plugbay_guests::attack!(|stream| {
    let block = vec![b'x'; 64 << 10];
    loop {
        // Continue after errors.
        let _ = match stream.as_str() {
            Some("stderr") => std::io::stderr().write_all(&block),
            _ => std::io::stdout().write_all(&block),
        };
    }
});
