//! The help texts below the lists of options: examples, exit codes, variables. No line is longer than 79 characters,
//! the usual width of a terminal.

mod catalog;
mod server;

pub(crate) use self::catalog::{
    DISABLE, ENABLE, EVENTS, EVENTS_EMIT, INSTALL, KEYGEN, LIST, PUBLISH, REMOVE, ROLLBACK, SIGN, STATUS, UPDATE,
};
pub(crate) use self::server::{LOGS, MCP, PROCESSES, TOKEN};

pub(crate) const SHORT: &str = "\
PLUGIN is, in every command, a .wasm file, a plugin directory, or the directory
of a Rust crate; for `run`, `inspect` and `check` also the name of an installed
plugin. `plugbay --help` has examples, exit codes and environment
variables; `plugbay COMMAND --help` has more on each command.";

pub(crate) const LONG: &str = "\
PLUGIN is, in every command:
  a .wasm file            a component, with or without an embedded manifest
  a plugin directory      plugin.yaml (or plugin.yml, plugin.json,
                          manifest.json, plugin.toml) and its .wasm
  a crate's directory     Cargo.toml: `run`, `build`, `dev`, `test` and
                          `publish` build it for wasm32-wasip2; rustup adds
                          that target to the toolchain if it is missing
  a name                  for `run`, `inspect` and `check`: a plugin that
                          `plugbay install` put into the data directory

Building a crate runs its build scripts and macros as you, outside of the
sandbox. `inspect`, `check` and `call` do not build: they use the component in
the directory, or end with exit code 3 without one. With --build they build.

Examples:
  plugbay new demo                            create a plugin
  plugbay run demo hello '{\"name\":\"Ada\"}'     build it, load it, call `hello`
  plugbay run demo hello                      call it without a payload
  plugbay run p.wasm import - < big.json      take the payload from a file
  plugbay run p.wasm work --timeout 500ms --max-memory 16MiB --fuel 5e6 --stats
  plugbay inspect p.wasm                      show exports and permissions
  plugbay call any.wasm add 1 2               call any component's functions
  plugbay test demo                           run its test files
  plugbay build demo -o demo.wasm             build one file to distribute
  plugbay install demo.wasm --data-dir data   install it for `plugbay run demo`

