//! The password of a private key: from the environment, or typed on a terminal.

use std::io::{IsTerminal, stdin};

use crate::error::Error;

/// The variable that has the password, for scripts.
const VARIABLE: &str = "PLUGBAY_KEY_PASSWORD";

/// The password of the environment. An empty one counts as none.
pub(crate) fn given() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|password| !password.is_empty())
}

/// Asks for a password on the terminal, without showing it. `None` without a terminal, or if nothing is typed.
pub(crate) fn typed(prompt: &str) -> Result<Option<String>, Error> {
    if !stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(prompt).map_err(|error| Error::Usage(format!("no password: {error}")))?;
    Ok(Some(typed).filter(|password| !password.is_empty()))
}
