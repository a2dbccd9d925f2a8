//! Build artifacts: choosing the component among the files that cargo built.
//!
//! Paths are taken from cargo's messages, because only cargo knows target directories, profiles and names. Five fields
//! of its stable JSON are read. The crate `cargo_metadata` would declare all of them, with three more dependencies, and
//! would switch on `serde_json/unbounded_depth` in every program that depends on this crate.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ProjectError;

/// One line of cargo's messages, with the fields that are used here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    manifest_path: PathBuf,
    target: ArtifactTarget,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
    crate_types: Vec<String>,
}

/// The artifacts of the package itself, without dependencies and build scripts.
pub(super) fn artifacts(messages: &[u8], manifest: &Path) -> Vec<Artifact> {
    let manifest = manifest.canonicalize().unwrap_or_else(|_| manifest.to_owned());
    messages
        .split(|&byte| byte == b'\n')
        .filter_map(|line| match serde_json::from_slice(line) {
            Ok(Message::CompilerArtifact(artifact)) => Some(artifact),
            Ok(Message::Other) | Err(_) => None,
        })
        .filter(|artifact| {
            artifact.manifest_path.canonicalize().unwrap_or_else(|_| artifact.manifest_path.clone()) == manifest
        })
        .collect()
}

/// Chooses the component of a build: the library if it is one, else the program; of several programs, the one with the
/// package's name.
pub(super) fn choose(artifacts: Vec<Artifact>, package: &str) -> Result<PathBuf, ProjectError> {
    let components = |crate_type: &str| -> Vec<(&str, &Path)> {
        artifacts
            .iter()
            .filter(|artifact| artifact.target.crate_types.iter().any(|kind| kind == crate_type))
            .filter_map(|artifact| {
                let file = artifact.filenames.iter().find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
                Some((artifact.target.name.as_str(), file.as_path()))
            })
            .collect()
    };
    let no_component = |message: String| ProjectError::NoComponent { name: package.to_owned(), message };
    if let Some((_, library)) = components("cdylib").first() {
        return Ok(library.to_path_buf());
    }
    let programs = components("bin");
    match programs.as_slice() {
        [] => Err(no_component(
            "it is an ordinary library\n  add to its Cargo.toml:\n    [lib]\n    crate-type = [\"cdylib\"]".to_owned(),
        )),
        [(_, only)] => Ok(only.to_path_buf()),
        several => match several.iter().find(|(name, _)| *name == package) {
            Some((_, named)) => Ok(named.to_path_buf()),
            None => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
                Err(no_component(format!(
                    "it has several programs ({}), none with the package's name\n  build it and name the .wasm file itself",
                    names.join(", ")
                )))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(manifest: &str, name: &str, crate_type: &str, file: &str) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "package_id": "x",
            "manifest_path": manifest,
            "target": {"kind": [crate_type], "crate_types": [crate_type], "name": name, "src_path": "/x.rs"},
            "filenames": [file],
            "executable": null,
            "fresh": true,
        })
        .to_string()
    }

    fn check(messages: &[String], expected: Result<&str, &str>) {
        let found = choose(artifacts(messages.join("\n").as_bytes(), Path::new("/p/Cargo.toml")), "demo");
        match (found, expected) {
            (Ok(path), Ok(expected)) => assert_eq!(path, Path::new(expected)),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn component_is_the_library_of_the_package_itself() {
        check(
            &[
                "{\"reason\":\"build-script-executed\",\"package_id\":\"x\"}".to_owned(),
                "not json".to_owned(),
                message("/dep/Cargo.toml", "dep", "cdylib", "/t/dep.wasm"),
                message("/p/Cargo.toml", "build-script-build", "bin", "/t/build-script"),
                message("/p/Cargo.toml", "helper", "bin", "/t/helper.wasm"),
                message("/p/Cargo.toml", "demo", "cdylib", "/t/demo.wasm"),
                "{\"reason\":\"build-finished\",\"success\":true}".to_owned(),
            ],
            Ok("/t/demo.wasm"),
        );
    }

    #[test]
    fn component_of_a_program_crate_is_the_program() {
        check(&[message("/p/Cargo.toml", "other", "bin", "/t/other.wasm")], Ok("/t/other.wasm"));
        let two = [
            message("/p/Cargo.toml", "other", "bin", "/t/other.wasm"),
            message("/p/Cargo.toml", "demo", "bin", "/t/demo.wasm"),
        ];
        check(&two, Ok("/t/demo.wasm"));
    }

    #[test]
    fn crate_without_a_component_says_what_to_add() {
        check(&[message("/p/Cargo.toml", "demo", "lib", "/t/libdemo.rlib")], Err("crate-type = [\"cdylib\"]"));
        let two =
            [message("/p/Cargo.toml", "a", "bin", "/t/a.wasm"), message("/p/Cargo.toml", "b", "bin", "/t/b.wasm")];
        check(&two, Err("a, b"));
    }
}
