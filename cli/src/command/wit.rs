//! `plugbay wit`: writes the contract as a directory of WIT, for languages without an SDK.
//!
//! Binding generators (jco, componentize-py, wit-bindgen and others) read a directory with the author's package and its
//! dependencies under `deps/`. The world includes only the interfaces that the plugin uses: a host grants each import,
//! and an unused import asks for an unneeded permission.

use std::fs;
use std::path::Path;

use anyhow::Context;
use plugbay::manifest::nearest;
use serde_json::json;

use crate::args::Wit;
use crate::command::new::check_directory;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, shell_word};

/// The files of the contract, in alphabetical order, as `build.rs` lists them. Each interface is one file of its name.
const CONTRACT: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/contract.rs"));

/// The contract's package and version, as `world.wit` declares it.
const PACKAGE: &str = "plugbay:plugin";
const VERSION: &str = "0.2.0";

pub(crate) fn run(args: &Wit, output: Output) -> Result<Exit, Error> {
    let imports = interfaces("import", &args.import, &of_worlds("import"))?;
    let mut optional = of_worlds("export");
    optional.retain(|interface| *interface != "actions");
    let exports = interfaces("export", &args.export, &optional)?;
    let directory = &args.directory;
    check_directory(directory, "choose another directory").map_err(Error::Usage)?;
    write_files(directory, &world(&imports, &exports)).map_err(|error| Error::Usage(format!("{error:#}")))?;
    if output.json {
        let exports: Vec<&str> = std::iter::once("actions").chain(exports).collect();
        output.document(&json!({ "path": directory, "world": "plugin", "imports": imports, "exports": exports }))?;
        return Ok(Exit::Ok);
    }
    output.result(&format!("World `plugin` is in {}.", shell_word(&directory.display().to_string())))?;
    Ok(Exit::Ok)
}

/// The interfaces that the worlds of the contract import or export, in alphabetical order.
fn of_worlds(word: &str) -> Vec<&'static str> {
    let worlds = CONTRACT.iter().find(|(name, _)| *name == "world.wit").map_or("", |(_, text)| *text);
    let named = |line: &'static str| line.trim().strip_prefix(word)?.strip_prefix(' ')?.strip_suffix(';');
    let mut names: Vec<&str> = worlds.lines().filter_map(named).collect();
    names.sort_unstable();
    names
}

/// The named interfaces, without duplicates, in alphabetical order.
fn interfaces(option: &str, named: &[String], known: &[&'static str]) -> Result<Vec<&'static str>, Error> {
    let mut found = Vec::new();
    for name in named {
        let Some(interface) = known.iter().find(|interface| *interface == name) else {
            let advice = match nearest(name, known.iter().copied()) {
                _ if name.contains(':') => {
                    "copy the WIT of an application's own interface to `deps`, and add its import to `world.wit`"
                        .to_owned()
                }
                Some(right) => format!("did you mean `{right}`?"),
                None => format!("use one of {}", known.join(", ")),
            };
            return Err(Error::Usage(format!(
                "--{option}: the contract has no interface `{name}` to {option}; {advice}"
            )));
        };
        found.push(*interface);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn world(imports: &[&str], exports: &[&str]) -> String {
    let mut world = String::from("package local:plugin;\n\nworld plugin {\n");
    for (word, interfaces) in [("import", imports), ("export", &["actions"]), ("export", exports)] {
        for interface in interfaces {
            world.push_str(&format!("    {word} {PACKAGE}/{interface}@{VERSION};\n"));
        }
    }
    world.push_str("}\n");
    world
}

fn write_files(directory: &Path, world: &str) -> anyhow::Result<()> {
    let contract = directory.join("deps").join("plugbay-plugin");
    fs::create_dir_all(&contract).with_context(|| format!("cannot create {}", contract.display()))?;
    let contract_files = CONTRACT.iter().map(|(name, text)| (contract.join(name), *text));
    for (path, text) in contract_files.chain([(directory.join("world.wit"), world)]) {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_has_a_file_for_each_interface_and_its_package() {
        let has = |name: &str| CONTRACT.iter().any(|(file, _)| file.strip_suffix(".wit") == Some(name));
        let interfaces = [of_worlds("import"), of_worlds("export")].concat();
        assert!(interfaces.iter().all(|name| has(name)), "{interfaces:?}");
        assert!(interfaces.contains(&"log") && has("types") && !has("keyvalue"), "{CONTRACT:?}");
        let declared = format!("package {PACKAGE}@{VERSION};");
        assert!(CONTRACT.iter().any(|(_, text)| text.contains(&declared)), "{declared}");
        assert_eq!(of_worlds("export"), ["actions", "event-handler", "health", "lifecycle"]);
    }
}
