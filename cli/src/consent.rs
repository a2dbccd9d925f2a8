//! The operator's confirmation of everything that a package asks for.
//!
//! A question is asked if standard input and standard error are terminals. Otherwise `--yes` confirms; without it, the
//! catalog refuses the package.

use std::io::{BufRead, IsTerminal, Write, stdin};

use anstyle::Style;
use plugbay::manifest::{Effect, ExecutionMode, Rule};
use plugbay_catalog::difference::{Change, Difference, PermissionChange};
use plugbay_catalog::signing::SignedBy;
use plugbay_catalog::{Candidate, Consent};

use crate::args::ConsentArgs;
use crate::error::Error;
use crate::output::{Output, YELLOW, to_stderr};
use crate::stderr;
use crate::table::{Cell, section};

/// Shows what a candidate asks for, and asks for a confirmation if it asks for anything.
pub(crate) fn of_operator(candidate: &Candidate, args: &ConsentArgs, output: Output) -> Result<Consent, Error> {
    let with_moved = |consent: Consent| if args.accept_moved_version { consent.and_moved_version() } else { consent };
    let Candidate { package, difference, .. } = candidate;
    if difference.unchanged {
        return Ok(Consent::none());
    }
    let can_ask = !args.yes && !output.json && stdin().is_terminal() && std::io::stderr().is_terminal();
    let text = text(difference, &package.signed_by);
    if !output.json && (can_ask || !output.quiet) && !text.is_empty() {
        to_stderr(&text);
    }
    let confirmed = match difference.widens() {
        false => return Ok(with_moved(Consent::none())),
        true if can_ask => ask(&format!("Install {} {} with that?", difference.name, difference.version))?,
        true => args.yes,
    };
    Ok(with_moved(if confirmed { Consent::widening() } else { Consent::none() }))
}

/// Asks a question that is answered by `y` or `yes`. Any other answer denies.
fn ask(question: &str) -> Result<bool, Error> {
    stderr::flush();
    let mut answer = String::new();
    write!(anstream::stderr(), "{question} [y/N] ")?;
    stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The text for people. `trusted` comes first; it is empty if there is nothing to show.
fn text(difference: &Difference, signed_by: &SignedBy) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut row = |what: &str, style: Style, text: String| rows.push(vec![what.into(), Cell::styled(style, text)]);
    let plain = Style::new();
    if let Some(mode) = &difference.execution_mode {
        let style = if mode.to == ExecutionMode::Trusted { YELLOW } else { plain };
        row("mode", style, format!("{} instead of {}", mode_name(mode.to), mode_name(mode.from)));
    }
    for change in &difference.permissions {
        match change {
            PermissionChange::Added(rule) => row("permission", YELLOW, shown(rule)),
            PermissionChange::Removed(rule) => row("permission", plain, format!("no longer {}", shown(rule))),
            PermissionChange::NoLongerDenied(rule) => {
                row("permission", YELLOW, format!("no longer denies itself {}", rule.resource));
            }
            PermissionChange::Reordered => row("permission", YELLOW, "the same rules in another order".to_owned()),
        }
    }
    for limit in &difference.limits {
        let style = if limit.grows { YELLOW } else { plain };
        row("limit", style, format!("{} {} instead of {}", limit.limit, limit.to, limit.from));
    }
    for variable in &difference.environment {
        row("variable", YELLOW, variable.clone());
    }
    for topic in &difference.subscribes {
        row("events", YELLOW, topic.clone());
    }
    for required in &difference.requires {
        row("requires", plain, required.clone());
    }
    match &difference.signature {
        Some(Change { from, to }) => {
            let name = |key: &Option<String>| key.clone().unwrap_or_else(|| "none".to_owned());
            row("signature", YELLOW, format!("{} instead of {}", name(to), name(from)));
        }
        None => {
            if let Some(text) = signature(signed_by) {
                row("signature", plain, text);
            }
        }
    }
    if difference.downgrade {
        row("version", YELLOW, "older than the installed one".to_owned());
    }
    let heading = match &difference.installed {
        Some(installed) => format!("{} {installed} -> {} changes:", difference.name, difference.version),
        None => format!("{} {} asks for:", difference.name, difference.version),
    };
    let mut text = String::new();
    section(&mut text, &heading, rows);
    text
}

/// The signer of a package. `None` if no key is trusted, because no signature is looked for then.
pub(crate) fn signature(signed_by: &SignedBy) -> Option<String> {
    match signed_by {
        SignedBy::Key { id, comment } if comment.is_empty() => Some(format!("by the trusted key {id}")),
        SignedBy::Key { id, comment } => Some(format!("by the trusted key {id} ({comment})")),
        SignedBy::UnknownKey { id } => Some(format!("by key {id}, which is not trusted")),
        SignedBy::Unsigned => Some("none".to_owned()),
        SignedBy::Unchecked => None,
    }
}

/// A rule on one line.
fn shown(rule: &Rule) -> String {
    let effect = if rule.effect == Effect::Deny { "deny " } else { "" };
    match &rule.actions {
        Some(actions) => {
            let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
            format!("{effect}{} ({})", rule.resource, names.join(", "))
        }
        None => format!("{effect}{}", rule.resource),
    }
}

fn mode_name(mode: ExecutionMode) -> &'static str {
    match mode {
        ExecutionMode::Sandboxed => "sandboxed",
        ExecutionMode::Trusted => "trusted",
        ExecutionMode::Legacy => "legacy",
    }
}
