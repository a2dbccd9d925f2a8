//! The `plugbay` command, for the end-to-end tests: the same code, built in the tests' package.

fn main() -> std::process::ExitCode {
    plugbay_cli::main()
}
