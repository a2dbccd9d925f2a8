//! What to do about an error, for the user of the command: the library's hint in terms of options and of the host's
//! file. Each advice is one line, which is printed below the error.

use plugbay::error::{BuildError, InvokeErrorKind, LimitOrigin, LoadErrorKind};
use plugbay::inspection::ImportRefusal;
use plugbay::policy::{Denial, Refused};
use plugbay::{InvokeError, LoadError};
use plugbay_catalog::network::{TransferError, TransferProblem};
use plugbay_catalog::{CatalogError, CatalogProblem};

use crate::error::RefusedImport;
use crate::output::shell_word;

/// Advice for a failed call, in which these uses were denied.
pub(crate) fn of_invoke(error: &InvokeError, denials: &[Denial]) -> Vec<String> {
    let mut advice: Vec<String> = of_call(error).into_iter().collect();
    for denial in denials.iter().map(of_denial) {
        if !advice.contains(&denial) {
            advice.push(denial);
        }
    }
    advice
}

fn of_call(error: &InvokeError) -> Option<String> {
    match error.kind() {
        InvokeErrorKind::Timeout { origin, .. } => raised("--timeout TIME", "timeout_seconds", *origin),
        InvokeErrorKind::OutOfFuel { origin, .. } => raised("--fuel N", "max_fuel", *origin),
        InvokeErrorKind::MemoryLimit { origin, .. } => raised("--max-memory SIZE", "max_memory_mb", *origin),
        _ => None,
    }
    .or_else(|| error.hint())
}

/// Advice for a plugin that cannot be loaded.
pub(crate) fn of_load(error: &LoadError) -> Vec<String> {
    let advice = match error.kind() {
        LoadErrorKind::Start(cause) => of_call(cause),
        LoadErrorKind::Requires { .. } => Some(
            "load it with `run --with PLUGIN`, list it under `plugins` in the host's file, or install it".to_owned(),
        ),
        LoadErrorKind::MinimumMemory { origin, .. } => raised("--max-memory SIZE", "max_memory_mb", *origin),
        LoadErrorKind::NotTrusted => Some(format!(
            "trust it with `{}`, or `trusted: true` in its entry of `plugins` in the host's file",
            trust_option(error.subject())
        )),
        LoadErrorKind::UnknownImport { hint: None, .. } => Some("`plugbay inspect` lists what it imports".to_owned()),
        LoadErrorKind::NotGranted { denial, .. } => Some(of_denial(denial)),
        LoadErrorKind::Denied { denial, not_allowed, .. } => {
            let denied = format!("{}:{}", denial.grant, denial.action);
            let all = if *not_allowed == [denied] { None } else { all_grants(not_allowed) };
            return [Some(of_denial(denial)), all].into_iter().flatten().collect();
        }
        _ => error.hint(),
    };
    advice.into_iter().collect()
}

/// Advice for several refused imports, of which the manifest requests those in `not_allowed`.
pub(crate) fn of_imports(refused: &[RefusedImport], not_allowed: &[String]) -> Vec<String> {
    let of_each = refused.iter().filter_map(|import| Some(format!("{}: {}", import.import, import.advice.as_ref()?)));
    of_each.chain(all_grants(not_allowed)).collect()
}

/// Advice for an operation of the catalog.
pub(crate) fn of_catalog(error: &CatalogError) -> Option<String> {
    match error.problem() {
        CatalogProblem::VersionMoved { .. } => Some("--accept-moved-version accepts it".to_owned()),
        CatalogProblem::Transfer(TransferError { problem: TransferProblem::PrivateAddress(_), .. }) => {
            Some("`catalog: { private_hosts: [HOST] }` in the host's file names it".to_owned())
        }
        _ => error.hint().map(str::to_owned),
    }
}

/// Advice for a runtime that cannot be built.
pub(crate) fn of_runtime(error: &BuildError) -> Option<String> {
    match error {
        BuildError::Engine { .. } => Some(
            "`ulimit -v unlimited` raises the address-space limit of this shell, and `sysctl vm.max_map_count` shows \
             another limit; `plugbay doctor` checks the rest"
                .to_owned(),
        ),
        BuildError::CodeCache(_) => {
            Some("set PLUGBAY_CACHE_DIR to another directory, or to `off` for no cache".to_owned())
        }
        _ => error.hint(),
    }
}

