//! Prints for ever, to the stream that it is told.

use std::io::Write;

plugbay_guests::attack!(|stream| {
    let block = vec![b'x'; 64 << 10];
    loop {
        // An error would be an answer to the flood: go on regardless.
        let _ = match stream.as_str() {
            Some("stderr") => std::io::stderr().write_all(&block),
            _ => std::io::stdout().write_all(&block),
        };
    }
});
