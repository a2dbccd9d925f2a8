//! Environment variables: values in the manifest, which may refer to the host's environment as `${NAME}`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::limits::{ENV_MAX, ENV_VALUE_CHARS_MAX};
use crate::name;
use crate::problem::{Report, code};
use crate::read::Node;
use crate::shape;

/// Replaces each `${NAME}` in the template with the result of `lookup`. `$${` is a literal `${`; any other `$` is
/// literal.
///
/// # Errors
///
/// The problem: an unclosed reference, an invalid name, or the error of `lookup`. It does not quote the template, which
/// may contain a secret.
pub fn expand_env(template: &str, mut lookup: impl FnMut(&str) -> Result<String, String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$${") {
            expanded.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (name, after) = after.split_once('}').ok_or("a `${` is not closed: write `${NAME}`")?;
            name::variable(name).map_err(|message| format!("in `${{…}}`: {message}"))?;
            expanded.push_str(&lookup(name)?);
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

pub(crate) fn read_env(node: &Node<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, entry) in node.entries(ENV_MAX, report) {
        if let Err(message) = name::variable(name) {
            entry.problem(report, code::INVALID_NAME, message);
        }
        let Some(value) = entry.prose(ENV_VALUE_CHARS_MAX, report) else {
            continue;
        };
        match expand_env(&value, |_| Ok(String::new())) {
            Ok(_) => _ = variables.insert(name.to_owned(), value),
            Err(message) => entry.problem(report, code::INVALID_VALUE, message),
        }
    }
    variables
}

pub(crate) fn env_shape() -> Value {
    shape::map(shape::prose(ENV_VALUE_CHARS_MAX), ENV_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let expanded = expand_env(template, |name| match name {
            "HOME" => Ok("/root".to_owned()),
            other => Err(format!("{other} is not set")),
        });
        assert_eq!(expanded.as_deref().map_err(String::as_str), expected, "{template}");
    }

    #[test]
    fn expand_env_references_are_replaced() {
        check("${HOME}/x/${HOME}", Ok("/root/x//root"));
        check("cost: 5$ or $5 and $", Ok("cost: 5$ or $5 and $"));
        check("$${HOME}", Ok("${HOME}"));
        check("${NOPE}", Err("NOPE is not set"));
    }

    #[test]
    fn expand_env_malformed_reference_is_not_quoted() {
        check("secret ${HOME", Err("a `${` is not closed: write `${NAME}`"));
        let message = expand_env("secret ${A:-b}", |_| Ok(String::new())).expect_err("not a name");
        assert!(!message.contains("secret"), "{message}");
    }
}