/// Advice for an import that is not there for a plugin.
pub(crate) fn of_refusal(refusal: &ImportRefusal) -> Option<String> {
    match refusal {
        ImportRefusal::Denied(denial) => Some(of_denial(denial)),
        other => other.hint(),
    }
}

/// What grants a denied use.
pub(crate) fn of_denial(denial: &Denial) -> String {
    let option = grant_option(&format!("{}:{}", denial.grant, denial.action));
    let line = denial.line();
    match (denial.refused, &denial.rule) {
        (Refused::ByOperator, None) => {
            format!("allow it with `{option}`, or `{line}` at the top of `policy` in the host's file")
        }
        (Refused::ByOperator, Some(rule)) => format!(
            "a rule above the one about `{rule}` decides first: `{option}`, or `{line}` at the top of `policy` in the \
             host's file"
        ),
        _ => denial.hint(),
    }
}

/// How a limit is raised: by the option that replaces the manifest's, unless the host's ceiling is the limit.
fn raised(option: &str, resource: &str, origin: LimitOrigin) -> Option<String> {
    match origin {
        LimitOrigin::Plugin => Some(format!("{option} replaces the manifest's limit, `resources.{resource}`")),
        LimitOrigin::Ceiling => {
            Some(format!("the host's ceiling is the limit: raise `ceilings.{resource}` in the host's file"))
        }
        _ => None,
    }
}

/// The options that allow everything that a manifest asks for, so that the user need not find them one by one.
fn all_grants(not_allowed: &[String]) -> Option<String> {
    if not_allowed.is_empty() {
        return None;
    }
    // No ready-made option: it would be pasted without thought.
    if not_allowed.iter().any(|permission| is_everything(permission)) {
        return Some(
            "it asks for everything (`*`); grant what it needs, one by one, such as `--grant data.*:read`; \
             `plugbay inspect` lists what it imports"
                .to_owned(),
        );
    }
    let options: String = not_allowed.iter().map(|permission| format!(" {}", grant_option(permission))).collect();
    Some(format!("to allow everything that it asks for, add{options}"))
}

/// The option that allows this, as it is typed in a shell.
pub(crate) fn grant_option(permission: &str) -> String {
    format!("--grant {}", shell_word(permission))
}

/// The option that lets a plugin run in trusted mode.
pub(crate) fn trust_option(plugin: &str) -> String {
    format!("--trust {}", shell_word(plugin))
}

/// Whether a permission covers all resources of all kinds.
pub(crate) fn is_everything(permission: &str) -> bool {
    let resource = permission.split_once(':').map_or(permission, |(resource, _)| resource);
    !resource.is_empty() && resource.chars().all(|c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_names_the_option_or_the_ceiling_that_raises_it() {
        let advice =
            |origin| of_invoke(&InvokeError::new("p", "a", InvokeErrorKind::OutOfFuel { allowed: 5, origin }), &[]);
        assert_eq!(advice(LimitOrigin::Plugin), ["--fuel N replaces the manifest's limit, `resources.max_fuel`"]);
        let ceiling = "the host's ceiling is the limit: raise `ceilings.max_fuel` in the host's file";
        assert_eq!(advice(LimitOrigin::Ceiling), [ceiling]);
    }

    #[test]
    fn request_for_everything_gets_no_line_to_paste() {
        let text = all_grants(&["*".to_owned(), "data.*:read".to_owned()]).expect("there is something to add");
        assert!(text.contains("one by one") && !text.contains("--grant '*'"), "{text}");
        for everything in ["*", "**", "*:read,write"] {
            assert!(is_everything(everything), "{everything}");
        }
        let text = all_grants(&["data.*:read".to_owned()]).expect("there is something to add");
        assert!(!is_everything("data.*") && text.contains("--grant 'data.*:read'"), "{text}");
    }
}
