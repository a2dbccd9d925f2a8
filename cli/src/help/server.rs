//! The help texts of the commands for the server.

pub(crate) const TOKEN: &str = "\
Examples:
  plugbay token create --consumer dashboard --scope read --expires-in 90d
  plugbay token --consumer shop --scope call:cart --expires-in 1h
  plugbay token list
  plugbay token revoke 3

Clients send a token as `Authorization: Bearer pbk_...`. It is printed once:
tokens.db in the data directory has only a hash of it. Scopes:
  read     states, logs, metrics and events
  call     routes and actions of plugins, and publishing events
  manage   everything: install, enable, configure, tokens
Each may be narrowed to one plugin, as in call:greeter. The command works
whether or not a server runs; a running server follows at its next request.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_usual_terminal() {
        for line in TOKEN.lines() {
            assert!(line.chars().count() <= 79, "{line}");
        }
    }
}
