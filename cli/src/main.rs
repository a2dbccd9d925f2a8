//! The `plugbay` program. Everything is in the library, so that the end-to-end tests can build the same program.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    plugbay_cli::main()
}
