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

/// The files of the contract. Each interface is one file of its name.
const CONTRACT: [(&str, &str); 14] = [
    ("actions.wit", include_str!("../../wit/actions.wit")),
    ("cache.wit", include_str!("../../wit/cache.wit")),
    ("config.wit", include_str!("../../wit/config.wit")),
    ("data.wit", include_str!("../../wit/data.wit")),
    ("db.wit", include_str!("../../wit/db.wit")),
    ("events.wit", include_str!("../../wit/events.wit")),
    ("health.wit", include_str!("../../wit/health.wit")),
    ("invocation.wit", include_str!("../../wit/invocation.wit")),
    ("lifecycle.wit", include_str!("../../wit/lifecycle.wit")),
    ("log.wit", include_str!("../../wit/log.wit")),
    ("plugins.wit", include_str!("../../wit/plugins.wit")),
    ("scheduler.wit", include_str!("../../wit/scheduler.wit")),
    ("types.wit", include_str!("../../wit/types.wit")),
    ("world.wit", include_str!("../../wit/world.wit")),
];

/// The interfaces that a plugin may import.
const IMPORTS: [&str; 8] = ["cache", "config", "data", "db", "invocation", "log", "plugins", "scheduler"];

/// The interfaces that a plugin may export in addition to `actions`.
const EXPORTS: [&str; 3] = ["events", "health", "lifecycle"];

/// The contract's package and version, as `world.wit` declares it.
const PACKAGE: &str = "plugbay:plugin";
const VERSION: &str = "0.1.0";

pub(crate) fn run(args: &Wit, output: Output) -> Result<Exit, Error> {
    let imports = interfaces("import", &args.import, &IMPORTS)?;
    let exports = interfaces("export", &args.export, &EXPORTS)?;
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

/// The named interfaces, without duplicates, in alphabetical order.
fn interfaces(option: &str, named: &[String], known: &[&'static str]) -> Result<Vec<&'static str>, Error> {
    let mut found = Vec::new();
    for name in named {
        let Some(interface) = known.iter().find(|interface| *interface == name) else {
            let advice = match nearest(name, known.iter().copied()) {
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
    fn contract_is_every_file_of_the_contract() {
        let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit")).expect("the contract");
        let names = files.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".wit")).collect();
        names.sort();
        assert_eq!(names, CONTRACT.map(|(name, _)| name));
        let declared = format!("package {PACKAGE}@{VERSION};");
        assert!(CONTRACT.iter().any(|(_, text)| text.contains(&declared)), "{declared}");
    }

    #[test]
    fn imports_and_exports_are_those_of_the_contract() {
        let (_, worlds) = CONTRACT.iter().find(|(name, _)| *name == "world.wit").expect("it is there");
        let named = |word: &str| -> Vec<&str> {
            let lines = worlds.lines().filter_map(|line| line.trim().strip_prefix(word)?.strip_suffix(';'));
            let mut names: Vec<&str> = lines.collect();
            names.sort_unstable();
            names
        };
        assert_eq!(named("import "), IMPORTS);
        assert_eq!(named("export "), ["actions", "events", "health", "lifecycle"]);
        assert_eq!(named("export ")[1..], EXPORTS);
    }
}
