//! Misuses its standard streams as its payload specifies: `{"how", "count"}`.

use wasip2::cli::{stdin, stdout};
use wasip2::io::streams::StreamError;

plugbay_guests::attack!(|payload| {
    let count = payload["count"].as_u64().unwrap_or(u64::MAX);
    let (input, output) = (stdin::get_stdin(), stdout::get_stdout());
    let outcome: Result<u64, StreamError> = match payload["how"].as_str().unwrap_or_default() {
        "write_zeroes" => output.write_zeroes(count).map(|()| count),
        "blocking_write_zeroes" => output.blocking_write_zeroes_and_flush(count).map(|()| count),
        "read" => input.read(count).map(|bytes| bytes.len() as u64),
        "blocking_read" => input.blocking_read(count).map(|bytes| bytes.len() as u64),
        "skip" => input.blocking_skip(count),
        "splice" => output.blocking_splice(&input, count),
        "write_without_asking" => loop {
            if let Err(error) = output.write(&[b'x'; 4096]) {
                break Err(error);
            }
        },
        "ask_and_write" => loop {
            match output.check_write() {
                Ok(0) => output.subscribe().block(),
                Ok(permit) => drop(output.write(&vec![b'x'; permit as usize])),
                Err(error) => break Err(error),
            }
        },
        "ask_without_end" => loop {
            std::hint::black_box(output.check_write().is_ok());
        },
        _ => Ok(0),
    };
    outcome.map_or_else(|error| format!("{error:?}").into(), plugbay_guests::Value::from)
});