Standard output has the result alone; log lines, notes and errors go to
standard error. With --json, standard output has exactly one JSON document,
for errors too: {\"status\":\"error\",\"msg\",\"code\",\"details\"}.

Exit codes:
   0  the plugin answered
   1  the plugin answered an error, has no such action or refuses the payload;
      from `test`: a test failed; from `doctor`: something needed is missing
   2  the command line is wrong, the payload is not JSON, or a file or
      directory cannot be read or written; nothing of this name is installed
   3  the plugin cannot be loaded: not found, does not build, or its manifest,
      component or contract is wrong
   4  permission denied, or not confirmed with --yes, or not signed as required
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
  PLUGBAY_KEY_PASSWORD the password of a publisher's private key
  PLUGBAY_CACHE_DIR    the cache of compiled code, or `off`
                       [default: plugbay/code in $XDG_CACHE_HOME or ~/.cache]
  NO_COLOR             if set, terminal output has no colours";

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

--with loads other plugins, for PLUGIN to call. Plugins that one of them
requires may be listed under `plugins` in the host's file instead. Each is
loaded after those that it requires. --config and the limits apply to PLUGIN;
the others have their options from the host's file. --grant applies to all of
them; `permissions` of an entry in the host's file apply to one.

A crate is built, even if its directory has a finished component. To run that
component, name the .wasm file.

The action's result is printed as the plugin returned it. A payload is JSON:
quote it for the shell. An error about a limit or a permission names the option
that would change it. Exit codes: `plugbay --help`.

Scheduled jobs run only with --linger, until its time is over or a signal
(SIGINT, SIGTERM, SIGHUP) arrives. Then running jobs finish, plugins are
unloaded, and the exit code is 0. A second signal ends the command at once.
Outcomes of jobs are printed on standard error. With --data-dir jobs are
stored, and run in the next process that lingers.

With --watch, a plugin is reloaded while it lingers when its files change; one
that cannot be reloaded serves on. A crate is not built again: see
`plugbay dev`. A process that lingers runs PLUGIN and what it requires, so it
does not follow later changes of the catalog.";

pub(crate) const CALL: &str = "\
Examples:
  plugbay call math.wasm                   list the functions, with their types
  plugbay call math.wasm add 1 2
  plugbay call math.wasm 'add(1, 2)'
  plugbay call geo.wasm shapes.area 'circle(2.5)'
  plugbay call geo.wasm acme:geo/shapes.area '{\"circle\": 2.5}' --json

Arguments are WAVE (WebAssembly values as text) or JSON; the result is WAVE, or
JSON with --json. A function's name may be shortened as long as it is unique.
The component need not be a plugin. It runs with the limits of a sandboxed
plugin, without files, network or environment.

Exit code 1: the function answered the error of a `result`. A function or an
argument that does not fit is 2. Others: `plugbay --help`.";

pub(crate) const INSPECT: &str = "\
Examples:
  plugbay inspect hello.wasm
  plugbay inspect . --json | jq .imports
  plugbay inspect . --build

Limits and permissions are shown as they would apply with the given options and
host's file. An invalid component exits with 3.";

pub(crate) const CHECK: &str = "\
Examples:
  plugbay check .
  plugbay check . --build
  plugbay check p.wasm --grant 'cache.*:read,write' && echo fine

Performs all steps of loading before the first instruction of the plugin:
manifest, imports, configuration, compiling and linking. Without --grant and
--host-file, everything that the manifest asks for counts as granted and is
listed in a note; with either, imports are checked against those grants.

A pup.json, or a manifest of Pup, DockStat, the Nexus Platform or XCore without
a component, is recognised: the check lists what carries over and what must
change. None of its code is run.

Exit codes: 0 no problems, 3 problems, 4 an import is not granted.";

pub(crate) const DEV: &str = "\
Examples:
  plugbay dev
  plugbay dev hello --grant 'scheduler.*' --data-dir ./data

Builds the plugin if it is a crate, loads it, and runs its scheduled jobs. When
its files change, it is built again, and the new revision takes over the state
of the old one. Of a crate these are the files in its directory and everything
in src, config and wit. An error is shown, and the old revision continues to
serve.

The pages of the plugin are served on a loopback address. They are opened again
after each change, keep their state, and show errors too.

SIGINT (Ctrl-C), SIGTERM or SIGHUP unloads the plugin and ends the command with
exit code 0.";

pub(crate) const SERVE: &str = "\
Examples:
  plugbay serve example-plugins/hello
  plugbay serve . --watch --development
  plugbay serve --host-file plugbay.yaml --data-dir ./data --address [::1]:80

Loads the plugins of the host's file, of the data directory and of the command
line, and answers requests on these paths:
  /plugins/NAME/...                    the plugin's routes
  POST /plugins/NAME/actions/ACTION    an action, with a JSON body
  GET /plugins/NAME/status, /health    reports on a plugin
  GET /plugins/routes                  the routes of all plugins
What is served, and a command to try, is printed once all plugins are loaded.
Plugins that are installed, updated, enabled or removed meanwhile are followed.

SIGINT (Ctrl-C) or SIGTERM completes running requests for 30 s at most, unloads
the plugins and ends the command with exit code 0. A second signal ends it at
once, with exit code 130 (SIGINT) or 143 (SIGTERM). SIGHUP makes it read the
policy and the log level of the host's file, and the certificate, again.
Variables such as PLUGBAY_HOST__SERVER__MAX_REQUESTS=9 override fields of the
host's file. Exit code 2: the address or the certificate cannot be used.";

pub(crate) const NEW: &str = "\
Examples:
  plugbay new demo && cd demo && plugbay run . hello
  plugbay new order-mailer --path plugins/order-mailer

Creates Cargo.toml, src/lib.rs with an action `hello` and its test, a test file
for `plugbay test`, README.md and .gitignore. Nothing is overwritten.";

pub(crate) const BUILD: &str = "\
Examples:
  plugbay build
  plugbay build plugins/demo -o dist/demo.wasm

Builds the crate in its release profile for wasm32-wasip2 and writes one file
that is the whole plugin, with the manifest file next to Cargo.toml embedded if
the SDK has not done so already. A plugin directory is packed in the same way.
Prints the file's path, its size and its SHA-256 digest.";

pub(crate) const TEST: &str = "\
Examples:
  plugbay test
  plugbay test hello.wasm --file greeting.test.yaml --filter greets
  plugbay test --json | jq .failed

A test file (YAML, JSON or TOML; `plugbay schema test` is its JSON Schema):
  host:
    config: { units: metric }
    http: [{ url: https://api.example.org/*, json: { degrees: 21 } }]
  tests:
    - name: weather is requested once and then cached
      steps:
        - call: { action: today, payload: { town: Bern } }
          expect: { result: \"21 °C\" }
        - advance: 5m
        - call: { action: today, payload: { town: Bern } }
          expect: { contains: \"21 °C\" }
        - expect_requests: { url: https://api.example.org/*, count: 1 }
        - call: save
          expect: { denied: { resource: db.notes, action: write } }

Each test has a host of its own: services in memory, a clock that moves only
when advanced, no network, and a policy that allows what the manifest asks for.
Exit codes: 0 all passed, 1 a test failed, 2 a test file is invalid or there is
none, 3 and up as for `run` if the plugin cannot be loaded.";

pub(crate) const SCHEMA: &str = "\
Example:
  plugbay schema > plugin.schema.json

Editors use it to complete and check plugin.yaml. Begin that file with
  # yaml-language-server: $schema=plugin.schema.json";

pub(crate) const WIT: &str = "\
Examples:
  plugbay wit wit --import data,log
  plugbay wit wit --import db --export lifecycle,health

DIR/world.wit contains the world `plugin` with these interfaces and `actions`;
DIR/deps contains the contract. Then, for example:
  jco componentize app.js --wit wit --world-name plugin -o plugin.wasm
  componentize-py -d wit -w plugin componentize app -o plugin.wasm

A host grants each import, so name only what the plugin uses. An interface of
an application that runs the plugin is not part of the contract: copy the
application's WIT to DIR/deps, and add its import to DIR/world.wit.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  plugbay completions bash > ~/.local/share/bash-completion/completions/plugbay
  plugbay completions zsh > \"${fpath[1]}/_plugbay\"
  plugbay completions fish > ~/.config/fish/completions/plugbay.fish";

pub(crate) const DOCTOR: &str = "\
Checks the memory pool, the code cache, the process that compiles components,
the Rust toolchain and its target. Each failed check says what to do.
Exit codes: 0 nothing is missing, 1 something is missing.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_usual_terminal() {
        let all =
            [SHORT, LONG, RUN, CALL, INSPECT, CHECK, NEW, BUILD, DEV, SCHEMA, WIT, COMPLETIONS, DOCTOR, TEST, SERVE];
        for text in all {
            for line in text.lines() {
                assert!(line.chars().count() <= 79, "{line}");
            }
        }
    }
}
