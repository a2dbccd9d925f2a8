//! The authentication of a small ERP: it resolves tokens to employees, and checks what an employee may do.
//!
//! `erp-core` requires this plugin and calls both actions. The permissions of an employee depend on their roles, which
//! belong to `erp-core`, so this plugin calls it for them. While `erp-core` waits for this plugin, that call would
//! deadlock, because its only instance is busy. The host fails the call at once (`reentrant_call`), and this plugin
//! then returns the error `roles_needed`, upon which `erp-core` passes the roles with the payload.

use std::collections::BTreeMap;

use plugbay_sdk::prelude::*;
use plugbay_sdk::{config, plugins};

/// The actions that each role may do.
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
    /// The action to check.
    action: String,
    /// The employee's roles, if the caller knows them. By default, `erp-core` is called for them.
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
            .ok_or_else(|| error("the token is unknown").with_code("invalid_token").with_status(401))
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
        "reentrant_call" => {
            error("erp-core is waiting for this result and must pass the roles").with_code("roles_needed")
        }
        _ => failure,
    })
}
