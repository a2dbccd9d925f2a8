//! The help texts of the commands for installed plugins.

pub(crate) const INSTALL: &str = "\
Examples:
  plugbay install ./hello --data-dir ./data
  plugbay install https://example.org/hello/plugin.yaml --yes
  plugbay install oci://ghcr.io/acme/hello:1.0.0
  plugbay install acme:hello@1.0.0
  plugbay install hello.wasm --server https://host.example

The plugin is checked up to linking and stored in the catalog, catalog.db in
the data directory; none of its code runs. What it asks for is shown, and must
be confirmed by an answer on a terminal, or with --yes. Installing grants
nothing: the policy of the host's file still decides what it may do. A version
under which other content is installed is refused. With --server, a plugin on
this machine is sent to the server; others are taken by the server itself.

Registries and their credentials are those of wkg (wasm-pkg/config.toml, or the
file that WKG_CONFIG_FILE names; WKG_REGISTRY_GHCR_IO_AUTH_BEARER has a token
for ghcr.io) and Docker (config.json). Keys of publishers are set under
`catalog` in the host's file; with `require_signatures`, packages that none of
them signed are refused.
Afterwards `plugbay run NAME ACTION --data-dir DIR` runs the plugin.

Exit codes: 0 it is installed, 2 the reference or a setting is wrong, 3 the
package cannot be had or used, 4 not confirmed or not signed, 5 too large.";

pub(crate) const UPDATE: &str = "\
Examples:
  plugbay update hello
  plugbay update hello oci://ghcr.io/acme/hello:2.0.0 --yes

Without a REFERENCE the plugin is taken from where it was installed; a registry
is asked for its newest version, pre-releases aside. What the new version asks
for in addition, limits that grow, a lost signature and an older version are
shown and have to be confirmed. Number, data and `enabled` stay the same. The
installed version becomes the previous one: see `plugbay rollback`.";

pub(crate) const ROLLBACK: &str = "\
Example:
  plugbay rollback hello

Exchanges the installed and the previous version. A second rollback brings the
newer one back.";

pub(crate) const REMOVE: &str = "\
Examples:
  plugbay remove hello
  plugbay remove hello --data

Data stays without --data, and is found again if the plugin is installed again.
Plugins that require it stay installed and cannot be loaded. With --dependents
refuse nothing is removed if there are any; with --dependents cascade they are
removed, too, and their data stays.";

pub(crate) const ENABLE: &str = "\
Example:
  plugbay enable hello

A host loads the plugin when it starts. New plugins are enabled. The name may
also be that of a plugin in the `plugins_dir` or the list of the host's file.";

pub(crate) const DISABLE: &str = "\
Example:
  plugbay disable hello

The plugin stays installed, with its data, and no host loads it until it is
enabled. Plugins that require it cannot be loaded either: --dependents cascade
disables them, too, and --dependents refuse disables nothing then. The name may
also be that of a plugin in the `plugins_dir` or the list of the host's file.";

pub(crate) const LIST: &str = "\
Examples:
  plugbay list --data-dir ./data
  plugbay list --json | jq '.plugins[].name'

If a server runs on the data directory, the plugins and their states are those
in it. Otherwise the state is what the last host recorded: installed (not
loaded since it was installed or updated), loaded or failed.";

pub(crate) const STATUS: &str = "\
Examples:
  plugbay status --data-dir ./data
  plugbay status hello

Shows one plugin with its versions, origin, digests, signature and last error,
or the catalog with the process of the host that runs on the data directory. If
one runs, the states are those in it, also of plugins that are not installed.";

pub(crate) const EVENTS_EMIT: &str = "\
Examples:
  plugbay events emit order.placed '{\"total\": 12}' --data-dir ./data
  plugbay events emit order.placed @order.json --wait
  plugbay events emit cache.flush --server https://host.example

The event is published by the server that runs on the data directory or at
--server, with the source `host`. Without --wait the command ends at once, and
prints the id of the event. With --wait it ends when the handlers have run, and
prints how many did, how many failed, and the reason of one that cancelled it.";

pub(crate) const EVENTS: &str = "\
Examples:
  plugbay events dead --data-dir ./data
  plugbay events dead --plugin orders --json | jq '.dead_letters[].event'
  plugbay events retry 7 9
  plugbay events retry --all --plugin orders
  plugbay events remove --all
  plugbay events --follow 'order.*' --json | jq .data

--follow prints the events of the server that runs on the data directory or at
--server, from now on, until a signal arrives. With --json, each is a JSON
document on a line. It connects again if the server is restarted, and ends with
exit code 2 if it is gone for longer than --reconnect.

A durable event becomes a dead letter if its handler fails six times or traps
three times, or if the plugin may not receive it any more. The latest 1,000 of
each plugin are stored. One that is retried is delivered behind the events that
the plugin has yet to receive, by the host that runs on the data directory or
by the next one.";

pub(crate) const PUBLISH: &str = "\
Examples:
  plugbay publish . oci://ghcr.io/acme/hello
  plugbay publish hello.wasm oci://ghcr.io/acme/hello:1.0.0 --key plugbay.key

A manifest beside the component is put inside it. The artefact has the form
that wkg publishes and takes. The tag is the plugin's version unless one is
given. A tag that names other content is not moved without --overwrite.";

pub(crate) const SIGN: &str = "\
Examples:
  plugbay sign hello.wasm --key plugbay.key      writes hello.wasm.minisig
  plugbay sign ./hello --key plugbay.key         writes hello/plugbay.minisig

The signature covers the component, the manifest beside it and its
configuration files. To put a signature into a registry instead, use
`plugbay publish --key`.";

pub(crate) const KEYGEN: &str = "\
Examples:
  plugbay keygen
  plugbay keygen --output keys/acme.key

Makes a key pair in minisign's format. The private key is protected by the
password in PLUGBAY_KEY_PASSWORD, or on a terminal by the one that is typed.
Operators who trust the key list the printed line in their host's file:
  catalog: { trusted_keys: [RW…] }";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_usual_terminal() {
        for text in [
            INSTALL,
            UPDATE,
            ROLLBACK,
            REMOVE,
            ENABLE,
            DISABLE,
            LIST,
            STATUS,
            EVENTS,
            EVENTS_EMIT,
            PUBLISH,
            SIGN,
            KEYGEN,
        ] {
            for line in text.lines() {
                assert!(line.chars().count() <= 79, "{line}");
            }
        }
    }
}
