//! Finds the exported function that a typed name means.
//!
//! Names are not parsed. Instead, all spellings of each function are compared: a function's name may itself contain
//! dots, and an interface's name need not be a package's.

use super::error::CallError;
use super::signature::ExportedFunction;
use super::type_text::quote;

/// Maximum number of spellings that a search for the nearest name compares: its cost is proportional to the lengths of
/// both names.
const COMPARED_MAX: usize = 2_000;
/// Maximum length of a name that such a search compares.
const COMPARED_BYTES_MAX: usize = 256;

/// Finds the function that `text` names, by its full name (`docs:adder/add@0.1.0#add`) or an unambiguous part of it:
/// without the version, without the package (`add#add`), without the interface (`add`). A dot may replace the `#`.
///
/// A full name takes precedence over anything shorter, and a function at the root over functions in interfaces.
///
/// # Errors
/// [`CallError::UnknownFunction`] with the nearest name, [`CallError::AmbiguousFunction`] with the candidates.
pub(super) fn find<'f>(functions: &'f [ExportedFunction], text: &str) -> Result<&'f ExportedFunction, CallError> {
    let wanted = text.trim();
    if let Some(function) = functions.iter().find(|function| function.name == wanted) {
        return Ok(function);
    }
    let matching: Vec<_> = functions.iter().filter(|f| spellings(f).iter().any(|name| name == wanted)).collect();
    match matching[..] {
        [function] => Ok(function),
        [] => Err(CallError::UnknownFunction {
            wanted: quote(wanted),
            nearest: nearest_function(functions, wanted),
            candidates: functions.iter().map(|function| function.name.clone()).collect(),
        }),
        _ => Err(CallError::AmbiguousFunction {
            wanted: quote(wanted),
            candidates: matching.iter().map(|function| function.name.clone()).collect(),
        }),
    }
}

/// Returns all spellings of a function's name.
fn spellings(function: &ExportedFunction) -> Vec<String> {
    let own = &function.function;
    let mut names = vec![own.clone()];
    let Some(interface) = function.interface.as_deref() else {
        return names;
    };
    let unversioned = interface.split_once('@').map_or(interface, |(name, _)| name);
    let short = unversioned.rsplit_once('/').map_or(unversioned, |(_, name)| name);
    for interface in [interface, unversioned, short] {
        names.push(format!("{interface}#{own}"));
        names.push(format!("{interface}.{own}"));
    }
    // WAVE's own form of function names has the version last.
    if let Some((name, version)) = interface.split_once('@') {
        names.push(format!("{name}.{own}@{version}"));
    }
    names
}

/// Returns the full name of the function with the nearest spelling.
fn nearest_function(functions: &[ExportedFunction], wanted: &str) -> Option<String> {
    let spelt: Vec<_> = functions
        .iter()
        .flat_map(|function| spellings(function).into_iter().map(move |name| (name, &function.name)))
        .take(COMPARED_MAX)
        .collect();
    let name = nearest(wanted, spelt.iter().map(|(name, _)| name.as_str()))?;
    spelt.iter().find(|(spelling, _)| *spelling == name).map(|(_, full)| (*full).clone())
}

/// Returns the name with the most similar spelling, if any is similar.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    if wanted.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let names = names.take(COMPARED_MAX).filter(|name| name.len() <= COMPARED_BYTES_MAX);
    plugbay_manifest::nearest(wanted, names).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{component, interface};
    use crate::signature::exported_functions;

    /// A function at the root, and interfaces with and without a package, one of them in two versions.
    fn functions() -> Vec<ExportedFunction> {
        let exports = [
            r#"(export "run" (func $nothing))"#.to_owned(),
            interface("tools", &["run", "stop", "pause"]),
            interface("docs:adder/add@0.1.0", &["add", "stop"]),
            interface("docs:adder/add@0.2.0", &["add", "subtract"]),
            interface("docs:other/sum@1.0.0-rc.1", &["total"]),
        ];
        exported_functions(&component(&exports.concat()))
    }

    #[test]
    fn name_of_one_function_finds_it() {
        let functions = functions();
        for (text, expected) in [
            ("run", "run"),
            (" run ", "run"),
            ("tools#run", "tools#run"),
            ("tools.run", "tools#run"),
            ("pause", "tools#pause"),
            ("subtract", "docs:adder/add@0.2.0#subtract"),
            ("docs:adder/add@0.1.0#add", "docs:adder/add@0.1.0#add"),
            ("docs:adder/add@0.2.0.add", "docs:adder/add@0.2.0#add"),
            ("docs:adder/add.add@0.2.0", "docs:adder/add@0.2.0#add"),
            ("docs:adder/add#stop", "docs:adder/add@0.1.0#stop"),
            ("add.subtract", "docs:adder/add@0.2.0#subtract"),
            ("sum#total", "docs:other/sum@1.0.0-rc.1#total"),
            ("docs:other/sum.total", "docs:other/sum@1.0.0-rc.1#total"),
        ] {
            let found = find(&functions, text).map(|function| function.name.as_str());
            assert_eq!(found, Ok(expected), "`{text}`");
        }
    }

    #[test]
    fn name_of_several_functions_lists_them() {
        let functions = functions();
        for (text, expected) in [
            ("add", ["docs:adder/add@0.1.0#add", "docs:adder/add@0.2.0#add"]),
            ("docs:adder/add#add", ["docs:adder/add@0.1.0#add", "docs:adder/add@0.2.0#add"]),
            ("stop", ["tools#stop", "docs:adder/add@0.1.0#stop"]),
        ] {
            let candidates = expected.map(str::to_owned).to_vec();
            let error = CallError::AmbiguousFunction { wanted: text.to_owned(), candidates };
            assert_eq!(find(&functions, text).map(|function| &function.name), Err(error), "`{text}`");
        }
    }

    #[test]
    fn name_of_no_function_suggests_the_nearest() {
        let functions = functions();
        for (text, expected) in [
            ("tools#puase", Some("tools#pause")),
            ("Subtract", Some("docs:adder/add@0.2.0#subtract")),
            ("docs:adder/add@0.3.0#subtract", Some("docs:adder/add@0.2.0#subtract")),
            ("multiply", None),
            ("", None),
        ] {
            match find(&functions, text) {
                Err(CallError::UnknownFunction { wanted, nearest, candidates }) => {
                    assert_eq!((wanted.as_str(), nearest.as_deref(), candidates.len()), (text, expected, 9));
                }
                other => panic!("`{text}`: {other:?}"),
            }
        }
    }

    #[test]
    fn message_lists_twenty_names_and_counts_the_others() {
        let names: Vec<String> = (0..25).map(|index| format!("f{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let error = find(&exported_functions(&component(&interface("all", &names))), "other").map(|f| f.name.clone());
        let text = error.expect_err("there is no such function").to_string();
        assert!(text.starts_with("no exported function is called `other`; exported: all#f0, all#f1, "), "{text}");
        assert!(text.ends_with(", all#f19 and 5 more"), "{text}");

        let error = find(&[], "other").map(|f| f.name.clone()).expect_err("no function is exported");
        assert_eq!(error.to_string(), "no exported function is called `other`; there are none");
    }
}
