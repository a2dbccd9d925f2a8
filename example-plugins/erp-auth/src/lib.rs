//! The sign-in of a small ERP: whose token is it, and what may they do?
//!
//! `erp-core` requires this plugin and asks it both. What somebody may do depends on their roles, and those are
//! `erp-core`'s: this plugin asks for them in turn. While `erp-core` itself waits for the answer that cannot work, because
//! its one instance is busy with waiting. The host says so at once (`reentrant_call`), and this plugin answers that it
//! needs to be told the roles.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;
use plugbay_sdk::{config, plugins};

/// What the roles allow.
const RULES: [(&str, &[&str]); 2] = [("manager", &["hire", "list"]), ("clerk", &["list"])];

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Question {
    employee: String,
    /// What they want to do.
    action: String,
    /// Their roles, where whoever asks knows them. Otherwise `erp-core` is asked.
    #[serde(default)]
    roles: Option<Vec<String>>,
}

#[derive(Default)]
struct Auth;

#[plugin]
impl Auth {
    /// The employee behind a token.
    #[action(idempotent)]
    fn check_token(&self, input: Token) -> Result<String> {
        let mut tokens: BTreeMap<String, String> = config::require("tokens")?;
        tokens
            .remove(&input.token)
            .ok_or_else(|| error("nobody has this token").with_code("invalid_token").with_status(401))
    }

    /// Whether an employee may do something.
    #[action(idempotent)]
    fn may(&self, input: Question) -> Result<bool> {
        let roles = match input.roles {
            Some(roles) => roles,
            None => roles_of(&input.employee)?,
        };
        Ok(RULES
            .iter()
            .any(|(role, actions)| roles.iter().any(|held| held == role) && actions.contains(&input.action.as_str())))
    }
}

fn roles_of(employee: &str) -> Result<Vec<String>> {
    plugins::call("erp-core", "roles", &json!({ "employee": employee })).map_err(|failure| match failure.code() {
        "reentrant_call" => error("erp-core waits for this answer: it has to tell the roles").with_code("roles_needed"),
        _ => failure,
    })
}
