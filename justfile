# The project's commands, for convenience: a new user needs none of this, the README's two commands are plain cargo.

# What there is.
default:
    @just --list

# Build the CLI and a plugin, and run one of its actions.
demo:
    cargo run --bin plugbay -- run example-plugins/hello hello '{"name": "Ada"}'

# All tests: the README's test command.
test:
    cargo test

# The tests that try to break out, alone.
hostile:
    cargo test -p plugbay-tests --test plugbay adversarial

# What CI checks beside the tests.
check: fmt-check clippy doc deny

# All that CI does, as it does it.
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

# Licences, banned crates and sources. `cargo install --locked cargo-deny` first.
deny:
    cargo deny check licenses bans sources

# The crates as crates.io would get them, in `target/package/`.
package *ARGS:
    cargo package --no-verify {{ARGS}} -p plugbay-manifest -p plugbay-sdk-macros -p plugbay-sdk -p plugbay-compile -p plugbay \
        -p plugbay-node -p plugbay-files -p plugbay-project -p plugbay-testing -p plugbay-cli

# Plugbay beside a native function, raw wasmtime and, if it was built, Extism.
bench *ARGS:
    cargo run --release -p plugbay-bench -- {{ARGS}}

# The Extism peer of the benchmark: a workspace of its own, with another wasmtime.
bench-extism:
    cargo build --release --manifest-path bench/extism/Cargo.toml --ignore-rust-version
