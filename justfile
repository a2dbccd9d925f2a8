# Shortcuts for development. None is required: the README's two commands are plain cargo.

# List the commands.
default:
    @just --list

# Build the CLI and a plugin, and run one of its actions.
demo:
    cargo run --bin plugbay -- run example-plugins/hello hello '{"name": "Ada"}'

# Run all tests, as the README does.
test:
    cargo test

# Run only the adversarial tests.
hostile:
    cargo test -p plugbay-tests --test plugbay adversarial

# Run CI's checks, without the tests.
check: fmt-check clippy doc deny

# Run everything that CI runs.
ci:
    .ci/run

fmt:
    cargo fmt --all
    cargo fmt --manifest-path tests/guests/Cargo.toml
    cargo fmt --manifest-path bench/guest/Cargo.toml
    cargo fmt --manifest-path bench/service-guest/Cargo.toml
    cargo fmt --manifest-path bench/extism/Cargo.toml

fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path tests/guests/Cargo.toml --check
    cargo fmt --manifest-path bench/guest/Cargo.toml --check
    cargo fmt --manifest-path bench/service-guest/Cargo.toml --check
    cargo fmt --manifest-path bench/extism/Cargo.toml --check

clippy:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path tests/guests/Cargo.toml --target-dir target/guests --target wasm32-wasip2 --bins --examples -- \
        -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Check licences, banned crates and sources. Needs `cargo install --locked cargo-deny`.
deny:
    cargo deny check licenses bans sources

# Package the crates for crates.io, in `target/package/`.
package *ARGS:
    cargo package --no-verify {{ARGS}} -p plugbay-manifest -p plugbay-sdk-macros -p plugbay-sdk -p plugbay-compile \
        -p plugbay-sqlite-memory -p plugbay-address -p plugbay \
        -p plugbay-catalog -p plugbay-supervisor -p plugbay-docker -p plugbay-component-call -p plugbay-node -p plugbay-files -p plugbay-project \
        -p plugbay-testing -p plugbay-server -p plugbay-cli

# Measure Plugbay next to a native function, raw wasmtime and, if it was built, Extism.
bench *ARGS:
    cargo run --release -p plugbay-bench -- {{ARGS}}

# Measure routes next to handlers of axum, clients that follow events, and a plugin beside a hundred hostile ones.
bench-http *ARGS:
    cargo run --release -p plugbay-bench --bin plugbay-bench-http -- {{ARGS}}

# Build the benchmark's Extism peer: a workspace of its own, with another version of wasmtime.
bench-extism:
    cargo build --release --manifest-path bench/extism/Cargo.toml --ignore-rust-version
