//! The help texts of the commands for the server.

pub(crate) const TOKEN: &str = "\
Examples:
  plugbay token create --consumer dashboard --scope read --expires-in 90d
  plugbay token --consumer shop --scope call:cart --expires-in 1h
  plugbay token list
  plugbay token revoke 3
  plugbay token link --consumer ada

Clients send a token as `Authorization: Bearer pbk_...`. It is printed once:
tokens.db in the data directory has only a hash of it. Scopes:
  read     states, logs, metrics and events
  call     routes and actions of plugins, and publishing events
  manage   everything: install, enable, configure, tokens
Each may be narrowed to one plugin, as in call:greeter. The command works
whether or not a server runs; a running server follows at its next request.
With --server it makes, lists and revokes the tokens of that server.

`link` prints a URL with which a person signs in to the dashboard in a browser,
once and within 10 minutes. The session lasts 12 hours, is listed beside the
tokens, and ends with `plugbay token revoke`.";

pub(crate) const LOGS: &str = "\
Examples:
  plugbay logs --data-dir ./data
  plugbay logs shop --severity error --rows 20
  plugbay logs --follow --server http://127.0.0.1:7070

The lines are those of a host that runs (`plugbay serve`), which holds the
latest ones in memory. With --json, each line is a JSON document. --follow
connects again if the server is restarted, and ends with exit code 2 if it is
gone for longer than --reconnect.";

pub(crate) const PROCESSES: &str = "\
Examples:
  plugbay ps --data-dir ./data
  plugbay stop web --data-dir ./data
  plugbay restart all --server http://127.0.0.1:7070

`plugbay serve` runs the `processes` of the host's file, or of a pup.json,
beside the plugins. When the command ends, the order is done. A process that is
stopped has only been asked to end: `plugbay ps` shows when it has.
`plugbay logs PROCESS --follow` shows its output.";

pub(crate) const MCP: &str = "\
Examples:
  plugbay mcp ./shop --expose 'shop.*'
  plugbay mcp --data-dir ./data --expose shop.add --expose '*.list'

An assistant starts this command and speaks the Model Context Protocol with it.
Each action that matches a pattern of --expose, or of `mcp` in the host's file,
is a tool; nothing else is. If a host runs on the data directory, its plugins
answer; otherwise this command loads the plugins as `plugbay serve` does.
`plugbay serve --expose PATTERN` offers the same over HTTP at /mcp: give an
assistant that URL for a host on another machine.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_usual_terminal() {
        for line in [TOKEN, LOGS, PROCESSES, MCP].into_iter().flat_map(str::lines) {
            assert!(line.chars().count() <= 79, "{line}");
        }
    }
}
