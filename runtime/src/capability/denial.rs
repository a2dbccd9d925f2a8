//! A denied use, and the rule that would allow it.
//!
//! The rule that a denial suggests grants the use that was denied and nothing else: wildcards in the name of a resource
//! are escaped, and characters that are special in a shell or in YAML are quoted.

use std::borrow::Cow;
use std::fmt;

use plugbay_manifest::PermissionAction;
use serde::Serialize;
use shlex::Quoter;

use super::Pattern;
use crate::limits::RESOURCE_BYTES_TOLD;

/// Which side refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The manifest does not ask for it, or denies it to itself.
    ByManifest,
    /// The operator's policy does not allow it.
    ByOperator,
    /// It is for trusted plugins only, and this one is not.
    ByMode,
    /// The plugin that was to be called does not admit the caller.
    ByCallee,
}

/// A use that was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Denial {
    /// What was to be used, such as `config.retries`; cut after 1,024 bytes.
    pub resource: String,
    /// What for.
    pub action: &'static str,
    /// Which side refused.
    pub refused: Refused,
    /// The pattern of a rule that would cover this use and no other.
    pub grant: String,
    /// The resource of the rule that denies it, if one does; else no rule allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Refused {
    /// The word of an audit record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Refused::ByManifest => "by_manifest",
            Refused::ByOperator => "by_operator",
            Refused::ByMode => "by_mode",
            Refused::ByCallee => "by_callee",
        }
    }
}

impl Denial {
    /// A use of one resource.
    pub(crate) fn of_use(resource: &str, action: PermissionAction, refused: Refused) -> Self {
        let told = &resource[..resource.floor_char_boundary(RESOURCE_BYTES_TOLD)];
        let grant = Pattern::exact(told).as_str().to_owned();
        Denial { resource: told.to_owned(), action: action.name(), refused, grant, rule: None }
    }

    /// The same by a rule that says so.
    pub(super) fn by_rule(self, rule: Option<String>) -> Self {
        Denial { rule, ..self }
    }

    /// A use that the operator would have to name.
    pub(crate) fn by_operator(resource: &str, action: PermissionAction) -> Self {
        Denial::of_use(resource, action, Refused::ByOperator)
    }

    /// The use of an interface behind which there are many resources.
    pub(crate) fn of_kind(kind: &str, action: PermissionAction, refused: Refused) -> Self {
        Denial { resource: kind.to_owned(), action: action.name(), refused, grant: kind.to_owned(), rule: None }
    }
}

impl std::error::Error for Denial {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denial { resource, action, refused, grant, rule: denied_by } = self;
        // A JSON text is a YAML text too.
        let rule = format!("- {{resource: {}, actions: [{action}]}}", serde_json::Value::from(&**grant));
        // Quoting fails for NUL characters only, and only unless they are allowed.
        let quoted = Quoter::new().allow_nul(true).quote(&format!("{grant}:{action}")).map(Cow::into_owned);
        let option = format!("--grant {}", quoted.unwrap_or_default());
        write!(f, "permission to {action} `{resource}` ")?;
        match refused {
            Refused::ByManifest if let Some(denied_by) = denied_by => {
                write!(f, "is denied by the plugin's own manifest: its rule about `{denied_by}` says so")
            }
            Refused::ByOperator if let Some(denied_by) = denied_by => write!(
                f,
                "is denied by the operator's rule about `{denied_by}`; a rule above it decides first: `{option}`, or \
                 `{rule}` at the top of `policy` in the host's file"
            ),
            Refused::ByManifest => {
                write!(f, "was not asked for: add `{rule}` at the top of `permissions` in the plugin's manifest")
            }
            Refused::ByCallee => write!(f, "is not given by that plugin: its `allowed_callers` do not name this one"),
            Refused::ByMode => write!(
                f,
                "is for trusted plugins only: it needs `execution_mode: trusted` in the plugin's manifest, the \
                 operator's trust in the plugin, and a grant of `{grant}:{action}`"
            ),
            Refused::ByOperator => write!(
                f,
                "is not allowed by the operator: allow it with `{option}`, or `{rule}` at the top of `policy` in the \
                 host's file"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Grants, Policy};
    use plugbay_manifest::{Format, HostFile, PermissionAction::Read};

    fn denied(resource: &str, asked: Policy) -> Denial {
        Grants::new(asked, Policy::default()).check(resource, Read).expect_err("no rule allows it")
    }

    #[test]
    fn denial_names_the_line_to_add() {
        let denial = denied("config.a", Policy::allow_all());
        assert!(denial.to_string().contains("`--grant config.a:read`"), "{denial}");
        let denial = denied("config.a", Policy::default());
        assert!(denial.to_string().contains("`- {resource: \"config.a\", actions: [read]}`"), "{denial}");
    }

    /// Takes the lines out of the text and adds them, as a reader of it would.
    #[test]
    fn line_to_add_grants_what_was_denied_and_nothing_else() {
        for resource in [
            "db.users",
            "log",
            "http.example.org",
            "plugin.mailer",
            "data.a b",
            "data.a:b",
            "data.a,b",
            "data.it's",
            "data.\"quoted\"",
            r"data.back\slash",
            r"data.\*",
            "data.a*b",
            "data.?",
            "data.ends with: ",
            "data.#, {no: comment}",
            "data.ä$HOME`x`",
            "net.[::1]:443",
            "net.10.0.0.1:80",
            "events.order.placed",
            "scheduler.nightly",
            "fs./var/lib/a b",
            "env.HOME",
            "process.1",
            "cache.x:read",
        ] {
            let text = denied(resource, Policy::allow_all()).to_string();
            let told = text.split_once("allow it with `--grant ").and_then(|(_, rest)| rest.split_once("`, or `"));
            let (word, rest) = told.unwrap_or_else(|| panic!("no option: {text}"));
            let words = shlex::split(word).unwrap_or_else(|| panic!("not the words of a shell: {word}"));
            let [permission] = words.as_slice() else { panic!("not one word: {word}") };
            let option = Policy::default().allow(permission).unwrap_or_else(|error| panic!("{error}"));
            let (rule, _) = rest.split_once("` at the top of").unwrap_or_else(|| panic!("no rule: {text}"));
            let file = HostFile::parse("plugbay.yaml", &format!("policy:\n  {rule}\n"), Format::Yaml);
            let rules = file.unwrap_or_else(|error| panic!("{rule}: {error}")).policy;
            for policy in [option, Policy::from_rules(&rules)] {
                assert!(policy.allows(resource, Read), "{resource}: {text}");
                for other in [format!("{resource}x"), resource.replace(['*', '?'], "x"), "data.axb".to_owned()] {
                    assert_eq!(policy.allows(&other, Read), other == resource, "{other} by {text}");
                }
                assert!(!policy.allows(resource, plugbay_manifest::PermissionAction::Write), "{text}");
            }
        }
    }

    /// No rule may have control characters in it, but a plugin may ask for any name.
    #[test]
    fn name_that_no_rule_can_have_is_quoted() {
        let text = denied("data.x\0; rm *", Policy::allow_all()).to_string();
        assert!(text.contains("`--grant 'data.x\0; rm \\*:read'`"), "{text}");
    }

    #[test]
    fn huge_name_is_cut_in_what_is_told() {
        let denial = denied(&format!("data.{}", "ä".repeat(1 << 20)), Policy::default());
        assert!(denial.to_string().len() < 4_000);
        let denial = Denial::of_kind("net.*", Read, Refused::ByMode);
        assert!(denial.to_string().contains("`net.*:read`"), "{denial}");
    }
}
