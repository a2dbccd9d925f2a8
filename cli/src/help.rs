//! The texts below the lists of options: examples, exit codes, variables.

pub(crate) const SHORT: &str = "\
PLUGIN is, in every command, a .wasm file, a plugin directory, or the directory of a Rust crate.
`plugbay --help` has examples, exit codes and environment variables; `plugbay COMMAND --help` has more on each command.";

pub(crate) const LONG: &str = "\
PLUGIN is, in every command:
  a .wasm file               a component that may carry its manifest inside itself
  a plugin directory         plugin.yaml (or .yml, .json, manifest.json, plugin.toml) and its .wasm
  a Rust crate's directory   Cargo.toml: built first, for wasm32-wasip2; rustup adds that target if it is missing

Examples:
  plugbay new demo                               make a plugin
  plugbay run demo hello '{\"name\":\"Ada\"}'        build it, load it, call its action `hello`
  plugbay run hello.wasm hello                   call an action without a payload
  cat big.json | plugbay run p.wasm import -     take the payload from standard input
  plugbay run p.wasm work --timeout 500ms --max-memory 16MiB --fuel 5e6 --stats
  plugbay inspect p.wasm                         what is it, and what would it be allowed?
  plugbay call any-component.wasm add 1 2        call a function of a component that is no plugin
  plugbay build demo -o demo.wasm                one file to hand on

The result alone goes to standard output; the plugin's log, notes and errors go to standard error. With --json there is
exactly one JSON document on standard output, for errors too: {\"status\":\"error\",\"msg\",\"code\",\"details\"}.

Exit codes:
   0  the plugin answered
   1  the plugin answered an error, has no such action, or refuses the payload; `doctor`: something is missing
   2  the command line is wrong, or the payload is not JSON
   3  the plugin cannot be loaded: not found, does not build, manifest, component or contract
   4  permission denied
   5  a limit was hit: time, fuel, memory, stack, sizes, rate
   6  the plugin trapped: a panic, an abort, an access out of bounds
  70  Plugbay itself failed

Environment variables:
  PLUGBAY_LOG          the default of --log-level: trace, debug, info, warn, error or off
  PLUGBAY_HOST_FILE    the default of --host-file
  PLUGBAY_ENVIRONMENT  the default of --environment
  PLUGBAY_DATA_DIR     the default of --data-dir
  PLUGBAY_CACHE_DIR    where compiled code is kept, or `off` [default: plugbay in XDG_CACHE_HOME or ~/.cache]
  NO_COLOR             set it to have no colours; without a terminal there are none anyway";

pub(crate) const RUN: &str = "\
Examples:
  plugbay run . hello
  plugbay run hello.wasm hello '{\"name\":\"Ada\"}'
  plugbay run p.wasm import @data.json --timeout 1m --stats
  plugbay run p.wasm save '{}' --config retries=3 --grant config.retries:write --data-dir ./data

The action's result is printed as the plugin answered it. A payload must be JSON: quote it for the shell.
A limit or permission that stands in the way is named together with what would lift it. Exit codes: `plugbay --help`.";

pub(crate) const CALL: &str = "\
Examples:
  plugbay call math.wasm                      list the functions, with their types
  plugbay call math.wasm add 1 2
  plugbay call shapes.wasm 'ns:geo/shapes.area' '{width: 2.0, height: 3.5}'
  plugbay call shapes.wasm area '{\"width\": 2.0, \"height\": 3.5}' --json

Arguments are WAVE (a WebAssembly value as text) or JSON; the result is WAVE, or JSON with --json. The component need not
be a plugin. It runs under the same limits as a sandboxed plugin and gets no files, network or environment.";

pub(crate) const INSPECT: &str = "\
Examples:
  plugbay inspect hello.wasm
  plugbay inspect . --json | jq .imports

Limits and permissions are shown as they would apply: with the options of the command line and the host's file.";

pub(crate) const CHECK: &str = "\
Examples:
  plugbay check .
  plugbay check p.wasm --grant 'cache.*:read,write' && echo fine

The manifest, the component, its imports against what is granted, compiling and linking: everything that loading does
before the first instruction of the plugin. Exit codes: 0 fine, 3 problems, 4 something is not granted.";

pub(crate) const NEW: &str = "\
Examples:
  plugbay new demo && cd demo && plugbay run . hello
  plugbay new order-mailer --path plugins/order-mailer

Makes Cargo.toml, src/lib.rs with an action `hello` and a test, README.md and .gitignore. Nothing is overwritten.";

pub(crate) const BUILD: &str = "\
Examples:
  plugbay build
  plugbay build plugins/demo -o dist/demo.wasm

Builds the crate in its release profile for wasm32-wasip2 and writes one file that is a whole plugin: a manifest beside
Cargo.toml is put inside, where the SDK has not done so already. Prints the file's path, size and SHA-256 digest.";

pub(crate) const SCHEMA: &str = "\
Example:
  plugbay schema > plugin.schema.json

Editors complete and check plugin.yaml with it: put `# yaml-language-server: $schema=plugin.schema.json` on its first line.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  plugbay completions bash > ~/.local/share/bash-completion/completions/plugbay
  plugbay completions zsh  > \"${fpath[1]}/_plugbay\"
  plugbay completions fish > ~/.config/fish/completions/plugbay.fish";

pub(crate) const DOCTOR: &str = "\
Looks at the Rust toolchain, the compilation target, the code cache and the process that compiles components. Each line
that is not fine says what to do. Exit codes: 0 all that is needed is there, 1 something is missing.";
