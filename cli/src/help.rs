//! The texts below the lists of options: examples, exit codes, variables. No line is longer than 79 characters, so that
//! terminals of the usual width show them as they are.

pub(crate) const SHORT: &str = "\
PLUGIN is, in every command, a .wasm file, a plugin directory, or the directory
of a Rust crate. `plugbay --help` has examples, exit codes and environment
variables; `plugbay COMMAND --help` has more on each command.";

pub(crate) const LONG: &str = "\
PLUGIN is, in every command:
  a .wasm file            a component that may carry its manifest inside itself
  a plugin directory      plugin.yaml (or plugin.yml, plugin.json,
                          manifest.json, plugin.toml) and its .wasm
  a crate's directory     Cargo.toml: `run`, `build` and `test` build it for
                          wasm32-wasip2; rustup adds that target to the
                          toolchain if it is missing

Building a crate runs its build scripts and macros as you, outside of the
sandbox. `inspect`, `check` and `call` do not build: they take the component
that is in the directory already, or end with 3. With --build they build.

Examples:
  plugbay new demo                            make a plugin
  plugbay run demo hello '{\"name\":\"Ada\"}'     build it, load it, call `hello`
  plugbay run demo hello                      call it without a payload
  plugbay run p.wasm import - < big.json      take the payload from a file
  plugbay run p.wasm work --timeout 500ms --max-memory 16MiB --fuel 5e6 --stats
  plugbay inspect p.wasm                      what is it, and what may it do?
  plugbay call any.wasm add 1 2               call any component's functions
  plugbay test demo                           run its declared tests
  plugbay build demo -o demo.wasm             one file to hand on

