//! A denied access, with the pattern of a rule that would allow it and nothing else: wildcards in the resource's name
//! are escaped. [`Denial::hint`] contains the rule to add.

use std::borrow::Cow;
use std::fmt;

use plugbay_manifest::PermissionAction;
use serde::Serialize;

use super::Pattern;
use crate::limits::RESOURCE_QUOTED_BYTES_MAX;

/// The origin of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The manifest does not ask for the access, or denies it.
    ByManifest,
    /// The operator's policy does not allow the access.
    ByOperator,
    /// The access is for trusted plugins only, and this one is not trusted.
    ByMode,
    /// The called plugin does not admit the caller.
    ByCallee,
}

/// A denied access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Denial {
    /// The resource, such as `config.retries`; cut after 1,024 bytes.
    pub resource: String,
    /// The action on the resource.
    pub action: &'static str,
    /// The origin of the denial.
    pub refused: Refused,
    /// The pattern of a rule that would cover this access and no other.
    pub grant: String,
    /// The resource of the denying rule; `None` if there is none and merely no rule allows the access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The remedy of the called plugin, if it refused the caller.
    #[serde(skip)]
    pub(crate) remedy: Option<String>,
}

impl Refused {
    /// Returns the name in audit records.
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
    /// Returns the rule that allows this access and no other, in the form of a list entry in `policy` or `permissions`:
    /// `- {resource: "data.notes", actions: [read]}`.
    pub fn line(&self) -> String {
        // JSON text is also YAML.
        format!("- {{resource: {}, actions: [{}]}}", serde_json::Value::from(&*self.grant), self.action)
    }

    /// Returns how to grant the access, on one line: the rule to add and where to add it.
    pub fn hint(&self) -> String {
        let line = self.line();
        match (self.refused, &self.rule) {
            (Refused::ByManifest, Some(rule)) => {
                format!("remove the rule about `{rule}` from `permissions` in the plugin's manifest")
            }
            (Refused::ByManifest, None) => {
                format!("add `{line}` at the top of `permissions` in the plugin's manifest")
            }
            (Refused::ByOperator, _) => format!("add `{line}` at the top of the policy"),
            (Refused::ByMode, _) => format!(
                "it needs `execution_mode: trusted` in the plugin's manifest, the operator's trust in the plugin, and \
                 `{line}` in the policy"
            ),
            (Refused::ByCallee, _) => self.remedy.clone().unwrap_or_else(|| {
                "add the caller to `allowed_callers` in the manifest of the plugin that it calls".to_owned()
            }),
        }
    }

    /// Creates the denial of access to one resource.
    pub(crate) fn of_use(resource: &str, action: PermissionAction, refused: Refused) -> Self {
        let told = &resource[..resource.floor_char_boundary(RESOURCE_QUOTED_BYTES_MAX)];
        let grant = Pattern::exact(told).as_str().to_owned();
        Denial { resource: told.to_owned(), action: action.name(), refused, grant, rule: None, remedy: None }
    }

    /// Sets the rule that denies the access.
    pub(super) fn by_rule(self, rule: Option<String>) -> Self {
        Denial { rule, ..self }
    }

    /// Returns the denial with secrets masked in the resource's name.
    pub(crate) fn masked<'t>(&'t self, mask: impl Fn(&'t str) -> Cow<'t, str>) -> Denial {
        match mask(&self.resource) {
            Cow::Borrowed(text) if text == self.resource => self.clone(),
            masked => Denial {
                grant: Pattern::exact(&masked).as_str().to_owned(),
                resource: masked.into_owned(),
                ..self.clone()
            },
        }
    }

    /// Creates the denial of access that the operator would have to grant by name.
    pub(crate) fn by_operator(resource: &str, action: PermissionAction) -> Self {
        Denial::of_use(resource, action, Refused::ByOperator)
    }

    /// Creates the denial of an interface behind which there are many resources.
    pub(crate) fn of_kind(kind: &str, action: PermissionAction, refused: Refused) -> Self {
        Denial {
            resource: kind.to_owned(),
            action: action.name(),
            refused,
            grant: kind.to_owned(),
            rule: None,
            remedy: None,
        }
    }
}

impl std::error::Error for Denial {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denial { resource, action, refused, rule, .. } = self;
        write!(f, "permission to {action} `{resource}` ")?;
        match (refused, rule) {
            (Refused::ByManifest, Some(rule)) => {
                write!(f, "is denied by the plugin's own manifest, in its rule about `{rule}`")
            }
            (Refused::ByManifest, None) => write!(f, "is not requested by the plugin's manifest"),
            (Refused::ByOperator, Some(rule)) => write!(f, "is denied by the operator's rule about `{rule}`"),
            (Refused::ByOperator, None) => write!(f, "is not allowed by the operator"),
            (Refused::ByMode, _) => write!(f, "is for trusted plugins only"),
            (Refused::ByCallee, _) => {
                write!(f, "is not given by that plugin: its `allowed_callers` do not name the caller")
            }
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
        let line = "`- {resource: \"config.a\", actions: [read]}`";
        for (asked, place) in [(Policy::allow_all(), "the policy"), (Policy::default(), "`permissions`")] {
            let denial = denied("config.a", asked);
            let hint = denial.hint();
            assert!(hint.contains(line) && hint.contains(place), "{hint}");
            assert!(!denial.to_string().contains(line), "the text has no advice: {denial}");
        }
    }

    /// Extracts the rule from the hint and adds it as a reader would, and the grant as the command's option.
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
            let denial = denied(resource, Policy::allow_all());
            let text = denial.hint();
            let grant = format!("{}:{}", denial.grant, denial.action);
            let option = Policy::default().allow(&grant).unwrap_or_else(|error| panic!("{error}"));
            let line = text.strip_prefix("add `").and_then(|rest| rest.split_once("` at the top of"));
            let (rule, _) = line.unwrap_or_else(|| panic!("no rule: {text}"));
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

    #[test]
    fn huge_name_is_cut_in_what_is_told() {
        let denial = denied(&format!("data.{}", "ä".repeat(1 << 20)), Policy::default());
        assert!(denial.to_string().len() + denial.hint().len() < 4_000);
        let hint = Denial::of_kind("net.*", Read, Refused::ByMode).hint();
        assert!(hint.contains("{resource: \"net.*\", actions: [read]}"), "{hint}");
    }
}