The result alone goes to standard output; the plugin's log, notes and errors go
to standard error. With --json there is exactly one JSON document on standard
output, for errors too: {\"status\":\"error\",\"msg\",\"code\",\"details\"}.

Exit codes:
   0  the plugin answered
   1  the plugin answered an error, has no such action or refuses the payload;
      from `test`: a test failed; from `doctor`: something needed is missing
   2  the command line is wrong, the payload is not JSON, or a place that was
      named cannot be read or written
   3  the plugin cannot be loaded: not found, does not build, or its manifest,
      component or contract is wrong
   4  permission denied
   5  a limit was hit: time, fuel, memory, stack, sizes, rate
   6  the plugin trapped: a panic, an abort, an access out of bounds
  70  Plugbay itself failed
 129  SIGHUP, 130 SIGINT, 143 SIGTERM: the signal ended the command before it
      was done; its plugins were unloaded

Environment variables:
  PLUGBAY_LOG          the default of --log-level
  PLUGBAY_HOST_FILE    the default of --host-file
  PLUGBAY_ENVIRONMENT  the default of --environment
  PLUGBAY_DATA_DIR     the default of --data-dir
  PLUGBAY_CACHE_DIR    where compiled code is kept, or `off`
                       [default: plugbay/code in $XDG_CACHE_HOME or ~/.cache]
  NO_COLOR             set it to have no colours on a terminal";

pub(crate) const RUN: &str = "\
Examples:
  plugbay run . hello
  plugbay run hello.wasm hello '{\"name\":\"Ada\"}'
  plugbay run p.wasm import @data.json --timeout 1m --stats
  plugbay run p.wasm save '{\"key\":1}' --config retries=3 \\
      --grant config.retries:write --data-dir ./data
  plugbay run core.wasm hire @ada.json --with auth.wasm \\
      --grant plugin.auth:execute
  plugbay run p.wasm start --grant 'scheduler.*' --data-dir ./data --linger 1h

--with loads other plugins beside, for PLUGIN to call. What one of them
requires may be named under `plugins` in the host's file instead. Each is
loaded after what it requires. --config and the limits are PLUGIN's; the others
have their options from the host's file. --grant is for all of them; what one
alone may do is said by `permissions` of its entry there.

A crate is built, also if a finished component is in its directory: name the
.wasm file to run that one.

The action's result is printed as the plugin answered it. A payload is JSON:
quote it for the shell. A limit or a permission that stands in the way is named
together with what would lift it. Exit codes: `plugbay --help`.

Scheduled jobs run only with --linger, until its time is over or a signal
(SIGINT, SIGTERM, SIGHUP) arrives. Then running jobs finish, plugins are
unloaded, and the exit code is 0. A second signal ends the command at once.
Outcomes of jobs are printed on standard error. With --data-dir jobs are
stored, and run in the next process that lingers.";

pub(crate) const CALL: &str = "\
Examples:
  plugbay call math.wasm                   list the functions, with their types
  plugbay call math.wasm add 1 2
  plugbay call math.wasm 'add(1, 2)'
  plugbay call geo.wasm shapes.area 'circle(2.5)'
  plugbay call geo.wasm acme:geo/shapes.area '{\"circle\": 2.5}' --json

Arguments are WAVE (WebAssembly values as text) or JSON; the result is WAVE, or
JSON with --json. A function is named in full or by less of it where that is
enough. The component need not be a plugin: it runs under the limits of a
sandboxed one, without files, network or environment.

Exit code 1: the function answered the error of a `result`. A function or an
argument that does not fit is 2. Others: `plugbay --help`.";

pub(crate) const INSPECT: &str = "\
Examples:
  plugbay inspect hello.wasm
  plugbay inspect . --json | jq .imports
  plugbay inspect . --build

Limits and permissions are shown as they would apply, with the options of the
command line and the host's file.";

pub(crate) const CHECK: &str = "\
Examples:
  plugbay check .
  plugbay check . --build
  plugbay check p.wasm --grant 'cache.*:read,write' && echo fine

Does everything that loading does before the first instruction of the plugin:
its manifest, its imports, its configuration, compiling and linking. Without
--grant and --host-file all that its manifest asks for counts as granted, and
is listed in a note; with either, its imports are checked against those grants.
Exit codes: 0 fine, 3 problems, 4 an import is not granted.";

pub(crate) const NEW: &str = "\
Examples:
  plugbay new demo && cd demo && plugbay run . hello
  plugbay new order-mailer --path plugins/order-mailer

Makes Cargo.toml, src/lib.rs with an action `hello` and its test, a file of
tests for `plugbay test`, README.md and .gitignore. Nothing is overwritten.";

pub(crate) const BUILD: &str = "\
Examples:
  plugbay build
  plugbay build plugins/demo -o dist/demo.wasm

Builds the crate in its release profile for wasm32-wasip2 and writes one file
that is the whole plugin: a manifest file beside Cargo.toml is put inside where
the SDK has not done so already. A plugin directory is packed in the same way.
Prints the file's path, its size and its SHA-256 digest.";

pub(crate) const TEST: &str = "\
Examples:
  plugbay test
  plugbay test hello.wasm --file greeting.test.yaml --filter greets
  plugbay test --json | jq .failed

A file of tests (YAML, JSON or TOML; `plugbay schema test` is its JSON Schema):
  host:
    config: { units: metric }
    http: [{ url: https://api.example.org/*, json: { degrees: 21 } }]
  tests:
    - name: tells the weather, and asks but once
      steps:
        - call: { action: today, payload: { town: Bern } }
          expect: { result: \"21 °C\" }
        - advance: 5m
        - call: { action: today, payload: { town: Bern } }
          expect: { contains: \"21 °C\" }
        - expect_requests: { url: https://api.example.org/*, count: 1 }
        - call: save
          expect: { denied: { resource: db.notes, action: write } }

Each test has a host of its own: services in memory, a clock that stands still
until it is advanced, no network, and an operator who allows what the manifest
asks for. Exit codes: 0 all passed, 1 a test failed, 2 a file of tests is wrong
or there is none, 3 and up as for `run` where the plugin cannot be loaded.";

pub(crate) const SCHEMA: &str = "\
Example:
  plugbay schema > plugin.schema.json

Editors complete and check plugin.yaml with it: begin the file with
  # yaml-language-server: $schema=plugin.schema.json";

pub(crate) const WIT: &str = "\
Examples:
  plugbay wit wit --import data,log
  plugbay wit wit --import db --export lifecycle,health

DIR/world.wit has the world `plugin` with these interfaces and the action
handler; DIR/deps has the contract. Then, for example:
  jco componentize app.js --wit wit --world-name plugin -o plugin.wasm
  componentize-py -d wit -w plugin componentize app -o plugin.wasm

A host grants each import, so name only what the plugin uses.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  plugbay completions bash > ~/.local/share/bash-completion/completions/plugbay
  plugbay completions zsh > \"${fpath[1]}/_plugbay\"
  plugbay completions fish > ~/.config/fish/completions/plugbay.fish";

pub(crate) const DOCTOR: &str = "\
Looks at the memory pool, the code cache, the process that compiles components,
the Rust toolchain and its target. Each line that is not fine says what to do.
Exit codes: 0 all that is needed is there, 1 something is missing.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_usual_terminal() {
        for text in [SHORT, LONG, RUN, CALL, INSPECT, CHECK, NEW, BUILD, SCHEMA, WIT, COMPLETIONS, DOCTOR, TEST] {
            for line in text.lines() {
                assert!(line.chars().count() <= 79, "{line}");
            }
        }
    }
}
